"""What working code holds of its job."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from crm.auth.actors import system_actor
from crm.auth.jobs import cancel_job
from crm.clock import utc_now
from crm.db import Database
from crm.jobs import JobStopped, LooseRun, request_job
from crm.jobs.claims import claim_job
from crm.jobs.run import HeldRun, Stop
from crm.models import BackgroundJob, Event, JobKind
from tests.conftest import Cast


def held(database: Database, stopping: bool = False) -> HeldRun:
    with database.session_scope() as session:
        request_job(session, system_actor(), JobKind.SCAN_BASE)
    now = utc_now()
    with database.session_scope() as session:
        claim = claim_job(session, worker="me", kinds={"scan_base"}, now=now, held_until=now + timedelta(minutes=1))
    assert claim is not None
    return HeldRun(
        database, job_id=claim.job_id, held_by=claim.held_by, state=claim.state, is_stopping=lambda: stopping
    )


def told(database: Database) -> tuple[int, int | None, dict[str, object]]:
    with database.read_scope() as session:
        job = session.scalars(select(BackgroundJob)).one()
        return job.done, job.total, job.state


def taken_over(database: Database) -> None:
    with database.session_scope() as session:
        session.execute(update(BackgroundJob).values(held_by="another"))


def test_report_tells_progress_and_keeps_the_state(database: Database) -> None:
    run = held(database)
    run.report(1, 10)
    assert told(database) == (1, 10, {})
    run.report(2, 10)  # too soon after the first
    assert told(database) == (1, 10, {})
    run.report(3, state={"after": 7})
    assert told(database) == (3, 10, {"after": 7})
    run.report(10, 10)
    assert told(database) == (10, 10, {"after": 7})
    assert run.state == {"after": 7}


def test_mark_stands_or_falls_with_the_work(database: Database) -> None:
    run = held(database)
    with suppress(ZeroDivisionError), database.session_scope() as session:
        run.mark(session, 5, state={"after": 5})
        raise ZeroDivisionError
    assert told(database) == (0, None, {})
    with database.session_scope() as session:
        run.mark(session, 5, 6, state={"after": 5})
    assert told(database) == (5, 6, {"after": 5})


def test_cancelled_job_stops_at_the_next_report(database: Database, cast: Cast) -> None:
    run = held(database)
    assert not run.is_cancelled()
    with database.session_scope() as session:
        cancel_job(session, cast.vera, session.scalars(select(BackgroundJob.id)).one())
    with pytest.raises(JobStopped) as stopped:
        run.report(4, state={"after": 4})
    assert stopped.value.reason is Stop.CANCELLED
    assert told(database)[2] == {"after": 4}


def test_job_taken_over_by_another_worker_changes_nothing_any_more(database: Database) -> None:
    run = held(database)
    taken_over(database)
    with pytest.raises(JobStopped) as stopped:
        run.report(4, state={"after": 4})
    assert stopped.value.reason is Stop.LOST
    with suppress(JobStopped), database.session_scope() as session:
        session.add(Event(at=utc_now(), kind="x", entity="x", channel="system", details={}))
        run.mark(session, 4)
    assert told(database) == (0, None, {})
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0
    assert run.is_cancelled()
    assert run.ended_for is Stop.LOST


def test_stopping_worker_takes_its_job_back_after_the_report(database: Database) -> None:
    run = held(database, stopping=True)
    with pytest.raises(JobStopped) as stopped:
        run.report(4, state={"after": 4})
    assert stopped.value.reason is Stop.GIVEN_BACK
    assert told(database)[2] == {"after": 4}
    assert run.is_cancelled()


def test_loose_run_tells_its_progress_to_whoever_listens(database: Database) -> None:
    heard: list[tuple[int, int | None]] = []
    run = LooseRun(lambda done, total: heard.append((done, total)))
    run.report(1, 2)
    with database.read_scope() as session:
        run.mark(session, 2, 2, state={"after": 2})
    assert heard == [(1, 2), (2, 2)]
    assert run.state == {"after": 2}
    assert not run.is_cancelled()
