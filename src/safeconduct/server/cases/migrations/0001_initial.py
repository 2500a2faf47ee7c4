# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.domain.case
import safeconduct.domain.report
import safeconduct.server.cases.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('parties', '0001_initial'),
        ('registry', '0001_initial'),
        ('triage', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_case_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('title', models.BinaryField()),
                ('embargo', models.CharField(choices=[('N', 'none'), ('P', 'proposed'), ('A', 'active'), ('R', 'revise'), ('X', 'exited')], default=safeconduct.domain.case.EmbargoState['NONE'], max_length=1)),
                ('public_at', models.DateTimeField(blank=True, null=True)),
                ('exploit_public_at', models.DateTimeField(blank=True, null=True)),
                ('attacks_at', models.DateTimeField(blank=True, null=True)),
                ('attack_override', models.BinaryField(blank=True)),
                ('verified_at', models.DateTimeField(blank=True, null=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('assessment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='case', to='triage.assessment')),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='registry.entry')),
            ],
            options={
                'ordering': ('-opened_at',),
            },
        ),
        migrations.CreateModel(
            name='Participant',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_participant_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('finder', 'finder'), ('reporter', 'reporter'), ('vendor', 'vendor'), ('deployer', 'deployer'), ('coordinator', 'coordinator'), ('observer', 'observer'), ('other', 'other')], max_length=12)),
                ('name', models.CharField(max_length=200)),
                ('contact', models.EmailField(blank=True, max_length=254)),
                ('report_state', models.CharField(choices=[('S', 'start'), ('R', 'received'), ('I', 'invalid'), ('V', 'valid'), ('D', 'deferred'), ('A', 'accepted'), ('C', 'closed')], default=safeconduct.domain.case.ReportState['START'], max_length=1)),
                ('consent', models.CharField(choices=[('no_embargo', 'no_embargo'), ('invited', 'invited'), ('signatory', 'signatory'), ('lapsed', 'lapsed'), ('declined', 'declined')], default=safeconduct.domain.case.Consent['NO_EMBARGO'], max_length=12)),
                ('aware_at', models.DateTimeField(blank=True, null=True)),
                ('mitigated_at', models.DateTimeField(blank=True, null=True)),
                ('fix_ready_at', models.DateTimeField(blank=True, null=True)),
                ('fix_deployed_at', models.DateTimeField(blank=True, null=True)),
                ('invited_at', models.DateTimeField(blank=True, null=True)),
                ('asked_at', models.DateTimeField(blank=True, null=True)),
                ('joined_at', models.DateTimeField(blank=True, null=True)),
                ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                ('left_at', models.DateTimeField(blank=True, null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='participants', to='cases.case')),
                ('invitation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seats', to='parties.invitation')),
                ('organization', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seats', to='parties.organization')),
                ('party', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seats', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('invited_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='EmbargoTerm',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_embargo_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('proposed', 'proposed'), ('active', 'in force'), ('replaced', 'replaced'), ('rejected', 'rejected'), ('ended', 'ended')], default='proposed', max_length=10)),
                ('ends_at', models.DateTimeField()),
                ('answer_by', models.DateTimeField(blank=True, null=True)),
                ('reason', models.BinaryField(blank=True)),
                ('proposed_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='terms', to='cases.case')),
                ('proposed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='cases.participant')),
            ],
            options={
                'ordering': ('proposed_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='EmbargoAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('accepts', models.BooleanField()),
                ('answered_at', models.DateTimeField()),
                ('term', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='cases.embargoterm')),
                ('participant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='cases.participant')),
            ],
        ),
        migrations.CreateModel(
            name='CaseMessage',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_message_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('tlp', models.CharField(choices=[('TLP:RED', 'TLP:RED'), ('TLP:AMBER+STRICT', 'TLP:AMBER+STRICT'), ('TLP:AMBER', 'TLP:AMBER'), ('TLP:GREEN', 'TLP:GREEN'), ('TLP:CLEAR', 'TLP:CLEAR')], default=safeconduct.domain.report.Tlp['AMBER_STRICT'], max_length=20)),
                ('body', models.BinaryField()),
                ('sent_at', models.DateTimeField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='cases.case')),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='written', to='cases.participant')),
                ('room', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='private_messages', to='cases.participant')),
            ],
            options={
                'ordering': ('sent_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Transition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('message', models.CharField(max_length=2)),
                ('axis', models.CharField(max_length=3)),
                ('before', models.CharField(max_length=12)),
                ('after', models.CharField(max_length=12)),
                ('actor', models.CharField(blank=True, max_length=40)),
                ('reason', models.BinaryField(blank=True)),
                ('at', models.DateTimeField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='cases.case')),
                ('participant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='cases.participant')),
            ],
            options={
                'ordering': ('position',),
            },
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
