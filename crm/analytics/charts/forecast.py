"""What open deals will bring, by the month they are expected to close in: as stages promise, and as history says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import numpy as np
import pandas as pd
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of
from crm.analytics.gathered import gathered
from crm.analytics.intervals import ENOUGH
from crm.analytics.population import deals_of, narrowed, owned, pipelines
from crm.analytics.scope import Scope
from crm.analytics.theme import COLORS, bars, clusters
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.auth.visibility import owner_visible
from crm.clock import utc_now
from crm.i18n.analytics_formats import month_text
from crm.models import Deal, DealStatus, Stage, StageReach

# History speaks from deals that reached a stage within a year, and are decided.
HISTORY = timedelta(days=365)
LATE, NONE = "late", "none"
_REACH: tuple[Any, ...] = (StageReach.deal_id, StageReach.stage_id)
_END: tuple[Any, ...] = (Deal.id, Deal.status)

COLUMNS = (
    Column("due", Kind.CODE),  # late: expected before today; none: no date; else "month"
    Column("month", Kind.DAY),
    Column("deals", Kind.COUNT, is_door=True),
    Column("amount_sum", Kind.MONEY, is_door=True),
    Column("stage_sum", Kind.MONEY),  # amounts times the stages' win percent; of stages that have one
    Column("history_sum", Kind.MONEY),  # amounts times the share of decided deals won after reaching the stage
    Column("without_percent", Kind.COUNT, is_door=True),  # deals on stages without a win percent
    Column("without_history", Kind.COUNT, is_door=True),  # deals on stages that fewer than ten decided deals reached
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for late deals, for each month that has some, and for deals without a date.

    Of open deals as they are now, whatever the period. Late ones count as the present month's in the texts beside it.
    """
    chances = _history(session, actor, ask.scope)
    percents = {row.id: row.win_percent for row in session.execute(select(Stage.id, Stage.win_percent))}
    in_currency = func.sum(Deal.amount_minor).filter(Deal.currency == ask.scope.currency)
    query = _query(
        ask, actor, Deal.expected_close_on, Deal.stage_id, func.count().label("deals"), in_currency.label("amount")
    )
    today = _today(ask.scope)
    cells: dict[tuple[str, date | None], dict[str, float]] = {}
    for row in session.execute(query.group_by(Deal.expected_close_on, Deal.stage_id)):
        cell = cells.setdefault(_due(row.expected_close_on, today), dict.fromkeys((one.code for one in COLUMNS[2:]), 0))
        amount, share, chance = int(row.amount or 0), percents.get(row.stage_id), chances.get(row.stage_id)
        cell["deals"] += row.deals
        cell["amount_sum"] += amount
        cell["stage_sum"] += amount * (share or 0) / 100
        cell["history_sum"] += amount * (chance or 0)
        cell["without_percent"] += row.deals if share is None else 0
        cell["without_history"] += row.deals if chance is None else 0
    order = {LATE: 0, "month": 1, NONE: 2}
    rows = [
        {"due": due, "month": month, **cell}
        for (due, month), cell in sorted(cells.items(), key=lambda one: (order[one[0][0]], one[0][1] or date.min))
    ]
    return frame_of(COLUMNS, rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the open deals of a row; of the last two columns, those on stages without the figure."""
    query, today = _query(ask, actor, Deal.id.label("deal_id")), _today(ask.scope)
    if key["due"] == LATE:
        query = query.where(Deal.expected_close_on < today)
    elif key["due"] == NONE:
        query = query.where(Deal.expected_close_on.is_(None))
    else:
        following = (key["month"] + timedelta(days=31)).replace(day=1)
        query = query.where(Deal.expected_close_on >= max(key["month"], today), Deal.expected_close_on < following)
    if door == "without_percent":
        return query.where(Deal.stage_id.in_(select(Stage.id).where(Stage.win_percent.is_(None))))
    if door == "without_history":
        return query.where(Deal.stage_id.not_in(sorted(_history(session, actor, ask.scope))))
    return query


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return the sums by month, overdue and undated ones beside: all, as stages promise, as history says.

    Without any amount, the deals.
    """
    named = frame.assign(due=[
        words(f"due:{due}") if month is None else month_text(month)
        for due, month in zip(frame["due"], frame["month"], strict=True)
    ])  # fmt: skip
    if not frame["amount_sum"].any():
        return bars(named, category="due", parts=["deals"], colors=[COLORS["now"]], words=words)
    chances = [one for one in ("stage_sum", "history_sum") if frame[one].any()]  # a row of nothings says nothing
    return clusters(named, category="due", values=("amount_sum", *chances), words=words, door="amount_sum")


def _query(ask: Ask, actor: Actor, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(Deal).where(Deal.status == DealStatus.OPEN)
    return deals_of(query, ask.scope, actor).where(owned(ask.scope, Deal.owner_id))


def _history(session: Session, actor: Actor, scope: Scope) -> dict[int, float]:
    """Return for each stage which part of the decided deals that reached it was won; of everybody in sight.

    Stages that too few decided deals reached are left out.
    """
    since = StageReach.reached_at >= utc_now() - HISTORY
    reached = select(*_REACH).where(since)
    is_decided = Deal.status.in_((DealStatus.WON, DealStatus.LOST))
    decided = select(*_END).where(is_decided, pipelines(scope, Deal.pipeline_id), owner_visible(actor, Deal.owner_id))
    # Put together here: a look at each deal of each reach is ten times as dear.
    reached_by, stages = gathered(session, narrowed(reached, scope, actor, fact=StageReach))
    ids, statuses = gathered(session, decided)
    status_of = np.zeros(max(reached_by.max(initial=0), ids.max(initial=0)) + 1, dtype=np.int8)
    status_of[ids] = statuses
    ends = status_of[reached_by]
    won, lost = (np.bincount(stages[ends == one.value]) for one in (DealStatus.WON, DealStatus.LOST))
    counts = enumerate(zip_longest(won.tolist(), lost.tolist(), fillvalue=0))
    return {stage_id: wins / (wins + losses) for stage_id, (wins, losses) in counts if wins + losses >= ENOUGH}


def _due(day: date | None, today: date) -> tuple[str, date | None]:
    if day is None:
        return NONE, None
    return (LATE, None) if day < today else ("month", day.replace(day=1))


def _today(scope: Scope) -> date:
    return utc_now().astimezone(ZoneInfo(scope.zone)).date()


CHART = Chart(name="forecast", columns=COLUMNS, keys=("due", "month"), frame=frame, behind=behind, figure=figure)
