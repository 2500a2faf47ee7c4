# SPDX-License-Identifier: Apache-2.0

import safeconduct.server.advisories.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Advisory',
            fields=[
                ('id', models.CharField(default=safeconduct.server.advisories.models.new_advisory_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('published', 'published'), ('withdrawn', 'withdrawn')], default='draft', max_length=10)),
                ('draft', models.BinaryField()),
                ('version', models.PositiveIntegerField(default=0)),
                ('drafted_at', models.DateTimeField()),
                ('published_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'advisories',
                'ordering': ('-published_at', '-drafted_at'),
            },
        ),
        migrations.CreateModel(
            name='Publication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField()),
                ('format', models.CharField(max_length=16)),
                ('content', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('loss', models.JSONField(default=list)),
                ('published_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('-version', 'format'),
            },
        ),
    ]
