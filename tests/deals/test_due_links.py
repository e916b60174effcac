"""Returns that wait for their day: done then and only once, put off, called off, or dropped with a reason."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.due_links import RETRY_AFTER, DueReport, due_run_ids, perform_run, run_due_links
from crm.deals.link_runs import (
    Firing,
    WaitingRun,
    cancel_link_run,
    firing_counts,
    last_firings,
    postpone_link_run,
    waiting_runs,
)
from crm.deals.mass_closing import close_stage_as_lost
from crm.deals.moves import Move, lose_deal, move_deal
from crm.deals.values import LossAnswer, StepPlan
from crm.errors import Forbidden, InvalidInput, NotFound
from crm.models import (
    Deal,
    DealStatus,
    LinkKind,
    LinkRun,
    LinkRunStatus,
    LinkTrigger,
    NextStep,
    Pipeline,
    PipelineLink,
    StepKind,
    Workspace,
)
from crm.pipelines.links import switch_link_off
from crm.pipelines.reads import load_pipeline
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, children, events_of, lose, only_child, runs
from tests.factories import PipelineRows, add_company, add_deal, add_pipeline
from tests.refusals import refused

LATER = timedelta(days=90)


@pytest.fixture
def refusals(session: Session) -> PipelineRows:
    """Insert "Refusals" with two open stages."""
    return add_pipeline(session, "Refusals", ["Reason checked", "Offer renewed"])


@pytest.fixture
def link(session: Session, pipeline: PipelineRows, refusals: PipelineRows) -> int:
    """Link lost deals to "Refusals", 90 days later."""
    return add_link(session, pipeline, refusals, trigger=LinkTrigger.LOST, kind=LinkKind.REFUSAL_WORK,
                    delay_seconds=90 * DAY_SECONDS)  # fmt: skip


@pytest.fixture
def lost(session: Session, cast: Cast, pipeline: PipelineRows, link: int) -> int:
    """Lose a deal of Anna's; its return waits."""
    deal_id = add_deal(session, cast.anna, pipeline, company_id=add_company(session, cast.anna))
    lose(session, cast.anna, deal_id, pipeline)
    return deal_id


def do_due(session: Session) -> list[bool]:
    now = utc_now() + LATER
    ids = due_run_ids(session, system_actor(), now=now, limit=10)
    return [perform_run(session, system_actor(), run_id=one, now=now) for one in ids]


def test_a_delayed_link_waits_and_is_done_on_its_day_with_a_step_in_the_future(
    session: Session, cast: Cast, lost: int, refusals: PipelineRows
) -> None:
    assert children(session, lost) == []
    (run,) = runs(session)
    assert (run.status, run.due_at) == (LinkRunStatus.WAITING, run.created_at + LATER)
    assert due_run_ids(session, system_actor(), now=utc_now(), limit=10) == []
    assert perform_run(session, system_actor(), run_id=run.id, now=utc_now()) is False
    assert do_due(session) == [True]
    child = only_child(session, lost)
    assert (child.pipeline_id, child.owner_id, child.status) == (refusals.id, cast.anna.user_id, DealStatus.OPEN)
    step = session.scalars(select(NextStep).where(NextStep.deal_id == child.id)).one()
    zone = ZoneInfo(session.get_one(Workspace, 1).timezone)
    began, due = child.created_at.astimezone(zone), step.due_at.astimezone(zone)
    assert (due.date(), due.time()) == (began.date() + timedelta(days=1), time(10))
    (run,) = runs(session)
    assert (run.status, run.child_deal_id) == (LinkRunStatus.CREATED, child.id)
    assert do_due(session) == []


def test_what_waits_is_seen_on_the_deal_by_those_who_see_it(session: Session, cast: Cast, lost: int) -> None:
    (run,) = runs(session)
    expected = [WaitingRun(run.id, LinkKind.REFUSAL_WORK, "Refusals", run.due_at)]
    assert waiting_runs(session, cast.anna, lost) == expected
    assert waiting_runs(session, cast.dina, lost) == []
    assert events_of(session, lost)[-1][0] == "deal.link_waiting"


def test_a_return_can_be_put_off_and_comes_on_its_new_day(session: Session, cast: Cast, lost: int) -> None:
    (run,) = runs(session)
    postpone_link_run(session, cast.anna, run_id=run.id, due_at=utc_now() + timedelta(days=200))
    assert do_due(session) == []
    postpone_link_run(session, cast.boris, run_id=run.id, due_at=utc_now() + timedelta(days=1))
    assert do_due(session) == [True]
    told = [details for kind, details in events_of(session, lost) if kind == "deal.link_postponed"]
    assert len(told) == 2
    assert told[0]["before"] < told[0]["after"]


