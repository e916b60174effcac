"""How long deals stay on each stage: those that left it, those that wait there, and the owners' part in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from typing import cast as cast_type

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.frames import StageRow, frame_of, percent, split_columns, split_values, stage_rows
from crm.analytics.population import MONTH, OWNER, PRIORITY, SOURCE, TEAM, WEEK, Split, split_by
from crm.analytics.samples import Key, Sample, Waits, waits
from crm.analytics.stays import IS_OPEN, VISITOR, seconds_since, stays, visits
from crm.analytics.theme import BAR_HEIGHT, COLORS, LABEL, finished
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.i18n.analytics_formats import hours_text
from crm.models import Stage, StageKind, StageVisit

_HOUR = 3600
_HOURS_A_DAY = 24
_DRAWN = {"median_hours": COLORS["now"], "median_with_open_hours": COLORS["plan"], "norm_hours": COLORS["lost"]}

COLUMNS = (
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),
    Column("stage", Kind.NAME),
    Column("stays", Kind.COUNT, is_door=True),
    Column("stays_closed", Kind.COUNT, is_door=True),
    Column("stays_open", Kind.COUNT, is_door=True),
    Column("median_hours", Kind.HOURS),  # of the closed stays
    Column("p90_hours", Kind.HOURS),
    Column("median_with_open_hours", Kind.HOURS),  # the open ones counted as "at least so long"
    Column("p90_with_open_hours", Kind.HOURS),
    Column("norm_hours", Kind.HOURS),
    Column("over_norm", Kind.COUNT, is_door=True),  # stays longer than the norm, those still open too
    Column("over_norm_share", Kind.PERCENT),  # of all stays; None without a norm
    Column("total_hours", Kind.HOURS),  # of the closed stays
    Column("open_hours", Kind.HOURS),  # of the open ones, until now
    Column("visits", Kind.COUNT, is_door=True),  # the owners' parts of stays
    Column("visits_closed", Kind.COUNT, is_door=True),
    Column("visit_median_hours", Kind.HOURS),  # of the closed visits
    Column("visit_p90_hours", Kind.HOURS),
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each stage in order, within each value of the split.

    Columns: see `COLUMNS`; times of nothing are None. A retired stage has a row where deals were on it; an empty base
    has its stages all the same, but without a split.
    """
    split, norms = _split(ask, _STAY), _norms(session)
    of_stays, of_visits = _times(session, actor, ask, _STAY), _times(session, actor, ask, _VISIT)
    head = split_columns(split)
    found = {key[0] for key in (*of_stays, *of_visits)}
    cells = split_values(session, split, found) if split else {None: ()}
    rows = [
        {
            **dict(zip((one.code for one in head), values, strict=True)),
            **_row(stage, norms, of_stays.get(at), of_visits.get(at)),
        }
        for value_, values in cells.items()
        for stage in stage_rows(session, ask.scope)
        for at in [(value_, stage.stage_id)]
        if stage.kind is StageKind.OPEN and (not stage.is_retired or at in of_stays or at in of_visits)
    ]
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the stays or visits behind a count, a row for each: a deal stands there as often as it was there."""
    fact = _VISIT if door.startswith("visits") else _STAY
    split = _split(ask, fact)
    query = fact.select(ask.scope, actor, split, StageVisit.deal_id).where(StageVisit.stage_id == key["stage_id"])
    if split is not None:
        query = query.where(split.chosen(key))
    if door.endswith("_closed"):
        return query.where(_is_closed())
    if door.endswith("_open"):
        return query.where(~_is_closed())
    if door == "over_norm":
        return query.where(_over(_norms(session), seconds_since(fact.began_at).element))
    return query


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return bars of the median days of closed stays, a mark where the open ones put it, a line for the norm."""
    if frame["pipeline"].nunique() > 1:
        frame = frame.assign(stage=frame["pipeline"] + " · " + frame["stage"])
    rows = frame.reset_index(names="row").assign(part="stays_closed")
    long = rows.melt(id_vars=["row", "part", "stage"], value_vars=list(_DRAWN), var_name="measure").dropna()
    long["days"] = long["value"].astype(float) / _HOURS_A_DAY
    long["shown"] = [hours_text(one) for one in long["value"]]
    long["name"] = long["measure"].map(words)
    names = [words(one) for one in _DRAWN]
    base = alt.Chart(long.drop(columns=["value"])).encode(
        x=alt.X("days:Q", title=words("days"), axis=alt.Axis(format=",~r", tickCount=6)),
        y=alt.Y("stage:N", sort=alt.EncodingSortField("row", op="min"), title=None,
                axis=alt.Axis(labelLimit=LABEL, ticks=False)),
        color=alt.Color("name:N", title=None, legend=alt.Legend(orient="top", labelLimit=260),
                        scale=alt.Scale(domain=names, range=list(_DRAWN.values()))),
        tooltip=[alt.Tooltip("stage:N", title=words("stage")), alt.Tooltip("shown:N", title=" "),
                 alt.Tooltip("name:N", title="  ")],
    )  # fmt: skip
    chosen = alt.selection_point(name="cell", fields=["row", "part"], toggle=False)
    closed, with_open, norm = (base.transform_filter(alt.datum.measure == one) for one in _DRAWN)
    bars = closed.mark_bar(height=18).encode(opacity=alt.condition(chosen, alt.value(1.0), alt.value(0.35)))
    layers: Any = alt.layer(
        bars.add_params(chosen),
        with_open.mark_point(size=110, filled=True, shape="diamond", opacity=1),
        norm.mark_tick(thickness=3, height=26),
    )
    return cast_type(alt.TopLevelMixin, finished(layers.properties(height=alt.Step(BAR_HEIGHT))))


