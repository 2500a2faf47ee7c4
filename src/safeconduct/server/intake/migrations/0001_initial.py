# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.domain.report
import safeconduct.server.intake.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='MailboxVisit',
            fields=[
                ('key', models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ('lookup', models.BinaryField(max_length=32)),
                ('ends_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.CharField(default=safeconduct.server.intake.models.new_report_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('received', 'received'), ('in_triage', 'in triage'), ('waiting', 'waiting for the reporter'), ('accepted', 'accepted'), ('rejected', 'not accepted'), ('duplicate', 'already known'), ('withdrawn', 'withdrawn'), ('closed', 'closed')], default='received', max_length=12)),
                ('door', models.CharField(choices=[('form', 'web form'), ('api', 'programming interface'), ('cli', 'command line'), ('watch', 'regression watch')], max_length=8)),
                ('mode', models.CharField(choices=[('anonymous', 'anonymous'), ('pseudonymous', 'pseudonymous'), ('named', 'named')], default=safeconduct.domain.report.ReporterMode['ANONYMOUS'], max_length=12)),
                ('received_at', models.DateTimeField()),
                ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                ('last_activity_at', models.DateTimeField()),
                ('body', models.BinaryField()),
                ('commitment', models.BinaryField(max_length=32)),
                ('acceptance_note', models.TextField()),
                ('lookup', models.BinaryField(max_length=32, unique=True)),
                ('auth', models.BinaryField(max_length=32)),
                ('reply_recipient', models.CharField(blank=True, max_length=80)),
                ('idempotency', models.BinaryField(blank=True, max_length=32, null=True, unique=True)),
                ('has_bundle', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ('received_at', 'id'),
                'indexes': [models.Index(fields=['status', 'received_at'], name='reports_by_status')],
            },
        ),
        migrations.CreateModel(
            name='MailboxMessage',
            fields=[
                ('id', models.CharField(default=safeconduct.server.intake.models.new_message_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('direction', models.CharField(choices=[('to_reporter', 'to the reporter'), ('from_reporter', 'from the reporter')], max_length=16)),
                ('kind', models.CharField(choices=[('question', 'question'), ('answer', 'answer'), ('note', 'note'), ('decision', 'decision'), ('appeal', 'appeal')], default='note', max_length=12)),
                ('body', models.BinaryField()),
                ('position', models.PositiveIntegerField()),
                ('sent_at', models.DateTimeField()),
                ('read_at', models.DateTimeField(blank=True, null=True)),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='intake.report')),
            ],
            options={
                'ordering': ('position',),
                'constraints': [models.UniqueConstraint(fields=('report', 'position'), name='messages_of_a_report_have_an_order')],
            },
        ),
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.CharField(default=safeconduct.server.intake.models.new_attachment_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('blob', models.CharField(max_length=64, unique=True)),
                ('manifest', models.BinaryField()),
                ('sealed_bytes', models.PositiveBigIntegerField()),
                ('is_bundle', models.BooleanField(default=False)),
                ('added_at', models.DateTimeField()),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='intake.report')),
            ],
            options={
                'ordering': ('added_at', 'id'),
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_bundle', True)), fields=('report',), name='one_reproduction_bundle_per_report')],
            },
        ),
    ]
