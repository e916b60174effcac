"""Where deals went from each stage: how many stays ended so, and how long they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import StageRow, frame_of, percent, split_columns, split_values, stage_rows
from crm.analytics.population import MONTH, OWNER, PRIORITY, SOURCE, TEAM, WEEK, Split, split_by
from crm.analytics.samples import samples
from crm.analytics.stays import VISITOR, seconds_since, stays
from crm.analytics.theme import heat_map
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Stage, StageKind, StageVisit, VisitOutcome

# How the way goes, by the order of today.
NEXT, SKIP, BACK, AGAIN, ASIDE, WON, LOST, OPEN = ("next", "skip", "back", "again", "aside", "won", "lost", "open")
_HOUR = 3600
_ENDS = {WON: VisitOutcome.WON, LOST: VisitOutcome.LOST, OPEN: VisitOutcome.OPEN}
_END_NUMBERS = dict(enumerate(_ENDS))
_END_KINDS = {WON: StageKind.WON, LOST: StageKind.LOST}

COLUMNS = (
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),
    Column("stage", Kind.NAME),
    Column("to_stage_id", Kind.ID),  # None: still on the stage
    Column("to_stage", Kind.NAME),
    Column("way", Kind.CODE),
    Column("stays", Kind.COUNT, is_door=True),
    Column("share", Kind.PERCENT),  # of the stage's stays
    Column("median_hours", Kind.HOURS),  # of the stays; None of those that last
    Column("p90_hours", Kind.HOURS),
)

# A stay's stage, how it ended (None: for another stage), and for which stage.
_Way = tuple[int, str | None, int | None]


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each stage and each stage or end that stays on it led to, within each value of the split.

    Columns: see `COLUMNS`. Stages are in their order, then where stays led to in theirs, won, lost, still there.
    A stage without stays has no row.
    """
    split = _split(ask)
    keys = [*([] if split is None else [split.column.label("split")]), StageVisit.stage_id]
    closed = StageVisit.outcome != VisitOutcome.OPEN
    value = seconds_since(StageVisit.stay_entered_at)
    found: dict[Any, dict[_Way, tuple[int, float | None, float | None]]] = {}
    ways = stays(ask.scope, actor, split, *keys, _ended().label("ended"), _to().label("to_id"), value).where(closed)
    for (*part, stage_id, ended, to_id), own in samples(session, ways, are_near=True).items():
        times = (own.size, own.percentile(50) / _HOUR, own.percentile(90) / _HOUR)
        found.setdefault(part[0] if split else None, {})[stage_id, _END_NUMBERS.get(ended), to_id] = times
    lasting = stays(ask.scope, actor, split, *keys, func.count().label("n")).where(~closed)
    grouped = [one.element if hasattr(one, "element") else one for one in keys]
    for row in session.execute(lasting.group_by(*grouped)):
        found.setdefault(row.split if split else None, {})[row.stage_id, OPEN, None] = (row.n, None, None)
    order = _Order.of(session, stage_rows(session, ask.scope))
    head = split_columns(split)
    cells = split_values(session, split, found) if split else dict.fromkeys(found, ())
    rows = [
        {**dict(zip((one.code for one in head), values, strict=True)), **row}
        for value_, values in cells.items()
        for row in _rows(order, found[value_])
    ]
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the stays that led so; a deal stands there as often as it did so."""
    split, way = _split(ask), key["way"]
    query = stays(ask.scope, actor, split, StageVisit.deal_id).where(StageVisit.stage_id == key["stage_id"])
    if split is not None:
        query = query.where(split.chosen(key))
    if way in _ENDS:
        return query.where(StageVisit.outcome == _ENDS[way])
    left = StageVisit.outcome.in_((VisitOutcome.FORWARD, VisitOutcome.BACK))
    return query.where(left, StageVisit.next_stage_id.is_not_distinct_from(key["to_stage_id"]))


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return a table of the stages and where their stays led, coloured by the share of each.

    Of several pipelines it is by stage and way: all their stages would be too many to read.
    """
    if frame["pipeline"].nunique() > 1:
        return _ways_figure(frame, words)
    ends = frame["way"].isin([WON, LOST, OPEN])
    shown = frame.assign(to_stage=frame["to_stage"].where(~ends, "way:" + frame["way"]))
    order = [*frame["stage"], *shown.loc[~ends, "to_stage"].dropna(), *(f"way:{one}" for one in (WON, LOST, OPEN))]
    return heat_map(
        shown, row="stage", column="to_stage", value="share", door="stays", words=words, kind="percent",
        columns=[words(one) for one in order],
    )  # fmt: skip


