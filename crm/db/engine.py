"""Engines for SQLite and PostgreSQL, and the only two ways to get a session.

`session_scope` is the only place that commits. SQLite has a write engine that begins with BEGIN IMMEDIATE
(a plain BEGIN fails at once with "database is locked" when a read turns into a write) and a read engine.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from crm.errors import DatabaseUnavailable
from crm.settings import get_settings

BUSY_TIMEOUT_SECONDS = 10
# Versions before this one can corrupt a WAL file when two connections checkpoint and write at once.
SAFE_SQLITE_VERSION = (3, 51, 3)

_READ_ONLY_SQLSTATE = "25006"  # PostgreSQL on a standby; the driver files it under internal errors
_SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "foreign_keys": "ON",
    "recursive_triggers": "ON",
    "cache_size": "-65536",
}

log = logging.getLogger(__name__)


class Database:
    """The engines of one database; `close` gives its connections back."""

    def __init__(
        self, url: str, *, synchronous: str = "FULL", busy_timeout_seconds: int = BUSY_TIMEOUT_SECONDS
    ) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._busy_timeout_seconds = busy_timeout_seconds
        if self.is_sqlite:
            self._write_lock: threading.Lock | None = threading.Lock()
            pragmas = {**_SQLITE_PRAGMAS, "synchronous": synchronous}
            self.write_engine = _sqlite_engine(url, "BEGIN IMMEDIATE", pragmas, busy_timeout_seconds)
            pragmas = {**pragmas, "query_only": "ON"}
            self.read_engine = _sqlite_engine(url, "BEGIN", pragmas, busy_timeout_seconds)
        else:
            self._write_lock = None
            self.url = self.url.set(drivername="postgresql+psycopg")
            self.write_engine = create_engine(
                self.url,
                pool_pre_ping=True,
                pool_size=10,
                max_overflow=10,
                connect_args={"options": f"-c lock_timeout={busy_timeout_seconds * 1000}", "connect_timeout": 10},
            )
            self.read_engine = self.write_engine.execution_options(postgresql_readonly=True)

    def close(self) -> None:
        """Close every pooled connection."""
        self.write_engine.dispose()
        self.read_engine.dispose()

    @contextmanager
    def session_scope(self) -> Iterator[Session]:
        """Yield a session for one action; commit at the end, roll back on any error.

        Errors: DatabaseUnavailable where the engine is locked, read-only, full or gone.
        """
        with (
            self._writer_turn(),
            _database_errors_told(),
            Session(self.write_engine, expire_on_commit=False) as session,
        ):
            yield session
            session.commit()

    @contextmanager
    def read_scope(self) -> Iterator[Session]:
        """Yield a session that can't write; nothing is committed."""
        with _database_errors_told(), Session(self.read_engine, autoflush=False) as session:
            yield session

    @contextmanager
    def _writer_turn(self) -> Iterator[None]:
        # SQLite's own busy wait is unfair (one writer can starve for seconds); threads of one process queue here.
        if self._write_lock is None:
            yield
            return
        if not self._write_lock.acquire(timeout=self._busy_timeout_seconds):
            raise DatabaseUnavailable
        try:
            yield
        finally:
            self._write_lock.release()


_current: Database | None = None
_current_lock = threading.Lock()


def get_database() -> Database:
    """Return the database of this process, opened at the first call."""
    global _current
    with _current_lock:
        if _current is None:
            settings = get_settings()
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            _current = Database(settings.effective_database_url, synchronous=settings.sqlite_synchronous)
        return _current


def use_database(database: Database | None) -> None:
    """Make `database` the one of this process; for tests, benchmarks and the command line."""
    global _current
    with _current_lock:
        _current = database


@contextmanager
def session_scope() -> Iterator[Session]:
    """Yield a writing session of this process's database; one action, one transaction."""
    with get_database().session_scope() as session:
        yield session


@contextmanager
def read_scope() -> Iterator[Session]:
    """Yield a reading session of this process's database."""
    with get_database().read_scope() as session:
        yield session


def sqlite_version() -> tuple[int, ...]:
    """Return the version of the SQLite library in use."""
    return tuple(int(part) for part in _sqlite_module().sqlite_version.split("."))


@contextmanager
def _database_errors_told() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        log.exception("no database connection left")
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if not _is_trouble_of_database(error):
            raise
        log.exception("database unavailable")
        raise DatabaseUnavailable from error


def _is_trouble_of_database(error: DBAPIError) -> bool:
    read_only = getattr(error.orig, "sqlstate", None) == _READ_ONLY_SQLSTATE
    return isinstance(error, OperationalError) or error.connection_invalidated or read_only


def _sqlite_module() -> ModuleType:
    try:
        return import_module("pysqlite3")
    except ImportError:  # the wheel exists for Linux only
        return import_module("sqlite3")


def _sqlite_engine(url: str, begin: str, pragmas: dict[str, str], busy_timeout_seconds: int) -> Engine:
    if pragmas["synchronous"] not in {"FULL", "NORMAL"}:
        raise ValueError("CRM_SQLITE_SYNCHRONOUS is FULL or NORMAL")
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    module = _sqlite_module()
    if sqlite_version() < SAFE_SQLITE_VERSION:
        log.warning("SQLite %s has a known corruption bug; install pysqlite3", module.sqlite_version)
    engine = create_engine(
        make_url(url).set(drivername="sqlite+pysqlite"),
        module=module,
        pool_size=10,
        max_overflow=10,
        connect_args={"check_same_thread": False, "timeout": busy_timeout_seconds},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        cursor = connection.cursor()
        for name, value in pragmas.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        cursor.close()
        record.info["file"] = _file_identity(path)

    @event.listens_for(engine, "checkout")
    def _notice_another_file(_connection: Any, record: Any, _proxy: Any) -> None:
        # SQLite writes happily into a deleted file; after a restored backup the pool would go on with the old one.
        if record.info["file"] != _file_identity(path):
            raise DisconnectionError("the database file was replaced")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _file_identity(path: str | None) -> tuple[int, int] | None:
    try:
        found = Path(path or "").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
