"""Objections: what clients say against buying on each stage, what became of it, and how their deals ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.credits import owner_at
from crm.analytics.frames import frame_of, percent, split_columns, split_values
from crm.analytics.lost import is_loss
from crm.analytics.population import (
    MONTH,
    OWNER,
    PRIORITY,
    SOURCE,
    TEAM,
    WEEK,
    Split,
    owned,
    pipelines,
    split_by,
    within,
    within_sight,
)
from crm.analytics.theme import COLORS, bars
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Deal, DealStatus, Objection, ObjectionKind, ObjectionOutcome, Pipeline, Stage, StageKind, User

_OUTCOMES: Mapping[str, ObjectionOutcome] = {
    "overcome": ObjectionOutcome.OVERCOME,
    "not_overcome": ObjectionOutcome.NOT_OVERCOME,
    "unsettled": ObjectionOutcome.OPEN,
}
_KINDS: Mapping[str, ObjectionKind] = {
    "real": ObjectionKind.REAL,
    "pretended": ObjectionKind.PRETENDED,
    "unclear": ObjectionKind.UNKNOWN,
}
_ENDS: Mapping[str, DealStatus] = {
    "deals_won": DealStatus.WON,
    "deals_lost": DealStatus.LOST,
    "deals_open": DealStatus.OPEN,
}

COLUMNS = (
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),  # where the deal stood when it was said
    Column("stage", Kind.NAME),
    Column("objections", Kind.COUNT, is_door=True),
    *(Column(one, Kind.COUNT, is_door=True) for one in _OUTCOMES),
    Column("overcome_share", Kind.PERCENT),  # of those overcome or not; those still open are left out
    *(Column(one, Kind.COUNT, is_door=True) for one in _KINDS),
    Column("deals", Kind.COUNT, is_door=True),  # each once, however much its client objected
    *(Column(one, Kind.COUNT, is_door=True) for one in _ENDS),  # what these deals are now
)
_COUNTS = tuple(one.code for one in COLUMNS if one.is_door)


@dataclass(frozen=True, slots=True)
class _StageRow:
    pipeline: str
    stage_id: int
    stage: str


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each stage on which somebody objected within the period, in order, within each part.

    Columns: see `COLUMNS`; a deal with objections on two stages is among the deals of both.
    """
    split = _split(ask)
    cells = _counts(session, actor, ask, split)
    shown = split_values(session, split, [part for part, _stage_id in cells]) if split else {None: ()}
    stages = _stages(session, {stage_id for _part, stage_id in cells})
    head = split_columns(split)
    rows = [
        {
            **dict(zip((one.code for one in head), values, strict=True)),
            "pipeline": stage.pipeline, "stage_id": stage.stage_id, "stage": stage.stage, **cell,
            "overcome_share": percent(cell["overcome"], cell["overcome"] + cell["not_overcome"]),
        }
        for part, values in shown.items()
        for stage in stages
        if (cell := cells.get((part, stage.stage_id)))
    ]  # fmt: skip
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals behind a count: of objections a row for each, of deals each deal once."""
    split = _split(ask)
    moment = () if door.startswith("deals") else (Objection.at.label("at"),)
    query = _query(ask, actor, split, Objection.deal_id, *moment).where(Objection.stage_id == key["stage_id"])
    if split is not None:
        query = query.where(split.chosen(key))
    if door in _OUTCOMES:
        return query.where(Objection.outcome == _OUTCOMES[door])
    if door in _KINDS:
        return query.where(Objection.kind == _KINDS[door])
    if door in _ENDS:
        query = query.where(Deal.status == _ENDS[door])
    return query if door == "objections" else query.distinct()


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return bars of the objections on each stage by what became of them."""
    if frame["pipeline"].nunique() > 1:
        frame = frame.assign(stage=frame["pipeline"] + " · " + frame["stage"])
    parts = list(_OUTCOMES)
    colors = [COLORS["won"], COLORS["lost"], COLORS["open"]]
    return bars(frame, category="stage", parts=parts, colors=colors, words=words)


def _split(ask: Ask) -> Split | None:
    return None if ask.by is None else split_by(ask.by, ask.scope, owner=owner_at(Objection.at), at=Objection.at)


def _query(ask: Ask, actor: Actor, split: Split | None, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(Objection).join(Deal, Deal.id == Objection.deal_id)
    # Invalid deals are in no figure: what was said there is no objection of a client.
    real: ColumnElement[bool] = (Deal.status != DealStatus.LOST) | is_loss()
    # By stages and not by the deals' pipelines: there are fewer objections than deals.
    there = Objection.stage_id.in_(select(Stage.id).where(pipelines(ask.scope, Stage.pipeline_id)))
    query = within_sight(query.where(there, within(ask.scope, Objection.at), real), ask.scope, actor)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == owner_at(Objection.at))
    if ask.scope.owner_ids or ask.scope.team_ids:
        query = query.where(owned(ask.scope, owner_at(Objection.at)))
    return query


def _counts(session: Session, actor: Actor, ask: Ask, split: Split | None) -> dict[tuple[Any, int], dict[str, int]]:
    grouped = [split.column.label("part")] if split else []
    listed = _query(
        ask, actor, split, *grouped, Objection.stage_id, Objection.outcome, Objection.kind, Objection.deal_id,
        Deal.status,
    ).subquery()  # fmt: skip
    keys = [*([listed.c.part] if split else []), listed.c.stage_id]
    cells: dict[tuple[Any, int], dict[str, int]] = {}
    said = select(*keys, listed.c.outcome, listed.c.kind, func.count())
    for *key, outcome, kind, count in session.execute(said.group_by(*keys, listed.c.outcome, listed.c.kind)):
        cell = cells.setdefault((key[0] if split else None, key[-1]), dict.fromkeys(_COUNTS, 0))
        for code in ("objections", _code(_OUTCOMES, outcome), _code(_KINDS, kind)):
            cell[code] += count
    ended = select(*keys, listed.c.status, func.count(listed.c.deal_id.distinct()))
    for *key, status, count in session.execute(ended.group_by(*keys, listed.c.status)):
        cell = cells[key[0] if split else None, key[-1]]
        for code in ("deals", _code(_ENDS, status)):
            cell[code] += count
    return cells


def _code(codes: Mapping[str, Any], value: Any) -> str:
    return next(code for code, meant in codes.items() if meant == value)


def _stages(session: Session, stage_ids: set[int]) -> list[_StageRow]:
    """Name the stages in the order of funnels: open ones, retired ones, ends."""
    query = (
        select(Pipeline.name, Stage.id, Stage.name)
        .join(Stage, Stage.pipeline_id == Pipeline.id)
        .where(Stage.id.in_(stage_ids))
        .order_by(
            Pipeline.position, Pipeline.id, Stage.kind != StageKind.OPEN, Stage.retired_at.is_not(None),
            Stage.position, Stage.id,
        )
    )  # fmt: skip
    return [_StageRow(*row) for row in session.execute(query)]


CHART = Chart(
    name="objections",
    columns=COLUMNS,
    keys=("stage_id",),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, MONTH, WEEK}),
    has_fields=True,
)
