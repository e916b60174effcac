"""Conversion from stage to stage: how many deals came, went on, were lost, are still there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, case, exists, literal, or_, select
from sqlalchemy.orm import Session, aliased

from crm.actor import Actor
from crm.analytics.frames import StageRow, frame_of, percent, split_columns, split_values, stage_rows
from crm.analytics.intervals import ENOUGH
from crm.analytics.population import (
    MONTH,
    OWNER,
    PRIORITY,
    SOURCE,
    TEAM,
    WEEK,
    Split,
    narrowed,
    owned,
    seconds_between,
    split_by,
    within,
)  # fmt: skip
from crm.analytics.samples import number_of, samples, tally
from crm.analytics.theme import COLORS, FEW, bars, heat_map
from crm.analytics.values import Ask, Chart, Column, Kind, Meaning, Words
from crm.models import ReachOutcome, Stage, StageKind, StageReach, User

_CAME, _PASSED, _LOST, _OPEN, _OFF = "came", "passed", "lost", "open", "off_path"
_COUNTS = (_CAME, _PASSED, _LOST, _OPEN, _OFF)
_OUTCOMES = {_PASSED: ReachOutcome.PASSED, _LOST: ReachOutcome.LOST, _OPEN: ReachOutcome.OPEN}
_SECONDS_OF_DAY = 86400

COLUMNS = (
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),
    Column("stage", Kind.NAME),
    Column(_CAME, Kind.COUNT, is_door=True),
    Column(_PASSED, Kind.COUNT, is_door=True),
    Column(_LOST, Kind.COUNT, is_door=True),
    Column(_OPEN, Kind.COUNT, is_door=True),
    Column(_OFF, Kind.COUNT, is_door=True),  # strict cohort: went on, but past a stage, back, or after the period
    Column("conversion", Kind.PERCENT),  # passed of all that came
    Column("conversion_decided", Kind.PERCENT),  # passed of those passed or lost
    Column("from_first", Kind.PERCENT),  # came, of those that came to the first stage
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each stage in order, the won one last, within each value of the split.

    Columns: see `COLUMNS`; a won stage has no conversion. Stages without deals have zeros; an empty base has its
    stages all the same, unless it is split.
    """
    split, stages = _split(ask), stage_rows(session, ask.scope)
    counts: dict[Any, dict[int, dict[str, int]]] = {}
    keys = [StageReach.stage_id, number_of(StageReach.outcome), _went_on(ask, stages).label("went_on")]
    keys += [] if split is None else [split.column.label("split")]
    for (stage_id, outcome, went_on, *part), deals in tally(session, _query(ask, actor, split, *keys)).items():
        of_part = counts.setdefault(part[0] if split else None, {})
        of_stage = of_part.setdefault(stage_id, dict.fromkeys(_COUNTS, 0))
        of_stage[_CAME] += deals
        of_stage[_door(ReachOutcome(outcome), went_on=bool(went_on))] += deals
    head = split_columns(split)
    cells = split_values(session, split, counts) if split else {None: ()}
    rows = [
        {**dict(zip((one.code for one in head), values, strict=True)), **row}
        for value, values in cells.items()
        for row in _rows(stages, counts.get(value, {}))
    ]
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals behind a count: those that came to the stage, or what became of them."""
    split = _split(ask)
    at = StageReach.decided_at if door in (_PASSED, _OFF, _LOST) else StageReach.reached_at
    query = _query(ask, actor, split, StageReach.deal_id, at.label("at")).where(StageReach.stage_id == key["stage_id"])
    if split is not None:
        query = query.where(split.chosen(key))
    if door == _CAME:
        return query
    if door in (_PASSED, _OFF):
        query = query.where(_went_on(ask, stage_rows(session, ask.scope)) == (1 if door == _PASSED else 0))
    return query.where(StageReach.outcome == _OUTCOMES.get(door, ReachOutcome.PASSED))


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return bars of the deals that came to each stage, split by what became of them; of a split, its shares."""
    split = [one for one in frame.columns if one not in {column.code for column in COLUMNS}]
    if frame["pipeline"].nunique() > 1:
        frame = frame.assign(stage=frame["pipeline"] + " · " + frame["stage"])
    if split:
        few = (frame["passed"] + frame["lost"]).map(lambda decided: FEW if decided < ENOUGH else "")
        return heat_map(
            frame.assign(few=few), row=split[-1].removesuffix("_id"), column="stage", value="conversion_decided",
            door="came", label="few", words=words,
        )  # fmt: skip
    parts = [one for one in _COUNTS[1:] if one != _OFF or frame[_OFF].any()]
    return bars(frame, category="stage", parts=parts, colors=[COLORS[one] for one in parts], words=words)


