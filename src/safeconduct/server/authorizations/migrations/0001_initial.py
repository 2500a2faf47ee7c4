# SPDX-License-Identifier: Apache-2.0

import django.db.models.deletion
import safeconduct.server.authorizations.models
from decimal import Decimal

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Target',
            fields=[
                ('id', models.CharField(default=safeconduct.server.authorizations.models.new_target_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ('label', models.CharField(max_length=200)),
                ('vendor', models.CharField(blank=True, max_length=200)),
                ('product', models.CharField(blank=True, max_length=200)),
                ('role', models.CharField(choices=[('unpatched', 'as reported (without a fix)'), ('patched', 'with a claimed fix')], default='unpatched', max_length=12)),
                ('adapter', models.CharField(choices=[('openai-chat', 'openai-chat'), ('python-callable', 'python-callable'), ('sklearn', 'sklearn')], max_length=20)),
                ('url', models.CharField(blank=True, max_length=500, verbose_name='address')),
                ('entry', models.CharField(blank=True, max_length=200)),
                ('packages', models.CharField(blank=True, max_length=500)),
                ('model', models.CharField(max_length=200)),
                ('secret_name', models.CharField(blank=True, max_length=64)),
                ('allow_private', models.BooleanField(default=False)),
                ('max_calls', models.PositiveIntegerField(default=1000)),
                ('max_tokens', models.PositiveBigIntegerField(default=500000)),
                ('max_tokens_per_call', models.PositiveIntegerField(default=256)),
                ('calls_per_minute', models.PositiveIntegerField(default=0)),
                ('call_seconds', models.FloatField(default=60.0)),
                ('max_spending', models.DecimalField(blank=True, decimal_places=6, max_digits=16, null=True)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('price_per_call', models.DecimalField(decimal_places=6, default=Decimal('0'), max_digits=16)),
                ('price_per_million_in', models.DecimalField(decimal_places=6, default=Decimal('0'), max_digits=16)),
                ('price_per_million_out', models.DecimalField(decimal_places=6, default=Decimal('0'), max_digits=16)),
                ('starts_at', models.DateTimeField(blank=True, null=True)),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('days', models.CharField(blank=True, max_length=7)),
                ('opens', models.TimeField(blank=True, null=True)),
                ('closes', models.TimeField(blank=True, null=True)),
                ('zone', models.CharField(blank=True, max_length=64)),
                ('state', models.CharField(choices=[('granted', 'granted'), ('suspended', 'suspended'), ('revoked', 'revoked')], default='granted', max_length=12)),
                ('reason', models.TextField(blank=True)),
                ('granted_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('calls_used', models.PositiveIntegerField(default=0)),
                ('calls_reserved', models.PositiveIntegerField(default=0)),
                ('tokens_used', models.PositiveBigIntegerField(default=0)),
                ('tokens_reserved', models.PositiveBigIntegerField(default=0)),
                ('granted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-granted_at',),
                'constraints': [models.CheckConstraint(condition=models.Q(('starts_at__isnull', True), ('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='a_testing_window_ends_after_it_starts'), models.CheckConstraint(condition=models.Q(('days', ''), models.Q(('closes__isnull', False), ('opens__isnull', False)), _connector='OR'), name='weekly_hours_have_both_times'), models.CheckConstraint(condition=models.Q(('max_spending__isnull', True), models.Q(('currency', ''), _negated=True), _connector='OR'), name='a_cap_on_money_has_a_price')],
            },
        ),
    ]
