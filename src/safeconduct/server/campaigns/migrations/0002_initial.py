# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('authorizations', '0002_alter_target_adapter'),
        ('campaigns', '0001_initial'),
        ('cases', '0001_initial'),
        ('intake', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='fixclaim',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='claims', to='cases.case'),
        ),
        migrations.AddField(
            model_name='fixclaim',
            name='participant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='cases.participant'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='claim',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='campaigns', to='campaigns.fixclaim'),
        ),
        migrations.AddField(
            model_name='journalline',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='journal', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='probe',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='probes', to='cases.case'),
        ),
        migrations.AddField(
            model_name='probe',
            name='seat',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='probes', to='cases.participant'),
        ),
        migrations.AddField(
            model_name='probe',
            name='target',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorizations.target'),
        ),
        migrations.AddField(
            model_name='round',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rounds', to='cases.case'),
        ),
        migrations.AddField(
            model_name='probe',
            name='round',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='probes', to='campaigns.round'),
        ),
        migrations.AddField(
            model_name='suitecheck',
            name='campaign',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='suite_check', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='suitecheck',
            name='target',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorizations.target'),
        ),
        migrations.AddField(
            model_name='probe',
            name='check_run',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='probes', to='campaigns.suitecheck'),
        ),
        migrations.AddField(
            model_name='suiteexclusion',
            name='case',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='suite_exclusion', to='cases.case'),
        ),
        migrations.AddField(
            model_name='suitename',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='suite_names', to='cases.case'),
        ),
        migrations.AddField(
            model_name='watch',
            name='campaign',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='watch', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='watch',
            name='report',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='intake.report'),
        ),
        migrations.AddField(
            model_name='watchturn',
            name='watch',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='turns', to='campaigns.watch'),
        ),
        migrations.AddConstraint(
            model_name='adjudication',
            constraint=models.UniqueConstraint(fields=('campaign', 'trial'), name='one_ruling_for_a_trial'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'decided'), _negated=True), models.Q(models.Q(('verdict', ''), _negated=True), models.Q(('sealed_certificate', b''), _negated=True)), _connector='OR'), name='a_decided_campaign_has_verdict_and_certificate'),
        ),
        migrations.AddConstraint(
            model_name='journalline',
            constraint=models.UniqueConstraint(fields=('campaign', 'number'), name='a_call_is_planned_once'),
        ),
        migrations.AddConstraint(
            model_name='probe',
            constraint=models.CheckConstraint(condition=models.Q(('round__isnull', True), ('seat__isnull', False), _connector='OR'), name='a_probe_of_a_round_belongs_to_a_vendor'),
        ),
        migrations.AddConstraint(
            model_name='suitename',
            constraint=models.UniqueConstraint(fields=('case', 'mark'), name='a_case_is_once_in_a_suite'),
        ),
        migrations.AddConstraint(
            model_name='watchturn',
            constraint=models.UniqueConstraint(fields=('watch', 'number'), name='turns_of_a_watch_are_numbered'),
        ),
    ]
