"""Clients across pipelines: each counted once, however many deals or copies of deals it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, String, and_, cast, func, null, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of, percent
from crm.analytics.lost import is_loss
from crm.analytics.population import deals_of, owned, pipelines, within
from crm.analytics.theme import COLORS, bars
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Deal, DealContact, DealStatus, Pipeline

COLUMNS = (
    Column("pipeline_id", Kind.ID),  # None: all of the scope's together
    Column("pipeline", Kind.NAME),
    Column("deals", Kind.COUNT, is_door=True),  # created within the period
    Column("clients", Kind.COUNT, is_door=True),  # whose these are, each once
    Column("bought", Kind.COUNT, is_door=True),  # clients with a won one among these
    Column("open", Kind.COUNT, is_door=True),  # clients without a won one, but with an open one
    Column("conversion", Kind.PERCENT),  # clients that bought, of all
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each pipeline of the scope in order, then one for all together.

    A client is a company, else the main contact, else the deal itself. Doors of clients open one deal of each: the
    won one, the open one, or else the first.
    """
    names = session.execute(
        select(Pipeline.id, Pipeline.name)
        .where(pipelines(ask.scope, Pipeline.id))
        .order_by(Pipeline.position, Pipeline.id)
    ).all()
    found = {row.pipeline_id: row for part in (Deal.pipeline_id, None) for row in _counts(session, actor, ask, part)}
    rows = [_row(one.id, one.name, found.get(one.id)) for one in names]
    return frame_of(COLUMNS, [*rows, _row(None, None, found.get(None))] if names else [])


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals of a row; for clients, one of each."""
    query = _deals(ask, actor, Deal.id.label("deal_id"), Deal.status.label("status"), _client().label("client"))
    if key["pipeline_id"] is not None:
        query = query.where(Deal.pipeline_id == key["pipeline_id"])
    deals = query.subquery()
    if door == "deals":
        return select(deals.c.deal_id)
    won = func.min(deals.c.deal_id).filter(deals.c.status == DealStatus.WON)
    still_open = func.min(deals.c.deal_id).filter(deals.c.status == DealStatus.OPEN)
    one = select(func.coalesce(won, still_open, func.min(deals.c.deal_id)).label("deal_id")).group_by(deals.c.client)
    if door == "bought":
        return one.having(won.is_not(None))
    return one.having(and_(won.is_(None), still_open.is_not(None))) if door == "open" else one


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return bars of the clients of each pipeline: those that bought, those still open."""
    named = frame.assign(pipeline=[one or words("total") for one in frame["pipeline"]])
    parts = ("bought", "open")
    return bars(named, category="pipeline", parts=parts, colors=[COLORS["won"], COLORS["open"]], words=words)


def _counts(session: Session, actor: Actor, ask: Ask, part: Any) -> list[Any]:
    grouped = null() if part is None else part
    query = _deals(ask, actor, grouped.label("pipeline_id"), _client().label("client"),
                   func.count().label("deals"),
                   func.count().filter(Deal.status == DealStatus.WON).label("won"),
                   func.count().filter(Deal.status == DealStatus.OPEN).label("open"))  # fmt: skip
    clients = query.group_by(*([] if part is None else [part]), "client").subquery()
    columns = clients.c
    total = select(
        columns.pipeline_id, func.sum(columns.deals).label("deals"), func.count().label("clients"),
        func.count().filter(columns.won > 0).label("bought"),
        func.count().filter(columns.won == 0, columns.open > 0).label("open"),
    )  # fmt: skip
    return list(session.execute(total.group_by(columns.pipeline_id)))


def _row(pipeline_id: int | None, pipeline: str | None, found: Any) -> dict[str, Any]:
    counts = {name: int(getattr(found, name) or 0) if found else 0 for name in ("deals", "clients", "bought", "open")}
    conversion = percent(counts["bought"], counts["clients"])
    return {"pipeline_id": pipeline_id, "pipeline": pipeline, **counts, "conversion": conversion}


def _deals(ask: Ask, actor: Actor, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(Deal).where(within(ask.scope, Deal.created_at))
    query = query.where(or_(Deal.status != DealStatus.LOST, is_loss()), owned(ask.scope, Deal.owner_id))
    return deals_of(query, ask.scope, actor)


def _client() -> ColumnElement[str]:
    main = select(func.min(DealContact.contact_id)).where(DealContact.deal_id == Deal.id, DealContact.position == 0)
    company, person = cast(Deal.company_id, String), cast(main.scalar_subquery(), String)
    return func.coalesce("company " + company, "person " + person, "deal " + cast(Deal.id, String))


CHART = Chart(name="clients", columns=COLUMNS, keys=("pipeline_id",), frame=frame, behind=behind, figure=figure)
