"""Connections are set up as promised, writers queue, and a failing database is told as one."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import ProgrammingError

from crm.db import Database, get_database, read_scope, session_scope, use_database
from crm.db.engine import SAFE_SQLITE_VERSION, sqlite_version
from crm.errors import DatabaseUnavailable
from crm.models import Team
from crm.settings import ROOT
from tests.conftest import UnchangedFactory

WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from tests.db.test_engine import write_teams
from crm.db import Database
database = Database(sys.argv[1])
with ThreadPoolExecutor(2) as threads:
    list(threads.map(lambda writer: write_teams(database, writer), sys.argv[2:]))
database.close()
"""


def write_teams(database: Database, writer: str, count: int = 25) -> None:
    """Add teams one transaction at a time, each beginning with a read that turns into a write."""
    for number in range(count):
        with database.session_scope() as session:
            seen = session.scalar(select(func.count()).select_from(Team))
            session.add(Team(name=f"{writer} {number} after {seen}"))


def count_teams(database: Database) -> int:
    """Return how many teams are committed."""
    with database.read_scope() as session:
        return session.scalar(select(func.count()).select_from(Team)) or 0


# Set-up of connections


def test_sqlite_library_has_no_wal_reset_bug() -> None:
    assert sqlite_version() >= SAFE_SQLITE_VERSION


@pytest.mark.parametrize(("engine_name", "query_only"), [("write_engine", 0), ("read_engine", 1)])
def test_each_sqlite_connection_has_its_pragmas(sqlite_url: str, engine_name: str, query_only: int) -> None:
    database = Database(sqlite_url)
    engine: Engine = getattr(database, engine_name)
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            found = {name: _pragma(connection, name) for name in ("journal_mode", "synchronous", "foreign_keys")}
            assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
            assert _pragma(connection, "busy_timeout") == 10_000
            assert _pragma(connection, "recursive_triggers") == 1
            assert _pragma(connection, "query_only") == query_only
            connection.rollback()  # one writer at a time: give the turn to the other connection
    database.close()


def test_sqlite_synchronous_can_be_normal_and_nothing_else(sqlite_url: str) -> None:
    database = Database(sqlite_url, synchronous="NORMAL")
    with database.write_engine.connect() as connection:
        assert _pragma(connection, "synchronous") == 1
    database.close()
    with pytest.raises(ValueError, match="CRM_SQLITE_SYNCHRONOUS"):
        Database(sqlite_url, synchronous="OFF")


def test_folder_of_sqlite_file_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new' / 'folder' / 'crm.sqlite3'}")
    with database.read_scope() as session:
        session.execute(text("SELECT 1"))
    database.close()
    assert (tmp_path / "new" / "folder" / "crm.sqlite3").exists()


def test_process_opens_its_database_from_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "elsewhere"))
    use_database(None)
    with closing(get_database()) as database:
        assert database.url.database == str(tmp_path / "elsewhere" / "crm.sqlite3")
        assert get_database() is database
    use_database(None)


# Scopes


def test_session_scope_commits(database: Database) -> None:
    with session_scope() as session:
        session.add(Team(name="Team 1"))
    with read_scope() as session:
        assert session.scalars(select(Team.name)).all() == ["Team 1"]


