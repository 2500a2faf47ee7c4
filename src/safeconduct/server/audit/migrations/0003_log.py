# SPDX-License-Identifier: Apache-2.0
"""The entries of the transparency log, append-only, and the commitments that wait for it."""

from django.db import migrations, models

from safeconduct.server.audit.guards import drop_guards, set_guards


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("index", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("entry", models.BinaryField()),
            ],
            options={"verbose_name_plural": "leaves", "ordering": ("index",)},
        ),
        migrations.CreateModel(
            name="Commitment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("value", models.BinaryField(max_length=32)),
                ("added_at", models.DateTimeField()),
                ("index", models.PositiveBigIntegerField(blank=True, null=True, unique=True)),
            ],
            options={
                "ordering": ("id",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("index__isnull", True)), fields=["id"], name="commitments_that_wait"
                    ),
                    models.Index(fields=["value"], name="commitments_by_value"),
                ],
            },
        ),
        migrations.RunPython(
            lambda apps, schema_editor: set_guards(schema_editor.connection, ("audit_leaf",)),
            lambda apps, schema_editor: drop_guards(schema_editor.connection, ("audit_leaf",)),
        ),
    ]
