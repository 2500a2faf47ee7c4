# SPDX-License-Identifier: Apache-2.0

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authorizations', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='target',
            name='adapter',
            field=models.CharField(choices=[('openai-chat', 'openai-chat'), ('http', 'http'), ('command', 'command'), ('model-file', 'model-file'), ('python-callable', 'python-callable'), ('sklearn', 'sklearn')], max_length=20),
        ),
    ]