def test_a_return_that_is_called_off_never_comes(session: Session, cast: Cast, lost: int) -> None:
    (run,) = runs(session)
    cancel_link_run(session, cast.anna, run_id=run.id)
    assert do_due(session) == []
    assert [(run.status, run.reason) for run in runs(session)] == [(LinkRunStatus.SKIPPED, "cancelled")]
    assert events_of(session, lost)[-1][1]["reason_code"] == "cancelled"
    with refused(session, InvalidInput) as refusal:
        cancel_link_run(session, cast.anna, run_id=run.id)
    assert refusal.codes == ["link_run_done"]
    with refused(session, InvalidInput) as refusal:
        postpone_link_run(session, cast.anna, run_id=run.id, due_at=utc_now() + LATER)
    assert refusal.codes == ["link_run_done"]


@pytest.mark.parametrize("days", [-1, 0, 2000])
def test_a_return_is_never_put_into_the_past_or_too_far(session: Session, cast: Cast, lost: int, days: int) -> None:
    (run,) = runs(session)
    with refused(session, InvalidInput) as refusal:
        postpone_link_run(session, cast.anna, run_id=run.id, due_at=utc_now() + timedelta(days=days))
    assert refusal.told == [("link_due_invalid", "due_at")]


def test_returns_of_hidden_deals_are_not_found(session: Session, cast: Cast, lost: int) -> None:
    (run,) = runs(session)
    for run_id in (run.id, 999):
        with refused(session, NotFound):
            cancel_link_run(session, cast.dina, run_id=run_id)
        with refused(session, NotFound):
            postpone_link_run(session, cast.dina, run_id=run_id, due_at=utc_now() + LATER)


@pytest.mark.parametrize("reason", ["link_off", "deal_removed", "deal_taken_up", "target_closed"])
def test_a_return_whose_ground_is_gone_is_dropped_with_the_reason(
    session: Session, cast: Cast, lost: int, link: int, refusals: PipelineRows, reason: str
) -> None:
    deal = session.get_one(Deal, lost)
    if reason == "link_off":
        switch_link_off(session, cast.vera, link_id=link, expected_version=1)
    elif reason == "deal_removed":
        deal.status = DealStatus.REMOVED
    elif reason == "deal_taken_up":
        deal.status = DealStatus.OPEN
    else:
        session.get_one(Pipeline, refusals.id).is_archived = True
    session.flush()
    assert do_due(session) == [True]
    assert children(session, lost) == []
    assert [(run.status, run.reason) for run in runs(session)] == [(LinkRunStatus.SKIPPED, reason)]


def take_up(session: Session, cast: Cast, deal_id: int, pipeline: PipelineRows) -> None:
    step = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1))
    move = Move(pipeline.stages[0], next_step=step, override_reason="The client called")
    move_deal(session, cast.boris, deal_id=deal_id, move=move)


def wait_again(session: Session) -> None:
    for run in runs(session):
        run.status, run.reason, run.done_at = LinkRunStatus.WAITING, None, None
    session.flush()


def close_as_test(session: Session, cast: Cast, deal_id: int, pipeline: PipelineRows) -> None:
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[2], "")))


def test_taking_a_deal_up_calls_the_return_of_its_loss_off_but_not_that_of_its_stage(
    session: Session, cast: Cast, pipeline: PipelineRows, refusals: PipelineRows, link: int
) -> None:
    add_link(session, pipeline, refusals, trigger=LinkTrigger.STAGE, from_stage_id=pipeline.stages[1],
             delay_seconds=DAY_SECONDS)  # fmt: skip
    deal_id = add_deal(session, cast.anna, pipeline)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1]))
    lose(session, cast.anna, deal_id, pipeline)
    take_up(session, cast, deal_id, pipeline)
    assert [(run.status, run.reason) for run in runs(session)] == [
        (LinkRunStatus.WAITING, None), (LinkRunStatus.SKIPPED, "deal_taken_up"),
    ]  # fmt: skip
    assert len(waiting_runs(session, cast.anna, deal_id)) == 1
    told = [kind for kind, _details in events_of(session, deal_id)][-3:]
    assert told.index("deal.reopened") < told.index("deal.link_skipped")


@pytest.mark.parametrize("told_at_once", [True, False])
def test_a_deal_lost_again_as_a_duplicate_does_not_come_back_for_its_first_loss(
    session: Session, cast: Cast, pipeline: PipelineRows, lost: int, told_at_once: bool
) -> None:
    take_up(session, cast, lost, pipeline)
    if not told_at_once:  # as after an import, which writes history and calls nothing off
        wait_again(session)
    close_as_test(session, cast, lost, pipeline)
    assert do_due(session) == [True] * (not told_at_once)
    assert children(session, lost) == []
    assert [(run.status, run.reason) for run in runs(session)] == [(LinkRunStatus.SKIPPED, "deal_taken_up")]


