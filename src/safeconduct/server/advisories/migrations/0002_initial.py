# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('advisories', '0001_initial'),
        ('cases', '0001_initial'),
        ('registry', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='advisory',
            name='case',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='advisory', to='cases.case'),
        ),
        migrations.AddField(
            model_name='advisory',
            name='entry',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='advisories', to='registry.entry'),
        ),
        migrations.AddField(
            model_name='publication',
            name='advisory',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='publications', to='advisories.advisory'),
        ),
        migrations.AddConstraint(
            model_name='publication',
            constraint=models.UniqueConstraint(fields=('advisory', 'version', 'format'), name='one_document_per_version_and_format'),
        ),
    ]
