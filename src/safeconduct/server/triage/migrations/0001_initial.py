# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.server.triage.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('authorizations', '0002_alter_target_adapter'),
        ('intake', '0001_initial'),
        ('registry', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Assessment',
            fields=[
                ('id', models.CharField(default=safeconduct.server.triage.models.new_assessment_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('open', 'open'), ('waiting', 'waiting for the reporter'), ('accepted', 'accepted'), ('rejected', 'not accepted'), ('duplicate', 'already known')], default='open', max_length=10)),
                ('facts', models.JSONField(default=dict)),
                ('answers', models.BinaryField(default=b'')),
                ('overrides', models.BinaryField(default=b'')),
                ('tier', models.CharField(blank=True, choices=[('none', 'none'), ('low', 'low'), ('medium', 'medium'), ('high', 'high'), ('critical', 'critical')], max_length=10)),
                ('tier_low', models.CharField(blank=True, choices=[('none', 'none'), ('low', 'low'), ('medium', 'medium'), ('high', 'high'), ('critical', 'critical')], max_length=10)),
                ('cvss_vector', models.CharField(blank=True, max_length=300)),
                ('ml_profile', models.CharField(blank=True, max_length=120)),
                ('exploitation', models.CharField(blank=True, max_length=10)),
                ('tracks', models.JSONField(default=list)),
                ('gate', models.CharField(choices=[('not_run', 'not run'), ('queued', 'queued'), ('running', 'running'), ('reproduced', 'reproduced'), ('not_reproduced', 'did not reproduce'), ('invalid', 'bundle not usable'), ('error', 'target or sandbox failed')], default='not_run', max_length=16)),
                ('priority', models.CharField(blank=True, max_length=120)),
                ('rulebook', models.CharField(blank=True, max_length=120)),
                ('made_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('duplicate_entry', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='duplicates', to='registry.entry')),
                ('duplicate_of', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='duplicates', to='intake.report')),
                ('report', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='assessment', to='intake.report')),
            ],
            options={
                'ordering': ('priority', 'made_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Appeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('body', models.BinaryField()),
                ('made_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('upheld', models.BooleanField(blank=True, null=True)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('assessment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='appeals', to='triage.assessment')),
            ],
            options={
                'ordering': ('made_at',),
            },
        ),
        migrations.CreateModel(
            name='DocumentedBehavior',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vendor', models.CharField(max_length=200)),
                ('product', models.CharField(blank=True, max_length=200)),
                ('flaw_class', models.CharField(blank=True, max_length=40)),
                ('phrases', models.TextField(blank=True)),
                ('says', models.CharField(max_length=500)),
                ('reference', models.URLField(max_length=500)),
                ('added_at', models.DateTimeField()),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('added_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('vendor', 'product', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='GateRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('not_run', 'not run'), ('queued', 'queued'), ('running', 'running'), ('reproduced', 'reproduced'), ('not_reproduced', 'did not reproduce'), ('invalid', 'bundle not usable'), ('error', 'target or sandbox failed')], default='not_run', max_length=16)),
                ('calls', models.PositiveIntegerField(default=0)),
                ('hits', models.PositiveIntegerField(default=0)),
                ('reserved', models.PositiveIntegerField(default=0)),
                ('detail', models.BinaryField(default=b'')),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('made_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('due_at', models.DateTimeField(blank=True, null=True)),
                ('looked', models.CharField(blank=True, max_length=64)),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gate_runs', to='intake.report')),
                ('target', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='gate_runs', to='authorizations.target')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='GateReply',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('sealed_reply', models.BinaryField()),
                ('sealed_excerpt', models.BinaryField()),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='replies', to='triage.gaterun')),
            ],
            options={
                'ordering': ('run', 'number'),
            },
        ),
        migrations.CreateModel(
            name='ReplyOpening',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('sealed_reason', models.BinaryField()),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reply', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='openings', to='triage.gatereply')),
            ],
            options={
                'ordering': ('at',),
            },
        ),
        migrations.AddIndex(
            model_name='assessment',
            index=models.Index(fields=['state', 'priority', 'made_at'], name='the_queue_in_its_order'),
        ),
        migrations.AddConstraint(
            model_name='assessment',
            constraint=models.CheckConstraint(condition=models.Q(('duplicate_of__isnull', True), ('duplicate_entry__isnull', True), _connector='OR'), name='a_duplicate_has_one_original'),
        ),
        migrations.AddConstraint(
            model_name='appeal',
            constraint=models.UniqueConstraint(condition=models.Q(('decided_at__isnull', True)), fields=('assessment',), name='one_open_appeal_per_assessment'),
        ),
        migrations.AddConstraint(
            model_name='documentedbehavior',
            constraint=models.CheckConstraint(condition=models.Q(('flaw_class', ''), ('phrases', ''), _negated=True), name='documented_behavior_is_known_by_class_or_phrase'),
        ),
        migrations.AddConstraint(
            model_name='gaterun',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('report',), name='one_run_of_a_report_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='gatereply',
            constraint=models.UniqueConstraint(fields=('run', 'number'), name='one_reply_of_a_trial'),
        ),
    ]
