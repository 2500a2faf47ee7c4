# SPDX-License-Identifier: Apache-2.0

from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='PolicyText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('disclosure', 'disclosure'), ('safe_harbor', 'safe_harbor'), ('embargo', 'embargo')], max_length=20)),
                ('version', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('in_force_from', models.DateTimeField()),
                ('embargo_days', models.PositiveIntegerField(default=90)),
            ],
            options={
                'ordering': ('kind', '-version'),
                'constraints': [models.UniqueConstraint(fields=('kind', 'version'), name='one_text_per_version')],
            },
        ),
    ]
