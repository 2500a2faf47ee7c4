# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authorizations', '0002_alter_target_adapter'),
    ]

    operations = [
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('holder', models.CharField(max_length=40)),
                ('calls', models.PositiveIntegerField()),
                ('tokens', models.PositiveBigIntegerField()),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='holds', to='authorizations.target')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('target', 'holder'), name='one_hold_of_a_run_at_a_target')],
            },
        ),
    ]
