"""Managers by stage: how many deals each takes further, and how fast, against the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import StageRow, frame_of, names_of, percent, stage_rows
from crm.analytics.intervals import wilson
from crm.analytics.percentiles import percentiles
from crm.analytics.population import OWNER, narrowed, owned, seconds_between, within
from crm.analytics.theme import heat_map
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import ReachOutcome, Stage, StageKind, StageReach, StageVisit, User

# Below so many decided deals a share says nothing yet.
ENOUGH = 10
BETTER, WORSE, ALIKE, FEW = "better", "worse", "alike", "few"

COLUMNS = (
    Column("owner_id", Kind.ID),
    Column("owner", Kind.NAME),
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),
    Column("stage", Kind.NAME),
    Column("came", Kind.COUNT, is_door=True),  # deals on the stage whose decision, or present, is this owner's
    Column("passed", Kind.COUNT, is_door=True),
    Column("lost", Kind.COUNT, is_door=True),
    Column("open", Kind.COUNT, is_door=True),
    Column("conversion_decided", Kind.PERCENT),  # passed of those passed or lost
    Column("low", Kind.PERCENT),  # Wilson's interval of it, 95 %
    Column("high", Kind.PERCENT),
    Column("others", Kind.PERCENT),  # the same share of all others in the scope
    Column("difference", Kind.NUMBER),  # in percentage points
    Column("verdict", Kind.CODE),  # better, worse, alike; few below ten decided deals
    Column("visits", Kind.COUNT, is_door=True),  # the owner's visits that ended, begun in the period
    Column("median_hours", Kind.HOURS),  # of those visits
    Column("team_median_hours", Kind.HOURS),
)

_OUTCOMES = {"passed": ReachOutcome.PASSED, "lost": ReachOutcome.LOST, "open": ReachOutcome.OPEN}
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Times:
    """Ended visits: how many, and the median of their hours."""

    visits: int
    median_hours: float | None


@dataclass(frozen=True, slots=True)
class AllTimes:
    """Times of each owner on each stage, and the median hours of all visits of a stage."""

    by_owner: Mapping[tuple[int | None, int], Times]
    of_stage: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Strength:
    """A stage on which an owner does clearly better or worse than the others; `difference` in percentage points."""

    owner_id: int
    owner: str
    stage_id: int
    stage: str
    is_better: bool
    difference: float
    helper: str | None


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each owner and open stage where the owner has a deal or an ended visit.

    Owners by name, nobody last; stages in order. "Others" and the team are all that the scope and the actor's sight
    hold, whatever owners the scope is narrowed to.
    """
    counts, times = _counts(session, actor, ask), _times(session, actor, ask)
    owners = {owner_id for owner_id, _ in [*counts, *times.by_owner]}
    names = names_of(session, OWNER, [one for one in owners if one is not None])
    wanted = _wanted(session, ask)
    rows = [
        _row(stage, owner_id, names.get(owner_id or 0), counts, times)
        for owner_id in sorted(owners, key=lambda one: (one is None, names.get(one or 0, ""), one or 0))
        for stage in stage_rows(session, ask.scope)
        if stage.kind is StageKind.OPEN and wanted(owner_id)
        and ((owner_id, stage.stage_id) in counts or (owner_id, stage.stage_id) in times.by_owner)
    ]  # fmt: skip
    return frame_of(COLUMNS, rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals behind a count of an owner on a stage; of visits, a row for each."""
    if door == "visits":
        query = _visits(ask, actor, StageVisit.deal_id)
        return query.where(StageVisit.stage_id == key["stage_id"], _is_of(StageVisit, key["owner_id"]))
    query = _reaches(ask, actor, StageReach.deal_id).where(StageReach.stage_id == key["stage_id"])
    query = query.where(_is_of(StageReach, key["owner_id"]))
    return query if door == "came" else query.where(StageReach.outcome == _OUTCOMES[door])


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return the heat map of conversions by owner and stage; a sign marks what is clearly better or worse."""
    return heat_map(
        frame, row="owner", column="stage", value="conversion_decided", door="came", label="verdict", words=words
    )


def strengths(frame: pd.DataFrame) -> list[Strength]:
    """Return each owner's stages that go clearly better or worse than the others', from a frame of this chart.

    For a weak stage, `helper` is the owner who does best there, if anybody clearly does better than the others.
    """
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    best: dict[Any, dict[str, Any]] = {}
    for row in rows:
        if row["verdict"] == BETTER and row["low"] > best.get(row["stage_id"], {"low": -1.0})["low"]:
            best[row["stage_id"]] = row
    return [
        Strength(
            owner_id=row["owner_id"],
            owner=row["owner"],
            stage_id=row["stage_id"],
            stage=row["stage"],
            is_better=row["verdict"] == BETTER,
            difference=row["difference"],
            helper=best.get(row["stage_id"], {}).get("owner") if row["verdict"] == WORSE else None,
        )
        for row in rows
        if row["verdict"] in (BETTER, WORSE) and row["owner_id"] is not None
    ]


def _counts(session: Session, actor: Actor, ask: Ask) -> dict[tuple[int | None, int], Counts]:
    keys = (StageReach.credited_to, StageReach.stage_id)
    found: dict[tuple[int | None, int], Counts] = {}
    query = _reaches(ask, actor, *keys, StageReach.outcome, func.count().label("deals"))
    for row in session.execute(query.group_by(*keys, StageReach.outcome)):
        cell = found.setdefault((row.credited_to, row.stage_id), dict.fromkeys(("came", *_OUTCOMES), 0))
        cell["came"] += row.deals
        cell[next(name for name, outcome in _OUTCOMES.items() if outcome is row.outcome)] += row.deals
    return found


def _row(
    stage: StageRow,
    owner_id: int | None,
    owner: str | None,
    counts: Mapping[tuple[int | None, int], Counts],
    times: AllTimes,
) -> dict[str, Any]:
    own = counts.get((owner_id, stage.stage_id), dict.fromkeys(("came", *_OUTCOMES), 0))
    rest = [cell for (other, of_stage), cell in counts.items() if of_stage == stage.stage_id and other != owner_id]
    decided, bounds = own["passed"] + own["lost"], wilson(own["passed"], own["passed"] + own["lost"])
    others_passed = sum(cell["passed"] for cell in rest)
    others = percent(others_passed, others_passed + sum(cell["lost"] for cell in rest))
    share = percent(own["passed"], decided)
    spent = times.by_owner.get((owner_id, stage.stage_id), Times(0, None))
    return {
        "owner_id": owner_id, "owner": owner, "pipeline": stage.pipeline, "stage_id": stage.stage_id,
        "stage": stage.stage, **own, "conversion_decided": share,
        "low": bounds[0] if bounds else None, "high": bounds[1] if bounds else None, "others": others,
        "difference": None if share is None or others is None else share - others,
        "verdict": _verdict(decided, bounds, others), "visits": spent.visits, "median_hours": spent.median_hours,
        "team_median_hours": times.of_stage.get(stage.stage_id),
    }  # fmt: skip


def _verdict(decided: int, bounds: tuple[float, float] | None, others: float | None) -> str:
    if decided < ENOUGH or bounds is None or others is None:
        return FEW
    if bounds[0] > others:
        return BETTER
    return WORSE if bounds[1] < others else ALIKE


def _reaches(ask: Ask, actor: Actor, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(StageReach)
    query = query.where(within(ask.scope, StageReach.reached_at), StageReach.entered_at.is_not(None))
    query = query.where(StageReach.stage_id.in_(select(Stage.id).where(Stage.kind == StageKind.OPEN)))
    return narrowed(query, ask.scope, actor, fact=StageReach)


def _visits(ask: Ask, actor: Actor, *columns: Any) -> Select[Any]:
    # Of deals that have a path: invalid ones are in no figure of time.
    on_path = StageReach.deal_id == StageVisit.deal_id, StageReach.stage_id == StageVisit.stage_id
    query = select(*columns).select_from(StageVisit).join(StageReach, and_(*on_path))
    ended = StageVisit.left_at.is_not(None)
    return narrowed(query.where(within(ask.scope, StageVisit.entered_at), ended), ask.scope, actor, fact=StageVisit)


def _times(session: Session, actor: Actor, ask: Ask) -> AllTimes:
    owner: ColumnElement[int | None] = case((StageVisit.owner_known, StageVisit.owner_id), else_=None)
    value, stage_id = seconds_between(StageVisit.entered_at, StageVisit.left_at), StageVisit.stage_id
    by_owner = percentiles(_visits(ask, actor, owner.label("owner_id"), stage_id, value), hundredths=(50,))
    of_stage = percentiles(_visits(ask, actor, stage_id, value), hundredths=(50,))
    return AllTimes(
        {(row.owner_id, row.stage_id): Times(row.n, row.p50 / 3600) for row in session.execute(by_owner)},
        {row.stage_id: row.p50 / 3600 for row in session.execute(of_stage)},
    )


def _is_of(fact: type[StageReach | StageVisit], owner_id: int | None) -> ColumnElement[bool]:
    if fact is StageReach:
        return StageReach.credited_to.is_(None) if owner_id is None else StageReach.credited_to == owner_id
    if owner_id is None:
        return StageVisit.owner_known.is_(False)
    return and_(StageVisit.owner_known, StageVisit.owner_id == owner_id)


def _wanted(session: Session, ask: Ask) -> Callable[[int | None], bool]:
    """Return whether rows of an owner are asked for: the scope's owners and members of its teams, else all."""
    if not ask.scope.owner_ids and not ask.scope.team_ids:
        return lambda owner_id: True
    ids = frozenset(session.scalars(select(User.id).where(owned(ask.scope, User.id))))
    return lambda owner_id: owner_id in ids


CHART = Chart(
    name="managers", columns=COLUMNS, keys=("owner_id", "stage_id"), frame=frame, behind=behind, figure=figure
)