def _ways_figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return the table of several pipelines; a cell of several rows opens none of them."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for place, row in enumerate(frame.to_dict("records")):
        way = f"way:{row['way']}" if row["way"] in (WON, LOST, OPEN) else row["way"]
        found.setdefault((f"{row['pipeline']} · {row['stage']}", way), []).append((place, row["share"]))
    cells = [
        (rows[0][0] if len(rows) == 1 else -1, stage, way, sum(share for _place, share in rows))
        for (stage, way), rows in found.items()
    ]
    shown = pd.DataFrame(cells, columns=["place", "stage", "way", "share"]).set_index("place").rename_axis(None)
    order = (NEXT, SKIP, BACK, AGAIN, ASIDE, f"way:{WON}", f"way:{LOST}", f"way:{OPEN}")
    return heat_map(
        shown, row="stage", column="way", value="share", door="stays", words=words, kind="percent",
        columns=[words(one) for one in order],
    )  # fmt: skip


def _split(ask: Ask) -> Split | None:
    if ask.by is None:
        return None
    return split_by(ask.by, ask.scope, owner=VISITOR, at=StageVisit.stay_entered_at)


def _ended() -> ColumnElement[int | None]:
    return case(*((StageVisit.outcome == _ENDS[name], number) for number, name in _END_NUMBERS.items()), else_=None)


def _to() -> ColumnElement[int | None]:
    goes_on = StageVisit.outcome.in_((VisitOutcome.FORWARD, VisitOutcome.BACK))
    return case((goes_on, StageVisit.next_stage_id), else_=None)


class _Order:
    """The stages of the scope, and where each stands."""

    def __init__(self, stages: Sequence[StageRow], names: Mapping[int, str], ends: Mapping[tuple[int, str], int]):
        self.stages = {one.stage_id: one for one in stages}
        self.names = names
        self.ends = ends
        self.places = {one.stage_id: number for number, one in enumerate(stages)}

    @classmethod
    def of(cls, session: Session, stages: Sequence[StageRow]) -> _Order:
        """Read the names of all stages and the ends of pipelines."""
        ids, names, ends = {one.pipeline_id for one in stages}, {}, {}
        query = select(Stage.id, Stage.name, Stage.pipeline_id, Stage.kind).where(Stage.pipeline_id.in_(ids))
        for stage_id, name, pipeline_id, kind in session.execute(query):
            names[stage_id] = name
            ends.update({(pipeline_id, end): stage_id for end, of_kind in _END_KINDS.items() if of_kind is kind})
        return cls(stages, names, ends)

    def way(self, stage_id: int, to_id: int | None) -> str:
        """Say how the way from one open stage to another goes today."""
        start, to = self.stages[stage_id], self.stages.get(to_id or 0)
        if to_id == stage_id:
            return AGAIN
        if to is None or to.pipeline_id != start.pipeline_id or start.is_retired or to.is_retired:
            return ASIDE
        steps = self.places[to.stage_id] - self.places[stage_id]
        return BACK if steps < 0 else NEXT if steps == 1 else SKIP


def _rows(order: _Order, found: Mapping[_Way, tuple[int, float | None, float | None]]) -> list[dict[str, Any]]:
    totals: dict[int, int] = {}
    for way, times in found.items():
        totals[way[0]] = totals.get(way[0], 0) + times[0]
    ends = (None, WON, LOST, OPEN)
    last = len(order.places)
    ordered = sorted(found, key=lambda one: (
        order.places[one[0]], ends.index(one[1]), order.places.get(one[2] or 0, last), one[2] or 0))  # fmt: skip
    rows = []
    for stage_id, ended, to_id in ordered:
        count, median, p90 = found[stage_id, ended, to_id]
        start = order.stages[stage_id]
        to_stage_id = order.ends.get((start.pipeline_id, ended)) if ended else to_id
        rows.append(
            {
                "pipeline": start.pipeline, "stage_id": stage_id, "stage": start.stage,
                "to_stage_id": to_stage_id, "to_stage": order.names.get(to_stage_id or 0),
                "way": ended or order.way(stage_id, to_id), "stays": count,
                "share": percent(count, totals[stage_id]), "median_hours": median, "p90_hours": p90,
            }
        )  # fmt: skip
    return rows


CHART = Chart(
    name="transitions",
    columns=COLUMNS,
    keys=("stage_id", "to_stage_id", "way"),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, MONTH, WEEK}),
    has_fields=True,
)
