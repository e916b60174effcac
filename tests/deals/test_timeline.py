"""The timeline: both sources in one order, page by page, nothing lost or repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from crm.deals.activities import add_activity
from crm.deals.moves import Move, move_deal
from crm.deals.timeline import TimelineItem, load_timeline
from crm.duplicates.merging import merge_records
from crm.errors import NotFound
from crm.models import Activity, ActivityKind, Channel, Direction, EntityType, Event
from tests.conftest import Cast
from tests.factories import PipelineRows, add_deal

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def pages(session: Session, cast: Cast, deal_id: int, limit: int) -> list[list[TimelineItem]]:
    found: list[list[TimelineItem]] = []
    before = None
    while True:
        page = load_timeline(session, cast.anna, deal_id, limit=limit, before=before)
        if not page:
            return found
        assert len(found) < 100
        found.append(page)
        before = page[-1].place


def happen(session: Session, cast: Cast, deal_id: int, instants: list[datetime]) -> None:
    """Insert an event and a note at each instant, in the given order."""
    for number, at in enumerate(instants):
        session.add(
            Event(
                at=at, kind="deal.edited", entity="deal", entity_id=deal_id, deal_id=deal_id,
                actor_id=cast.boris.user_id, channel=Channel.IMPORT, details={"number": number},
            )
        )  # fmt: skip
        session.add(Activity(deal_id=deal_id, kind=ActivityKind.NOTE, text=f"Note {number}", at=at))
        session.flush()


def test_new_deal_has_an_empty_timeline(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    assert load_timeline(session, cast.anna, add_deal(session, cast.anna, pipeline)) == []


def test_timeline_tells_who_did_what_newest_first(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    happen(session, cast, deal_id, [NOON])
    add_activity(session, cast.anna, deal_id=deal_id, kind=ActivityKind.CALL, text="Asked", direction=Direction.IN)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1]))
    items = load_timeline(session, cast.anna, deal_id)
    assert [(item.event_kind, item.activity_kind, item.author) for item in items] == [
        ("deal.moved", None, "Anna"),
        (None, ActivityKind.CALL, "Anna"),
        ("deal.edited", None, "Boris"),
        (None, ActivityKind.NOTE, None),
    ]
    moved, called, edited, noted = items
    assert (moved.channel, moved.details["to_stage"], moved.text) == (Channel.UI, "Need found", "")
    assert (called.direction, called.text, called.channel) == (Direction.IN, "Asked", None)
    assert (edited.channel, edited.details, edited.at) == (Channel.IMPORT, {"number": 0}, NOON)
    assert (noted.text, noted.details) == ("Note 0", {})


def test_timeline_is_of_one_visible_deal(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id, other = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    happen(session, cast, other, [NOON])
    assert load_timeline(session, cast.anna, deal_id) == []
    for stranger in (cast.anton, cast.dina):
        with pytest.raises(NotFound):
            load_timeline(session, stranger, deal_id)
    with pytest.raises(NotFound):
        load_timeline(session, cast.vera, 999)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 100])
def test_paging_loses_and_repeats_nothing(session: Session, cast: Cast, pipeline: PipelineRows, limit: int) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    hour = timedelta(hours=1)
    # An import writes history after today's events, and many things happen in one second.
    happen(session, cast, deal_id, [NOON, NOON, NOON, NOON - hour, NOON, NOON + hour, NOON - hour, NOON])
    whole = load_timeline(session, cast.anna, deal_id, limit=100)
    assert len(whole) == 16
    assert [item.place for item in whole] == sorted((item.place for item in whole), reverse=True)
    found = pages(session, cast, deal_id, limit)
    assert [item for page in found for item in page] == whole
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)


def test_what_happens_while_reading_does_not_shift_the_next_page(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    happen(session, cast, deal_id, [NOON + timedelta(seconds=n) for n in range(4)])
    whole = load_timeline(session, cast.anna, deal_id)
    first = load_timeline(session, cast.anna, deal_id, limit=3)
    happen(session, cast, deal_id, [NOON + timedelta(hours=1)])
    assert first + load_timeline(session, cast.anna, deal_id, before=first[-1].place) == whole


def test_what_a_merge_moved_is_read_for_pages_with_activities_alone(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    first, second, third = (add_deal(session, cast.anna, pipeline) for _ in range(3))
    happen(session, cast, first, [NOON])
    happen(session, cast, second, [NOON + timedelta(hours=1)])
    for survivor, merged in ((second, first), (third, second)):
        merge_records(session, cast.vera, entity_type=EntityType.DEAL, survivor_id=survivor, merged_id=merged)
    old = Event(
        at=NOON - timedelta(days=1), kind="deal.edited", entity="deal", entity_id=first, deal_id=first,
        channel=Channel.IMPORT, details={},
    )  # fmt: skip
    session.add(old)
    session.flush()
    said: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *given: said.append(given[2]))
    *newer, oldest = load_timeline(session, cast.anna, third)
    assert [item.merged_deal_id for item in newer if item.activity_kind] == [second, first]
    assert sum("moved" in one for one in said) == 1
    said.clear()
    assert load_timeline(session, cast.anna, third, before=(NOON - timedelta(hours=1), "e9")) == [oldest]
    assert sum("moved" in one for one in said) == 0
