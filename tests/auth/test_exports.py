"""What people take out as files is told in the journal."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.exports import note_export
from crm.errors import Forbidden
from crm.i18n.event_texts import event_sentence
from crm.models import Event
from tests.conftest import Cast


def test_journal_tells_what_was_taken_by_whom(session: Session, cast: Cast) -> None:
    note_export(session, cast.boris, name="Lost in May", file_format="xlsx", rows=12, narrowed={"period": "all"})
    told = session.scalars(select(Event).where(Event.kind == "records.exported")).one()
    assert (told.actor_id, told.details["rows"], told.details["narrowed"]) == (
        cast.boris.user_id,
        12,
        {"period": "all"},
    )
    assert event_sentence(told.kind, told.details) == "Took “Lost in May” out as XLSX, rows: 12"


def test_managers_take_nothing(session: Session, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        note_export(session, cast.anna, name="All", file_format="csv", rows=1, narrowed={})
