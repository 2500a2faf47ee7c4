# SPDX-License-Identifier: Apache-2.0

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0003_transcripts'),
    ]

    operations = [
        migrations.AddField(
            model_name='campaign',
            name='approval',
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
