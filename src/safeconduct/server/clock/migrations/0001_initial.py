# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cases', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
                ('actor', models.CharField(max_length=40)),
                ('began_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('case', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='pause', to='cases.case')),
            ],
        ),
        migrations.CreateModel(
            name='Extension',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=32)),
                ('days', models.PositiveSmallIntegerField()),
                ('reason', models.TextField()),
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
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='firings', to='cases.case')),
            ],
            options={
                'ordering': ('fired_at',),
                'constraints': [models.UniqueConstraint(fields=('case', 'kind', 'due_at'), name='a_deadline_fires_once')],
            },
        ),
    ]
