"""Paths of whole pipelines: asked for, done by a worker in parts, gone on with after a break."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.cli.run import main
from crm.db import Database
from crm.deals import retracing
from crm.deals.retiring import retire_stage
from crm.deals.retracing import retrace_base, stale_paths
from crm.errors import Forbidden
from crm.jobs import JobStopped, LooseRun, request_job_after
from crm.jobs.run import Stop
from crm.models import BackgroundJob, JobKind, JobStatus, Stage, StageReach, VisitOutcome
from crm.pipelines.commands import add_stage, reorder_stages
from crm.pipelines.fields import ReasonPlan, edit_loss_reason
from crm.pipelines.stage_plans import StagePlan
from crm.worker.loop import Worker
from tests.conftest import Cast
from tests.factories import add_closed_deal, add_deal, add_pipeline

SYSTEM = system_actor()


class BreakingRun(LooseRun):
    """Stops at its second mark, as a worker that is told to."""

    marks = 0

    def mark(
        self, session: Session, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None
    ) -> None:
        self.marks += 1
        if self.marks == 2:
            raise JobStopped(Stop.GIVEN_BACK)
        super().mark(session, done, total, state=state)


def count_of(database: Database) -> int:
    with database.read_scope() as session:
        return len(session.execute(select(StageReach.deal_id)).all())


def test_retrace_goes_on_where_it_was_stopped(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retracing, "DEALS_AT_ONCE", 2)
    with database.session_scope() as session:
        rows = add_pipeline(session)
        for _ in range(5):
            add_deal(session, cast.anna, rows)
        session.execute(delete(StageReach))
    run = BreakingRun()
    with pytest.raises(JobStopped):
        retrace_base(database, SYSTEM, run, {})
    assert (count_of(database), run.state["done"]) == (2, 2)
    again = LooseRun()
    again.state = run.state
    assert retrace_base(database, SYSTEM, again, {}) == {"deals": 5}
    assert count_of(database) == 5


def test_retrace_of_one_pipeline_leaves_the_others(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        first, second = add_pipeline(session), add_pipeline(session, "Other")
        for rows in (first, second):
            add_deal(session, cast.anna, rows)
        session.execute(delete(StageReach))
    assert retrace_base(database, SYSTEM, LooseRun(), {"pipeline_id": second.id}) == {"deals": 1}
    with database.read_scope() as session:
        assert session.scalars(select(StageReach.pipeline_id)).all() == [second.id]


def _done(database: Database) -> None:
    worker = Worker(database, schedules=())
    worker.round()
    assert worker.wait_until_idle(60)


def test_redesign_and_a_reason_that_is_no_loss_are_retraced_by_a_worker(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        rows = add_pipeline(session)
        won = add_closed_deal(session, cast.anna, rows)
        add_closed_deal(session, cast.anna, rows, VisitOutcome.LOST)
        empty = add_pipeline(session, "Empty")
        add_stage(session, cast.vera, pipeline_id=empty.id, expected_version=1, plan=StagePlan("Alone"))
        assert session.scalars(select(BackgroundJob)).all() == []
        made = add_stage(session, cast.vera, pipeline_id=rows.id, expected_version=1, plan=StagePlan("Delivery agreed"))
        session.get_one(Stage, made).added_at = None  # as if it had been there all along
        order = [made, *rows.stages]
        reorder_stages(session, cast.vera, pipeline_id=rows.id, expected_version=2, stage_ids=order)
        edit_loss_reason(session, cast.vera, reason_id=rows.reasons[0], plan=ReasonPlan("Price", counts_as_loss=False))
        jobs = session.scalars(select(BackgroundJob).filter_by(kind=JobKind.RETRACE.value)).all()
        assert [one.arguments for one in jobs] == [{"pipeline_id": rows.id}]
        assert stale_paths(session, cast.vera) == []  # asked for: nobody calls it broken
    _done(database)
    with database.read_scope() as session:
        assert session.scalars(select(BackgroundJob.status)).all() == [JobStatus.DONE]
        assert stale_paths(session, cast.vera) == []
        reached = session.execute(select(StageReach.deal_id, StageReach.stage_id)).all()
        assert {tuple(one) for one in reached} == {(won, one) for one in (*order, rows.won)}


def test_big_pipeline_waits_for_a_worker(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retracing, "AT_ONCE", 1)
    with database.session_scope() as session:
        rows = add_pipeline(session)
        ids = [add_deal(session, cast.anna, rows, 1) for _ in range(2)]
        retire_stage(session, cast.vera, stage_id=rows.stages[1], expected_version=1, target_stage_id=rows.stages[2])
        assert rows.stages[2] not in session.scalars(select(StageReach.stage_id)).all()
    _done(database)
    with database.read_scope() as session:
        assert stale_paths(session, cast.vera) == []
        on_target = select(StageReach.deal_id).where(StageReach.stage_id == rows.stages[2])
        assert sorted(session.scalars(on_target)) == ids


def test_job_after_a_change_is_another_one_when_the_first_has_begun(database: Database, cast: Cast) -> None:
    def ask() -> int:
        with database.session_scope() as session:
            return request_job_after(session, cast.vera, JobKind.RETRACE, unique_key="retrace.1", pipeline_id=1)

    def begin(job_id: int, **values: Any) -> None:
        with database.session_scope() as session:
            job = session.get_one(BackgroundJob, job_id)
            for name, value in values.items():
                setattr(job, name, value)

    first = ask()
    assert ask() == first
    begin(first, status=JobStatus.RUNNING)
    second = ask()
    assert second != first
    assert ask() == second
    begin(first, status=JobStatus.QUEUED, state={"after": 7})  # given back half done
    assert ask() == second


def test_check_and_retrace_on_the_command_line(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, add_pipeline(session))
        session.execute(delete(StageReach))
    assert main(["check"]) == 2
    assert f"{retracing.STALE}: 1 ({deal_id})" in capsys.readouterr().out
    assert main(["analytics", "retrace", "--pipeline", "Nowhere"]) == 1
    assert main(["analytics", "retrace", "--pipeline", "First sales"]) == 0
    assert capsys.readouterr().out == "1 deals\n"
    assert main(["check"]) == 0


def test_only_administrators_prove_the_base(session: Session, cast: Cast) -> None:
    def look(actor: Actor) -> object:
        return stale_paths(session, actor)

    assert look(cast.vera) == []
    with pytest.raises(Forbidden):
        look(cast.boris)
