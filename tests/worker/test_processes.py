"""Workers as processes: one is killed in the middle, and another goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from crm.clock import utc_now
from crm.db import Database
from crm.jobs.clockwork import Nightly
from crm.models import BackgroundJob, JobKind, JobSchedule, JobStatus
from crm.settings import ROOT
from tests.conftest import Cast
from tests.worker.sample_work import STEPS
from tests.worker.test_loop import ask, lines, told, wait_until_done

StartWorker = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start_worker(database_url: str) -> Iterator[StartWorker]:
    """Return `start_worker(name of a set of work)`: a worker process on the test's database."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.worker.worker_process", database_url, name]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
    # One that has only begun to start dies of the signal.
    assert {process.wait(10) for process in started} <= {0, -signal.SIGTERM, -signal.SIGKILL}


def wait_until_over(database: Database, job_id: int) -> None:
    deadline = time.monotonic() + 30
    while not told(database, job_id).is_over:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("work", ["light", "heavy"])
def test_killed_worker_leaves_its_job_to_the_next_which_goes_on(
    database: Database, tmp_path: Path, start_worker: StartWorker, work: str
) -> None:
    file = tmp_path / "file"
    job_id = ask(database, JobKind.SCAN_BASE, file, hold_at=3, go=str(tmp_path / "go"))
    first = start_worker(work)
    wait_until_done(database, job_id, 3)
    second = start_worker(work)
    first.kill()
    first.wait()
    deadline = time.monotonic() + 30
    while told(database, job_id).tries == 1:  # until the second has taken it over
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (tmp_path / "go").touch()
    wait_until_over(database, job_id)
    job = told(database, job_id)
    assert (job.status, job.tries, job.done, job.total) == (JobStatus.DONE, 2, STEPS, STEPS)
    assert lines(file) == [f"step {step}" for step in range(STEPS)]
    assert second.poll() is None


def test_night_comes_once_for_two_workers(
    database: Database, cast: Cast, tmp_path: Path, start_worker: StartWorker
) -> None:
    night = Nightly(5).moment(utc_now(), "Europe/Moscow")
    with database.session_scope() as session:
        session.add(JobSchedule(kind=JobKind.TIDY, fired_for=night.replace(year=night.year - 1)))
    first, _second = start_worker("clock"), start_worker("clock")
    deadline = time.monotonic() + 30
    found: list[BackgroundJob] = []
    while not found or found[0].finished_at is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        with database.read_scope() as session:
            found = list(session.scalars(select(BackgroundJob)))
    first.terminate()
    first.wait(10)
    # Only the second is left to do this; it has looked at the clock before.
    wait_until_over(database, ask(database, JobKind.SCAN_BASE, tmp_path / "file"))
    with database.read_scope() as session:
        assert session.get_one(JobSchedule, JobKind.TIDY).fired_for == night
        assert sorted(session.scalars(select(BackgroundJob.kind))) == ["scan_base", "tidy"]
