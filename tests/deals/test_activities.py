"""Notes, calls, messages and meetings."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.activities import TEXT_LIMIT, add_activity
from crm.errors import InvalidInput, NotFound
from crm.models import Activity, ActivityKind, Deal, Direction, Event
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal
from tests.refusals import refused


def test_activity_of_every_kind_is_kept(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    before = utc_now()
    for kind, direction in product(ActivityKind, [None, *Direction]):
        activity_id = add_activity(
            session, cast.anna, deal_id=deal_id, kind=kind, text=" Asked\r\nabout\tsheet \u202e", direction=direction
        )
        row = session.get_one(Activity, activity_id)
        assert (row.kind, row.direction, row.text) == (kind, direction, "Asked\nabout\tsheet")
        assert (row.deal_id, row.author_id) == (deal_id, cast.anna.user_id)
        assert before <= row.at <= utc_now()
    event = session.scalars(select(Event).order_by(Event.id).limit(1)).one()
    assert (event.kind, event.entity, event.deal_id) == ("activity.added", "activity", deal_id)
    assert event.details == {"activity_kind": "note"}
    assert session.get_one(Deal, deal_id).version == 1


def test_note_is_added_to_a_closed_deal(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline)
    add_activity(session, cast.anna, deal_id=deal_id, kind=ActivityKind.NOTE, text="x" * TEXT_LIMIT)
    assert len(session.scalars(select(Activity.text)).one()) == TEXT_LIMIT


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "value_required"),
        (" \n\u200b\t ", "value_required"),
        ("x" * (TEXT_LIMIT + 1), "text_too_long"),
        ("a\x00b", "text_unreadable"),
        ("a\ud800b", "text_unreadable"),
    ],
    ids=["empty", "blank", "long", "nul", "surrogate"],
)
def test_text_that_can_not_be_kept_is_refused(
    session: Session, cast: Cast, pipeline: PipelineRows, text: str, code: str
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    with refused(session, InvalidInput) as refusal:
        add_activity(session, cast.anna, deal_id=deal_id, kind=ActivityKind.NOTE, text=text)
    assert refusal.told == [(code, "text")]


def test_hidden_deal_takes_no_note(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    for stranger in (cast.anton, cast.dina):
        with refused(session, NotFound):
            add_activity(session, stranger, deal_id=deal_id, kind=ActivityKind.NOTE, text="Hello")
    with refused(session, NotFound):
        add_activity(session, cast.vera, deal_id=999, kind=ActivityKind.NOTE, text="Hello")
    add_activity(session, cast.boris, deal_id=deal_id, kind=ActivityKind.NOTE, text="Hello")
