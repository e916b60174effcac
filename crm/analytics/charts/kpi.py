"""Key figures by month or week, of the company or of people: new deals, sales, losses, plan and fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from crm.actor import Actor
from crm.analytics.credits import last_owner
from crm.analytics.frames import frame_of, percent, split_columns, split_values
from crm.analytics.lost import is_loss
from crm.analytics.plans import plans_of
from crm.analytics.population import (
    MONTH,
    OWNER,
    PIPELINE,
    PRIORITY,
    SOURCE,
    TEAM,
    WEEK,
    Split,
    deals_of,
    owned,
    seconds_between,
    split_by,
    within,
)
from crm.analytics.samples import samples
from crm.analytics.scope import FIRST_DAY, LAST_DAY, Scope
from crm.analytics.theme import lines
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Deal, DealContact, DealStatus, TargetMetric, User

NEW, INVALID, WON, FIRST, REPEAT, LOST = "new", "invalid", "won", "first", "repeat", "lost"

COLUMNS = (
    Column(NEW, Kind.COUNT, is_door=True),  # created in the time, invalid ones left out
    Column(INVALID, Kind.COUNT, is_door=True),  # created in the time and closed as no deal at all
    Column(WON, Kind.COUNT, is_door=True),
    Column("won_sum", Kind.MONEY, is_door=True),
    Column(FIRST, Kind.COUNT, is_door=True),  # won, the client's first
    Column("first_sum", Kind.MONEY, is_door=True),
    Column(REPEAT, Kind.COUNT, is_door=True),  # won, of a client who had bought before
    Column("repeat_sum", Kind.MONEY, is_door=True),
    Column(LOST, Kind.COUNT, is_door=True),
    Column("lost_sum", Kind.MONEY, is_door=True),  # the unrealised volume
    Column("win_rate", Kind.PERCENT),  # won of won and lost
    Column("mean_won", Kind.MONEY),  # of won deals with an amount
    Column("median_days", Kind.NUMBER),  # from creation to the win
    Column("plan_sum", Kind.MONEY),  # what was planned to be won; None without a plan
    Column("plan_percent", Kind.PERCENT),  # won of the plan
    Column("plan_won", Kind.COUNT),  # deals planned to be won
    Column("plan_won_percent", Kind.PERCENT),
    Column("plan_new", Kind.COUNT),  # deals planned to come in
    Column("plan_new_percent", Kind.PERCENT),
)
_PLANS = {  # the plan's metric, its fact
    "plan_sum": (TargetMetric.WON_SUM, "won_sum", "plan_percent"),
    "plan_won": (TargetMetric.WON_DEALS, WON, "plan_won_percent"),
    "plan_new": (TargetMetric.NEW_DEALS, NEW, "plan_new_percent"),
}
_SUMS = {f"{one}_sum": one for one in (WON, FIRST, REPEAT, LOST)}


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each value of the split, months without deals included; one row without a split.

    Where the period has no first or last day, months begin and end with those that have deals.

    Columns: see `COLUMNS`. A deal is its last owner's: whose it was when it was won or lost, or whose it is now.
    """
    cells: dict[Any, dict[str, Any]] = {}
    for name in (NEW, INVALID, WON, REPEAT, LOST):
        split = _split(ask, name)
        part = split.column if split else null()
        in_currency = func.sum(Deal.amount_minor).filter(Deal.currency == ask.scope.currency)
        priced = func.count(Deal.amount_minor).filter(Deal.currency == ask.scope.currency)
        query = _query(ask, actor, name, part.label("part"), func.count().label("deals"), in_currency.label("amount"),
                       priced.label("priced"))  # fmt: skip
        for row in session.execute(query.group_by(part) if split else query):
            cell = cells.setdefault(row.part, {})
            cell[name], cell[f"{name}_sum"], cell[f"{name}_priced"] = row.deals, int(row.amount or 0), row.priced
    _add_days(session, actor, ask, cells)
    split = _split(ask, NEW)
    if split is None:
        cells.setdefault(None, {})
    for number in _shown_spans(ask.scope, split, cells):
        cells.setdefault(number, {})
    plans = plans_of(session, actor, ask)
    head = split_columns(split)
    shown = split_values(session, split, cells) if split else {None: ()}
    rows = [
        {**dict(zip((one.code for one in head), values, strict=True)), **_row(cells[value], plans(value))}
        for value, values in shown.items()
    ]
    return frame_of((*head, *COLUMNS), rows)


