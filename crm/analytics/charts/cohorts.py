"""Deals by the month in which they came to the pipeline: how many reached each stage, were won, lost, are open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import CompoundSelect, Select, union_all
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.arrivals import alone_on_retired, arrivals, first_stages, stands_for_deal
from crm.analytics.frames import StageRow, frame_of, percent, split_columns, split_values, stage_rows
from crm.analytics.population import (
    MONTH,
    OWNER,
    PRIORITY,
    SOURCE,
    TEAM,
    Split,
    seconds_between,
    split_by,
)
from crm.analytics.samples import number_of, samples, tally
from crm.analytics.theme import heat_map
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.i18n.analytics_formats import month_text
from crm.models import Deal, DealStatus, ReachOutcome, StageKind, StageReach

STAGE, WON, LOST, OPEN = "stage", "won", "lost", "open"
_STATUSES = {LOST: DealStatus.LOST, OPEN: DealStatus.OPEN}
_HOUR = 3600
_TO_WIN = seconds_between(StageReach.began_at, StageReach.reached_at)
_TO_LOSS = seconds_between(StageReach.began_at, StageReach.decided_at)
_ENDED = {ReachOutcome.LOST.value: DealStatus.LOST, ReachOutcome.OPEN.value: DealStatus.OPEN}

COLUMNS = (
    Column("month", Kind.DAY),  # of coming to the pipeline
    Column("pipeline", Kind.NAME),
    Column("pipeline_id", Kind.ID),
    Column("step", Kind.CODE),  # stage, won, lost, open
    Column("stage_id", Kind.ID),  # None: lost or open, wherever
    Column("stage", Kind.NAME),
    Column("size", Kind.COUNT, is_door=True),  # deals that came in that month
    Column("deals", Kind.COUNT, is_door=True),  # of them: reached the stage, or are won, lost, open now
    Column("share", Kind.PERCENT),
    Column("median_hours", Kind.HOURS),  # from coming to the win or the loss
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return for each month and pipeline a row for each stage in order, then won, lost and open.

    Columns: see `COLUMNS`. Months without deals have no rows; so an empty base has none.
    """
    split, months = _split(ask), ask.scope.months()
    stages = stage_rows(session, ask.scope)
    by_month = split_by(MONTH, ask.scope, owner=Deal.owner_id, at=StageReach.began_at)
    keys = [*([] if split is None else [split.column.label("split")]), by_month.column.label("month")]
    came = _Counts(session, ask, actor, split, keys, stages)
    head = split_columns(split)
    cells = split_values(session, split, {one[0] for one in came.sizes}) if split else {None: ()}
    pipeline_rows: dict[int, list[StageRow]] = defaultdict(list)
    for one in stages:
        pipeline_rows[one.pipeline_id].append(one)
    rows = [
        {**dict(zip((one.code for one in head), values, strict=True)), "month": span.day, **row}
        for value, values in cells.items()
        for number, span in enumerate(months)
        for pipeline_id, own in pipeline_rows.items()
        if came.size(value, number, pipeline_id)
        for row in _rows(came, value, number, own)
    ]
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals of a month, or those of them that came so far."""
    split, step = _split(ask), key["step"]
    by_month = split_by(MONTH, ask.scope, owner=Deal.owner_id, at=StageReach.began_at)
    query = arrivals(ask, actor, split, StageReach.deal_id, needs_deal=True)
    query = query.where(StageReach.pipeline_id == key["pipeline_id"], by_month.chosen(key))
    if split is not None:
        query = query.where(split.chosen(key))
    if door == "deals" and step not in _STATUSES:
        return query.where(StageReach.stage_id == key["stage_id"])
    query = query.where(stands_for_deal(stage_rows(session, ask.scope)))
    return query.where(Deal.status == _STATUSES[step]) if door == "deals" else query


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return a table of months and how far their deals came, coloured by the share.

    Of several pipelines it has a row for each month of each, and the ends alone: their stages have nothing in common.
    """
    several = frame["pipeline"].nunique() > 1
    months = frame["month"].map(month_text)
    shown = frame.assign(
        month=frame["pipeline"] + " · " + months if several else months,
        came_to=frame["stage"].where(frame["step"] == STAGE, "step:" + frame["step"]),
    )
    if several:
        shown = shown[shown["step"] != STAGE].sort_values("pipeline", kind="stable")
    return heat_map(
        shown, row="month", column="came_to", value="share", door="deals", words=words, kind="percent",
    )  # fmt: skip


