"""Links set off by several people, and done by several processes, at the same time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.auto_deals import fire_links
from crm.deals.due_links import perform_run
from crm.deals.link_runs import cancel_link_run, postpone_link_run
from crm.deals.locking import hold_linked_pipelines
from crm.deals.moves import Move, win_deal
from crm.models import Deal, LinkRun, LinkRunStatus, LinkTrigger
from crm.pipelines.link_values import LinkPlan
from crm.pipelines.links import create_link
from tests.conftest import Cast
from tests.deals.interleaving import Job, at_once, interleaved
from tests.deals.linking import DAY_SECONDS, add_link, children, lose, runs
from tests.factories import PipelineRows, add_company, add_deal, add_pipeline


def orders(database: Database) -> range:
    """Return before which statements the first is stopped: on SQLite the second waits for its end wherever it is."""
    return range(1, 200, 20 if database.is_sqlite else 1)


def ripe_deals(
    database: Database, cast: Cast, number: int, name: str = ""
) -> tuple[PipelineRows, PipelineRows, list[int]]:
    """Commit two linked pipelines and deals of one client that can be won."""
    with database.session_scope() as session:
        sales, base = add_pipeline(session, f"Sales {name}"), add_pipeline(session, f"Base {name}")
        add_link(session, sales, base)
        company_id = add_company(session, cast.anna)
        deals = [add_deal(session, cast.anna, sales, 3, company_id=company_id) for _ in range(number)]
    return sales, base, deals


def winning(cast: Cast, deal_id: int) -> Job:
    return lambda session: win_deal(session, cast.boris, deal_id=deal_id, move=Move(0))


def firing(cast: Cast, deal_id: int) -> Job:
    def fire(session) -> None:  # type: ignore[no-untyped-def]
        hold_linked_pipelines(session, deal_id)
        fire_links(session, cast.anna, session.get_one(Deal, deal_id), LinkTrigger.WON)

    return fire


def born(database: Database, deals: list[int]) -> int:
    with database.read_scope() as session:
        return session.scalar(select(func.count()).where(Deal.origin_deal_id.in_(deals)).select_from(Deal)) or 0


def test_a_double_firing_creates_one_deal(database: Database, cast: Cast) -> None:
    _sales, _base, deals = ripe_deals(database, cast, 1)
    with database.session_scope() as session:
        session.execute(update(Deal).where(Deal.id == deals[0]).values(status=1))
    assert at_once(database, *[firing(cast, deals[0])] * 6) == ["done"] * 6
    assert born(database, deals) == 1
    with database.read_scope() as session:
        assert [run.status for run in runs(session)] == [LinkRunStatus.CREATED]


def test_one_deal_won_by_two_creates_one_deal_in_every_order(database: Database, cast: Cast) -> None:
    for pause_at in orders(database):
        _sales, _base, deals = ripe_deals(database, cast, 1, str(pause_at))
        outcome = interleaved(database, winning(cast, deals[0]), winning(cast, deals[0]), pause_at)
        if outcome is None:
            break
        assert sorted(outcome) == ["StageRulesBroken", "done"]
        assert born(database, deals) == 1


def test_two_deals_of_one_client_won_at_once_create_one_deal_and_a_note_in_every_order(
    database: Database, cast: Cast
) -> None:
    for pause_at in orders(database):
        _sales, _base, deals = ripe_deals(database, cast, 2, str(pause_at))
        outcome = interleaved(database, winning(cast, deals[0]), winning(cast, deals[1]), pause_at)
        if outcome is None:
            break
        assert outcome == ("done", "done")
        assert born(database, deals) == 1
        with database.read_scope() as session:
            found = select(LinkRun.status).where(LinkRun.deal_id.in_(deals))
            assert sorted(session.scalars(found)) == [LinkRunStatus.CREATED, LinkRunStatus.NOTED]


@pytest.mark.parametrize("rival", ["perform", "cancel", "postpone"])
def test_a_due_return_is_done_once_or_not_at_all_in_every_order(database: Database, cast: Cast, rival: str) -> None:
    due = utc_now() + timedelta(days=2)
    jobs: dict[str, Job] = {}
    for pause_at in orders(database):
        with database.session_scope() as session:
            sales = add_pipeline(session, f"Sales {pause_at}")
            base = add_pipeline(session, f"Base {pause_at}")
            link_id = add_link(session, sales, base, trigger=LinkTrigger.LOST, delay_seconds=DAY_SECONDS)
            deal_id = add_deal(session, cast.anna, sales)
            lose(session, cast.anna, deal_id, sales)
            run_id = session.scalars(select(LinkRun.id).where(LinkRun.link_id == link_id)).one()
        jobs["perform"] = lambda session, run_id=run_id: perform_run(session, system_actor(), run_id=run_id, now=due)
        jobs["cancel"] = lambda session, run_id=run_id: cancel_link_run(session, cast.anna, run_id=run_id)
        jobs["postpone"] = lambda session, run_id=run_id: postpone_link_run(
            session, cast.anna, run_id=run_id, due_at=due + timedelta(days=9)
        )
        outcome = interleaved(database, jobs["perform"], jobs[rival], pause_at)
        if outcome is None:
            break
        assert outcome[0] == "done"
        assert outcome[1] == "done" if rival == "perform" else outcome[1] in {"done", "InvalidInput"}
        with database.read_scope() as session:
            status = session.get_one(LinkRun, run_id).status
            count = len(children(session, deal_id))
        assert (status, count) in {
            (LinkRunStatus.CREATED, 1), (LinkRunStatus.SKIPPED, 0), (LinkRunStatus.WAITING, 0),
        }  # fmt: skip
        assert (status is LinkRunStatus.CREATED) == (outcome[1] == "InvalidInput" or rival == "perform")


def test_a_link_made_while_a_deal_is_won_never_waits_in_a_ring(database: Database, cast: Cast) -> None:
    for pause_at in orders(database):
        # The target is older than the source: its lock comes first, and the deal's own pipeline last.
        with database.session_scope() as session:
            base, sales = add_pipeline(session, f"Base {pause_at}"), add_pipeline(session, f"Sales {pause_at}")
            add_link(session, sales, base)
            deal_id = add_deal(session, cast.anna, sales, 3)

        def linking(session, sales=sales, base=base) -> None:  # type: ignore[no-untyped-def]
            plan = LinkPlan(sales.id, LinkTrigger.LOST, base.id)
            create_link(session, cast.vera, plan=plan)

        outcome = interleaved(database, winning(cast, deal_id), linking, pause_at)
        if outcome is None:
            break
        assert outcome == ("done", "done")


def test_two_administrators_cannot_close_a_loop_without_a_brake(database: Database, cast: Cast) -> None:
    for pause_at in orders(database):
        with database.session_scope() as session:
            one, two = add_pipeline(session, f"One {pause_at}"), add_pipeline(session, f"Two {pause_at}")
        there, back = LinkPlan(one.id, LinkTrigger.WON, two.id), LinkPlan(two.id, LinkTrigger.WON, one.id)
        outcome = interleaved(
            database,
            lambda session, plan=there: create_link(session, cast.vera, plan=plan),
            lambda session, plan=back: create_link(session, cast.vera, plan=plan),
            pause_at,
        )
        if outcome is None:
            break
        assert sorted(outcome) == ["InvalidInput", "done"]
