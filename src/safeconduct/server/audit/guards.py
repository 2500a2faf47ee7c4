# SPDX-License-Identifier: Apache-2.0
"""Triggers that make a table append-only, for SQLite and PostgreSQL.

They stop faults and careless hands. Whoever owns the database can drop them; that is what the chain, and the log into
which its head is sealed, are for.
"""

from collections.abc import Iterable

from django.db.backends.base.base import BaseDatabaseWrapper

REFUSAL = "what was recorded is never changed"
CALL = "EXECUTE FUNCTION safeconduct_append_only()"
FUNCTION = f"""
CREATE OR REPLACE FUNCTION safeconduct_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$
"""


def set_guards(connection: BaseDatabaseWrapper, tables: Iterable[str]) -> None:
    """Make the tables append-only."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(FUNCTION)
        for table in tables:
            for statement in _creations(connection.vendor, table):
                cursor.execute(statement)


def drop_guards(connection: BaseDatabaseWrapper, tables: Iterable[str]) -> None:
    """Let the tables be changed again; only migrations and the clean-up of tests do this."""
    with connection.cursor() as cursor:
        for table in tables:
            for statement in _removals(connection.vendor, table):
                cursor.execute(statement)


def _creations(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {CALL}",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {CALL}",
        ]
    return [
        f"CREATE TRIGGER {table}_no_{act} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for act in ("update", "delete")
    ]


def _removals(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [f"DROP TRIGGER IF EXISTS {table}_{name} ON {table}" for name in ("append_only", "no_truncate")]
    return [f"DROP TRIGGER IF EXISTS {table}_no_{act}" for act in ("update", "delete")]
