"""The cards of a company and of a contact: their fields, points, people and deals, as the actor may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import company_visible, contact_visible, deal_in_use, deal_visible
from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.saving import fields_of
from crm.models import Company, Contact, ContactPoint, Deal, DealContact, DealStatus, Pipeline, PointKind, Stage, User

DEALS_SHOWN = 100
CONTACTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class PointLine:
    """A contact point as typed and as compared."""

    id: int
    kind: PointKind
    value: str
    normalised: str


@dataclass(frozen=True, slots=True)
class ContactLine:
    """A person of a company, with the first phone and e-mail."""

    id: int
    name: str
    position: str | None
    phone: PointLine | None
    email: PointLine | None


@dataclass(frozen=True, slots=True)
class DealLine:
    """A deal on a client's card."""

    id: int
    title: str
    pipeline_name: str
    stage_name: str
    status: DealStatus
    amount_minor: int | None
    currency: str
    owner_name: str
    next_due_at: datetime | None
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DealTotal:
    """Count and sum of the visible deals of one status and currency."""

    status: DealStatus
    currency: str
    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ClientDeals:
    """The newest visible deals of a client, totals of all visible ones, and how many others have."""

    shown: tuple[DealLine, ...]
    totals: tuple[DealTotal, ...]
    hidden: int

    @property
    def visible(self) -> int:
        """Return how many deals the actor may see, shown or not."""
        return sum(total.count for total in self.totals)


@dataclass(frozen=True, slots=True)
class CompanyCard:
    """A company as one reader sees it."""

    id: int
    version: int
    fields: CompanyFields
    parent_name: str | None
    owner_id: int
    owner_name: str
    created_at: datetime
    points: tuple[PointLine, ...]
    contacts: tuple[ContactLine, ...]
    hidden_contacts: int
    deals: ClientDeals


@dataclass(frozen=True, slots=True)
class ContactCard:
    """A contact as one reader sees it."""

    id: int
    version: int
    fields: ContactFields
    company_name: str | None
    company_is_visible: bool
    owner_id: int
    owner_name: str
    created_at: datetime
    points: tuple[PointLine, ...]
    deals: ClientDeals


def load_company(session: Session, actor: Actor, company_id: int) -> CompanyCard:
    """Return a company's card.

    Errors: NotFound.
    """
    query = select(Company, User.name).join(User, User.id == Company.owner_id)
    row = session.execute(query.where(Company.id == company_id, company_visible(actor))).one_or_none()
    if row is None:
        raise not_found(session, actor, "company", company_id)
    company, owner_name = row
    contacts, hidden_contacts = _people(session, actor, company_id)
    return CompanyCard(
        id=company.id,
        version=company.version,
        fields=fields_of(company, CompanyFields),
        parent_name=_company_name(session, actor, company.parent_id),
        owner_id=company.owner_id,
        owner_name=owner_name,
        created_at=company.created_at,
        points=_points(session, ContactPoint.company_id == company_id),
        contacts=contacts,
        hidden_contacts=hidden_contacts,
        deals=_deals(session, actor, Deal.company_id == company_id),
    )


def load_contact(session: Session, actor: Actor, contact_id: int) -> ContactCard:
    """Return a contact's card.

    Errors: NotFound.
    """
    query = (
        select(Contact, User.name, Company.name)
        .join(User, User.id == Contact.owner_id)
        .outerjoin(Company, Company.id == Contact.company_id)
    )
    row = session.execute(query.where(Contact.id == contact_id, contact_visible(actor))).one_or_none()
    if row is None:
        raise not_found(session, actor, "contact", contact_id)
    contact, owner_name, company_name = row
    taking_part = select(DealContact.deal_id).where(DealContact.contact_id == contact_id)
    return ContactCard(
        id=contact.id,
        version=contact.version,
        fields=fields_of(contact, ContactFields),
        company_name=company_name,
        company_is_visible=_company_name(session, actor, contact.company_id) is not None,
        owner_id=contact.owner_id,
        owner_name=owner_name,
        created_at=contact.created_at,
        points=_points(session, ContactPoint.contact_id == contact_id),
        deals=_deals(session, actor, Deal.id.in_(taking_part)),
    )


