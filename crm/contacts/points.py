"""Adding a contact point to a company or contact, and taking one off."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.contacts.fields import checked_points
from crm.contacts.normalise import Point
from crm.contacts.saving import present_points, save_client, take_client
from crm.contacts.search import phone_region
from crm.errors import NotFound, Violation, refuse_if_any
from crm.models import Company, Contact, ContactPoint, PointKind


def add_company_point(session: Session, actor: Actor, *, company_id: int, kind: PointKind, value: str) -> None:
    """Add a contact point to a company; one it has already stays as it is.

    Errors: Forbidden; NotFound; InvalidInput.
    """
    require(actor, Action.WORK_CLIENTS)
    _add_point(session, actor, take_client(session, actor, Company, company_id), kind, value)


def add_contact_point(session: Session, actor: Actor, *, contact_id: int, kind: PointKind, value: str) -> None:
    """Add a contact point to a contact; one it has already stays as it is.

    Errors: Forbidden; NotFound; InvalidInput.
    """
    require(actor, Action.WORK_CLIENTS)
    _add_point(session, actor, take_client(session, actor, Contact, contact_id), kind, value)


def remove_point(session: Session, actor: Actor, *, point_id: int) -> None:
    """Take a contact point off its company or contact.

    Errors: Forbidden; NotFound.
    """
    require(actor, Action.WORK_CLIENTS)
    point = session.get(ContactPoint, point_id)
    if point is None:
        raise NotFound(entity="contact_point", id=point_id)
    client: Company | Contact
    if point.company_id is not None:
        client = take_client(session, actor, Company, point.company_id)
    else:
        client = take_client(session, actor, Contact, point.contact_id or 0)
    gone = Point(point.kind, point.value, point.normalised)
    save_client(session, actor, client, None, [one for one in present_points(session, client) if one != gone])


def _add_point(session: Session, actor: Actor, client: Company | Contact, kind: PointKind, value: str) -> None:
    present = present_points(session, client)
    found: list[Violation] = []
    added = checked_points([(kind, value)], phone_region(session), found)
    refuse_if_any(found)
    known = {(point.kind, point.normalised) for point in present}
    new = [point for point in added if (point.kind, point.normalised) not in known]
    save_client(session, actor, client, None, [*present, *new])
