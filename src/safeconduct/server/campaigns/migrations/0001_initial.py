# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.server.campaigns.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('authorizations', '0001_initial'),
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
            name='Campaign',
            fields=[
                ('id', models.CharField(default=safeconduct.server.campaigns.models.new_campaign_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('decided', 'decided'), ('canceled', 'canceled'), ('failed', 'failed')], default='queued', max_length=10)),
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
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('queued_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('patched', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorizations.target')),
                ('unpatched', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorizations.target')),
            ],
            options={
                'ordering': ('-queued_at', '-id'),
            },
        ),
    ]
