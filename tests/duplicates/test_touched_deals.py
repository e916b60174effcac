"""Pairs follow the deals of their records: their value, their place, whether they belong in the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.auth.users import create_user, edit_user
from crm.clock import utc_now
from crm.contacts.commands import create_contact
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.duplicates import match_changes
from crm.duplicates.intake import match_saved
from crm.duplicates.match_changes import has_changes, match_changed
from crm.jobs import LooseRun
from crm.models import (
    Channel,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    JobSchedule,
    MatchEvidence,
    MatchPair,
    PairState,
    PointKind,
    Role,
    User,
)
from tests.conftest import Cast
from tests.factories import add_contact, add_deal, add_pipeline

ACTOR = system_actor(Channel.SYSTEM)
PHONE = "+79162401735"


def test_value_of_a_pair_follows_its_deals(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        people = [add_contact(session, cast.anna, name, phone=PHONE) for name in ("Павлова Александра", "Саша Павлова")]
        deal = add_deal(session, cast.anna, pipeline, amount_minor=500_000)
        session.add(DealContact(deal_id=deal, contact_id=people[1]))
        index_records(session, "deal", [deal])
        match_saved(session, EntityType.CONTACT, people)
        settle(session)
    rank = pair(database).rank
    assert pair(database).value_minor == 500_000
    run(database)
    assert pair(database).rank == rank
    with database.read_scope() as session:
        assert not has_changes(session)
    change(database, deal, amount_minor=900_000)
    with database.read_scope() as session:
        assert has_changes(session)
    run(database)
    assert pair(database).value_minor == 900_000
    assert pair(database).rank > rank
    change(database, deal, status=DealStatus.WON, closed_at=utc_now())
    run(database)
    assert pair(database).value_minor == 0


def test_pair_of_deals_ends_with_both_and_comes_back_with_one(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        client = add_contact(session, cast.anna, "Александра Павлова", phone=PHONE)
        deals = [add_deal(session, cast.anna, pipeline, title="Лист 2 мм, 10 т") for _ in range(2)]
        session.add_all(DealContact(deal_id=deal, contact_id=client) for deal in deals)
        index_records(session, "deal", deals)
        match_saved(session, EntityType.DEAL, deals)
        settle(session)
    assert pair(database).state is PairState.OPEN
    for deal in deals:
        change(database, deal, status=DealStatus.WON, closed_at=utc_now())
    run(database)
    assert pair(database).state is PairState.GONE
    change(database, deals[0], status=DealStatus.OPEN, closed_at=None, stage_entered_at=utc_now())
    run(database)
    assert pair(database).state is PairState.OPEN


def test_record_with_a_users_mailbox_is_read_anew_when_it_becomes_our_own_and_when_not(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_changes, "_SETTLED", timedelta(seconds=-2))
    with database.session_scope() as session:
        contact = create_contact(session, cast.anna, name="Иван", points=[(PointKind.EMAIL, "ivan@stal-i-lom.ru")])
        other = create_contact(session, cast.anna, name="Пётр", points=[(PointKind.EMAIL, "petr@prokat.ru")])
    run(database)
    was = evidence(database, other)
    with database.session_scope() as session:
        user_id = create_user(
            session, cast.vera, email="ivan@stal-i-lom.ru", name="Ivan", role=Role.MANAGER, team_id=None, now=utc_now()
        )
    run(database)
    assert "own_user" in evidence(database, contact)
    assert evidence(database, other) == was
    with database.session_scope() as session:
        edit_user(
            session, cast.vera, user_id, expected_version=session.get_one(User, user_id).version,
            email="ivan@prokat.ru", name="Ivan", team_id=None,
        )  # fmt: skip
    run(database)
    assert "own_user" not in evidence(database, contact)
    assert "own_user" in evidence(database, other)


def settle(session: Session) -> None:
    """Let a minute pass since everything was saved and found."""
    before = utc_now() - timedelta(minutes=1)
    session.execute(update(Deal).values(updated_at=before, stage_entered_at=before))
    session.execute(update(MatchEvidence).values(updated_at=before))


def change(database: Database, deal_id: int, **values: object) -> None:
    """Change a deal a little while ago."""
    with database.session_scope() as session:
        at = utc_now() - timedelta(seconds=5)
        session.execute(update(Deal).where(Deal.id == deal_id).values(updated_at=at, **values))
        session.execute(update(JobSchedule).values(fired_for=utc_now() - timedelta(seconds=10)))


def run(database: Database) -> None:
    match_changed(database, ACTOR, LooseRun(), {})


def pair(database: Database) -> MatchPair:
    with database.read_scope() as session:
        return session.scalars(select(MatchPair)).one()


def evidence(database: Database, contact_id: int) -> str:
    with database.read_scope() as session:
        return session.get_one(MatchEvidence, (EntityType.CONTACT, contact_id)).evidence
