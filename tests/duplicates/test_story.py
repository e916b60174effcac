"""The story of text 3: one client entered twice, by a phone and by an e-mail, until a third lead ties the two."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.commands import create_contact, edit_contact
from crm.contacts.fields import ContactFields
from crm.contacts.records import load_contact_record
from crm.duplicates.intake import match_changed_records
from crm.duplicates.pair_card import load_pair
from crm.duplicates.pair_store import BRIDGE
from crm.duplicates.pair_values import PairRow, QueueFilter
from crm.duplicates.pairs import load_queue
from crm.models import EntityType, PairSource, PointKind
from tests.conftest import Cast

PHONE, MAILBOX = "+7 916 204-18-53", "gorelov.metall@yandex.ru"


def test_phone_typed_into_name_field_brings_both_clients_together(session: Session, cast: Cast) -> None:
    by_phone = create_contact(session, cast.anna, name="Пётр", points=[(PointKind.PHONE, PHONE)])
    by_email = create_contact(session, cast.anton, name="Горелов", points=[(PointKind.EMAIL, MAILBOX)])
    match_changed_records(session)
    assert _queue(session, cast.boris) == ()

    _rename(session, cast.anton, by_email, "Горелов 8-916-204-18-53")
    match_changed_records(session)
    (row,) = _queue(session, cast.boris)
    assert (row.left.id, row.right.id) == (by_phone, by_email)
    assert row.source is PairSource.INTAKE
    assert "phone_in_name_field" in {line.code for line in row.lines}
    assert row.probability > 0.9


def test_lead_with_both_opens_bridge_on_top_of_queue(session: Session, cast: Cast) -> None:
    by_phone = create_contact(session, cast.anna, name="Пётр", points=[(PointKind.PHONE, PHONE)])
    by_email = create_contact(session, cast.anton, name="Горелов", points=[(PointKind.EMAIL, MAILBOX)])
    match_changed_records(session)

    both = create_contact(
        session, cast.anna, name="Пётр Горелов", points=[(PointKind.PHONE, PHONE), (PointKind.EMAIL, MAILBOX)]
    )
    match_changed_records(session)
    rows = _queue(session, cast.boris)
    assert (rows[0].left.id, rows[0].right.id) == (by_phone, by_email)
    assert rows[0].source is PairSource.BRIDGE
    assert [(line.code, line.left, line.right) for line in rows[0].lines] == [(BRIDGE, "+79162041853", MAILBOX)]
    assert {(row.left.id, row.right.id) for row in rows[1:]} == {(by_phone, both), (by_email, both)}
    card = load_pair(session, cast.boris, rows[0].id)
    assert {row.id for row in card.others} == {row.id for row in rows[1:]}
    assert [point.normalised for point in card.left.points] == ["+79162041853"]


def _queue(session: Session, actor: Actor) -> tuple[PairRow, ...]:
    return load_queue(session, actor, QueueFilter(entity_type=EntityType.CONTACT)).rows


def _rename(session: Session, actor: Actor, contact_id: int, name: str) -> None:
    version = load_contact_record(session, actor, contact_id).version
    edit_contact(
        session, actor, contact_id=contact_id, expected_version=version, fields=ContactFields(name), points=None
    )
