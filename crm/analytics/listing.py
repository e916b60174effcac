"""The deals behind a number: how many and how much, a page of them, all of them for a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.values import Ask, Chart
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible
from crm.models import Company, Contact, Deal, DealContact, DealStatus, Stage, User

EXPORTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """What stands behind a number: rows, different deals, the sum of amounts in the scope's currency."""

    rows: int
    deals: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ListedDeal:
    """A deal as a row of the list; `at` is the moment that counts, else when it came to its stage or was closed."""

    id: int
    title: str
    client: str | None
    owner: str
    stage: str
    status: DealStatus
    amount_minor: int | None
    currency: str
    at: datetime


def count_behind(session: Session, actor: Actor, chart: Chart, ask: Ask, row: Mapping[str, Any], door: str) -> Listed:
    """Return how much stands behind a number of a chart.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    behind = chart.behind(session, actor, ask, row, door).subquery()
    amount = case((Deal.currency == ask.scope.currency, Deal.amount_minor), else_=0)
    query = select(func.count(), func.count(Deal.id.distinct()), func.coalesce(func.sum(amount), 0))
    query = query.select_from(behind).join(Deal, Deal.id == behind.c.deal_id).where(deal_visible(actor))
    return Listed(*session.execute(query).one())


def list_behind(
    session: Session,
    actor: Actor,
    chart: Chart,
    ask: Ask,
    row: Mapping[str, Any],
    door: str,
    *,
    offset: int = 0,
    limit: int = 20,
) -> list[ListedDeal]:
    """Return a page of the deals behind a number, the latest moment first.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    found = session.execute(_rows(session, actor, chart, ask, row, door).offset(offset).limit(limit)).all()
    return _with_clients(session, found)


def export_behind(
    session: Session,
    actor: Actor,
    chart: Chart,
    ask: Ask,
    row: Mapping[str, Any],
    door: str,
    *,
    limit: int | None = None,
) -> Iterator[ListedDeal]:
    """Return all deals behind a number, or so many of them, the latest moment first.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    require(actor, Action.EXPORT_RECORDS)
    return _in_parts(session, _rows(session, actor, chart, ask, row, door).limit(limit))


def _in_parts(session: Session, query: Select[Any]) -> Iterator[ListedDeal]:
    for part in session.execute(query).partitions(EXPORTED_AT_ONCE):
        yield from _with_clients(session, part)


def _rows(session: Session, actor: Actor, chart: Chart, ask: Ask, row: Mapping[str, Any], door: str) -> Select[Any]:
    behind = chart.behind(session, actor, ask, row, door).subquery()
    moment = behind.c.at if "at" in behind.c else func.coalesce(Deal.closed_at, Deal.stage_entered_at)
    return (
        select(
            Deal.id, Deal.title, Deal.company_id, User.name.label("owner"), Stage.name.label("stage"), Deal.status,
            Deal.amount_minor, Deal.currency, moment.label("at"),
        )
        .select_from(behind)
        .join(Deal, Deal.id == behind.c.deal_id)
        .join(User, User.id == Deal.owner_id)
        .join(Stage, Stage.id == Deal.stage_id)
        .where(deal_visible(actor))
        .order_by(moment.desc(), Deal.id.desc())
    )  # fmt: skip


def client_names(session: Session, deals: Sequence[Any]) -> dict[int, str]:
    """Return the client of each deal, its company or else its main contact; rows of deals have id and company_id."""
    companies = {one.company_id for one in deals if one.company_id is not None}
    names = dict(session.execute(select(Company.id, Company.name).where(Company.id.in_(companies))).all())
    of_deal = (
        select(DealContact.deal_id, Contact.name)
        .join(Contact, Contact.id == DealContact.contact_id)
        .where(DealContact.deal_id.in_({one.id for one in deals if one.company_id is None}))
        .order_by(DealContact.position.desc())
    )
    people = dict(session.execute(of_deal).all())  # the main contact comes last and stays
    return people | {one.id: names[one.company_id] for one in deals if one.company_id in names}


def _with_clients(session: Session, found: Sequence[Any]) -> list[ListedDeal]:
    names = client_names(session, found)
    return [
        ListedDeal(
            one.id, one.title, names.get(one.id), one.owner, one.stage, one.status, one.amount_minor, one.currency,
            one.at,
        )
        for one in found
    ]  # fmt: skip
