"""Clients across pipelines: each counted once, however many deals or copies of deals it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Select, and_, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of, percent
from crm.analytics.gathered import Whole, gathered
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
# What became of a client, by the best of its deals.
_BOUGHT, _STILL_OPEN, _RANKS = 2, 1, 3


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
    counted: tuple[Any, ...] = (Deal.pipeline_id, Deal.status, _client())
    pipeline_ids, statuses, clients = gathered(session, _deals(ask, actor, *counted))
    rows = []
    for one in names:
        of_pipeline = pipeline_ids == one.id
        rows.append(_row(one.id, one.name, statuses[of_pipeline], clients[of_pipeline]))
    return frame_of(COLUMNS, [*rows, _row(None, None, statuses, clients)] if names else [])


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals of a row; for clients, one of each."""
    query = _deals(ask, actor, Deal.id.label("deal_id"), Deal.status.label("status"), _client())
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


def _row(pipeline_id: int | None, pipeline: str | None, statuses: Whole, clients: Whole) -> dict[str, Any]:
    """Count deals by their clients; of several deals of a client the best one stands for it: won, open, lost."""
    best = np.select([statuses == DealStatus.WON, statuses == DealStatus.OPEN], [_BOUGHT, _STILL_OPEN], 0)
    ranked = np.sort(clients * _RANKS + best)
    of_client = ranked[np.append(np.diff(ranked // _RANKS) != 0, True)[: ranked.size]] % _RANKS
    bought = int(np.count_nonzero(of_client == _BOUGHT))
    return {
        "pipeline_id": pipeline_id, "pipeline": pipeline, "deals": clients.size, "clients": of_client.size,
        "bought": bought, "open": int(np.count_nonzero(of_client == _STILL_OPEN)),
        "conversion": percent(bought, of_client.size),
    }  # fmt: skip


def _deals(ask: Ask, actor: Actor, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(Deal).where(within(ask.scope, Deal.created_at))
    query = query.where(or_(Deal.status != DealStatus.LOST, is_loss()), owned(ask.scope, Deal.owner_id))
    return deals_of(query, ask.scope, actor)


def _client() -> ColumnElement[int]:
    """Return a number of the deal's client: no company has that of a person or of a deal."""
    main = select(func.min(DealContact.contact_id)).where(DealContact.deal_id == Deal.id, DealContact.position == 0)
    found: ColumnElement[int] = func.coalesce(
        Deal.company_id * 3, type_coerce(main.scalar_subquery(), BigInteger) * 3 + 1, Deal.id * 3 + 2
    )
    return found.label("client")


CHART = Chart(name="clients", columns=COLUMNS, keys=("pipeline_id",), frame=frame, behind=behind, figure=figure)
