# SPDX-License-Identifier: Apache-2.0
"""The database itself refuses to change or delete what was recorded."""

from django.db import migrations

from safeconduct.server.audit.guards import drop_guards, set_guards


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: set_guards(schema_editor.connection, ("audit_event", "audit_link")),
            lambda apps, schema_editor: drop_guards(schema_editor.connection, ("audit_event", "audit_link")),
        )
    ]