@pytest.mark.parametrize("told_at_once", [True, False])
def test_a_deal_lost_twice_comes_back_once_for_its_last_loss(
    session: Session, cast: Cast, pipeline: PipelineRows, lost: int, told_at_once: bool
) -> None:
    take_up(session, cast, lost, pipeline)
    if not told_at_once:
        wait_again(session)
    lose(session, cast.anna, lost, pipeline)
    assert do_due(session) == [True] * (1 if told_at_once else 2)
    assert len(children(session, lost)) == 1
    assert [(run.status, run.reason) for run in runs(session)] == [
        (LinkRunStatus.SKIPPED, "deal_taken_up"), (LinkRunStatus.CREATED, None),
    ]  # fmt: skip


def test_a_deal_closed_as_a_duplicate_no_longer_follows_the_link_of_its_stage(
    session: Session, cast: Cast, pipeline: PipelineRows, refusals: PipelineRows
) -> None:
    add_link(session, pipeline, refusals, trigger=LinkTrigger.STAGE, from_stage_id=pipeline.stages[1],
             delay_seconds=DAY_SECONDS)  # fmt: skip
    for close in (close_as_test, lambda session, cast, deal_id, pipeline: lose(session, cast.anna, deal_id, pipeline)):
        deal_id = add_deal(session, cast.anna, pipeline)
        move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1]))
        close(session, cast, deal_id, pipeline)
    assert do_due(session) == [True, True]
    assert [(run.status, run.reason) for run in runs(session)] == [
        (LinkRunStatus.SKIPPED, "nobody_lost"), (LinkRunStatus.CREATED, None),
    ]  # fmt: skip


def test_two_returns_of_one_client_make_one_deal_and_a_note(
    session: Session, cast: Cast, pipeline: PipelineRows, lost: int
) -> None:
    again = add_deal(session, cast.anna, pipeline, company_id=session.get_one(Deal, lost).company_id)
    lose(session, cast.anna, again, pipeline)
    assert do_due(session) == [True, True]
    assert [run.status for run in runs(session)] == [LinkRunStatus.CREATED, LinkRunStatus.NOTED]
    assert (len(children(session, lost)), len(children(session, again))) == (1, 0)


@pytest.fixture
def resting(session: Session, cast: Cast, pipeline: PipelineRows, refusals: PipelineRows) -> tuple[int, Deal]:
    """Lose two deals of a company whose returns rest 30 days; the first one's deal is there and lost again."""
    add_link(session, pipeline, refusals, trigger=LinkTrigger.LOST, delay_seconds=DAY_SECONDS,
             cooldown_seconds=30 * DAY_SECONDS)  # fmt: skip
    company_id = add_company(session, cast.anna)
    first, second = (add_deal(session, cast.anna, pipeline, company_id=company_id) for _ in range(2))
    for one in (first, second):
        lose(session, cast.anna, one, pipeline)
    earlier, _later = runs(session)
    perform_run(session, system_actor(), run_id=earlier.id, now=earlier.due_at)
    child = only_child(session, first)
    lose(session, cast.anna, child.id, refusals)
    return second, child


def test_a_return_that_is_due_while_the_client_rests_goes_on_waiting(
    session: Session, cast: Cast, resting: tuple[int, Deal]
) -> None:
    second, child = resting
    run = runs(session)[-1]
    assert perform_run(session, system_actor(), run_id=run.id, now=child.created_at + timedelta(days=1)) is False
    run = runs(session)[-1]
    rested_at = child.created_at + timedelta(days=30)
    assert (run.status, run.done_at, run.due_at) == (LinkRunStatus.WAITING, None, rested_at)
    assert children(session, second) == []
    assert events_of(session, second)[-1][0] == "deal.link_waiting"
    assert perform_run(session, system_actor(), run_id=run.id, now=rested_at) is True
    assert len(children(session, second)) == 1


def test_a_return_is_not_put_before_the_end_of_the_pause(
    session: Session, cast: Cast, resting: tuple[int, Deal]
) -> None:
    run = runs(session)[-1]
    rested_at = resting[1].created_at + timedelta(days=30)
    with refused(session, InvalidInput) as refusal:
        postpone_link_run(session, cast.anna, run_id=run.id, due_at=rested_at - timedelta(seconds=1))
    assert refusal.told == [("link_due_in_pause", "due_at")]
    postpone_link_run(session, cast.anna, run_id=run.id, due_at=rested_at)
    assert runs(session)[-1].due_at == rested_at


def break_firing(session: Session, run: LinkRun, link_id: int) -> None:
    """Give a firing a link of its own whose conditions nobody can read."""
    link = session.get_one(PipelineLink, link_id)
    columns = [column.name for column in PipelineLink.__table__.columns if column.name != "id"]
    copy = PipelineLink(**{name: getattr(link, name) for name in columns})
    copy.conditions = [{"field": "amount", "op": "unheard of", "value": 1}]
    session.add(copy)
    session.flush()
    run.link_id = copy.id


