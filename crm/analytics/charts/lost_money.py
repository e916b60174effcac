"""Money not earned: what was lost each month, and the main reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, false, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of, split_columns, split_values
from crm.analytics.lost import amount_in, is_loss, loss_split, lost_deals, total
from crm.analytics.population import MONTH, OWNER, PIPELINE, PRIORITY, SOURCE, TEAM, Split, split_by
from crm.analytics.scope import FIRST_DAY, LAST_DAY, Scope
from crm.analytics.theme import columns
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Deal, LossReason

REASONS_SHOWN = 3
_RANKS = range(1, REASONS_SHOWN + 1)

COLUMNS = (
    Column("month", Kind.DAY),
    Column("lost", Kind.COUNT, is_door=True),
    Column("lost_sum", Kind.MONEY, is_door=True),
    Column("mean_lost", Kind.MONEY),  # of the lost deals with an amount
    # The names of the reasons of the most deals, each of whatever pipeline. None: nobody said why; an empty name with
    # 0 deals: there is no such rank.
    *(
        column
        for rank in _RANKS
        for column in (Column(f"reason_{rank}", Kind.NAME), Column(f"reason_{rank}_lost", Kind.COUNT, is_door=True))
    ),
)


@dataclass(slots=True)
class _Month:
    """What was lost in a month: deals, of them with an amount, their sum, and deals by reason."""

    lost: int = 0
    priced: int = 0
    amount: int = 0
    reasons: Counter[str | None] = field(default_factory=Counter)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each month of the period, within each value of the split.

    Where the period is open at an end, months without losses there are left out. Columns: see `COLUMNS`.
    """
    split = loss_split(ask)
    found = _months(session, actor, ask, split)
    shown = split_values(session, split, [part for part, _number in found]) if split else {None: ()}
    days = _month_split(ask).days
    months = _shown_months(ask.scope, len(days), {number for _part, number in found})
    head = split_columns(split)
    rows = [
        {
            **dict(zip((one.code for one in head), values, strict=True)),
            "month": days[number],
            **_row(found.get((part, number), _Month())),
        }
        for part, values in shown.items()
        for number in months
    ]
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals lost in a month, all of them or those of a reason."""
    split = loss_split(ask)
    chosen = [_month_split(ask).chosen(key), *([split.chosen(key)] if split else [])]
    query = lost_deals(ask, actor, split, Deal.id.label("deal_id")).where(is_loss(), *chosen)
    if not door.startswith("reason_"):
        return query
    months = list(_months(session, actor, ask, split, *chosen).values())
    ranked = _ranked(months[0]) if months else []
    rank = int(door.split("_")[1])
    if rank > len(ranked):
        return query.where(false())
    name = ranked[rank - 1][0]
    named = Deal.loss_reason_id.in_(select(LossReason.id).where(LossReason.name == name))
    return query.where(Deal.loss_reason_id.is_(None) if name is None else named)


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return a column for each month's lost money, with the number of deals told; of deals, where none has an amount.

    It begins with the first month that lost something, and ends with the last one.
    """
    lost = frame["lost"].to_numpy().nonzero()[0]
    shown = frame.iloc[lost[0] : lost[-1] + 1] if lost.size else frame
    told = ("lost", "mean_lost", "reason_1")
    if shown["lost_sum"].any():
        return columns(shown, moment="month", value="lost_sum", told=told, words=words)
    return columns(shown, moment="month", value="lost", told=told[2:], words=words, kind="count")


def _month_split(ask: Ask) -> Split:
    return split_by(MONTH, ask.scope, owner=Deal.owner_id, at=Deal.closed_at)


def _months(
    session: Session, actor: Actor, ask: Ask, split: Split | None, *conditions: ColumnElement[bool]
) -> dict[tuple[Any, int], _Month]:
    grouped = [split.column.label("part")] if split else []
    number = _month_split(ask).column.label("number")
    listed = lost_deals(
        ask, actor, split, *grouped, number, Deal.loss_reason_id.label("reason_id"),
        amount_in(ask.scope).label("amount"),
    ).where(is_loss(), *conditions).subquery()  # fmt: skip
    parts = [listed.c.part] if split else []
    keys = [*parts, listed.c.number, listed.c.reason_id]
    amount = listed.c.amount
    names = {row.id: row.name for row in session.execute(select(LossReason.id, LossReason.name))}
    found: dict[tuple[Any, int], _Month] = {}
    for row in session.execute(select(*keys, func.count(), func.count(amount), total(amount)).group_by(*keys)):
        *key, reason_id, lost, priced, of_reason = row
        month = found.setdefault((key[0] if split else None, key[-1]), _Month())
        month.lost, month.priced, month.amount = month.lost + lost, month.priced + priced, month.amount + of_reason
        month.reasons[names.get(reason_id)] += lost
    return found


def _shown_months(scope: Scope, count: int, with_losses: Iterable[int]) -> range:
    found = sorted(with_losses)
    first, last = 0, count - 1
    if scope.since == FIRST_DAY:
        first = found[0] if found else count
    if scope.until == LAST_DAY:
        last = found[-1] if found else -1
    return range(first, last + 1)


def _row(month: _Month) -> dict[str, Any]:
    row: dict[str, Any] = {
        "lost": month.lost,
        "lost_sum": month.amount,
        "mean_lost": month.amount / month.priced if month.priced else None,
    }
    ranked: list[tuple[str | None, int]] = [*_ranked(month), *[("", 0)] * REASONS_SHOWN]
    for rank in _RANKS:
        row[f"reason_{rank}"], row[f"reason_{rank}_lost"] = ranked[rank - 1]
    return row


def _ranked(month: _Month) -> list[tuple[str | None, int]]:
    return sorted(month.reasons.items(), key=lambda one: (-one[1], one[0] or ""))


CHART = Chart(
    name="lost-money",
    columns=COLUMNS,
    keys=("month",),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, PIPELINE}),
    has_fields=True,
)
