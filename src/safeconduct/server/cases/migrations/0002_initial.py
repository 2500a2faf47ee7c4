# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cases', '0001_initial'),
        ('parties', '0001_initial'),
        ('registry', '0001_initial'),
        ('triage', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='case',
            name='assessment',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='case', to='triage.assessment'),
        ),
        migrations.AddField(
            model_name='case',
            name='entry',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='registry.entry'),
        ),
        migrations.AddField(
            model_name='casemessage',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='cases.case'),
        ),
        migrations.AddField(
            model_name='embargoterm',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='terms', to='cases.case'),
        ),
        migrations.AddField(
            model_name='embargoanswer',
            name='term',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='cases.embargoterm'),
        ),
        migrations.AddField(
            model_name='participant',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='participants', to='cases.case'),
        ),
        migrations.AddField(
            model_name='participant',
            name='invitation',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seats', to='parties.invitation'),
        ),
        migrations.AddField(
            model_name='participant',
            name='organization',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seats', to='parties.organization'),
        ),
        migrations.AddField(
            model_name='participant',
            name='party',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seats', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='embargoterm',
            name='proposed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='cases.participant'),
        ),
        migrations.AddField(
            model_name='embargoanswer',
            name='participant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='cases.participant'),
        ),
        migrations.AddField(
            model_name='casemessage',
            name='author',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='written', to='cases.participant'),
        ),
        migrations.AddField(
            model_name='casemessage',
            name='room',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='private_messages', to='cases.participant'),
        ),
        migrations.AddField(
            model_name='transition',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='cases.case'),
        ),
        migrations.AddField(
            model_name='transition',
            name='participant',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='cases.participant'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=models.CheckConstraint(condition=models.Q(('fix_ready_at__isnull', True), ('aware_at__isnull', False), _connector='OR'), name='a_fix_is_ready_only_where_the_vendor_knows'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=models.CheckConstraint(condition=models.Q(('fix_deployed_at__isnull', True), ('fix_ready_at__isnull', False), _connector='OR'), name='a_fix_is_deployed_only_when_ready'),
        ),
        migrations.AddConstraint(
            model_name='embargoterm',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('case',), name='one_active_embargo_per_case'),
        ),
        migrations.AddConstraint(
            model_name='embargoanswer',
            constraint=models.UniqueConstraint(fields=('term', 'participant'), name='one_answer_per_term'),
        ),
        migrations.AddConstraint(
            model_name='transition',
            constraint=models.UniqueConstraint(fields=('case', 'position'), name='steps_of_a_case_have_an_order'),
        ),
    ]