class _Counts:
    """How many deals of each part, month and pipeline came to each stage, and what they are now."""

    def __init__(
        self, session: Session, ask: Ask, actor: Actor, split: Split | None, keys: list[Any], stages: list[StageRow]
    ) -> None:
        self.reached: dict[tuple[Any, int, Any], int] = defaultdict(int)
        self.now: dict[tuple[Any, int, Any, Any], int] = defaultdict(int)
        self.sizes: dict[tuple[Any, int, Any], int] = defaultdict(int)
        live = {one.stage_id: one.pipeline_id for one in stages if not one.is_retired}
        first = set(first_stages(stages))
        came = arrivals(ask, actor, split, *keys, StageReach.stage_id, number_of(StageReach.outcome))
        for (*part, month, stage_id, outcome), deals in tally(session, came).items():
            key = part[0] if split else None, month
            self.reached[*key, stage_id] += deals
            if stage_id in first:
                self.sizes[*key, live[stage_id]] += deals
            # What came to no end has gone further on all stages in use but one.
            if stage_id in live and outcome in _ENDED:
                self.now[*key, live[stage_id], _ENDED[outcome]] += deals
        own = StageReach.pipeline_id
        lost = StageReach.stage_id.in_(live), StageReach.outcome == ReachOutcome.LOST
        losses: Select[Any] | CompoundSelect[Any] = arrivals(ask, actor, split, *keys, own, _TO_LOSS).where(*lost)
        if len(live) < len(stages):
            alone = arrivals(ask, actor, split, *keys, own, needs_deal=True).where(alone_on_retired(stages))
            for (*part, month, pipeline_id, status), deals in tally(
                session, alone.add_columns(number_of(Deal.status))
            ).items():
                key = part[0] if split else None, month
                self.sizes[*key, pipeline_id] += deals
                self.now[*key, pipeline_id, DealStatus(status)] += deals
            closed = seconds_between(StageReach.began_at, Deal.closed_at)
            losses = union_all(losses, alone.add_columns(closed).where(Deal.status == DealStatus.LOST))
        self.hours_to_loss = self._medians(session, losses, split)
        won = StageReach.stage_id.in_([one.stage_id for one in stages if one.kind is StageKind.WON])
        wins = arrivals(ask, actor, split, *keys, StageReach.stage_id.label("end"), _TO_WIN).where(won)
        self.hours_to_win = self._medians(session, wins, split)

    def size(self, part: Any, month: int, pipeline_id: int) -> int:
        """Return how many deals came in a month."""
        return self.sizes.get((part, month, pipeline_id), 0)

    @staticmethod
    def _key(row: Any, split: Split | None, last: Any) -> tuple[Any, int, Any]:
        return (row.split if split else None, row.month, last)

    @staticmethod
    def _medians(
        session: Session, query: Select[Any] | CompoundSelect[Any], split: Split | None
    ) -> dict[tuple[Any, int, Any], float]:
        found = samples(session, query, are_near=True).items()
        return {(key[0] if split else None, *key[-2:]): own.percentile(50) / _HOUR for key, own in found}


def _rows(came: _Counts, part: Any, month: int, stages: list[StageRow]) -> list[dict[str, Any]]:
    pipeline = stages[0]
    size = came.size(part, month, pipeline.pipeline_id)
    rows: list[tuple[str, int | None, str | None, int, float | None]] = []
    for one in stages:
        count = came.reached.get((part, month, one.stage_id), 0)
        if not one.is_retired or count:
            step = WON if one.kind is StageKind.WON else STAGE
            rows.append((step, one.stage_id, one.stage, count, came.hours_to_win.get((part, month, one.stage_id))))
    for step, status in _STATUSES.items():
        count = came.now.get((part, month, pipeline.pipeline_id, status), 0)
        hours = came.hours_to_loss.get((part, month, pipeline.pipeline_id)) if step == LOST else None
        rows.append((step, None, None, count, hours))
    return [
        {
            "pipeline": pipeline.pipeline, "pipeline_id": pipeline.pipeline_id, "step": step, "stage_id": stage_id,
            "stage": stage, "size": size, "deals": count, "share": percent(count, size), "median_hours": hours,
        }
        for step, stage_id, stage, count, hours in rows
    ]  # fmt: skip


def _split(ask: Ask) -> Split | None:
    return None if ask.by is None else split_by(ask.by, ask.scope, owner=Deal.owner_id, at=StageReach.began_at)


CHART = Chart(
    name="cohorts",
    columns=COLUMNS,
    keys=("month", "pipeline_id", "step", "stage_id"),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY}),
    has_fields=True,
)