def test_session_scope_rolls_back_on_error(database: Database) -> None:
    def fail_after_a_flush() -> None:
        with session_scope() as session:
            session.add(Team(name="Team 1"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_a_flush()
    assert count_teams(database) == 0


def test_read_scope_refuses_to_write(database: Database, unchanged: UnchangedFactory) -> None:
    with unchanged(database), pytest.raises(DatabaseUnavailable), database.read_scope() as session:
        session.execute(text("INSERT INTO teams (name) VALUES ('Team 1')"))


# Many writers


def test_eight_writing_threads_meet_no_lock_error(database: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda writer: write_teams(database, f"writer {writer}"), range(8)))
    assert count_teams(database) == 8 * 25


def test_four_processes_of_two_threads_meet_no_lock_error(database: Database, database_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, database_url, f"{number} a", f"{number} b"],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    assert count_teams(database) == 8 * 25


def test_sqlite_writer_does_not_wait_for_readers(sqlite_url: str) -> None:
    database = Database(sqlite_url, busy_timeout_seconds=1)
    with database.read_scope() as reading:
        assert reading.scalar(select(func.count()).select_from(Team)) == 0
        write_teams(database, "writer", 1)
        assert reading.scalar(select(func.count()).select_from(Team)) == 0  # its snapshot
    assert count_teams(database) == 1
    database.close()


# A database in trouble


def test_held_write_lock_is_told_in_time(database_url: str, unchanged: UnchangedFactory) -> None:
    holder, database = Database(database_url), Database(database_url, busy_timeout_seconds=1)
    with holder.write_engine.connect() as lock:
        if not holder.is_sqlite:
            lock.execute(text("LOCK TABLE teams IN EXCLUSIVE MODE"))
        else:
            lock.execute(text("SELECT 1"))  # BEGIN IMMEDIATE went before
        with unchanged(database):
            started = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                write_teams(database, "refused", 1)
            assert 0.9 <= time.monotonic() - started <= 2
    write_teams(database, "after", 1)
    assert count_teams(database) == 1
    holder.close()
    database.close()


def test_slow_writer_of_same_process_is_told_in_time(sqlite_url: str) -> None:
    database = Database(sqlite_url, busy_timeout_seconds=1)
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with database.session_scope():
            taken.set()
            done.wait(10)

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(hold)
        taken.wait(10)
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            write_teams(database, "refused", 1)
        assert 0.9 <= time.monotonic() - started <= 2
        done.set()
        holding.result(10)
    database.close()


def test_read_only_sqlite_file_is_told(sqlite_url: str, unchanged: UnchangedFactory) -> None:
    database = Database(sqlite_url)

    # Root may write to a file of any mode, so the file is opened read-only instead of being made so.
    @event.listens_for(database.write_engine, "do_connect")
    def _read_only(_dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> None:
        arguments[0] = f"file:{arguments[0]}?mode=ro"
        parameters["uri"] = True

    with unchanged(database), pytest.raises(DatabaseUnavailable):
        write_teams(database, "refused", 1)
    database.close()


def test_full_disk_under_sqlite_leaves_nothing_half_written(sqlite_url: str, unchanged: UnchangedFactory) -> None:
    database = Database(sqlite_url)

    @event.listens_for(database.write_engine, "connect")
    def _little_room(connection: Any, _record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")

    with unchanged(database), pytest.raises(DatabaseUnavailable), database.session_scope() as session:
        session.add_all(Team(name=f"{number} {'x' * 190}") for number in range(5_000))
    write_teams(database, "fits", 1)
    with database.read_engine.connect() as connection:
        assert _pragma(connection, "integrity_check") == "ok"
    database.close()


@pytest.mark.parametrize(
    "condition",
    ["disk_full", "read_only_sql_transaction", "lock_not_available", "admin_shutdown", "too_many_connections"],
)
def test_trouble_of_postgresql_leaves_nothing_half_written(
    postgresql_url: str, unchanged: UnchangedFactory, condition: str
) -> None:
    def add_two_teams() -> None:
        with database.session_scope() as session:
            session.add(Team(name="first"))
            session.flush()
            session.add(Team(name="last"))

    with _postgresql(postgresql_url) as database:
        _fail_on_last_team(database, condition)
        with unchanged(database), pytest.raises(DatabaseUnavailable):
            add_two_teams()


def test_wrong_statement_is_not_told_as_trouble(postgresql_url: str) -> None:
    with _postgresql(postgresql_url) as database, pytest.raises(ProgrammingError), database.session_scope() as session:
        session.execute(text("SELECT no_such_column FROM teams"))


def test_missing_sqlite_folder_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    database = Database(f"sqlite:///{folder / 'crm.sqlite3'}")
    folder.rmdir()
    with pytest.raises(DatabaseUnavailable):
        write_teams(database, "refused", 1)
    with pytest.raises(DatabaseUnavailable):
        count_teams(database)
    database.close()


@pytest.mark.parametrize("act", [lambda base: write_teams(base, "lost", 1), count_teams], ids=["write", "read"])
def test_sqlite_file_taken_away_while_open_is_told(sqlite_url: str, act: Any) -> None:
    database = Database(sqlite_url)
    write_teams(database, "kept", 1)
    assert count_teams(database) == 1
    for path in Path(str(database.url.database)).parent.glob("crm.sqlite3*"):
        path.unlink()
    with pytest.raises(DatabaseUnavailable):
        act(database)
    database.close()


def test_sqlite_file_put_back_is_used_without_a_restart(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    write_teams(database, "before", 1)
    database.close()
    path = Path(str(database.url.database))
    backup = path.read_bytes()
    write_teams(database, "after the backup", 1)
    for old in path.parent.glob("crm.sqlite3*"):
        old.unlink()
    path.write_bytes(backup)
    assert count_teams(database) == 1
    write_teams(database, "onward", 1)
    assert count_teams(database) == 2
    database.close()


def test_idle_connection_cut_by_postgresql_is_replaced_unnoticed(postgresql_url: str) -> None:
    with _postgresql(postgresql_url) as database:
        write_teams(database, "before", 1)
        _cut_connections(database)
        write_teams(database, "after", 1)
        assert count_teams(database) == 2


def test_connection_cut_in_the_middle_leaves_nothing_half_written(postgresql_url: str) -> None:
    def add_and_lose_connection() -> None:
        with database.session_scope() as session:
            session.add(Team(name="half"))
            session.flush()
            _cut_connections(database)
            session.scalar(select(func.count()).select_from(Team))

    with _postgresql(postgresql_url) as database:
        with pytest.raises(DatabaseUnavailable):
            add_and_lose_connection()
        assert count_teams(database) == 0


def test_postgresql_that_is_not_there_is_told() -> None:
    database = Database("postgresql://nobody@127.0.0.1:9/crm")
    with pytest.raises(DatabaseUnavailable):
        count_teams(database)
    database.close()


@contextmanager
def _postgresql(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def _fail_on_last_team(database: Database, condition: str) -> None:
    """Make the database itself raise the condition, by PostgreSQL's name for it, at a team called "last"."""
    with database.write_engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'last'"
                f" THEN RAISE EXCEPTION 'trouble' USING ERRCODE = '{condition}'; END IF; RETURN NEW; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER fail BEFORE INSERT ON teams FOR EACH ROW EXECUTE FUNCTION fail()"))


def _cut_connections(database: Database) -> None:
    """End every other connection to the database, as a restart of the server does."""
    with _postgresql(database.url.render_as_string(hide_password=False)) as other, other.write_engine.connect() as cut:
        cut.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def _pragma(connection: Any, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()
