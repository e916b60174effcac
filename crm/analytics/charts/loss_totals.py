"""Losses in all: how many deals and how much money were lost, of all that were decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of, percent, split_columns, split_values
from crm.analytics.lost import amount_in, closed_deals, is_loss, loss_split, total
from crm.analytics.population import MONTH, OWNER, PIPELINE, PRIORITY, SOURCE, TEAM, WEEK
from crm.analytics.theme import COLORS, bars, columns
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Deal, DealStatus

COLUMNS = (
    Column("lost", Kind.COUNT, is_door=True),
    Column("lost_sum", Kind.MONEY, is_door=True),
    Column("mean_lost", Kind.MONEY),  # of the lost deals with an amount
    Column("won", Kind.COUNT, is_door=True),  # won in the same period
    Column("loss_share", Kind.PERCENT),  # lost of those won or lost
    Column("invalid", Kind.COUNT, is_door=True),  # closed in the period for a reason that is no loss
)
MOST_SHOWN = 15  # bars in the figure; the table has all
_NOTHING = {"lost": 0, "lost_sum": 0, "priced": 0, "won": 0, "invalid": 0}


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each value of the split, one row without a split. Columns: see `COLUMNS`."""
    split = loss_split(ask)
    grouped = [split.column.label("part")] if split else []
    listed = closed_deals(
        ask, actor, split, *grouped, Deal.status, is_loss().label("counts"), amount_in(ask.scope).label("amount")
    ).subquery()
    amount, keys = listed.c.amount, [*([listed.c.part] if split else []), listed.c.status, listed.c.counts]
    cells: dict[Any, dict[str, int]] = {} if split else {None: dict(_NOTHING)}
    query = select(*keys, func.count(), func.count(amount), total(amount)).group_by(*keys)
    for *key, status, counts, deals, priced, money in session.execute(query):
        cell = cells.setdefault(key[0] if split else None, dict(_NOTHING))
        if status is DealStatus.WON:
            cell["won"] += deals
        elif not counts:
            cell["invalid"] = deals
        else:
            cell.update(lost=deals, priced=priced, lost_sum=money)
    shown = split_values(session, split, cells) if split else {None: ()}
    head = split_columns(split)
    rows = [
        {
            **dict(zip((one.code for one in head), values, strict=True)), **cells[part],
            "mean_lost": cells[part]["lost_sum"] / cells[part]["priced"] if cells[part]["priced"] else None,
            "loss_share": percent(cells[part]["lost"], cells[part]["lost"] + cells[part]["won"]),
        }
        for part, values in shown.items()
    ]  # fmt: skip
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals lost, won, or closed as no deals at all."""
    split = loss_split(ask)
    query = closed_deals(ask, actor, split, Deal.id.label("deal_id"))
    if split is not None:
        query = query.where(split.chosen(key))
    if door == "won":
        return query.where(Deal.status == DealStatus.WON)
    return query.where(Deal.status == DealStatus.LOST, ~is_loss() if door == "invalid" else is_loss())


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return lost deals by month or week, else by the parts of the split with the most of them."""
    head = [one for one in frame.columns if one not in {column.code for column in COLUMNS}]
    moment = next((one for one in head if one in (MONTH, WEEK)), None)
    if moment is not None:
        return columns(frame, moment=moment, value="lost", told=("loss_share", "mean_lost"), words=words, kind="count")
    most = frame.assign(whose=[_name(one, words) for one in frame[head[-1]]] if head else words("total"))
    most = most.sort_values("lost", ascending=False, kind="stable").head(MOST_SHOWN)
    return bars(most, category="whose", parts=["lost"], colors=[COLORS["lost"]], words=words)


def _name(value: str | None, words: Words) -> str:
    return words("not_stated") if value is None else words(value)


CHART = Chart(
    name="loss-totals",
    columns=COLUMNS,
    keys=(),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, PIPELINE, MONTH, WEEK}),
    has_fields=True,
)
