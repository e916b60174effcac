"""Who works on a job."""

from __future__ import annotations

import threading
from datetime import timedelta

from sqlalchemy import select, update

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database
from crm.jobs import request_job
from crm.jobs.claims import Claim, claim_job, end_job, forget_old_jobs, free_kinds, hold_on, put_back
from crm.models import BackgroundJob, JobKind, JobStatus

SCANS = {"scan_base"}
NOW = utc_now()
LATER = NOW + timedelta(seconds=30)


def ask(database: Database, *kinds: JobKind) -> list[int]:
    with database.session_scope() as session:
        ids = [request_job(session, system_actor(), kind) for kind in kinds]
        session.execute(update(BackgroundJob).values(run_at=NOW))
        return ids


def claim(database: Database, worker: str = "me", *, lone: bool = False, seconds: int = 1) -> Claim | None:
    now = NOW + timedelta(seconds=seconds)
    with database.session_scope() as session:
        return claim_job(
            session, worker=worker, kinds=SCANS, lone=SCANS if lone else (), now=now, held_until=now + (LATER - NOW)
        )


def test_oldest_job_is_taken_first_and_held_until_its_worker_is_silent(database: Database) -> None:
    first, second = ask(database, JobKind.SCAN_BASE, JobKind.SCAN_BASE)
    taken, other = claim(database), claim(database, "other")
    assert taken is not None
    assert other is not None
    assert (taken.job_id, other.job_id, taken.tries) == (first, second, 1)
    assert claim(database, "third", seconds=31) is None
    with database.session_scope() as session:
        hold_on(session, [other], held_until=LATER + timedelta(seconds=30))
    orphan = claim(database, "third", seconds=32)
    assert orphan is not None
    assert (orphan.job_id, orphan.tries) == (first, 2)
    assert claim(database, "fourth", seconds=32) is None


def test_claim_that_was_lost_changes_nothing_any_more(database: Database) -> None:
    (job_id,) = ask(database, JobKind.SCAN_BASE)
    lost = claim(database)
    present = claim(database, "other", seconds=40)
    assert lost is not None
    assert present is not None
    with database.session_scope() as session:
        hold_on(session, [lost], held_until=NOW + timedelta(days=1))
        assert not end_job(session, lost, status=JobStatus.DONE, now=NOW)
        assert not put_back(session, lost, run_at=NOW)
    with database.read_scope() as session:
        job = session.get_one(BackgroundJob, job_id)
        assert (job.status, job.held_by) == (JobStatus.RUNNING, present.held_by)
        assert job.held_until == NOW + timedelta(seconds=70)
    with database.session_scope() as session:
        assert end_job(session, present, status=JobStatus.DONE, now=NOW, result={"x": 1})


def test_job_put_back_waits_for_its_time(database: Database) -> None:
    ask(database, JobKind.SCAN_BASE)
    taken = claim(database)
    assert taken is not None
    with database.session_scope() as session:
        assert put_back(session, taken, run_at=NOW + timedelta(seconds=60), error="ValueError")
    assert claim(database, seconds=59) is None
    again = claim(database, seconds=60)
    assert again is not None
    assert again.tries == 2


def test_of_a_lone_kind_one_is_worked_on_at_a_time(database: Database) -> None:
    first, second = ask(database, JobKind.SCAN_BASE, JobKind.SCAN_BASE)
    taken = claim(database, lone=True)
    assert taken is not None
    assert claim(database, "other", lone=True) is None
    with database.read_scope() as session:
        now = NOW + timedelta(seconds=2)
        assert free_kinds(session, kinds=SCANS, lone=SCANS, now=now) == set()
        assert free_kinds(session, kinds=SCANS, lone=(), now=now) == SCANS
    with database.session_scope() as session:
        end_job(session, taken, status=JobStatus.DONE, now=NOW)
    following = claim(database, "other", lone=True)
    assert following is not None
    assert (taken.job_id, following.job_id) == (first, second)


def test_workers_that_reach_for_a_lone_kind_at_once_get_one_job(database: Database) -> None:
    ask(database, *[JobKind.SCAN_BASE] * 4)
    start, taken = threading.Barrier(4), []

    def reach(number: int) -> None:
        start.wait()
        taken.append(claim(database, f"worker {number}", lone=True))

    threads = [threading.Thread(target=reach, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in taken) == 1


def test_jobs_that_ended_long_ago_are_forgotten(database: Database) -> None:
    old, young, waiting = ask(database, *[JobKind.TIDY] * 3)
    with database.session_scope() as session:
        for job_id, days in ((old, 91), (young, 89)):
            ended = {"status": JobStatus.DONE, "finished_at": NOW - timedelta(days=days)}
            session.execute(update(BackgroundJob).where(BackgroundJob.id == job_id).values(**ended))
        assert forget_old_jobs(session, now=NOW, kept=timedelta(days=90)) == 1
        assert session.scalars(select(BackgroundJob.id).order_by(BackgroundJob.id)).all() == [young, waiting]
