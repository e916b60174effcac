"""Every kind of work there is, done by a real worker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crm.auth.actors import system_actor
from crm.auth.jobs import load_job
from crm.clock import utc_now
from crm.db import Database
from crm.jobs import request_job
from crm.models import JobKind, JobStatus, MatchPair, UserSession
from crm.worker.kinds import JOBS
from crm.worker.loop import Worker
from crm.worker.schedules import SCHEDULES
from tests.conftest import Cast
from tests.factories import add_contact


def test_every_kind_is_known_to_the_worker() -> None:
    assert set(JOBS) == set(JobKind)


@pytest.mark.parametrize("kind", [one.kind for one in SCHEDULES], ids=str)
def test_work_of_the_clock_is_done_on_a_small_base(database: Database, cast: Cast, kind: JobKind) -> None:
    with database.session_scope() as session:
        for name in ("Sergey Petrov", "Petrov Sergey"):
            add_contact(session, cast.anna, name, phone="+79162041853")
        job_id = request_job(session, system_actor(), kind)
    worker = Worker(database, schedules=())
    worker.round()
    assert worker.wait_until_idle(60)
    with database.read_scope() as session:
        job = load_job(session, cast.vera, job_id)
        pairs = session.scalar(select(func.count()).select_from(MatchPair))
    assert (job.status, job.error) == (JobStatus.DONE, None)
    if kind is JobKind.SCAN_BASE:
        assert pairs == 1


def test_tidying_ends_sessions_that_ran_out(database: Database, cast: Cast) -> None:
    now = utc_now()
    with database.session_scope() as session:
        for number, days in enumerate((1, 31)):
            seen = now - timedelta(days=days, hours=1)
            session.add(
                UserSession(
                    token_hash=f"{number:064}", user_id=cast.anna.user_id, created_at=seen,
                    last_seen_at=now, address="", user_agent="",
                )
            )  # fmt: skip
        job_id = request_job(session, system_actor(), JobKind.TIDY)
    worker = Worker(database, schedules=())
    worker.round()
    assert worker.wait_until_idle(30)
    with database.read_scope() as session:
        assert load_job(session, cast.vera, job_id).result == {"sessions": 1, "jobs": 0}
        assert session.scalars(select(UserSession.token_hash)).all() == [f"{0:064}"]
