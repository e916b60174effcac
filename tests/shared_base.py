"""One base for the many tests that only ever work in a session that is rolled back: making a fresh one is dear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from crm.db import Database
from crm.models import Base

C = TypeVar("C")

# Rows that were rolled back stay in PostgreSQL's files; after so many tests a new base is quicker.
TESTS_ON_ONE_BASE = 150
_OPENED_BY_ITSELF = frozenset({"database", "database_url", "cast", "session"})


def only_rolls_back(request: pytest.FixtureRequest) -> bool:
    """Tell whether a test reaches its base through `session` alone, and so leaves nothing behind."""
    item = request.node
    asked = set(item._fixtureinfo.argnames)
    for name, definitions in item._fixtureinfo.name2fixturedefs.items():
        if name not in _OPENED_BY_ITSELF:
            asked.update(*(definition.argnames for definition in definitions))
    return "session" in item.fixturenames and not asked & {"database", "database_url"}


@dataclass(slots=True)
class SharedBase(Generic[C]):
    """A base with the cast in it that tests leave as they found it."""

    url: str
    database: Database
    cast: C
    used: int = 0
    _reset_counters: str = ""
    _rows: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.database.read_scope() as session:
            self._rows = _row_counts(session)
            if not self.database.is_sqlite:
                self._reset_counters = _resetting_counters(session)

    def clean(self, test: str) -> None:
        """Set the counters back, and fail a test that has left something."""
        self.used += 1
        with Session(self.database.write_engine) as session:
            if self._reset_counters:
                session.execute(text(self._reset_counters))
            left = {name: count for name, count in _row_counts(session).items() if count != self._rows[name]}
        if left:
            self.used = TESTS_ON_ONE_BASE
            pytest.fail(f"{test} committed rows: {left}; it must ask for `database`, to have one of its own")


class SharedBases(Generic[C]):
    """The base in use of each kind, made anew when it has served long enough."""

    def __init__(self, add_cast: Callable[[Database], C]) -> None:
        self._add_cast = add_cast
        self._bases: dict[str, SharedBase[C]] = {}

    def get(self, url: str) -> SharedBase[C] | None:
        """Return the base of this address, if it is a shared one."""
        return next((base for base in self._bases.values() if base.url == url), None)

    def take(self, kind: str, make: Callable[[], str]) -> SharedBase[C]:
        """Return the base of a kind, made by `make` when there is none or it has served long enough."""
        base = self._bases.get(kind)
        if base is None or base.used >= TESTS_ON_ONE_BASE:
            if base is not None:
                base.database.close()
            url = make()
            database = Database(url)
            base = self._bases[kind] = SharedBase(url, database, self._add_cast(database))
        return base

    @contextmanager
    def closed_at_the_end(self) -> Iterator[None]:
        """Give the connections back when the block ends."""
        yield
        for base in self._bases.values():
            base.database.close()
        self._bases.clear()


def _row_counts(session: Session) -> dict[str, int]:
    tables = Base.metadata.sorted_tables
    counts = [select(func.count()).select_from(table).scalar_subquery() for table in tables]
    row = session.execute(select(*counts)).one()
    return {table.name: count for table, count in zip(tables, row, strict=True)}


def _resetting_counters(session: Session) -> str:
    # A rollback gives rows back but no numbers, and tests read ids.
    names = session.scalars(
        text("SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema ORDER BY 1")
    ).all()
    calls = []
    for name in names:
        last, called = session.execute(text(f'SELECT last_value, is_called FROM "{name}"')).one()
        calls.append(f"setval('\"{name}\"', {last}, {'true' if called else 'false'})")
    return f"SELECT {', '.join(calls)}"
