# SPDX-License-Identifier: Apache-2.0

import safeconduct.domain.case
import safeconduct.domain.report
import safeconduct.server.cases.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_case_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('title', models.BinaryField()),
                ('embargo', models.CharField(choices=[('N', 'none'), ('P', 'proposed'), ('A', 'active'), ('R', 'revise'), ('X', 'exited')], default=safeconduct.domain.case.EmbargoState['NONE'], max_length=1)),
                ('public_at', models.DateTimeField(blank=True, null=True)),
                ('exploit_public_at', models.DateTimeField(blank=True, null=True)),
                ('attacks_at', models.DateTimeField(blank=True, null=True)),
                ('attack_override', models.BinaryField(blank=True)),
                ('verified_at', models.DateTimeField(blank=True, null=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-opened_at',),
            },
        ),
        migrations.CreateModel(
            name='CaseMessage',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_message_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('tlp', models.CharField(choices=[('TLP:RED', 'TLP:RED'), ('TLP:AMBER+STRICT', 'TLP:AMBER+STRICT'), ('TLP:AMBER', 'TLP:AMBER'), ('TLP:GREEN', 'TLP:GREEN'), ('TLP:CLEAR', 'TLP:CLEAR')], default=safeconduct.domain.report.Tlp['AMBER_STRICT'], max_length=20)),
                ('body', models.BinaryField()),
                ('sent_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('sent_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='EmbargoAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('accepts', models.BooleanField()),
                ('answered_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='EmbargoTerm',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_embargo_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('proposed', 'proposed'), ('active', 'in force'), ('replaced', 'replaced'), ('rejected', 'rejected'), ('ended', 'ended')], default='proposed', max_length=10)),
                ('ends_at', models.DateTimeField()),
                ('answer_by', models.DateTimeField(blank=True, null=True)),
                ('reason', models.BinaryField(blank=True)),
                ('proposed_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('proposed_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Participant',
            fields=[
                ('id', models.CharField(default=safeconduct.server.cases.models.new_participant_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('finder', 'finder'), ('reporter', 'reporter'), ('vendor', 'vendor'), ('deployer', 'deployer'), ('coordinator', 'coordinator'), ('observer', 'observer'), ('other', 'other')], max_length=12)),
                ('name', models.CharField(max_length=200)),
                ('contact', models.EmailField(blank=True, max_length=254)),
                ('report_state', models.CharField(choices=[('S', 'start'), ('R', 'received'), ('I', 'invalid'), ('V', 'valid'), ('D', 'deferred'), ('A', 'accepted'), ('C', 'closed')], default=safeconduct.domain.case.ReportState['START'], max_length=1)),
                ('consent', models.CharField(choices=[('no_embargo', 'no_embargo'), ('invited', 'invited'), ('signatory', 'signatory'), ('lapsed', 'lapsed'), ('declined', 'declined')], default=safeconduct.domain.case.Consent['NO_EMBARGO'], max_length=12)),
                ('aware_at', models.DateTimeField(blank=True, null=True)),
                ('mitigated_at', models.DateTimeField(blank=True, null=True)),
                ('fix_ready_at', models.DateTimeField(blank=True, null=True)),
                ('fix_deployed_at', models.DateTimeField(blank=True, null=True)),
                ('invited_at', models.DateTimeField(blank=True, null=True)),
                ('asked_at', models.DateTimeField(blank=True, null=True)),
                ('joined_at', models.DateTimeField(blank=True, null=True)),
                ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                ('left_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('invited_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Transition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('message', models.CharField(max_length=2)),
                ('axis', models.CharField(max_length=3)),
                ('before', models.CharField(max_length=12)),
                ('after', models.CharField(max_length=12)),
                ('actor', models.CharField(blank=True, max_length=40)),
                ('reason', models.BinaryField(blank=True)),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ('position',),
            },
        ),
    ]
