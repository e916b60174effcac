"""The worker: each job once, tried again after a failure, stopped when cancelled, given back when it must end."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.auth.jobs import JobInfo, cancel_job, load_job
from crm.clock import utc_now
from crm.db import Database, use_database
from crm.jobs import request_job
from crm.models import BackgroundJob, JobKind, JobStatus, User
from crm.worker.loop import Worker
from tests.conftest import Cast
from tests.worker.sample_work import HEAVY, LIGHT, STEPS

WAIT_SECONDS = 30


def ask(database: Database, kind: JobKind, file: Path, actor: Actor | None = None, **arguments: Any) -> int:
    with database.session_scope() as session:
        return request_job(session, actor or system_actor(), kind, file=str(file), **arguments)


def told(database: Database, job_id: int) -> JobInfo:
    with database.read_scope() as session:
        return load_job(session, system_actor(), job_id)


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def do_all(worker: Worker) -> None:
    while worker.round():
        assert worker.wait_until_idle(WAIT_SECONDS)


def wait_until_done(database: Database, job_id: int, steps: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while told(database, job_id).done < steps:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for(file: Path, line: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while line not in lines(file):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_job_is_done_once_by_who_asked_and_leaves_its_result(database: Database, cast: Cast, tmp_path: Path) -> None:
    job_id = ask(database, JobKind.TIDY, tmp_path / "file", cast.boris)
    worker = Worker(database, LIGHT, ())
    do_all(worker)
    do_all(worker)
    job = told(database, job_id)
    assert (job.status, job.result, job.error, job.tries) == (JobStatus.DONE, {"greeted": "Boris"}, None, 1)
    assert (job.done, job.total, job.is_over) == (1, 1, True)
    assert lines(tmp_path / "file") == ["hello Boris"]


def test_two_workers_share_many_jobs_and_do_none_twice(database: Database, tmp_path: Path) -> None:
    with database.session_scope() as session:
        for number in range(30):
            request_job(session, system_actor(), JobKind.TIDY, file=str(tmp_path / f"{number}"))
    workers = [Worker(database, LIGHT, (), poll_seconds=0.02) for _ in range(2)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with database.read_scope() as session:
            found = session.execute(select(BackgroundJob.status, BackgroundJob.attempts)).all()
        if all(status is JobStatus.DONE for status, _ in found):
            break
        time.sleep(0.02)
    for worker in workers:
        worker.stop()
    assert set(found) == {(JobStatus.DONE, 1)}
    assert [lines(tmp_path / f"{number}") for number in range(30)] == [["hello system"]] * 30


def test_failing_job_is_tried_again_later_and_later_and_then_fails(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = ask(database, JobKind.DUE_LINKS, tmp_path / "file")
    worker = Worker(database, LIGHT, ())
    waits = []
    for tries in (1, 2):
        do_all(worker)
        job = told(database, job_id)
        assert (job.status, job.error, job.tries) == (JobStatus.QUEUED, "job_broke", tries)
        with database.session_scope() as session:
            waits.append((session.scalars(select(BackgroundJob.run_at)).one() - utc_now()).total_seconds())
            session.execute(update(BackgroundJob).values(run_at=utc_now()))
    do_all(worker)
    job = told(database, job_id)
    assert (job.status, job.error, job.tries, job.is_over) == (JobStatus.FAILED, "job_broke", 3, True)
    assert waits == [pytest.approx(60, abs=2), pytest.approx(120, abs=2)]
    assert lines(tmp_path / "file") == ["try"] * 3
    assert sum(record.exc_info is not None for record in caplog.records) == 3
    assert "swordfish" not in str(job)  # what the error says is for the log alone


def test_refused_job_is_not_tried_again(database: Database, cast: Cast, tmp_path: Path) -> None:
    job_id = ask(database, JobKind.TIDY, tmp_path / "file", cast.anna)
    with database.session_scope() as session:
        session.execute(update(User).where(User.id == cast.anna.user_id).values(is_active=False))
    do_all(Worker(database, LIGHT, ()))
    job = told(database, job_id)
    assert (job.status, job.error, job.tries) == (JobStatus.FAILED, "not_found", 1)
    assert lines(tmp_path / "file") == []


@pytest.mark.parametrize("jobs", [LIGHT, HEAVY], ids=["light", "heavy"])
def test_cancelled_job_stops_in_the_middle(database: Database, tmp_path: Path, jobs: Any) -> None:
    file = tmp_path / "file"
    job_id = ask(database, JobKind.SCAN_BASE, file, hold_at=2, go=str(tmp_path / "go"))
    worker = Worker(database, jobs, ())
    worker.round()
    wait_for(file, "step 1")
    with database.session_scope() as session:
        assert cancel_job(session, system_actor(), job_id) is JobStatus.RUNNING
    assert worker.wait_until_idle(WAIT_SECONDS)
    job = told(database, job_id)
    assert (job.status, job.error, job.done, job.total) == (JobStatus.CANCELLED, None, 2, STEPS)
    assert lines(file) == ["step 0", "step 1"]
    do_all(worker)
    assert lines(file) == ["step 0", "step 1"]


def test_heavy_job_runs_in_a_process_of_its_own(database: Database, tmp_path: Path) -> None:
    job_id = ask(database, JobKind.SCAN_BASE, tmp_path / "file")
    do_all(Worker(database, HEAVY, ()))
    job = told(database, job_id)
    assert job.status is JobStatus.DONE
    assert job.result is not None
    assert job.result["process"] != os.getpid()


def test_process_killed_at_its_work_counts_as_a_try(database: Database, tmp_path: Path) -> None:
    job_id = ask(database, JobKind.DUE_LINKS, tmp_path / "file")
    worker = Worker(database, HEAVY, ())
    do_all(worker)
    assert (told(database, job_id).status, told(database, job_id).error) == (JobStatus.QUEUED, "worker_lost")
    with database.session_scope() as session:
        session.execute(update(BackgroundJob).values(run_at=utc_now()))
    do_all(worker)
    assert (told(database, job_id).status, told(database, job_id).error) == (JobStatus.FAILED, "worker_lost")
    assert lines(tmp_path / "file") == ["try", "try"]


@pytest.mark.parametrize("jobs", [LIGHT, HEAVY], ids=["light", "heavy"])
def test_stopping_worker_gives_its_job_back_and_the_next_goes_on(database: Database, tmp_path: Path, jobs: Any) -> None:
    file = tmp_path / "file"
    job_id = ask(database, JobKind.SCAN_BASE, file, hold_at=2, go=str(tmp_path / "go"))
    first = Worker(database, jobs, ())
    first.start()
    wait_until_done(database, job_id, 2)
    began = time.monotonic()
    first.stop()
    assert time.monotonic() - began < 5
    job = told(database, job_id)
    assert (job.status, job.tries, job.error) == (JobStatus.QUEUED, 0, None)
    (tmp_path / "go").touch()
    do_all(Worker(database, jobs, ()))
    assert told(database, job_id).status is JobStatus.DONE
    assert lines(file) == [f"step {step}" for step in range(STEPS)]


def test_job_lost_with_its_workers_too_often_fails(database: Database, tmp_path: Path) -> None:
    job_id = ask(database, JobKind.TIDY, tmp_path / "file")
    with database.session_scope() as session:
        lost = {"status": JobStatus.RUNNING, "held_by": "dead", "held_until": utc_now() - timedelta(seconds=1)}
        session.execute(update(BackgroundJob).values(**lost, attempts=3))
    do_all(Worker(database, LIGHT, ()))
    assert (told(database, job_id).status, told(database, job_id).error) == (JobStatus.FAILED, "worker_lost")
    assert lines(tmp_path / "file") == []


def test_job_lost_after_it_was_cancelled_is_cancelled(database: Database, tmp_path: Path) -> None:
    job_id = ask(database, JobKind.TIDY, tmp_path / "file")
    with database.session_scope() as session:
        lost = {"status": JobStatus.RUNNING, "held_by": "dead", "held_until": utc_now() - timedelta(seconds=1)}
        session.execute(update(BackgroundJob).values(**lost, cancel_requested_at=utc_now()))
    do_all(Worker(database, LIGHT, ()))
    assert told(database, job_id).status is JobStatus.CANCELLED
    assert lines(tmp_path / "file") == []


def test_job_held_by_a_living_worker_and_one_of_unknown_kind_are_left_alone(database: Database, tmp_path: Path) -> None:
    held, unknown = (ask(database, kind, tmp_path / "file") for kind in (JobKind.TIDY, JobKind.MATCH_CHANGED))
    with database.session_scope() as session:
        job = session.get_one(BackgroundJob, held)
        job.status, job.held_by, job.held_until = JobStatus.RUNNING, "other", utc_now() + timedelta(seconds=5)
    assert Worker(database, LIGHT, ()).round() == 0
    assert told(database, unknown).status is JobStatus.QUEUED


def test_worker_outlives_a_database_that_does_not_answer(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("crm.worker.loop.TROUBLE_SECONDS", 0.02)
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    job_id = ask(database, JobKind.TIDY, tmp_path / "file")
    worker = Worker(gone, LIGHT, ())
    worker.start()
    deadline = time.monotonic() + WAIT_SECONDS
    while not any("does not answer" in record.message for record in caplog.records):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    worker._database = database
    worker._clockwork._database = database
    wait_for(tmp_path / "file", "hello system")
    worker.stop()
    gone.close()
    assert told(database, job_id).is_over
    use_database(database)
