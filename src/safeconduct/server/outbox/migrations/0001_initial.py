# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.server.outbox.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('worker', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Slot',
            fields=[
                ('key', models.CharField(max_length=160, primary_key=True, serialize=False)),
                ('taken_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('kind', models.CharField(max_length=60)),
                ('due_at', models.DateTimeField()),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('outcome', models.CharField(choices=[('waiting', 'waiting'), ('done', 'done'), ('failed', 'failed')], default=safeconduct.server.outbox.models.Outcome['WAITING'], max_length=10)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('trouble', models.CharField(blank=True, max_length=40)),
                ('key', models.CharField(max_length=160, unique=True)),
                ('id', models.CharField(default=safeconduct.server.outbox.models.new_job_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('subject', models.CharField(max_length=40)),
            ],
            options={
                'ordering': ('due_at',),
                'abstract': False,
                'indexes': [models.Index(fields=['kind', 'outcome', 'due_at'], name='job_due')],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('kind', models.CharField(max_length=60)),
                ('due_at', models.DateTimeField()),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('outcome', models.CharField(choices=[('waiting', 'waiting'), ('done', 'done'), ('failed', 'failed')], default=safeconduct.server.outbox.models.Outcome['WAITING'], max_length=10)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('trouble', models.CharField(blank=True, max_length=40)),
                ('key', models.CharField(max_length=160, unique=True)),
                ('id', models.CharField(default=safeconduct.server.outbox.models.new_message_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('address', models.EmailField(blank=True, max_length=254)),
                ('about', models.CharField(blank=True, db_index=True, max_length=40)),
                ('subject', models.CharField(max_length=200)),
                ('sealed_text', models.BinaryField(blank=True)),
                ('party', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('due_at',),
                'abstract': False,
                'indexes': [models.Index(fields=['kind', 'outcome', 'due_at'], name='message_due')],
            },
        ),
    ]
