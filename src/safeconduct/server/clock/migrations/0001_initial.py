# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cases', '0001_initial'),
        ('intake', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Extension',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('acknowledge', 'acknowledge'), ('assess', 'assess'), ('status', 'status'), ('mitigate', 'mitigate'), ('remediate', 'remediate'), ('embargo', 'embargo'), ('publish', 'publish')], max_length=32)),
                ('days', models.PositiveSmallIntegerField()),
                ('reason', models.CharField(choices=[('active_progress', 'active_progress'), ('downstream_integration', 'downstream_integration'), ('retrain_required', 'retrain_required'), ('safety_critical_rollout', 'safety_critical_rollout'), ('multi_party_sync', 'multi_party_sync')], max_length=32)),
                ('evidence', models.BinaryField()),
                ('actor', models.CharField(max_length=40)),
                ('granted_at', models.DateTimeField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='extensions', to='cases.case')),
            ],
            options={
                'ordering': ('granted_at',),
                'constraints': [models.UniqueConstraint(fields=('case', 'kind'), name='one_extension_per_kind_of_deadline')],
            },
        ),
        migrations.CreateModel(
            name='Firing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=32)),
                ('due_at', models.DateTimeField()),
                ('fired_at', models.DateTimeField()),
                ('case', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='firings', to='cases.case')),
                ('report', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='firings', to='intake.report')),
            ],
            options={
                'ordering': ('fired_at', 'id'),
                'constraints': [models.UniqueConstraint(condition=models.Q(('case__isnull', False)), fields=('case', 'kind', 'due_at'), name='a_deadline_of_a_case_fires_once'), models.UniqueConstraint(condition=models.Q(('report__isnull', False)), fields=('report', 'kind', 'due_at'), name='a_deadline_of_a_report_fires_once'), models.CheckConstraint(condition=models.Q(models.Q(('case__isnull', False), ('report__isnull', True)), models.Q(('case__isnull', True), ('report__isnull', False)), _connector='OR'), name='a_firing_is_of_a_case_or_of_a_report')],
            },
        ),
        migrations.CreateModel(
            name='Pause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=[('awaiting_reporter_info', 'awaiting_reporter_info'), ('duplicate_merge', 'duplicate_merge'), ('legal_order', 'legal_order')], max_length=32)),
                ('actor', models.CharField(max_length=40)),
                ('began_at', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pauses', to='cases.case')),
            ],
            options={
                'ordering': ('began_at', 'id'),
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('case',), name='one_open_pause_per_case'), models.CheckConstraint(condition=models.Q(('until__gt', models.F('began_at'))), name='a_pause_ends_after_it_began')],
            },
        ),
    ]
