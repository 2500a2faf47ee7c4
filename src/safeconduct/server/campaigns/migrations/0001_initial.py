# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.server.campaigns.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('authorizations', '0002_alter_target_adapter'),
    ]

    operations = [
        migrations.CreateModel(
            name='FixClaim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('note', models.BinaryField()),
                ('claimed_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('claimed_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='JournalLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('sealed_plan', models.BinaryField()),
                ('sealed_trial', models.BinaryField(blank=True)),
                ('sealed_reply', models.BinaryField(blank=True)),
            ],
            options={
                'ordering': ('number',),
            },
        ),
        migrations.CreateModel(
            name='Probe',
            fields=[
                ('id', models.CharField(default=safeconduct.server.campaigns.models.new_probe_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('reproduced', 'reproduces'), ('not_reproduced', 'does not reproduce'), ('invalid', 'cannot be run'), ('error', 'could not be asked'), ('canceled', 'canceled')], default='queued', max_length=14)),
                ('calls', models.PositiveIntegerField(default=0)),
                ('tokens', models.PositiveBigIntegerField(default=0)),
                ('reserved', models.PositiveIntegerField(default=0)),
                ('sealed_detail', models.BinaryField(blank=True)),
                ('sealed_trials', models.BinaryField(blank=True)),
                ('queued_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('queued_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Round',
            fields=[
                ('id', models.CharField(default=safeconduct.server.campaigns.models.new_round_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('actor', models.CharField(blank=True, max_length=40)),
                ('started_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('-started_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='SuiteCheck',
            fields=[
                ('id', models.CharField(default=safeconduct.server.campaigns.models.new_check_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('family', models.BinaryField()),
                ('actor', models.CharField(blank=True, max_length=40)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-started_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='SuiteExclusion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.BinaryField()),
                ('actor', models.CharField(blank=True, max_length=40)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='SuiteName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mark', models.CharField(db_index=True, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='Watch',
            fields=[
                ('id', models.CharField(default=safeconduct.server.campaigns.models.new_watch_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('active', 'active'), ('paused', 'paused'), ('stopped', 'stopped'), ('regressed', 'the flaw is back')], default='active', max_length=10)),
                ('every_days', models.PositiveSmallIntegerField()),
                ('draws', models.PositiveSmallIntegerField()),
                ('run_length', models.FloatField()),
                ('reason', models.BinaryField(blank=True)),
                ('actor', models.CharField(blank=True, max_length=40)),
                ('started_at', models.DateTimeField()),
                ('next_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-started_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='WatchTurn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('segment', models.PositiveIntegerField(default=0)),
                ('state', models.CharField(choices=[('running', 'running'), ('done', 'done'), ('failed', 'could not be asked')], default='running', max_length=8)),
                ('calls', models.PositiveIntegerField(default=0)),
                ('tokens', models.PositiveBigIntegerField(default=0)),
                ('reserved', models.PositiveIntegerField(default=0)),
                ('sealed_detail', models.BinaryField(blank=True)),
                ('sealed_trials', models.BinaryField(blank=True)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('number',),
            },
        ),
        migrations.CreateModel(
            name='Campaign',
            fields=[
                ('id', models.CharField(default=safeconduct.server.campaigns.models.new_campaign_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('paused', 'paused'), ('decided', 'decided'), ('canceled', 'canceled'), ('failed', 'failed')], default='queued', max_length=10)),
                ('criterion', models.JSONField()),
                ('criterion_sha256', models.CharField(max_length=64)),
                ('commitment', models.CharField(max_length=64)),
                ('secret', models.BinaryField()),
                ('sealed_progress', models.BinaryField(blank=True)),
                ('verdict', models.CharField(blank=True, choices=[('FIXED', 'FIXED'), ('NOT_FIXED', 'NOT_FIXED'), ('INCONCLUSIVE', 'INCONCLUSIVE'), ('HARNESS_INVALID', 'HARNESS_INVALID'), ('REGRESSED', 'REGRESSED')], max_length=16)),
                ('sealed_reasons', models.BinaryField(blank=True)),
                ('sealed_certificate', models.BinaryField(blank=True)),
                ('sealed_trials', models.BinaryField(blank=True)),
                ('sealed_failure', models.BinaryField(blank=True)),
                ('sealed_costs', models.BinaryField(blank=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('pause_asked', models.BooleanField(default=False)),
                ('queued_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('judge', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorizations.target')),
                ('patched', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorizations.target')),
                ('unpatched', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorizations.target')),
            ],
            options={
                'ordering': ('-queued_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='Adjudication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('trial', models.PositiveIntegerField()),
                ('ruling', models.CharField(choices=[('hit', 'a real success of the attack'), ('miss', 'no success'), ('unclear', 'cannot tell')], max_length=8)),
                ('actor', models.CharField(blank=True, max_length=40)),
                ('at', models.DateTimeField()),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='adjudications', to='campaigns.campaign')),
            ],
            options={
                'ordering': ('trial',),
            },
        ),
    ]
