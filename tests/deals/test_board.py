"""The board: columns, counts, sums, filters, order, closing zones, and who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.contacts.search_index import rebuild_search
from crm.deals.board import (
    Board,
    BoardFilter,
    BoardSort,
    StepState,
    Total,
    board_sources,
    end_of_day,
    load_board,
    step_state,
)
from crm.errors import NotFound
from crm.models import DealContact, Priority, Stage, VisitOutcome
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_company, add_contact, add_deal, add_pipeline
from tests.stopped_clock import StopClock

NOW = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)  # 23:30 in Moscow
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def cards(board: Board) -> list[list[int]]:
    return [[card.id for card in column.cards] for column in board.columns]


def shown(session: Session, cast: Cast, pipeline: PipelineRows, **narrowed: Any) -> set[int]:
    """Return the deals on Vera's board under a filter, having checked that the counts say the same."""
    board = load_board(session, cast.vera, BoardFilter(pipeline.id, **narrowed))
    found = cards(board)
    assert [column.total.count for column in board.columns] == [len(ids) for ids in found]
    return {deal_id for ids in found for deal_id in ids}


# Columns, counts, sums


def test_empty_board_has_every_open_stage(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    board = load_board(session, cast.anna, BoardFilter(pipeline.id))
    assert [column.stage.name for column in board.columns] == [
        "Contact made", "Need found", "Offer sent", "Invoice issued"
    ]  # fmt: skip
    assert [(column.total, column.cards) for column in board.columns] == [(Total(0, {}), ())] * 4
    assert (board.won, board.lost) == (Total(0, {}), Total(0, {}))
    with pytest.raises(NotFound):
        load_board(session, cast.anna, BoardFilter(999))


def test_columns_count_and_sum_by_currency(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    for stage, amount, currency in ((0, 100, "RUB"), (0, 250, "RUB"), (0, 7, "EUR"), (0, None, "USD"), (2, 0, "RUB")):
        add_deal(session, cast.anna, pipeline, stage, amount_minor=amount, currency=currency)
    add_deal(session, cast.anna, add_pipeline(session, name="Returns"), amount_minor=5000)
    add_closed_deal(session, cast.anna, pipeline, amount_minor=5000)
    board = load_board(session, cast.anna, BoardFilter(pipeline.id))
    assert [column.total for column in board.columns] == [
        Total(4, {"RUB": 350, "EUR": 7}), Total(0, {}), Total(1, {}), Total(0, {})
    ]  # fmt: skip


def test_card_tells_deal_client_owner_and_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    company, person = add_company(session, cast.anna, "Mir LLC"), add_contact(session, cast.anna, "Olga")
    entered = utc_now() - 3 * DAY
    with_company = add_deal(
        session, cast.anna, pipeline, company_id=company, title="Pipes", amount_minor=5, priority=Priority.HOT,
        stage_entered_at=entered, version=4,
    )  # fmt: skip
    with_person, alone = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline, due_in=None)
    for deal_id, position in ((with_company, 0), (with_person, 0)):
        session.add(DealContact(deal_id=deal_id, contact_id=person, position=position))
    session.flush()
    found = {card.id: card for card in load_board(session, cast.boris, BoardFilter(pipeline.id)).columns[0].cards}
    card = found[with_company]
    assert (card.title, card.client, card.owner_id, card.owner_name) == ("Pipes", "Mir LLC", cast.anna.user_id, "Anna")
    assert (card.amount_minor, card.currency, card.priority, card.version) == (5, "RUB", Priority.HOT, 4)
    assert (card.stage_entered_at, card.step_state) == (entered, StepState.LATER)
    assert (found[with_person].client, found[alone].client) == ("Olga", None)
    assert (found[alone].next_due_at, found[alone].step_state) == (None, StepState.NONE)


def test_retired_stage_has_no_column(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    session.get_one(Stage, pipeline.stages[1]).retired_at = utc_now()
    session.flush()
    board = load_board(session, cast.anna, BoardFilter(pipeline.id))
    assert [column.stage.id for column in board.columns] == [pipeline.stages[number] for number in (0, 2, 3)]


# Order and "more"


def test_cards_without_a_step_lead_then_the_nearest_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    later = add_deal(session, cast.anna, pipeline, due_in=9 * DAY, priority=Priority.HOT)
    none = add_deal(session, cast.anna, pipeline, due_in=None, priority=Priority.COLD)
    overdue = add_deal(session, cast.anna, pipeline, due_in=-DAY, priority=Priority.WARM)
    hot = add_deal(session, cast.anna, pipeline, due_in=None, priority=Priority.HOT)
    cold = add_deal(session, cast.anna, pipeline, due_in=HOUR, priority=Priority.COLD)
    by_step = load_board(session, cast.anna, BoardFilter(pipeline.id))
    assert cards(by_step)[0] == [none, hot, overdue, cold, later]
    by_heat = load_board(session, cast.anna, BoardFilter(pipeline.id, sort=BoardSort.HOT_FIRST))
    assert cards(by_heat)[0] == [hot, later, overdue, none, cold]


def test_column_shows_its_first_cards_and_more_on_demand(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    ids = [add_deal(session, cast.anna, pipeline, due_in=number * HOUR) for number in range(1, 56)]
    second = [add_deal(session, cast.anna, pipeline, 1, due_in=number * HOUR) for number in range(1, 53)]
    board = load_board(session, cast.anna, BoardFilter(pipeline.id))
    assert cards(board) == [ids[:50], second[:50], [], []]
    assert [column.total.count for column in board.columns] == [55, 52, 0, 0]
    assert board.columns[0].total.sums == {"RUB": 55 * 32_000_000}
    more: Mapping[int, int] = {pipeline.stages[0]: 100}
    wider = load_board(session, cast.anna, BoardFilter(pipeline.id, shown=more))
    assert cards(wider) == [ids, second[:50], [], []]
    fewer = load_board(session, cast.anna, BoardFilter(pipeline.id, shown={pipeline.stages[1]: 2}))
    assert cards(fewer)[1] == second[:2]


# Step states


def test_step_states_turn_at_now_and_at_midnight() -> None:
    midnight = end_of_day(NOW, "Europe/Moscow")
    assert midnight == datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert step_state(None, NOW, midnight) is StepState.NONE
    assert step_state(NOW - second, NOW, midnight) is StepState.OVERDUE
    assert step_state(NOW, NOW, midnight) is StepState.TODAY
    assert step_state(midnight - second, NOW, midnight) is StepState.TODAY
    assert step_state(midnight, NOW, midnight) is StepState.LATER


@pytest.mark.parametrize(
    ("zone", "now", "ends"),
    [
        ("UTC", "2026-03-02T20:30Z", "2026-03-03T00:00Z"),
        ("Asia/Vladivostok", "2026-03-02T20:30Z", "2026-03-03T14:00Z"),
        ("America/New_York", "2026-03-08T05:30Z", "2026-03-09T04:00Z"),  # 23 hours long
        ("America/New_York", "2026-11-01T04:30Z", "2026-11-02T05:00Z"),  # 25 hours long
        ("Asia/Kolkata", "2026-03-02T18:29Z", "2026-03-02T18:30Z"),
    ],
)
def test_day_ends_at_midnight_of_the_zone(zone: str, now: str, ends: str) -> None:
    assert end_of_day(datetime.fromisoformat(now), zone) == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    ("zone", "states"),
    [("Europe/Moscow", ["overdue", "today", "later", "later"]), ("UTC", ["overdue", "today", "today", "later"])],
)
def test_card_states_are_of_the_readers_zone(
    session: Session, cast: Cast, pipeline: PipelineRows, stop_clock: StopClock, zone: str, states: list[str]
) -> None:
    stop_clock(NOW)
    for due_in in (-HOUR, timedelta(minutes=20), HOUR, 5 * HOUR):
        add_deal(session, cast.anna, pipeline, due_in=due_in)
    reader = replace(cast.anna, timezone=zone)
    column = load_board(session, reader, BoardFilter(pipeline.id)).columns[0]
    assert [card.step_state.value for card in column.cards] == states
    for state in StepState:
        board = load_board(session, reader, BoardFilter(pipeline.id, step_states=frozenset({state})))
        assert board.columns[0].total.count == states.count(state.value)


# Filters


@pytest.fixture
def crowd(session: Session, cast: Cast, pipeline: PipelineRows) -> dict[str, int]:
    """Insert deals of several owners, priorities, sources, steps and clients."""
    mir = add_company(session, cast.anna, "Mir LLC")
    olga = add_contact(session, cast.anna, "Olga Smirnova", phone="+79161234567")
    deals = {
        "anna": add_deal(session, cast.anna, pipeline, priority=Priority.HOT, source="Site", title="Copper pipes"),
        "anton": add_deal(session, cast.anton, pipeline, 1, source="Call", company_id=mir, due_in=None),
        "boris": add_deal(session, cast.boris, pipeline, 2, priority=Priority.COLD, source="Site", due_in=-DAY),
        "dina": add_deal(session, cast.dina, pipeline, 2, priority=Priority.HOT, due_in=9 * DAY),
    }
    session.add(DealContact(deal_id=deals["dina"], contact_id=olga, position=0))
    session.flush()
    rebuild_search(session)
    return deals


def test_each_filter_narrows_cards_and_counts(
    session: Session, cast: Cast, pipeline: PipelineRows, crowd: dict[str, int]
) -> None:
    def named(**narrowed: Any) -> set[str]:
        found = shown(session, cast, pipeline, **narrowed)
        return {name for name, deal_id in crowd.items() if deal_id in found}

    people = frozenset({cast.anna.user_id, cast.dina.user_id})
    assert named() == set(crowd)
    assert named(owner_ids=people) == {"anna", "dina"}
    assert named(priorities=frozenset({Priority.HOT})) == {"anna", "dina"}
    assert named(priorities=frozenset({Priority.WARM, Priority.COLD})) == {"anton", "boris"}
    assert named(sources=frozenset({"Site"})) == {"anna", "boris"}
    assert named(sources=frozenset({"Site", "Call"})) == {"anna", "anton", "boris"}
    assert named(step_states=frozenset({StepState.NONE})) == {"anton"}
    assert named(step_states=frozenset({StepState.OVERDUE, StepState.LATER})) >= {"boris", "dina"}
    assert named(text="  ") == set(crowd)
    assert named(text="copper") == {"anna"}
    assert named(text="MIR") == {"anton"}
    assert named(text="smirnova") == {"dina"}
    assert named(text="8 916 123-45-67") == {"dina"}
    assert named(text="nothing of the kind") == set()


def test_filters_narrow_together(session: Session, cast: Cast, pipeline: PipelineRows, crowd: dict[str, int]) -> None:
    hot = frozenset({Priority.HOT})
    assert shown(session, cast, pipeline, priorities=hot, sources=frozenset({"Site"})) == {crowd["anna"]}
    assert shown(session, cast, pipeline, priorities=hot, text="smirnova") == {crowd["dina"]}
    assert shown(session, cast, pipeline, priorities=hot, text="mir") == set()
    everything: dict[str, Any] = {
        "owner_ids": frozenset({cast.boris.user_id}),
        "priorities": frozenset({Priority.COLD}),
        "sources": frozenset({"Site"}),
        "step_states": frozenset({StepState.OVERDUE}),
        "text": "metal",
        "sort": BoardSort.HOT_FIRST,
    }
    assert shown(session, cast, pipeline, **everything) == {crowd["boris"]}


@pytest.mark.parametrize("text", ["'", '"', "%", "_", "* OR", "NEAR(", "a AND", "\\", "()", "\u0000", "x" * 5000, "🙂"])
def test_text_filter_takes_anything_typed(
    session: Session, cast: Cast, pipeline: PipelineRows, crowd: dict[str, int], text: str
) -> None:
    assert shown(session, cast, pipeline, text=text) <= set(crowd.values())


def test_board_sources_are_those_of_visible_open_deals(
    session: Session, cast: Cast, pipeline: PipelineRows, crowd: dict[str, int]
) -> None:
    add_closed_deal(session, cast.anna, pipeline, source="Fair")
    add_deal(session, cast.anna, add_pipeline(session, name="Returns"), source="Letter")
    assert board_sources(session, cast.vera, pipeline.id) == ["Call", "Site"]
    assert board_sources(session, cast.anton, pipeline.id) == ["Call"]
    assert board_sources(session, cast.dina, pipeline.id) == []


# Who sees what


def test_board_shows_own_team_or_all(
    session: Session, cast: Cast, pipeline: PipelineRows, crowd: dict[str, int]
) -> None:
    for won in (cast.anna, cast.anton, cast.dina):
        add_closed_deal(session, won, pipeline)
    seen = {
        "anna": {"anna"},
        "anton": {"anton"},
        "boris": {"anna", "anton", "boris"},
        "dina": {"dina"},
        "vera": set(crowd),
    }
    closed = {"anna": 1, "anton": 1, "boris": 2, "dina": 1, "vera": 3}
    for name, names in seen.items():
        actor = getattr(cast, name)
        board = load_board(session, actor, BoardFilter(pipeline.id))
        assert {one for ids in cards(board) for one in ids} == {crowd[one] for one in names}
        assert sum(column.total.count for column in board.columns) == len(names)
        assert board.won.count == closed[name]
        other = load_board(session, actor, BoardFilter(pipeline.id, owner_ids=frozenset({cast.dina.user_id or 0})))
        assert sum(column.total.count for column in other.columns) == int("dina" in names)


# Closing zones


@pytest.mark.parametrize(
    ("zone", "counted"),
    [("Europe/Moscow", 2), ("UTC", 1), ("Pacific/Honolulu", 3)],
)
def test_closing_zones_count_this_month_of_the_readers_zone(
    session: Session, cast: Cast, pipeline: PipelineRows, stop_clock: StopClock, zone: str, counted: int
) -> None:
    # In Honolulu it is still February; in Moscow March began three hours before UTC's.
    now = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
    stop_clock(now)
    begun: dict[str, Any] = {"created_at": now - 60 * DAY}
    for hours in (1, 6, 20):
        add_closed_deal(session, cast.anna, pipeline, closed_at=now - hours * HOUR, amount_minor=100, **begun)
    add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST, closed_at=now - 40 * DAY, **begun)
    board = load_board(session, replace(cast.anna, timezone=zone), BoardFilter(pipeline.id))
    assert board.won == Total(counted, {"RUB": 100 * counted})
    assert board.lost == Total(0, {})


def test_closing_zones_follow_the_filters_but_not_the_steps(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    add_closed_deal(session, cast.anna, pipeline, priority=Priority.HOT, source="Site", amount_minor=1)
    add_closed_deal(session, cast.anton, pipeline, VisitOutcome.LOST, amount_minor=2, currency="EUR")
    add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST, title="Copper pipes", amount_minor=4)
    add_closed_deal(session, cast.anna, add_pipeline(session, name="Returns"))
    rebuild_search(session)

    def zones(**narrowed: Any) -> tuple[Total, Total]:
        board = load_board(session, cast.boris, BoardFilter(pipeline.id, **narrowed))
        return board.won, board.lost

    won, nothing = Total(1, {"RUB": 1}), Total(0, {})
    assert zones() == (won, Total(2, {"EUR": 2, "RUB": 4}))
    assert zones(step_states=frozenset({StepState.NONE})) == zones()
    assert zones(priorities=frozenset({Priority.HOT})) == (won, nothing)
    assert zones(sources=frozenset({"Site"})) == (won, nothing)
    assert zones(owner_ids=frozenset({cast.anton.user_id or 0})) == (nothing, Total(1, {"EUR": 2}))
    assert zones(text="copper") == (nothing, Total(1, {"RUB": 4}))
