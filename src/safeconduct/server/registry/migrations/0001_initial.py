# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.server.registry.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.CharField(default=safeconduct.server.registry.models.new_flaw_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=24, unique=True)),
                ('state', models.CharField(choices=[('embargoed', 'embargoed'), ('public', 'public'), ('withdrawn', 'withdrawn'), ('merged', 'merged into another')], default='embargoed', max_length=10)),
                ('flaw_class', models.CharField(choices=[('prompt-injection', 'prompt-injection'), ('jailbreak', 'jailbreak'), ('data-leak', 'data-leak'), ('system-prompt-leak', 'system-prompt-leak'), ('evasion', 'evasion'), ('poisoning', 'poisoning'), ('backdoor', 'backdoor'), ('extraction', 'extraction'), ('membership-inference', 'membership-inference'), ('model-file-rce', 'model-file-rce'), ('tool-abuse', 'tool-abuse'), ('cross-agent-escalation', 'cross-agent-escalation'), ('denial-of-wallet', 'denial-of-wallet'), ('fairness', 'fairness'), ('adversarial-training-exploit', 'adversarial-training-exploit'), ('software', 'software'), ('other', 'other')], max_length=40)),
                ('tier', models.CharField(blank=True, choices=[('none', 'none'), ('low', 'low'), ('medium', 'medium'), ('high', 'high'), ('critical', 'critical')], max_length=10)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('record', models.JSONField(blank=True, null=True)),
                ('search_text', models.TextField(blank=True)),
                ('reserved_at', models.DateTimeField()),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('modified_at', models.DateTimeField(blank=True, null=True)),
                ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='merged', to='registry.entry')),
            ],
            options={
                'verbose_name_plural': 'entries',
                'ordering': ('-published_at', 'public_id'),
            },
        ),
        migrations.CreateModel(
            name='Alias',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('value', models.CharField(max_length=120, unique=True)),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='aliases', to='registry.entry')),
            ],
            options={
                'verbose_name_plural': 'aliases',
                'ordering': ('value',),
            },
        ),
        migrations.CreateModel(
            name='Affected',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vendor', models.CharField(db_index=True, max_length=300)),
                ('product', models.CharField(db_index=True, max_length=300)),
                ('purl', models.CharField(blank=True, db_index=True, max_length=300)),
                ('model_string', models.CharField(blank=True, db_index=True, max_length=300)),
                ('status', models.CharField(max_length=20)),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='affected', to='registry.entry')),
            ],
            options={
                'ordering': ('vendor', 'product'),
            },
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'embargoed'), _negated=True), models.Q(('record__isnull', True), ('search_text', ''), ('title', '')), _connector='OR'), name='an_embargoed_entry_tells_nothing'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'public'), _negated=True), models.Q(('published_at__isnull', False), ('record__isnull', False)), _connector='OR'), name='a_public_entry_has_its_record'),
        ),
    ]
