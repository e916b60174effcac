"""The start of the process, as a process: what it prints, and that it refuses in words."""

from __future__ import annotations

import os
import subprocess
import sys

from sqlalchemy import select

from crm.auth.passwords import verify_password
from crm.auth.setup import setup_is_open
from crm.clock import utc_now
from crm.db import Database
from crm.models import User
from crm.settings import ROOT, get_settings
from tests.conftest import Cast


def started(database_url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "CRM_DATABASE_URL": database_url,
        **settings,
    }
    command = [sys.executable, "-c", "from crm.api.start import start; start()"]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_first_start_prints_a_link_that_opens_the_set_up(database_url: str) -> None:
    first, second = started(database_url), started(database_url)
    assert first.returncode == 0, first.stderr
    lines = first.stderr.splitlines()
    assert lines[-3] == "Voronka CRM: http://127.0.0.1:8501"
    assert lines[-2] == "First start. Make the first administrator here, within 24 hours:"
    database = Database(database_url)
    for run in (first, second):
        with database.read_scope() as session:
            assert setup_is_open(session, run.stderr.split("/account/setup/")[1].strip(), utc_now())
    database.close()


def test_later_start_prints_no_link(database: Database, cast: Cast, database_url: str) -> None:
    run = started(database_url)
    assert run.returncode == 0
    assert "/account/" not in run.stderr


def test_administrator_of_the_settings_is_made(database_url: str) -> None:
    settings = {"CRM_FIRST_ADMIN_EMAIL": "boss@example.com", "CRM_FIRST_ADMIN_PASSWORD": "three wet boats"}
    run = started(database_url, **settings)
    assert run.returncode == 0
    assert "boats" not in run.stdout + run.stderr
    database = Database(database_url)
    with database.read_scope() as session:
        assert verify_password(session.scalars(select(User.password_hash)).one(), "three wet boats")
    database.close()


def test_unusable_administrator_of_the_settings_is_told(database_url: str) -> None:
    run = started(database_url, CRM_FIRST_ADMIN_EMAIL="boss@example.com", CRM_FIRST_ADMIN_PASSWORD="admin")
    assert run.returncode == 3
    assert "password: A password has at least 12 characters." in run.stderr
    assert "Traceback" not in run.stderr


def test_old_schema_is_refused_in_words() -> None:
    run = started(f"sqlite:///{get_settings().data_dir / 'new.sqlite3'}")
    assert run.returncode == 3
    assert run.stderr.splitlines()[-1].startswith("The database is not at this version's schema.")
    assert "Traceback" not in run.stderr


def test_missing_database_is_refused_in_words() -> None:
    run = started("postgresql://nobody@127.0.0.1:1/none")
    assert run.returncode == 3
    assert run.stderr.splitlines()[-1].startswith("The database does not answer right now.")
