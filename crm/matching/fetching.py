"""Statements of the hot paths, intake and saving: one text for both databases, few texts, so that plans are kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError


def fetch(connection: Connection, sql: str, given: Sequence[Any]) -> Sequence[Any]:
    """Return the rows of a statement whose values stand as question marks."""
    if connection.dialect.paramstyle != "qmark":
        sql = _with_percents(sql)
    return connection.exec_driver_sql(sql, tuple(given)).fetchall()


def look(connection: Connection, sql: str, given: Sequence[Any]) -> Sequence[Any]:
    """Do as `fetch` past the engine's events and logs, which take longer than these reads do; its errors are the same.

    The caller has begun the transaction.
    """
    dialect = connection.dialect
    if dialect.paramstyle != "qmark":
        sql = _with_percents(sql)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, tuple(given))
        return cursor.fetchall()
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(sql, tuple(given), error, dialect.loaded_dbapi.Error, dialect=dialect) from error
    finally:
        cursor.close()


def perform(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement whose values stand as question marks once for each row of values."""
    if rows:
        if connection.dialect.paramstyle != "qmark":
            sql = _with_percents(sql)
        connection.exec_driver_sql(sql, list(rows))


def locking(connection: Connection) -> str:
    """Return what locks the rows read until the transaction ends; SQLite's writer holds the whole file anyway."""
    return "" if connection.dialect.name == "sqlite" else " FOR UPDATE"


def padded(values: Sequence[Any], step: int) -> list[Any]:
    """Return the values with the last one repeated up to a multiple of `step`: it keeps the number of texts small."""
    missing = -len(values) % step
    return [*values, *([values[-1]] * missing)]


@lru_cache(maxsize=2_000)
def _with_percents(sql: str) -> str:
    return sql.replace("?", "%s")