@dataclass(frozen=True, slots=True)
class _Fact:
    """What is measured: which rows, and the instant a row began."""

    select: Callable[..., Select[Any]]
    began_at: InstrumentedAttribute[datetime]


_STAY = _Fact(stays, StageVisit.stay_entered_at)
_VISIT = _Fact(visits, StageVisit.entered_at)


def _split(ask: Ask, fact: _Fact) -> Split | None:
    return None if ask.by is None else split_by(ask.by, ask.scope, owner=VISITOR, at=fact.began_at)


def _is_closed() -> ColumnElement[bool]:
    return StageVisit.left_at.is_not(None)


def _norms(session: Session) -> dict[int, int]:
    query = select(Stage.id, Stage.norm_seconds).where(Stage.norm_seconds.is_not(None))
    return {row.id: row.norm_seconds for row in session.execute(query)}


def _over(norms: Mapping[int, int], seconds: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(false(), *(and_(StageVisit.stage_id == one, seconds > norm) for one, norm in norms.items()))


def _times(session: Session, actor: Actor, ask: Ask, fact: _Fact) -> Mapping[Key, Waits]:
    split = _split(ask, fact)
    part = [] if split is None else [split.column.label("split")]
    columns = *part, StageVisit.stage_id, seconds_since(fact.began_at), IS_OPEN.label("is_open")
    found = waits(session, fact.select(ask.scope, actor, split, *columns))
    return {(key[0] if split else None, key[-1]): own for key, own in found.items()}


def _row(stage: StageRow, norms: Mapping[int, int], stay: Waits | None, visit: Waits | None) -> dict[str, Any]:
    norm = norms.get(stage.stage_id)
    row: dict[str, Any] = dict.fromkeys(one.code for one in COLUMNS)
    row |= dict.fromkeys((one.code for one in COLUMNS if one.is_door), 0) | {"total_hours": 0.0, "open_hours": 0.0}
    row |= {"pipeline": stage.pipeline, "stage_id": stage.stage_id, "stage": stage.stage, "norm_hours": _hours(norm)}
    if stay is not None:
        closed, size = stay.closed, int(stay.values.size)
        over = 0 if norm is None else Sample(stay.values).above(norm)
        row |= {
            "stays": size, "stays_closed": closed.size if closed else 0, "stays_open": int(stay.opened.size),
            **_percentiles(closed, "median_hours", "p90_hours"),
            "median_with_open_hours": _hours(stay.over_by(50)), "p90_with_open_hours": _hours(stay.over_by(90)),
            "over_norm": over, "over_norm_share": None if norm is None else percent(over, size),
            "total_hours": _hours(closed.total if closed else 0), "open_hours": _hours(int(stay.opened.sum())),
        }  # fmt: skip
    if visit is not None:
        closed = visit.closed
        row |= {"visits": int(visit.values.size), "visits_closed": closed.size if closed else 0}
        row |= _percentiles(closed, "visit_median_hours", "visit_p90_hours")
    return row


def _percentiles(closed: Sample | None, median: str, p90: str) -> dict[str, float | None]:
    if closed is None:
        return {}
    return {median: _hours(closed.percentile(50)), p90: _hours(closed.percentile(90))}


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / _HOUR


CHART = Chart(
    name="time-on-stage",
    columns=COLUMNS,
    keys=("stage_id",),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, MONTH, WEEK}),
    has_fields=True,
)
