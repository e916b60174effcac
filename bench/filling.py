"""Bulk loading of generated rows: indexes and triggers stand aside while the rows go in, then are made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import psycopg

from bench.clients import company_blocks, contact_blocks, plan_clients
from bench.deals import deal_blocks
from bench.entries import Gathered, client_entries
from bench.facts import Block
from bench.skeleton import Skeleton, build_skeleton
from crm.db import Database
from crm.db.migrate import migrate

_MASS = ("companies", "contacts", "deals", "search_entries")  # tables whose rows bring their own ids
# Only to load quickly: a base half filled is thrown away, the whole one is synced once at the end.
_SQLITE_LOADING = {
    "journal_mode": "OFF",
    "synchronous": "OFF",
    "foreign_keys": "OFF",
    "cache_size": "-1000000",
    "temp_store": "MEMORY",
    "threads": "2",
}
_POSTGRES_LOADING = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "'8GB'", "autovacuum": "off"}
_POSTGRES_SESSION = {
    "session_replication_role": "replica",  # rows are consistent by construction: no foreign key is asked
    "maintenance_work_mem": "'1GB'",
    "synchronous_commit": "off",
}


class Loader(Protocol):
    """Takes blocks of rows into an empty database."""

    def load(self, block: Block) -> None:
        """Insert the rows of a block."""


def fill(database: Database, deals: int, seed: int, now: int) -> None:
    """Migrate an empty database and fill it with a generated base."""
    migrate(database)
    with database.session_scope() as session:
        skeleton = build_skeleton(session)
    with bulk_loader(database) as loader:
        for block in _blocks(skeleton, deals, seed, now):
            if len(block):
                loader.load(block)


@contextmanager
def bulk_loader(database: Database) -> Iterator[Loader]:
    """Yield what loads quickly; indexes are made, statistics gathered and all is synced at the end."""
    with _sqlite_loader(database) if database.is_sqlite else _postgres_loader(database) as loader:
        yield loader


def _blocks(skeleton: Skeleton, deals: int, seed: int, now: int) -> Iterable[Block]:
    rng = np.random.default_rng(seed)
    clients = plan_clients(deals, np.array(skeleton.owners), rng)
    gathered = Gathered()
    yield from company_blocks(clients, gathered, now, rng)
    yield from contact_blocks(clients, gathered, now, rng)
    yield from deal_blocks(skeleton, clients, gathered, deals, now, rng)
    yield from client_entries(gathered)


class _SqliteLoader:
    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor

    def load(self, block: Block) -> None:
        names, marks = ", ".join(block.columns), ", ".join("?" * len(block.columns))
        self.cursor.executemany(
            f"INSERT INTO {block.table} ({names}) VALUES ({marks})", zip(*block.columns.values(), strict=True)
        )


@contextmanager
def _sqlite_loader(database: Database) -> Iterator[Loader]:
    connection = database.write_engine.raw_connection()
    cursor = connection.cursor()
    for name, value in _SQLITE_LOADING.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.execute("BEGIN IMMEDIATE")
    aside = cursor.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    ).fetchall()
    for kind, name, _sql in aside:
        cursor.execute(f"DROP {kind} {name}")
    yield _SqliteLoader(cursor)
    for _kind, _name, sql in aside:
        cursor.execute(sql)
    cursor.execute("INSERT INTO search_fts(search_fts) VALUES ('rebuild')")
    cursor.execute("ANALYZE")
    cursor.execute("COMMIT")
    cursor.execute("PRAGMA journal_mode = WAL")
    connection.invalidate()  # its pragmas must not serve anybody else
    connection.close()


class _PostgresLoader:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def load(self, block: Block) -> None:
        columns = [_as_copy_text(values) for values in block.columns.values()]
        with self.connection.cursor().copy(f"COPY {block.table} ({', '.join(block.columns)}) FROM STDIN") as copy:
            copy.write("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n")


@contextmanager
def _postgres_loader(database: Database) -> Iterator[Loader]:
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        _set_server(connection, _POSTGRES_LOADING)
        for name, value in _POSTGRES_SESSION.items():
            _run(connection, f"SET {name} = {value}")
        aside = connection.execute(
            """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
               AND indexname NOT IN (SELECT conname FROM pg_constraint)"""
        ).fetchall()
        for name, _definition in aside:
            _run(connection, f"DROP INDEX {name}")
        yield _PostgresLoader(connection)
        for _name, definition in aside:
            _run(connection, definition)
        for table in _MASS:
            _run(connection, f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
        _run(connection, "VACUUM ANALYZE")
        _run(connection, "CHECKPOINT")
        _set_server(connection, dict.fromkeys(_POSTGRES_LOADING, "DEFAULT"))


def _as_copy_text(values: list[Any]) -> list[str]:
    return [
        r"\N" if value is None else value.replace("\\", r"\\") if isinstance(value, str) else str(int(value))
        for value in values
    ]


def _set_server(connection: psycopg.Connection[Any], settings: dict[str, str]) -> None:
    for name, value in settings.items():
        _run(connection, f"ALTER SYSTEM SET {name} = {value}")
    _run(connection, "SELECT pg_reload_conf()")


def _run(connection: psycopg.Connection[Any], statement: str) -> None:
    connection.execute(statement.encode())
