"""Evidence that is missing or outdated is noticed cheaply and made, whatever kind of record lacks it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.contacts.own_identifiers import save_own_identifiers
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.db.migrate import migrate
from crm.deals.removal import remove_deal
from crm.duplicates import match_changes
from crm.duplicates.match_changes import has_changes, match_changed
from crm.duplicates.renormalising import outdated_count, renormalise
from crm.jobs import LooseRun
from crm.matching.normalise import NORM_VERSION
from crm.models import (
    BackgroundJob,
    Channel,
    Contact,
    ContactPoint,
    Deal,
    EntityType,
    JobStatus,
    MatchEvidence,
    MatchPair,
)
from tests.conftest import Cast
from tests.deals.interleaving import interleaved
from tests.factories import add_company, add_contact, add_deal, add_pipeline

ACTOR = system_actor(Channel.SYSTEM)
CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL


def test_removed_deals_need_no_evidence(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        deal = add_deal(session, cast.anna, add_pipeline(session))
    with database.session_scope() as session:
        remove_deal(session, cast.vera, deal_id=deal, expected_version=1, reason="Typed twice by mistake")
    assert renormalise(database, ACTOR, LooseRun(), {}) == {"renormalised": 0}
    with database.read_scope() as session:
        assert outdated_count(session, 10) == 0
        assert not has_changes(session)


def test_outdated_evidence_of_what_is_out_of_use_is_dropped(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        deal = add_deal(session, cast.anna, add_pipeline(session))
        session.execute(update(Deal).values(status=3))
        session.execute(update(MatchEvidence).values(norm_version=0))
    renormalise(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        assert session.get(MatchEvidence, (DEAL, deal)) is None
        assert outdated_count(session, 10) == 0


@pytest.mark.parametrize("missing", ["oldest", "newest"])
def test_some_missing_evidence_is_noticed_and_made(database: Database, cast: Cast, missing: str) -> None:
    with database.session_scope() as session:
        people = [add_contact(session, cast.anna, f"Имя{n} Фамилия{n}") for n in range(5)]
        lacking = people[:4] if missing == "oldest" else people[1:]
        session.execute(delete(MatchEvidence).where(MatchEvidence.entity_id.in_(lacking)))
        session.execute(update(MatchEvidence).values(matched_at=utc_now()))
    with database.read_scope() as session:
        assert has_changes(session)
        assert (outdated_count(session, 10), outdated_count(session, 2)) == (4, 2)
    match_changed(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        assert session.scalars(select(MatchEvidence.entity_id).order_by(MatchEvidence.entity_id)).all() == people
        assert outdated_count(session, 10) == 0


def test_upgrade_leaves_what_is_there_to_the_background(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate(database, "0002")
    made = "owner_id, created_at, version) VALUES"
    with database.write_engine.begin() as connection:
        user = "(id, email, name, role, is_active, created_at, version) VALUES (1, 'a@b.ru', 'Anna', 'admin', 1, 0, 1)"
        connection.execute(text(f"INSERT INTO users {user}"))
        connection.execute(text(f"INSERT INTO companies (id, name, {made} (7, 'Мир', 1, 0, 1)"))
        connection.execute(text(f"INSERT INTO contacts (id, name, {made} (3, 'Серов', 1, 0, 1), (4, 'Ким', 1, 0, 1)"))
    migrate(database)
    with database.read_scope() as session:
        assert has_changes(session)
        assert outdated_count(session, 10) == 3
    assert renormalise(database, ACTOR, LooseRun(), {}) == {"renormalised": 3}
    with database.read_scope() as session:
        rows = session.scalars(select(MatchEvidence).order_by(MatchEvidence.entity_id)).all()
        assert [(row.entity_id, row.norm_version, row.matched_at) for row in rows] == [
            (key, NORM_VERSION, None) for key in (3, 4, 7)
        ]
        assert '"surname_typed":"Серов"' in rows[0].evidence
    database.close()


def test_few_changes_are_matched_while_a_scan_is_asked_for(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.session_scope() as session:
        for _ in range(2):
            add_contact(session, cast.anna, "Аристарх Щербаков", phone="+79162041853")
        for number in range(4):
            add_company(session, cast.anna, f"Мир {number}")
        session.execute(update(MatchEvidence).values(updated_at=utc_now() - timedelta(minutes=1)))
        session.execute(update(MatchEvidence).where(MatchEvidence.entity_type == COMPANY).values(norm_version=0))
    monkeypatch.setattr(match_changes, "SCAN_FROM", 4)
    told = match_changed(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        assert told == {"scan": session.scalars(select(BackgroundJob.id)).one(), "contact": 2, "deal": 0}
        assert session.scalars(select(MatchPair.entity_type)).all() == [CONTACT]


def test_own_identifiers_saved_during_their_scan_are_not_lost(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        contact = add_contact(session, cast.anna, "Иван", phone="+74951234567")
        add_contact(session, cast.anna, "Пётр", phone="+79162041853")
        session.execute(update(MatchEvidence).values(matched_at=utc_now()))
        save_own_identifiers(session, cast.vera, typed=["info@we.ru"])
        session.scalars(select(BackgroundJob)).one().status = JobStatus.RUNNING
    renormalise(database, ACTOR, LooseRun(), {})
    with database.session_scope() as session:
        assert not has_changes(session)
        save_own_identifiers(session, cast.vera, typed=["info@we.ru", "+7 495 123-45-67"])
    with database.session_scope() as session:
        assert len(session.scalars(select(BackgroundJob)).all()) == 2
        session.execute(update(BackgroundJob).values(status=JobStatus.FAILED))
        assert has_changes(session)
    match_changed(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        row = session.get_one(MatchEvidence, (CONTACT, contact))
        assert '"stopped"' in row.evidence
        assert row.norm_version == NORM_VERSION


def test_own_identifiers_and_a_save_at_once(database: Database, cast: Cast) -> None:
    if database.is_sqlite:
        pytest.skip("one writer at a time")
    for number in range(0, 60, 2):
        with database.session_scope() as session:
            old = add_contact(session, cast.anna, "Иван", phone=f"+74951{number:06}")
            session.execute(update(MatchEvidence).values(norm_version=0))
        new: list[int] = []
        outcome = interleaved(
            database,
            lambda session, n=number, old=old, new=new: (  # type: ignore[misc]
                index_records(session, "contact", [old]),
                new.append(add_contact(session, cast.anna, "Пётр", phone=f"+74951{n:06}")),
            ),
            lambda session, n=number: save_own_identifiers(session, cast.vera, typed=[f"+74951{n:06}"]),  # type: ignore[misc]
            number + 1,
        )
        if outcome is None:
            break
        assert outcome == ("done", "done")
        with database.read_scope() as session:
            for row in (session.get_one(MatchEvidence, (CONTACT, key)) for key in (old, *new)):
                assert row.norm_version == 0 or '"stopped"' in row.evidence, number
    else:
        pytest.fail("it never came to an end")


def test_evidence_made_anew_without_a_change_needs_no_matching(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        same = add_contact(session, cast.anna, "Пётр", phone="+79162041853")
        other = add_contact(session, cast.anna, "Иван", phone="+74951234567")
        session.execute(update(MatchEvidence).values(matched_at=utc_now()))
        session.execute(update(ContactPoint).where(ContactPoint.contact_id == other).values(normalised="+79162041854"))
        session.execute(update(MatchEvidence).values(norm_version=0))
        assert session.get_one(Contact, same).merged_into_id is None
    renormalise(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        waiting = select(MatchEvidence.entity_id).where(MatchEvidence.matched_at.is_(None))
        assert session.scalars(waiting).all() == [other]
