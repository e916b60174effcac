"""What the clock starts, and when nothing is started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.db import Database
from crm.jobs.clockwork import Every
from crm.models import BackgroundJob, JobKind, JobStatus, LinkRun, LinkTrigger
from crm.worker.kinds import JOBS
from crm.worker.loop import Worker
from crm.worker.schedules import SCHEDULES, Clockwork, Schedule
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, children, lose
from tests.factories import add_deal, add_pipeline

SATURDAY = datetime(2026, 3, 7, 12, tzinfo=UTC)


def kinds(database: Database) -> list[str]:
    with database.read_scope() as session:
        return sorted(session.scalars(select(BackgroundJob.kind)))


def finish_all(database: Database) -> None:
    with database.session_scope() as session:
        session.execute(update(BackgroundJob).values(status=JobStatus.DONE))


def test_every_schedule_has_its_work() -> None:
    assert {one.kind for one in SCHEDULES} <= set(JOBS)
    assert len({one.kind for one in SCHEDULES}) == len(SCHEDULES)


def test_nothing_is_started_before_the_set_up_nor_at_the_first_look(database: Database) -> None:
    assert Clockwork(database, SCHEDULES).look(SATURDAY) == 0


def test_week_away_is_caught_up_once(database: Database, cast: Cast) -> None:
    assert Clockwork(database, SCHEDULES).look(SATURDAY) == 0
    later = SATURDAY + timedelta(days=7)
    clockwork = Clockwork(database, SCHEDULES)
    started = clockwork.look(later)
    assert kinds(database).count("tidy") == kinds(database).count("lint_pipelines") == 1
    finish_all(database)
    assert clockwork.look(later) == Clockwork(database, SCHEDULES).look(later + timedelta(seconds=5)) == 0
    assert len(kinds(database)) == started


def test_schedule_that_breaks_does_not_keep_others_from_their_work(
    database: Database, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_session: Session) -> bool:
        raise ValueError("no such column")

    schedules = (Schedule(JobKind.DUE_LINKS, Every(60), broken), Schedule(JobKind.MATCH_CHANGED, Every(60)))
    assert Clockwork(database, schedules).look(SATURDAY) == 1
    assert kinds(database) == ["match_changed"]
    assert "schedule due_links could not be looked at" in caplog.text
    assert "no such column" in caplog.text


def test_work_that_is_not_over_is_not_started_again(database: Database, cast: Cast) -> None:
    clockwork = Clockwork(database, SCHEDULES)
    for day in range(4):
        clockwork.look(SATURDAY + timedelta(days=day))
    assert kinds(database).count("tidy") == 1


def test_due_links_are_done_within_the_minute_and_leave_no_job_when_there_are_none(
    database: Database, cast: Cast
) -> None:
    clockwork = Clockwork(database, SCHEDULES)
    clockwork.look(utc_now())
    assert kinds(database) == []
    with database.session_scope() as session:
        sales, refusals = add_pipeline(session), add_pipeline(session, "Refusals")
        add_link(session, sales, refusals, trigger=LinkTrigger.LOST, delay_seconds=DAY_SECONDS)
        deal_id = add_deal(session, cast.anna, sales)
        lose(session, cast.anna, deal_id, sales)
        session.execute(update(LinkRun).values(due_at=utc_now() - timedelta(seconds=1)))
    clockwork.look(utc_now() + timedelta(minutes=1))
    assert kinds(database) == [JobKind.DUE_LINKS]
    worker = Worker(database, schedules=())
    worker.round()
    assert worker.wait_until_idle(30)
    with database.read_scope() as session:
        job = session.scalars(select(BackgroundJob)).one()
        assert (job.status, job.result) == (JobStatus.DONE, {"done": 1, "failed": 0})
        assert len(children(session, deal_id)) == 1
