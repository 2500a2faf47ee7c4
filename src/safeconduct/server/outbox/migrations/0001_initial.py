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
            name='Job',
            fields=[
                ('due_at', models.DateTimeField(db_index=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('outcome', models.CharField(choices=[('waiting', 'waiting'), ('done', 'done'), ('failed', 'failed')], default=safeconduct.server.outbox.models.Outcome['WAITING'], max_length=10)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('trouble', models.CharField(blank=True, max_length=40)),
                ('key', models.CharField(max_length=160, unique=True)),
                ('id', models.CharField(default=safeconduct.server.outbox.models.new_job_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('kind', models.CharField(db_index=True, max_length=60)),
                ('subject', models.CharField(max_length=40)),
            ],
            options={
                'ordering': ('due_at',),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Slot',
            fields=[
                ('key', models.CharField(max_length=160, primary_key=True, serialize=False)),
                ('taken_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('due_at', models.DateTimeField(db_index=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('outcome', models.CharField(choices=[('waiting', 'waiting'), ('done', 'done'), ('failed', 'failed')], default=safeconduct.server.outbox.models.Outcome['WAITING'], max_length=10)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('trouble', models.CharField(blank=True, max_length=40)),
                ('key', models.CharField(max_length=160, unique=True)),
                ('id', models.CharField(default=safeconduct.server.outbox.models.new_message_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('mail', 'mail'), ('hand', 'hand')], max_length=10)),
                ('address', models.EmailField(blank=True, max_length=254)),
                ('about', models.CharField(blank=True, db_index=True, max_length=40)),
                ('subject', models.CharField(max_length=200)),
                ('text', models.TextField()),
                ('party', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('due_at',),
                'abstract': False,
            },
        ),
    ]
