"""How long deals stay on each stage: those that left it, those that wait there, and the owners' part in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from typing import cast as cast_type

import altair as alt
import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, cast, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.frames import StageRow, frame_of, percent, split_columns, split_values, stage_rows
from crm.analytics.percentiles import waits
from crm.analytics.population import MONTH, OWNER, PRIORITY, SOURCE, TEAM, WEEK, Split, split_by
from crm.analytics.stays import IS_OPEN, VISITOR, seconds_since, stays, visits
from crm.analytics.theme import BAR_HEIGHT, COLORS, finished
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

_Times = Mapping[tuple[Any, int], Any]


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each stage in order, within each value of the split.

    Columns: see `COLUMNS`; times of nothing are None. A retired stage has a row where deals were on it; an empty base
    has its stages all the same, but without a split.
    """
    split, norms = _split(ask, _STAY), _norms(session)
    value = seconds_since(StageVisit.stay_entered_at)
    seconds: ColumnElement[int] = value.element
    sums = (
        _whole((_is_closed(), seconds)).label("closed_seconds"),
        _whole((~_is_closed(), seconds)).label("open_seconds"),
        _whole((_over(norms, seconds), 1)).label("over_norm"),
    )
    of_stays = _times(session, waits(stays(ask.scope, actor, split, *_keys(split), value, _open(), *sums)), split)
    visit_split = _split(ask, _VISIT)
    own = seconds_since(StageVisit.entered_at)
    of_visits = _times(
        session, waits(visits(ask.scope, actor, visit_split, *_keys(visit_split), own, _open())), visit_split
    )
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
    rows = frame.reset_index(names="row").assign(part="stays_closed")
    long = rows.melt(id_vars=["row", "part", "stage"], value_vars=list(_DRAWN), var_name="measure").dropna()
    long["days"] = long["value"].astype(float) / _HOURS_A_DAY
    long["shown"] = [hours_text(one) for one in long["value"]]
    long["name"] = long["measure"].map(words)
    names = [words(one) for one in _DRAWN]
    base = alt.Chart(long.drop(columns=["value"])).encode(
        x=alt.X("days:Q", title=words("days"), axis=alt.Axis(format=",", tickCount=6)),
        y=alt.Y("stage:N", sort=alt.EncodingSortField("row", op="min"), title=None,
                axis=alt.Axis(labelLimit=220, ticks=False)),
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


def _keys(split: Split | None) -> list[Any]:
    return [*([] if split is None else [split.column.label("split")]), StageVisit.stage_id]


def _open() -> Any:
    return IS_OPEN.label("is_open")


def _is_closed() -> ColumnElement[bool]:
    return StageVisit.left_at.is_not(None)


def _whole(*choice: tuple[ColumnElement[bool], Any]) -> ColumnElement[int]:
    return cast(case(*choice, else_=0), BigInteger)


def _norms(session: Session) -> dict[int, int]:
    query = select(Stage.id, Stage.norm_seconds).where(Stage.norm_seconds.is_not(None))
    return {row.id: row.norm_seconds for row in session.execute(query)}


def _over(norms: Mapping[int, int], seconds: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(false(), *(and_(StageVisit.stage_id == one, seconds > norm) for one, norm in norms.items()))


def _times(session: Session, query: Select[Any], split: Split | None) -> _Times:
    return {(row.split if split else None, row.stage_id): row for row in session.execute(query)}


def _row(stage: StageRow, norms: Mapping[int, int], stay: Any, visit: Any) -> dict[str, Any]:
    norm = norms.get(stage.stage_id)
    row: dict[str, Any] = dict.fromkeys(one.code for one in COLUMNS)
    row |= dict.fromkeys((one.code for one in COLUMNS if one.is_door), 0) | {"total_hours": 0.0, "open_hours": 0.0}
    row |= {"pipeline": stage.pipeline, "stage_id": stage.stage_id, "stage": stage.stage, "norm_hours": _hours(norm)}
    if stay is not None:
        row |= {
            "stays": stay.n, "stays_closed": stay.closed, "stays_open": stay.n - stay.closed,
            "median_hours": _hours(stay.p50), "p90_hours": _hours(stay.p90),
            "median_with_open_hours": _hours(stay.waited50), "p90_with_open_hours": _hours(stay.waited90),
            "over_norm": int(stay.over_norm),
            "over_norm_share": None if norm is None else percent(int(stay.over_norm), stay.n),
            "total_hours": _hours(stay.closed_seconds), "open_hours": _hours(stay.open_seconds),
        }  # fmt: skip
    if visit is not None:
        row |= {
            "visits": visit.n, "visits_closed": visit.closed,
            "visit_median_hours": _hours(visit.p50), "visit_p90_hours": _hours(visit.p90),
        }  # fmt: skip
    return row


def _hours(seconds: Any) -> float | None:
    return None if seconds is None else float(seconds) / _HOUR


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
