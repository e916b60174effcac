"""Reads past the engine: the same rows and the same errors as through it."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm.db import Database
from crm.errors import DatabaseUnavailable
from crm.matching.fetching import fetch, look
from tests.conftest import Cast

_USERS = "SELECT id, name FROM users WHERE id <> ? ORDER BY id"


def test_look_reads_what_fetch_reads(session: Session, cast: Cast) -> None:
    connection = session.connection()
    rows = [tuple(row) for row in look(connection, _USERS, [cast.anna.user_id])]
    assert len(rows) > 1
    assert rows == [tuple(row) for row in fetch(connection, _USERS, [cast.anna.user_id])]


def test_look_fails_as_the_engine_does(database: Database) -> None:
    broken = "SELECT id FROM no_such_table WHERE id = ?"
    told = []
    for way in (fetch, look):
        with pytest.raises((DBAPIError, DatabaseUnavailable)) as refused, database.read_scope() as session:
            way(session.connection(), broken, [1])
        cause = refused.value.__cause__ if isinstance(refused.value, DatabaseUnavailable) else refused.value
        assert isinstance(cause, DBAPIError)
        told.append((type(refused.value), type(cause), cause.statement, cause.connection_invalidated))
    assert told[0] == told[1]