def first_points(session: Session, kind: str, ids: Sequence[int]) -> dict[tuple[int, PointKind], PointLine]:
    """Return the first point of each kind of several contacts or companies."""
    holder = ContactPoint.contact_id if kind == "contact" else ContactPoint.company_id
    query = select(holder, ContactPoint.id, ContactPoint.kind, ContactPoint.value, ContactPoint.normalised)
    rows = session.execute(query.where(holder.in_(ids)).order_by(ContactPoint.position, ContactPoint.id))
    found: dict[tuple[int, PointKind], PointLine] = {}
    for key, point_id, point_kind, value, normalised in rows:
        if key is not None:
            found.setdefault((key, point_kind), PointLine(point_id, point_kind, value, normalised))
    return found


def _company_name(session: Session, actor: Actor, company_id: int | None) -> str | None:
    if company_id is None:
        return None
    return session.scalar(select(Company.name).where(Company.id == company_id, company_visible(actor)))


def _points(session: Session, of_holder: ColumnElement[bool]) -> tuple[PointLine, ...]:
    query = select(ContactPoint.id, ContactPoint.kind, ContactPoint.value, ContactPoint.normalised).where(of_holder)
    rows = session.execute(query.order_by(ContactPoint.position, ContactPoint.id))
    return tuple(PointLine(*row) for row in rows)


def _people(session: Session, actor: Actor, company_id: int) -> tuple[tuple[ContactLine, ...], int]:
    of_company = and_(Contact.company_id == company_id, Contact.merged_into_id.is_(None))
    visible = contact_visible(actor)
    query = select(Contact.id, Contact.name, Contact.position).where(of_company, visible)
    rows = session.execute(query.order_by(Contact.id).limit(CONTACTS_SHOWN)).all()
    points = first_points(session, "contact", [row.id for row in rows])
    people = tuple(
        ContactLine(
            row.id, row.name, row.position, points.get((row.id, PointKind.PHONE)), points.get((row.id, PointKind.EMAIL))
        )
        for row in rows
    )
    return people, _hidden(session, actor, Contact.id, of_company, visible)


def _deals(session: Session, actor: Actor, of_client: ColumnElement[bool]) -> ClientDeals:
    visible, of_client = deal_visible(actor), and_(of_client, deal_in_use())
    query = (
        select(
            Deal.id, Deal.title, Pipeline.name, Stage.name, Deal.status, Deal.amount_minor, Deal.currency, User.name,
            Deal.next_due_at, Deal.created_at, Deal.closed_at,
        )
        .join(Pipeline, Pipeline.id == Deal.pipeline_id)
        .join(Stage, Stage.id == Deal.stage_id)
        .join(User, User.id == Deal.owner_id)
        .where(of_client, visible)
        .order_by(Deal.id.desc())
        .limit(DEALS_SHOWN)
    )  # fmt: skip
    count_and_sum = func.count(), func.coalesce(func.sum(Deal.amount_minor), 0)
    totals = select(Deal.status, Deal.currency, *count_and_sum).where(of_client, visible)
    return ClientDeals(
        shown=tuple(DealLine(*row) for row in session.execute(query)),
        totals=tuple(
            DealTotal(status, currency, count, int(amount_minor or 0))
            for status, currency, count, amount_minor in session.execute(
                totals.group_by(Deal.status, Deal.currency).order_by(Deal.status, Deal.currency)
            )
        ),
        hidden=_hidden(session, actor, Deal.id, of_client, visible),
    )


def _hidden(
    session: Session,
    actor: Actor,
    key: InstrumentedAttribute[int],
    of_client: ColumnElement[bool],
    visible: ColumnElement[bool],
) -> int:
    if actor.visible_owner_ids is None:
        return 0
    return session.scalar(select(func.count(key)).where(of_client, ~visible)) or 0
