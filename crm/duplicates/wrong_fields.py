"""Phones, mailboxes and taxpayer numbers that stand in a field for names, and putting them where they belong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.contacts.commands import TypedPoints, edit_company, edit_contact
from crm.contacts.normalise import parse_phone
from crm.contacts.records import load_company_record, load_contact_record
from crm.contacts.search import phone_region
from crm.deals.commands import edit_deal
from crm.deals.values import DealChanges
from crm.duplicates.field_cleaning import take_out
from crm.duplicates.pair_records import TABLES, RecordHead, load_heads, record_visible
from crm.errors import InvalidInput, NotFound, Violation
from crm.models import Contact, Deal, DealContact, EntityType, PointKind
from crm.models import WrongField as Finding

PAGE_ROWS = 50
_POINTS = {"phone": PointKind.PHONE, "email": PointKind.EMAIL}


@dataclass(frozen=True, slots=True)
class WrongField:
    """A value in the wrong field: `kind` (phone, email, inn) found in `field` (name, position, title)."""

    id: int
    entity_type: EntityType
    entity_id: int
    name: str  # the record's
    owner_name: str
    field: str
    kind: str
    value: str  # normalised
    cleaned: str  # what the field holds once the value is moved; empty where nothing would be left


@dataclass(frozen=True, slots=True)
class WrongFieldPage:
    """Findings, the newest first; `next_page` goes into the next call, None on the last."""

    rows: tuple[WrongField, ...]
    next_page: int | None


def list_wrong_fields(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType | None = None,
    after: int | None = None,
    limit: int = PAGE_ROWS,
) -> WrongFieldPage:
    """Return findings in records the actor sees, the newest first.

    Errors: Forbidden.
    """
    require(actor, Action.WORK_CLIENTS)
    kinds = (entity_type,) if entity_type else tuple(EntityType)
    query = select(Finding).where(_visible(actor, kinds))
    if after is not None:
        query = query.where(Finding.id < after)
    found = session.scalars(query.order_by(Finding.id.desc()).limit(limit + 1)).all()
    rows = _rows(session, found[:limit])
    return WrongFieldPage(rows, found[limit - 1].id if len(found) > limit else None)


def move_to_field(session: Session, actor: Actor, *, finding_id: int) -> None:
    """Put a value where it belongs (a phone of a deal's title to its main contact) and clean the field it stood in.

    What it changes are edits of the record, and taken back by editing.
    Errors: Forbidden; NotFound; InvalidInput where nothing would be left of the field, for a deal without a contact,
    for a company with another taxpayer number, and for whatever the edits refuse.
    """
    require(actor, Action.WORK_CLIENTS)
    finding = session.get(Finding, finding_id)
    if finding is None:
        raise NotFound(entity="wrong_field", id=finding_id)
    _MOVES[finding.entity_type](session, actor, finding)


def _move_in_contact(session: Session, actor: Actor, finding: Finding) -> None:
    present = load_contact_record(session, actor, finding.entity_id)
    if finding.field == "position":
        typed, cleaned = _taken_out(present.fields.position, finding, may_be_empty=True)
        fields = replace(present.fields, position=cleaned)
    else:
        typed, cleaned = _taken_out(present.fields.name, finding)
        fields = replace(present.fields, name=cleaned)
    edit_contact(
        session,
        actor,
        contact_id=present.id,
        expected_version=present.version,
        fields=fields,
        points=_with(session, ((one.kind, one.value) for one in present.points), finding, typed),
    )


def _move_in_company(session: Session, actor: Actor, finding: Finding) -> None:
    present = load_company_record(session, actor, finding.entity_id)
    typed, cleaned = _taken_out(present.fields.name, finding)
    fields = replace(present.fields, name=cleaned)
    points: TypedPoints | None = None
    if finding.kind in _POINTS:
        points = _with(session, ((one.kind, one.value) for one in present.points), finding, typed)
    elif fields.inn not in {None, finding.value}:
        raise InvalidInput([Violation("wrong_field_taken", "inn")])
    else:
        fields = replace(fields, inn=finding.value)
    edit_company(session, actor, company_id=present.id, expected_version=present.version, fields=fields, points=points)


def _move_in_deal(session: Session, actor: Actor, finding: Finding) -> None:
    main = (
        select(Deal.title, Deal.version, Contact.id)
        .outerjoin(DealContact, and_(DealContact.deal_id == Deal.id, DealContact.position == 0))
        .outerjoin(Contact, Contact.id == DealContact.contact_id)
        .where(Deal.id == finding.entity_id, record_visible(actor, EntityType.DEAL))
    )
    row = session.execute(main).one_or_none()
    if row is None:
        raise NotFound(entity="deal", id=finding.entity_id)
    title, version, contact_id = row
    typed, cleaned = _taken_out(title, finding)
    if contact_id is None:
        raise InvalidInput([Violation("wrong_field_no_contact", "contact")])
    present = load_contact_record(session, actor, contact_id)
    points = _with(session, ((one.kind, one.value) for one in present.points), finding, typed)
    edit_contact(
        session, actor, contact_id=contact_id, expected_version=present.version, fields=present.fields, points=points
    )
    edit_deal(session, actor, deal_id=finding.entity_id, expected_version=version, changes=DealChanges(title=cleaned))


_MOVES: Mapping[EntityType, Callable[[Session, Actor, Finding], None]] = {
    EntityType.CONTACT: _move_in_contact,
    EntityType.COMPANY: _move_in_company,
    EntityType.DEAL: _move_in_deal,
}


def _taken_out(text: str | None, finding: Finding, *, may_be_empty: bool = False) -> tuple[str, str]:
    found = take_out(text or "", finding.kind, finding.value)
    if found is None:  # somebody has just cleaned it
        raise NotFound(entity="wrong_field", id=finding.id)
    if not found[1] and not may_be_empty:
        raise InvalidInput([Violation("wrong_field_alone", finding.field)])
    return found


def _with(
    session: Session, present: Iterable[tuple[PointKind, str]], finding: Finding, typed: str
) -> list[tuple[PointKind, str]]:
    """Return the points with the value among them, as it was typed where it reads as what it is."""
    kind = _POINTS[finding.kind]
    if kind is PointKind.PHONE:
        phone = parse_phone(typed, phone_region(session))
        typed = typed if phone is not None and phone.e164 == finding.value else finding.value
    return [*present, (kind, typed if kind is PointKind.PHONE else finding.value)]


def _visible(actor: Actor, kinds: Sequence[EntityType]) -> ColumnElement[bool]:
    return or_(
        *(
            and_(
                Finding.entity_type == kind,
                exists().where(TABLES[kind].id == Finding.entity_id, record_visible(actor, kind)),
            )
            for kind in kinds
        )
    )


def _rows(session: Session, findings: Sequence[Finding]) -> tuple[WrongField, ...]:
    ids: dict[EntityType, set[int]] = defaultdict(set)
    for one in findings:
        ids[one.entity_type].add(one.entity_id)
    heads = {(kind, key): head for kind, keys in ids.items() for key, head in load_heads(session, kind, keys).items()}
    positions = _positions(session, findings)
    return tuple(
        _row(one, head, positions.get(one.entity_id, "") if one.field == "position" else head.name)
        for one in findings
        if (head := heads.get((one.entity_type, one.entity_id)))
    )


def _positions(session: Session, findings: Sequence[Finding]) -> dict[int, str]:
    asked = sorted({one.entity_id for one in findings if one.field == "position"})
    query = select(Contact.id, Contact.position).where(Contact.id.in_(asked))
    return {row.id: row.position or "" for row in session.execute(query)} if asked else {}


def _row(one: Finding, head: RecordHead, text: str) -> WrongField:
    taken = take_out(text, one.kind, one.value)
    return WrongField(
        id=one.id,
        entity_type=one.entity_type,
        entity_id=one.entity_id,
        name=head.name,
        owner_name=head.owner_name,
        field=one.field,
        kind=one.kind,
        value=one.value,
        cleaned=taken[1] if taken else text,
    )
