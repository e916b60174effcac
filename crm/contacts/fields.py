"""What commands on companies and contacts take, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.auth.visibility import company_visible
from crm.contacts.normalise import (
    Point,
    check_point,
    inn_or_none,
    line_or_none,
    note_or_none,
    required_line,
    website_or_none,
)
from crm.errors import Violation
from crm.models import Company, Contact, PointKind, User

POINTS_AT_MOST = 50
GENERATIONS_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class CompanyFields:
    """What is kept about a company, as typed or as stored."""

    name: str
    inn: str | None = None
    website: str | None = None
    address: str | None = None
    industry: str | None = None
    note: str | None = None
    parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class ContactFields:
    """What is kept about a person, as typed or as stored."""

    name: str
    position: str | None = None
    company_id: int | None = None
    note: str | None = None


def checked_company(
    session: Session, actor: Actor, typed: CompanyFields, region: str, found: list[Violation], *,
    present: CompanyFields | None = None, company_id: int | None = None,
) -> CompanyFields:  # fmt: skip
    """Return the fields as they are stored; what is wrong with them is added to `found`.

    A taxpayer number and a parent that are `present` already are not judged again: a rule made later, or a parent the
    actor may not see, must not freeze the rest of the record.
    """
    fields = CompanyFields(
        name=required_line(typed.name, "name", _length(Company.name), found),
        inn=typed.inn,
        website=website_or_none(typed.website, "website", found),
        address=line_or_none(typed.address, "address", _length(Company.address), found),
        industry=line_or_none(typed.industry, "industry", _length(Company.industry), found),
        note=note_or_none(typed.note, "note", found),
        parent_id=typed.parent_id,
    )
    if present is None or typed.inn != present.inn:
        fields = replace(fields, inn=inn_or_none(typed.inn, region, "inn", found))
    if typed.parent_id is not None and (present is None or typed.parent_id != present.parent_id):
        found += _parent_violations(session, actor, typed.parent_id, company_id)
    return fields


def checked_contact(
    session: Session, actor: Actor, typed: ContactFields, found: list[Violation], *,
    present: ContactFields | None = None,
) -> ContactFields:  # fmt: skip
    """Return the fields as they are stored; what is wrong with them is added to `found`."""
    if typed.company_id is not None and (present is None or typed.company_id != present.company_id):
        found += _company_violations(session, actor, typed.company_id, "company")
    return ContactFields(
        name=required_line(typed.name, "name", _length(Contact.name), found),
        position=line_or_none(typed.position, "position", _length(Contact.position), found),
        company_id=typed.company_id,
        note=note_or_none(typed.note, "note", found),
    )


def checked_points(
    typed: Iterable[tuple[PointKind, str]], region: str, found: list[Violation], present: Iterable[Point] = ()
) -> tuple[Point, ...]:
    """Return contact points in their order, each once; violations bear the kind as their field.

    Those `present` already are not judged again, so that a rule made later doesn't freeze the record.
    """
    known = {(point.kind, point.value): point for point in present}
    points: dict[tuple[PointKind, str], Point] = {}
    for kind, text in typed:
        point = known.get((kind, text)) or check_point(kind, text, region, kind.value, found)
        if point is not None:
            points.setdefault((kind, point.normalised), point)
    if len(points) > POINTS_AT_MOST:
        found.append(Violation("points_too_many", "phone", {"limit": POINTS_AT_MOST}))
    return tuple(points.values())


def owner_violations(session: Session, actor: Actor, owner_id: int | None) -> list[Violation]:
    """Return what is wrong with an owner: nobody, switched off, or out of the actor's view."""
    if owner_id is None:
        return [Violation("value_required", "owner")]
    known = session.scalar(select(exists().where(User.id == owner_id, User.is_active)))
    return [] if known and actor.sees_owner(owner_id) else [Violation("choice_unknown", "owner")]


def _parent_violations(session: Session, actor: Actor, parent_id: int, company_id: int | None) -> list[Violation]:
    unknown = _company_violations(session, actor, parent_id, "parent")
    if unknown or company_id is None:
        return unknown
    ancestor: int | None = parent_id
    for _generation in range(GENERATIONS_AT_MOST):
        if ancestor == company_id:
            return [Violation("company_own_parent", "parent")]
        if ancestor is None:
            return []
        ancestor = session.scalar(select(Company.parent_id).where(Company.id == ancestor))
    return [Violation("company_own_parent", "parent")]


def _company_violations(session: Session, actor: Actor, company_id: int, field: str) -> list[Violation]:
    visible: ColumnElement[bool] = company_visible(actor)
    # Held: it can't be merged into another one while something is being pointed to it.
    held = select(Company.id).where(Company.id == company_id, visible).with_for_update(read=True, key_share=True)
    return [] if session.scalar(held) else [Violation("choice_unknown", field)]


def _length(attribute: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]) -> int:
    length = getattr(attribute.type, "length", None)
    if not isinstance(length, int):
        raise TypeError(attribute.key)
    return length
