"""Sources: how many deals each brought, what became of them, how much they were worth and how fast they were won."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Integer, Select, case, func, select, type_coerce
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.credits import last_owner
from crm.analytics.frames import frame_of, percent, split_columns, split_values
from crm.analytics.lost import amount_in, is_loss, total
from crm.analytics.population import (
    MONTH,
    OWNER,
    PIPELINE,
    PRIORITY,
    TEAM,
    WEEK,
    Split,
    deals_of,
    owned,
    split_by,
    within,
)
from crm.analytics.samples import samples
from crm.analytics.theme import COLORS, bars
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Deal, DealStatus, User

# What a source is credited for: bringing the client first, or bringing a refused one back.
FIRST, RETURN = "first", "return"
_CREDITS = {FIRST: Deal.source, RETURN: Deal.return_source}
UTM = {name: getattr(Deal, name) for name in ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")}

COLUMNS = (
    Column("credit", Kind.CODE),
    Column("source", Kind.NAME),  # None: nobody said; of a return, the pipeline that brought the client back
    Column("came", Kind.COUNT, is_door=True),  # created in the period, invalid ones left out
    Column("won", Kind.COUNT, is_door=True),
    Column("lost", Kind.COUNT, is_door=True),
    Column("open", Kind.COUNT, is_door=True),
    Column("conversion_decided", Kind.PERCENT),  # won of those won or lost
    Column("won_sum", Kind.MONEY, is_door=True),
    Column("mean_won", Kind.MONEY),  # of won deals with an amount
    Column("median_hours", Kind.HOURS),  # from creation to the win
    Column("invalid", Kind.COUNT, is_door=True),  # created in the period and closed as no deal at all
)
_STATUSES = {DealStatus.WON: "won", DealStatus.LOST: "lost", DealStatus.OPEN: "open"}
_COUNTS = ("came", "won", "lost", "open", "won_sum", "invalid", "priced")


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each source, then one for each that brought refused clients back, within each part.

    The rows of returns repeat deals that stand in those of the first sources. Those with the most deals come first,
    what nobody said last. Columns: see `COLUMNS`.
    """
    split = _split(ask)
    cells = {(credit, *key): cell for credit in _CREDITS for key, cell in _cells(session, actor, ask, credit, split)}
    hours = {(credit, *key): value for credit in _CREDITS for key, value in _hours(session, actor, ask, credit, split)}
    shown = split_values(session, split, [part for _credit, part, _source in cells]) if split else {None: ()}
    head = split_columns(split)
    places = {part: number for number, part in enumerate(shown)}
    ranked = sorted(
        cells.items(),
        key=lambda one: (places[one[0][1]], list(_CREDITS).index(one[0][0]), one[0][2] is None, -one[1]["came"],
                         one[0][2] or ""),
    )  # fmt: skip
    rows = [
        {
            **dict(zip((one.code for one in head), shown[part], strict=True)),
            "credit": credit, "source": source, **cell,
            "conversion_decided": percent(cell["won"], cell["won"] + cell["lost"]),
            "mean_won": cell["won_sum"] / cell["priced"] if cell["priced"] else None,
            "median_hours": hours.get((credit, part, source)),
        }
        for (credit, part, source), cell in ranked
    ]  # fmt: skip
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals that a source brought, first or back, or what became of them."""
    split, source = _split(ask), key["source"]
    column = _CREDITS[key["credit"]]
    query = _query(ask, actor, key["credit"], split, Deal.id.label("deal_id"), Deal.created_at.label("at"))
    query = query.where(column.is_(None) if source is None else column == source)
    if split is not None:
        query = query.where(split.chosen(key))
    if door == "invalid":
        return query.where(_is_invalid())
    statuses = {name: status for status, name in _STATUSES.items()} | {"won_sum": DealStatus.WON}
    return query.where(~_is_invalid(), *([Deal.status == statuses[door]] if door in statuses else []))


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return bars of the deals that each source brought first, split by what became of them."""
    parts = ["won", "lost", "open"]
    first = frame[frame["credit"] == FIRST].assign(source=lambda rows: rows["source"].fillna(words("not_stated")))
    return bars(first, category="source", parts=parts, colors=[COLORS[one] for one in parts], words=words)


def _split(ask: Ask) -> Split | None:
    if ask.by is None:
        return None
    if ask.by in UTM:
        return Split(ask.by, UTM[ask.by].expression, needs_deal=True)
    return split_by(ask.by, ask.scope, owner=last_owner(), at=Deal.created_at)


def _is_invalid() -> ColumnElement[bool]:
    return (Deal.status == DealStatus.LOST) & ~is_loss()


def _query(ask: Ask, actor: Actor, credit: str, split: Split | None, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(Deal).where(within(ask.scope, Deal.created_at))
    if credit == RETURN:
        query = query.where(Deal.return_source.is_not(None))
    query = deals_of(query, ask.scope, actor)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == last_owner())
    if ask.scope.owner_ids or ask.scope.team_ids:
        query = query.where(owned(ask.scope, last_owner()))
    return query


def _keys(credit: str, split: Split | None) -> tuple[ColumnElement[Any], ...]:
    return (*([split.column.label("part")] if split else []), _CREDITS[credit].label("source"))


def _cells(session: Session, actor: Actor, ask: Ask, credit: str, split: Split | None) -> Any:
    """Give counts and sums of each part and source."""
    # An invalid deal is one of a kind of its own beside won, lost and open ones.
    status = case((_is_invalid(), -1), else_=type_coerce(Deal.status, Integer)).label("state")
    listed = _query(
        ask, actor, credit, split, *_keys(credit, split), status, amount_in(ask.scope).label("amount")
    ).subquery()
    keys = [*([listed.c.part] if split else []), listed.c.source]
    amount = listed.c.amount
    found: dict[tuple[Any, str | None], dict[str, int]] = {}
    query = select(*keys, listed.c.state, func.count(), func.count(amount), total(amount))
    for *key, state, deals, priced, money in session.execute(query.group_by(*keys, listed.c.state)):
        cell = found.setdefault((key[0] if split else None, key[-1]), dict.fromkeys(_COUNTS, 0))
        if state == -1:
            cell["invalid"] = deals
            continue
        cell["came"] += deals
        cell[_STATUSES[DealStatus(state)]] = deals
        if state == DealStatus.WON:
            cell["won_sum"], cell["priced"] = money, priced
    return found.items()


def _hours(session: Session, actor: Actor, ask: Ask, credit: str, split: Split | None) -> Any:
    """Give the median hours to the win of each part and source."""
    seconds = type_coerce(Deal.closed_at, BigInteger) - type_coerce(Deal.created_at, BigInteger)
    won = _query(ask, actor, credit, split, *_keys(credit, split), seconds.label("value"))
    found = samples(session, won.where(Deal.status == DealStatus.WON))
    return {(key[0] if split else None, key[-1]): own.percentile(50) / 3600 for key, own in found.items()}.items()


CHART = Chart(
    name="sources",
    columns=COLUMNS,
    keys=("credit", "source"),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, PRIORITY, PIPELINE, MONTH, WEEK, *UTM}),
    has_fields=True,
)