def _shown_spans(scope: Scope, split: Split | None, found: Iterable[int]) -> range:
    """Return the numbers of the months or weeks that have a row."""
    if split is None or not split.days:
        return range(0)
    first = 0 if scope.since > FIRST_DAY else min(found, default=0)
    last = len(split.days) - 1 if scope.until < LAST_DAY else max(found, default=-1)
    return range(first, last + 1)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals behind a count or a sum."""
    name = _SUMS.get(door, door)
    query, split = _query(ask, actor, name, Deal.id.label("deal_id")), _split(ask, name)
    return query if split is None else query.where(split.chosen(key))


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return lines of the won sum and its plan along time; bars for other splits."""
    return lines(frame, values=("won_sum", "plan_sum"), words=words)


def _split(ask: Ask, name: str) -> Split | None:
    return _split_at(ask, _moment(name).key) if ask.by else None


@lru_cache(maxsize=4)  # asked for by each figure; of a long time the comparisons are many
def _split_at(ask: Ask, moment: str) -> Split:
    return split_by(str(ask.by), ask.scope, owner=last_owner(), at=getattr(Deal, moment))


def _moment(name: str) -> InstrumentedAttribute[Any]:
    return Deal.created_at if name in (NEW, INVALID) else Deal.closed_at


def _query(ask: Ask, actor: Actor, name: str, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(Deal).where(within(ask.scope, _moment(name)), *_kind(name))
    split = _split(ask, name)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == last_owner())
    query = deals_of(query, ask.scope, actor)
    return query.where(owned(ask.scope, last_owner())) if ask.scope.owner_ids or ask.scope.team_ids else query


def _kind(name: str) -> list[ColumnElement[bool]]:
    is_won, is_lost = Deal.status == DealStatus.WON, Deal.status == DealStatus.LOST
    if name in (FIRST, REPEAT):
        return [is_won, _bought_before() if name == REPEAT else ~_bought_before()]
    kinds: dict[str, list[ColumnElement[bool]]] = {
        NEW: [or_(~is_lost, is_loss())],
        INVALID: [is_lost, ~is_loss()],
        WON: [is_won],
        LOST: [is_lost, is_loss()],
    }
    return kinds[name]


def _bought_before() -> ColumnElement[bool]:
    """Say that the deal's client, its company or a person in it, has a deal won before."""
    earlier, part, other = aliased(Deal), aliased(DealContact), aliased(DealContact)
    before = (
        earlier.status == DealStatus.WON,  # not removed since, not merged away
        or_(earlier.closed_at < Deal.closed_at, and_(earlier.closed_at == Deal.closed_at, earlier.id < Deal.id)),
    )
    of_company = exists().where(earlier.company_id == Deal.company_id, *before)
    of_person = exists().where(
        part.deal_id == Deal.id, other.contact_id == part.contact_id, other.deal_id != Deal.id,
        earlier.id == other.deal_id, *before,
    )  # fmt: skip
    return or_(of_company, of_person)


def _add_days(session: Session, actor: Actor, ask: Ask, cells: dict[Any, dict[str, Any]]) -> None:
    split = _split(ask, WON)
    part = split.column if split else literal(0)
    query = _query(ask, actor, WON, part.label("part"), seconds_between(Deal.created_at, Deal.closed_at))
    for (of_part,), own in samples(session, query).items():
        cells.setdefault(of_part if split else None, {})["median_days"] = own.percentile(50) / 86400


def _row(cell: Mapping[str, Any], plans: Mapping[TargetMetric, int]) -> dict[str, Any]:
    counts = {name: cell.get(name, 0) for name in (NEW, INVALID, WON, REPEAT, LOST)}
    sums = {code: cell.get(code, 0) for code, name in _SUMS.items() if name != FIRST}
    facts = counts | sums
    planned: dict[str, Any] = {}
    for code, (metric, fact, share) in _PLANS.items():
        planned[code] = plans.get(metric)
        planned[share] = percent(facts[fact], plans[metric]) if metric in plans else None
    return {
        **facts,
        FIRST: counts[WON] - counts[REPEAT], "first_sum": sums["won_sum"] - sums["repeat_sum"],
        "win_rate": percent(counts[WON], counts[WON] + counts[LOST]),
        "mean_won": sums["won_sum"] / cell["won_priced"] if cell.get("won_priced") else None,
        "median_days": cell.get("median_days"),
        **planned,
    }  # fmt: skip


CHART = Chart(
    name="kpi",
    columns=COLUMNS,
    keys=(),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, PIPELINE, MONTH, WEEK}),
    has_fields=True,
)