def median_days_to_win(session: Session, actor: Actor, ask: Ask) -> float | None:
    """Return the median days from coming to the pipeline to the win, of the deals that the chart counts as won."""
    won = select(Stage.id).where(Stage.kind == StageKind.WON)
    taken = seconds_between(StageReach.began_at, StageReach.reached_at)
    query = _query(ask, actor, None, taken).where(StageReach.stage_id.in_(won))
    found = samples(session, query)
    return found[()].percentile(50) / _SECONDS_OF_DAY if found else None


def _split(ask: Ask) -> Split | None:
    if ask.by is None:
        return None
    return split_by(ask.by, ask.scope, owner=StageReach.credited_to, at=_moment(ask.meaning))


def _moment(meaning: Meaning) -> Any:
    return StageReach.began_at if meaning is Meaning.STRICT else StageReach.reached_at


def _query(ask: Ask, actor: Actor, split: Split | None, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(StageReach).where(*_counted(ask, StageReach))
    query = narrowed(query, ask.scope, actor, fact=StageReach, needs_deal=split is not None and split.needs_deal)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == StageReach.credited_to)
    return query.where(owned(ask.scope, StageReach.credited_to))


def _counted(ask: Ask, reach: Any) -> list[ColumnElement[bool]]:
    """Say which reaches the meaning counts."""
    if ask.meaning is Meaning.STRICT:
        return [within(ask.scope, reach.began_at), reach.in_order, reach.entered_at < ask.scope.end_at]
    counted = [within(ask.scope, reach.reached_at)]
    return [*counted, reach.entered_at.is_not(None)] if ask.meaning is Meaning.REAL_PATH else counted


def _went_on(ask: Ask, stages: Sequence[StageRow]) -> ColumnElement[int]:
    """Return 1 for reaches whose deal goes on by the meaning, once it went on at all.

    In the strict cohort, a deal has to come to a later stage by the cohort's own rule; the won end has none.
    """
    if ask.meaning is not Meaning.STRICT or not stages:
        return literal(1)
    later = aliased(StageReach)
    places = {one.stage_id: place for place, one in enumerate(stages)}
    ends = [one.stage_id for one in stages if one.kind is StageKind.WON]
    ahead = case(places, value=later.stage_id) > case(places, value=StageReach.stage_id)
    by_rule = exists().where(later.deal_id == StageReach.deal_id, ahead, *_counted(ask, later))
    return case((or_(StageReach.stage_id.in_(ends), by_rule), 1), else_=0)


def _door(outcome: ReachOutcome, *, went_on: bool) -> str:
    if outcome is ReachOutcome.PASSED and not went_on:
        return _OFF
    return next(name for name, one in _OUTCOMES.items() if one is outcome)


def _rows(stages: Sequence[StageRow], counts: Mapping[int, Mapping[str, int]]) -> list[dict[str, Any]]:
    nothing = dict.fromkeys(_COUNTS, 0)
    shown = [one for one in stages if not one.is_retired or one.stage_id in counts]
    rows = []
    for one in shown:
        of_stage = dict(counts.get(one.stage_id, nothing))
        is_end = one.kind is StageKind.WON
        decided = of_stage[_PASSED] + of_stage[_LOST]
        first = next(other for other in shown if other.pipeline_id == one.pipeline_id)
        rows.append(
            {
                "pipeline": one.pipeline, "stage_id": one.stage_id, "stage": one.stage, **of_stage,
                "conversion": None if is_end else percent(of_stage[_PASSED], of_stage[_CAME]),
                "conversion_decided": None if is_end else percent(of_stage[_PASSED], decided),
                "from_first": percent(of_stage[_CAME], counts.get(first.stage_id, nothing)[_CAME]),
            }
        )  # fmt: skip
    return rows


CHART = Chart(
    name="conversion",
    columns=COLUMNS,
    keys=("stage_id",),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, MONTH, WEEK}),
    has_fields=True,
    has_meanings=True,
)
