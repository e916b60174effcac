"""The check tells what is broken between records, evidence, keys and pairs, and nothing that a job is still to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.duplicates import match_changes
from crm.duplicates.intake import match_saved
from crm.duplicates.match_changes import match_changed
from crm.duplicates.matching_invariants import broken_matching
from crm.errors import Forbidden
from crm.jobs import LooseRun, request_job
from crm.models import (
    Channel,
    Contact,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    JobKind,
    MatchEvidence,
    MatchKey,
)
from tests.conftest import Cast
from tests.factories import add_contact, add_deal, add_pipeline

ACTOR = system_actor(Channel.SYSTEM)


def without_evidence(session: Session) -> None:
    session.execute(delete(MatchKey).where(MatchKey.entity_type == EntityType.CONTACT, MatchKey.entity_id == 1))
    session.execute(
        delete(MatchEvidence).where(MatchEvidence.entity_type == EntityType.CONTACT, MatchEvidence.entity_id == 1)
    )


def with_other_keys(session: Session) -> None:
    session.execute(insert(MatchKey).values(entity_type=EntityType.CONTACT, key=4711, entity_id=1))


def merged_in_a_pair(session: Session) -> None:
    session.execute(update(Contact).where(Contact.id == 1).values(merged_into_id=2))


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (without_evidence, "contact without evidence of the present norm"),
        (with_other_keys, "contact with other keys than its evidence makes"),
        (merged_in_a_pair, "contact out of use in a pair"),
    ],
)
def test_each_broken_rule_is_told(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Session], None], rule: str
) -> None:
    with database.session_scope() as session:
        people = [add_contact(session, cast.anna, "Павлова Александра", phone="+79162401735") for _ in range(2)]
        match_saved(session, EntityType.CONTACT, people)
    match_changed(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        assert broken_matching(session, cast.vera) == []
    monkeypatch.setattr("crm.duplicates.matching_invariants.has_changes", lambda _session: False)
    with database.session_scope() as session:
        broken(session)
    with database.read_scope() as session:
        (found,) = broken_matching(session, cast.vera)
    assert (found.name, found.count, found.deal_ids) == (rule, 1, (1,))


def test_what_a_job_is_to_do_is_not_broken(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        add_contact(session, cast.anna, "Павлова Александра")
    match_changed(database, ACTOR, LooseRun(), {})
    with database.session_scope() as session:
        without_evidence(session)
        request_job(session, ACTOR, JobKind.MATCH_CHANGED)
    with database.read_scope() as session:
        assert broken_matching(session, cast.vera) == []


def test_removed_deal_leaves_its_pairs_with_the_next_job(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_changes, "_SETTLED", -match_changes._SETTLED)
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        client = add_contact(session, cast.anna, "Павлова Александра", phone="+79162401735")
        deals = [add_deal(session, cast.anna, pipeline, title="Лист 2 мм, 10 т") for _ in range(2)]
        session.add_all(DealContact(deal_id=deal, contact_id=client) for deal in deals)
        index_records(session, "deal", deals)
        match_saved(session, EntityType.DEAL, deals)
    with database.session_scope() as session:
        session.execute(update(Deal).where(Deal.id == deals[0]).values(status=DealStatus.REMOVED, updated_at=utc_now()))
        index_records(session, "deal", deals)
    match_changed(database, ACTOR, LooseRun(), {})
    monkeypatch.setattr("crm.duplicates.matching_invariants.has_changes", lambda _session: False)
    with database.read_scope() as session:
        assert broken_matching(session, cast.vera) == []


def test_check_is_for_administrators(session: Session, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        broken_matching(session, cast.boris)
