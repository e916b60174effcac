"""A board narrowed by a text takes another way through the database and must arrive at the same board."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.contacts.search_index import rebuild_search
from crm.deals.board import BoardFilter, BoardSort, StepState, load_board
from crm.models import DealContact, Priority, VisitOutcome
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_company, add_contact, add_deal, add_pipeline

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
CURRENCIES = ("RUB", "RUB", "EUR", "CNY")


@pytest.mark.parametrize("sort", BoardSort)
@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("states", [frozenset(), frozenset({StepState.NONE, StepState.OVERDUE})])
def test_text_that_all_deals_have_changes_nothing(
    session: Session, cast: Cast, pipeline: PipelineRows, sort: BoardSort, more: bool, states: frozenset[StepState]
) -> None:
    _fill(session, cast, pipeline)
    shown = {pipeline.stages[0]: 65} if more else {}
    wanted: dict[str, Any] = {"sort": sort, "shown": shown, "step_states": states}
    for actor in (cast.anna, cast.boris, cast.dina, cast.vera):
        whole = load_board(session, actor, BoardFilter(pipeline.id, **wanted))
        assert load_board(session, actor, BoardFilter(pipeline.id, text="metal", **wanted)) == whole
        assert load_board(session, actor, BoardFilter(pipeline.id, text="Metal in sheets", **wanted)) == whole


def test_text_counts_each_deal_once_however_many_ways_it_is_found(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    company = add_company(session, cast.anna, "Metal")
    deal_id = add_deal(session, cast.anna, pipeline, title="Metal", company_id=company, amount_minor=7)
    for position, name in enumerate(("Ivan Metal", "Olga Metal")):
        contact_id = add_contact(session, cast.anna, name)
        session.add(DealContact(deal_id=deal_id, contact_id=contact_id, position=position))
    rebuild_search(session)
    column = load_board(session, cast.anna, BoardFilter(pipeline.id, text="metal")).columns[0]
    assert (column.total.count, column.total.sums) == (1, {"RUB": 7})
    assert [card.id for card in column.cards] == [deal_id]


def _fill(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    owners = (cast.anna, cast.anton, cast.boris, cast.dina)
    for number in range(62):
        due_in = None if number % 7 == 0 else (number % 9 - 3) * DAY - HOUR
        add_deal(
            session, owners[number // 2 % 4], pipeline, 0 if number < 58 else number % 4, due_in=due_in,
            title=f"Metal in sheets {number}", amount_minor=number * 100 or None, currency=CURRENCIES[number % 4],
            priority=Priority(number % 3),
        )  # fmt: skip
    ends = (VisitOutcome.WON, VisitOutcome.LOST)
    for number in range(6):
        long_ago = {"created_at": utc_now() - 90 * DAY, "closed_at": utc_now() - 70 * DAY} if number > 3 else {}
        add_closed_deal(
            session, owners[number % 4], pipeline, ends[number % 2], title="Metal in sheets", amount_minor=number,
            currency=CURRENCIES[number % 4], **long_ago,
        )  # fmt: skip
    add_deal(session, cast.anna, add_pipeline(session, name="Returns"), title="Metal in sheets")
    rebuild_search(session)
