"""The worker beside a server, and as a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import pytest

from crm.api.server import lifespan
from crm.auth.actors import system_actor
from crm.db import Database
from crm.jobs import request_job
from crm.models import JobKind
from crm.settings import ROOT, get_settings
from crm.worker.beside import worker_inside
from tests.conftest import Cast
from tests.worker.test_loop import told


def ask(database: Database) -> int:
    with database.session_scope() as session:
        return request_job(session, system_actor(), JobKind.TIDY)


def test_server_does_background_work_while_it_lives(database: Database, cast: Cast) -> None:
    async def live() -> int:
        async with worker_inside():
            job_id = ask(database)
            with anyio.fail_after(20):
                while not told(database, job_id).is_over:
                    await anyio.sleep(0.01)
        return ask(database)

    assert not told(database, anyio.run(live)).is_over


def test_server_starts_and_stops_with_its_worker(database: Database, cast: Cast) -> None:
    async def live() -> None:
        with anyio.fail_after(20):
            async with lifespan(None), worker_inside():
                await anyio.sleep(0)

    anyio.run(live)
    assert [thread.name for thread in threading.enumerate() if thread.name == "worker"] == []


def test_server_leaves_background_work_to_others_when_told(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_WORKER", "outside")
    get_settings.cache_clear()

    async def live() -> int:
        async with worker_inside():
            job_id = ask(database)
            await anyio.sleep(0.2)
        return job_id

    assert not told(database, anyio.run(live)).is_over


def started(database_url: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "CRM_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "crm.worker"]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("told_to_stop", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_program_works_silently_until_told_to_stop(
    database: Database, cast: Cast, database_url: str, told_to_stop: signal.Signals
) -> None:
    job_id = ask(database)
    program = started(database_url)
    deadline = time.monotonic() + 30
    while not told(database, job_id).is_over:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    program.send_signal(told_to_stop)
    assert program.communicate(timeout=10)[1] == ""
    assert program.returncode == 0


def test_program_refuses_a_database_of_another_schema(tmp_path: Path) -> None:
    program = started(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert "schema" in program.communicate(timeout=30)[1]
    assert program.returncode == 3
