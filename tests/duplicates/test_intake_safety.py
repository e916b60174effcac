"""A record that the matcher breaks on takes neither a save nor the work of the minute down."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.contacts.commands import create_contact
from crm.db import Database
from crm.duplicates import intake, match_changes
from crm.duplicates.intake import match_changed_records
from crm.duplicates.match_changes import has_changes, match_changed
from crm.jobs import LooseRun
from crm.models import Contact, EntityType, MatchEvidence, MatchPair, PairState, PointKind
from tests.conftest import Cast

PHONE = [(PointKind.PHONE, "8 916 204-18-53")]
match_saved = intake.match_saved


def settle(database: Database) -> None:
    """Let a minute pass since everything was saved."""
    with database.session_scope() as session:
        session.execute(update(MatchEvidence).values(updated_at=utc_now() - timedelta(minutes=1)))


def waiting(database: Database) -> list[int]:
    """Return whose evidence nobody has matched."""
    with database.read_scope() as session:
        return list(session.scalars(select(MatchEvidence.entity_id).where(MatchEvidence.matched_at.is_(None))))


def test_save_stands_and_is_matched_in_the_background(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(session: Session, entity_type: EntityType, ids: Iterable[int]) -> None:
        match_saved(session, entity_type, ids)
        raise ZeroDivisionError

    monkeypatch.setattr(intake, "match_saved", broken)
    with database.session_scope() as session:
        ids = [create_contact(session, cast.anna, name=name, points=PHONE) for name in ("Горелов Пётр", "Горелов П.")]
        match_changed_records(session)
    assert "saved records could not be matched" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    with database.read_scope() as session:
        assert len(session.scalars(select(Contact.id)).all()) == 2
        assert session.scalars(select(MatchPair.id)).all() == []
    assert waiting(database) == ids
    settle(database)
    assert match_changed(database, system_actor(), LooseRun(), {})["contact"] == 2
    with database.read_scope() as session:
        assert session.scalars(select(MatchPair.state)).all() == [PairState.OPEN]


def test_bad_record_is_skipped_and_told(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with database.session_scope() as session:
        names = ("Горелов Пётр", "Горелов П.", "Иванов Иван")
        good, same, bad = (create_contact(session, cast.anna, name=name, points=PHONE) for name in names)

    def breaks_on_one(session: Session, entity_type: EntityType, ids: Iterable[int]) -> None:
        if bad in ids:
            raise ZeroDivisionError
        match_saved(session, entity_type, ids)

    monkeypatch.setattr(match_changes, "match_saved", breaks_on_one)
    settle(database)
    told = match_changed(database, system_actor(), LooseRun(), {})
    assert told["skipped"] == 1
    assert told["skipped_records"] == [f"contact:{bad}"]
    assert f"can't be matched until it is saved again: contact {bad}" in caplog.text
    assert waiting(database) == []
    with database.read_scope() as session:
        assert not has_changes(session)
        assert (good, same) in session.execute(select(MatchPair.left_id, MatchPair.right_id)).all()
