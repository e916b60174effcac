"""Keys that nothing makes any more are found and deleted, all others stay."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.db import Database
from crm.duplicates.renormalising import renormalise
from crm.jobs import LooseRun
from crm.matching.key_sweep import sweep_keys
from crm.matching.normalise import NORM_VERSION
from crm.models import Channel, EntityType, MatchEvidence, MatchKey
from tests.conftest import Cast
from tests.factories import add_contact

CONTACT = EntityType.CONTACT


def test_orphans_go_and_all_else_stays(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        kept = add_contact(session, cast.anna, "Иван Горелов", phone="+79162041853")
        gone = add_contact(session, cast.anna, "Пётр Лаптев", phone="+79031172264")
        session.execute(delete(MatchEvidence).where(MatchEvidence.entity_id == gone))
        before = keys(session)
        add_orphan(session, kept)
    assert sweep_keys(database, CONTACT) == 1 + sum(1 for _, entity_id in before if entity_id == gone)
    with database.read_scope() as session:
        assert keys(session) == {one for one in before if one[1] == kept}
    assert sweep_keys(database, CONTACT) == 0


def test_renormalising_an_older_norm_leaves_no_orphans(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        contact = add_contact(session, cast.anna, "Иван Горелов", phone="+79162041853")
        before = keys(session)
        add_orphan(session, contact)
    run(database)
    with database.session_scope() as session:
        assert len(keys(session)) == len(before) + 1
        session.execute(update(MatchEvidence).values(norm_version=NORM_VERSION - 1))
    run(database)
    with database.read_scope() as session:
        assert keys(session) == before


def run(database: Database) -> None:
    renormalise(database, system_actor(Channel.SYSTEM), LooseRun(), {})


def add_orphan(session: Session, contact_id: int) -> None:
    session.execute(insert(MatchKey).values(entity_type=CONTACT, key=4711, entity_id=contact_id))


def keys(session: Session) -> set[tuple[int, int]]:
    return {(row.key, row.entity_id) for row in session.execute(select(MatchKey.key, MatchKey.entity_id))}
