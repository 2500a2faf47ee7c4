# SPDX-License-Identifier: Apache-2.0
"""Inserting rows with statements that are made once: the way of reports, which come in floods.

Django makes its statement anew for each insert, and for a report that takes longer than what the database does. Here
the statement of a model is made once, and its values are prepared by the model's own fields, so what is stored is the
same to the byte. Not done here: keys that the database makes are not read back, and no signals are sent.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, models

Fields = tuple[tuple[str, Callable[..., Any]], ...]


def insert_all(*groups: Sequence[models.Model]) -> None:
    """Insert groups of rows in their order, each group of one model. Call it inside the act's `atomic_write`.

    Raises:
        IntegrityError: a key is taken.
    """
    filled = [group for group in groups if group]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for group in filled:
                start, mark, fields = _plan(type(group[0]), connection.vendor)
                cursor.executemany(start + mark, [_values(row, fields) for row in group])
    else:
        _insert_in_pipeline(filled)
    for group in filled:
        for row in group:
            # As Django itself does, so that the row is changed and not inserted again when it is saved.
            row._state.adding = False  # noqa: SLF001
            row._state.db = connection.alias  # noqa: SLF001


def _insert_in_pipeline(groups: Sequence[Sequence[models.Model]]) -> None:
    # The driver's own cursor binds on the server and keeps the statement prepared, which Django's does not; and in a
    # pipeline the groups do not wait for each other's answers.
    with connection.wrap_database_errors, connection.connection.pipeline(), connection.connection.cursor() as cursor:
        for group in groups:
            start, mark, fields = _plan(type(group[0]), connection.vendor)
            values = [value for row in group for value in _values(row, fields)]
            cursor.execute(start + ", ".join([mark] * len(group)), values)


def _values(row: models.Model, fields: Fields) -> list[Any]:
    return [prepare(getattr(row, name), connection) for name, prepare in fields]


@lru_cache(maxsize=32)
def _plan(model: type[models.Model], _vendor: str) -> tuple[str, str, Fields]:
    """Return the start of the statement, the marks of one row, and the fields."""
    fields = [field for field in model._meta.local_concrete_fields if not isinstance(field, models.AutoField)]
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.db_column or field.attname) for field in fields)
    start = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES "  # noqa: S608  # names of our own models
    mark = f"({', '.join(['%s'] * len(fields))})"
    return start, mark, tuple((field.attname, field.get_db_prep_save) for field in fields)