def test_one_firing_that_breaks_stops_no_other(
    database: Database, session: Session, cast: Cast, pipeline: PipelineRows, link: int, lost: int
) -> None:
    second = add_deal(session, cast.anna, pipeline, title="Pipes")
    lose(session, cast.anna, second, pipeline)
    break_firing(session, session.scalars(select(LinkRun).where(LinkRun.deal_id == lost)).one(), link)
    session.commit()
    report = run_due_links(database, system_actor(), now=utc_now() + LATER)
    assert report == DueReport(done=1, failed=1)
    with database.read_scope() as reading:
        assert [run.status for run in runs(reading)] == [LinkRunStatus.WAITING, LinkRunStatus.CREATED]


def test_firings_that_always_break_let_the_others_by_and_are_tried_again(
    database: Database, session: Session, cast: Cast, pipeline: PipelineRows, link: int
) -> None:
    for _ in range(3):
        lose(session, cast.anna, add_deal(session, cast.anna, pipeline), pipeline)
    for run in runs(session)[:2]:
        break_firing(session, run, link)
    session.commit()
    now = utc_now() + LATER
    assert run_due_links(database, system_actor(), now=now, limit=2) == DueReport(done=0, failed=2)
    assert run_due_links(database, system_actor(), now=now, limit=2) == DueReport(done=1, failed=0)
    with database.read_scope() as reading:
        waiting = [(run.status, run.due_at, run.done_at) for run in runs(reading)[:2]]
    assert waiting == [(LinkRunStatus.WAITING, now + RETRY_AFTER, None)] * 2
    assert run_due_links(database, system_actor(), now=now + RETRY_AFTER, limit=2) == DueReport(done=0, failed=2)


def test_only_the_system_and_administrators_do_due_links(session: Session, cast: Cast, lost: int) -> None:
    for actor in (cast.anna, cast.boris):
        with refused(session, Forbidden):
            due_run_ids(session, actor, now=utc_now() + LATER, limit=1)
        with refused(session, Forbidden):
            perform_run(session, actor, run_id=1, now=utc_now() + LATER)


def test_firings_of_a_link_are_counted_and_listed_newest_first(
    session: Session, cast: Cast, pipeline: PipelineRows, link: int, lost: int
) -> None:
    do_due(session)
    second = add_deal(session, cast.anna, pipeline, title="Pipes")
    lose(session, cast.anna, second, pipeline)
    assert firing_counts(session, cast.vera) == {link: {LinkRunStatus.CREATED: 1, LinkRunStatus.WAITING: 1}}
    newest, oldest = last_firings(session, cast.vera, link)
    assert (newest.status, newest.deal_title, newest.child_id) == (LinkRunStatus.WAITING, "Pipes", None)
    child = only_child(session, lost)
    assert isinstance(oldest, Firing)
    assert (oldest.deal_id, oldest.child_id, oldest.child_title) == (lost, child.id, "Metal sheet")
    assert len(last_firings(session, cast.vera, link, limit=1)) == 1


@pytest.mark.parametrize(("reason", "waiting"), [(0, 2), (2, 0)], ids=["price", "duplicate or test"])
def test_a_stage_closed_at_once_sets_its_links_off_unless_nobody_was_lost(
    session: Session, cast: Cast, pipeline: PipelineRows, link: int, reason: int, waiting: int
) -> None:
    for _ in range(2):
        add_deal(session, cast.anna, pipeline)
    info = load_pipeline(session, pipeline.id)
    why = next(one for one in info.loss_reasons if one.id == pipeline.reasons[reason])
    count = close_stage_as_lost(
        session, cast.vera, pipeline=info, stage=info.open_stages[0], reason=why, note="", now=utc_now()
    )
    assert count == 2
    assert [run.status for run in runs(session)] == [LinkRunStatus.WAITING] * waiting


def test_removed_deals_are_neither_named_nor_counted_among_the_firings(
    session: Session, cast: Cast, pipeline: PipelineRows, link: int, lost: int
) -> None:
    do_due(session)
    second = add_deal(session, cast.anna, pipeline, title="Pipes")
    lose(session, cast.anna, second, pipeline)
    only_child(session, lost).status = DealStatus.REMOVED
    session.get_one(Deal, second).status = DealStatus.REMOVED
    session.flush()
    (firing,) = last_firings(session, cast.vera, link)
    assert (firing.deal_id, firing.status) == (lost, LinkRunStatus.CREATED)
    assert (firing.child_id, firing.child_title) == (None, None)
    assert firing_counts(session, cast.vera) == {link: {LinkRunStatus.CREATED: 1}}
