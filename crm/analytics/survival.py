"""How long it takes deals to come to each stage and to the win, with those that may still come counted rightly.

Deals are followed from their coming to the pipeline until now. Who has not come to a stage by now may come later: the
estimate of Kaplan and Meier (SciPy's) counts it for as long as it was followed. A lost deal is followed on: it may be
taken up again, and a share of those not lost would be no share of the deals.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, cast

import altair as alt
import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Select, func, literal, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.arrivals import arrivals, stands_for_deal
from crm.analytics.findings import Finding
from crm.analytics.frames import StageRow, frame_of, stage_rows
from crm.analytics.intervals import ENOUGH
from crm.analytics.theme import TALL, finished, line_legend, short_axis, stage_scale
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.i18n.analytics_formats import percent_text
from crm.models import StageKind, StageReach

HOUR, DAY = 3600, 86_400
# Below these times whole days would be too coarse.
_SHORT = 14 * DAY
_POINTS = 120
_MARKS = {"within_7": 7 * DAY, "within_30": 30 * DAY, "within_90": 90 * DAY}

# Of a stage as a whole.
STAGE_COLUMNS = (
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),
    Column("stage", Kind.NAME),
    Column("half_hours", Kind.HOURS),  # until half of the deals have come; None where fewer have
    Column("within_7", Kind.PERCENT),  # of the deals that have come within 7 days; None: nobody was followed so long
    Column("within_30", Kind.PERCENT),
    Column("within_90", Kind.PERCENT),
)
COLUMNS = (
    *STAGE_COLUMNS,
    Column("is_win", Kind.FLAG),
    Column("hours", Kind.HOURS),  # since the deal came to the pipeline
    Column("share", Kind.PERCENT),  # of the deals that have come to the stage, or past it, by then
    Column("low", Kind.PERCENT),  # the estimate's interval of 95 %; None where it has none
    Column("high", Kind.PERCENT),
    Column("at_risk", Kind.COUNT),  # deals followed for so long that hadn't come before
)

_Counts = Mapping[int, Counter[int]]


def curves(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return the curve of each stage but the first, and of the win, for deals that came to the pipeline in the period.

    Columns: see `COLUMNS`; a stage has 121 rows at most, from 0 to the longest time, those of the stage as a whole the
    same in each. A stage that no deal reached has none. Times are counted in whole days, in whole hours where all of
    them are short.
    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    stages = stage_rows(session, ask.scope)
    taken = type_coerce(StageReach.reached_at, BigInteger) - type_coerce(StageReach.began_at, BigInteger)
    longest = session.scalar(arrivals(ask, actor, None, func.max(taken)))
    if longest is None:
        return frame_of(COLUMNS, [])
    unit = HOUR if longest < _SHORT else DAY
    followed: ColumnElement[int] = (literal(int(utc_now().timestamp()), BigInteger)
                                    - type_coerce(StageReach.began_at, BigInteger)) // unit  # fmt: skip
    of_stage = StageReach.stage_id
    came_after = _counted(session, ask, actor, of_stage, (taken + unit - 1) // unit)
    came_followed = _counted(session, ask, actor, of_stage, followed)
    stands = stands_for_deal(stages)
    all_followed = _counted(session, ask, actor, StageReach.pipeline_id, followed, stands)
    last = -(-longest // unit)
    rows = []
    for stage in _later(stages):
        if stage.stage_id in came_after:
            waiting = all_followed[stage.pipeline_id] - came_followed[stage.stage_id]
            rows += _curve(stage, came_after[stage.stage_id], waiting, last, unit)
    return frame_of(COLUMNS, rows)


def by_stage(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each stage of the curves: `STAGE_COLUMNS`."""
    return frame.drop_duplicates("stage_id")[[one.code for one in STAGE_COLUMNS]].reset_index(drop=True)


def time_finding(frame: pd.DataFrame) -> Finding | None:
    """Return how long it takes half of the deals to be won, else how many are within the longest of the marks.

    None of several pipelines, where nothing was won, and where fewer than ten were followed for so long.
    """
    wins = frame[frame["is_win"].astype(bool)].to_dict("records")
    if not wins or frame["pipeline"].nunique() > 1:
        return None
    times = {name: mark / HOUR for name, mark in reversed(_MARKS.items())}
    half = wins[0]["half_hours"]
    if half is not None and _followed(wins, half) >= ENOUGH:
        return Finding("half_won_within", {"hours": half})
    for name, hours in times.items():
        if wins[0][name] and _followed(wins, hours) >= ENOUGH:
            return Finding("won_within", {"percent": wins[0][name], "hours": hours})
    return None


def _followed(rows: Sequence[Mapping[Hashable, Any]], hours: float) -> int:
    """Return how many deals were followed until a time without having come before."""
    earlier = [row["at_risk"] for row in rows if row["hours"] < hours]
    return int(earlier[-1]) if earlier else 0


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return a rising step line for each stage, with its interval; of several pipelines, for their wins."""
    several = frame["pipeline"].nunique() > 1
    kept = frame[frame["is_win"].astype(bool)] if several and frame["is_win"].any() else frame
    is_short = bool((kept["hours"] % 24).any())
    shown = pd.DataFrame(
        {
            "name": kept["pipeline"] if several else kept["stage"],
            "time": kept["hours"].astype(float) / (1 if is_short else 24),
            "share": kept["share"].astype(float), "low": kept["low"].astype(float), "high": kept["high"].astype(float),
            "text": [percent_text(one) for one in kept["share"]],
            "between": [
                "" if low is None else f"{percent_text(low)} – {percent_text(high)}"
                for low, high in zip(kept["low"], kept["high"], strict=True)
            ],
            "at_risk": kept["at_risk"].astype(int), "is_win": kept["is_win"].astype(bool),
        }
    )  # fmt: skip
    order = list(dict.fromkeys(shown["name"]))
    unit = words("hours_since" if is_short else "days_since")
    colors, dashes = stage_scale(order)
    base = alt.Chart(shown).encode(
        x=alt.X("time:Q", title=unit, axis=alt.Axis(tickMinStep=1, tickCount=12, grid=False)),
        color=alt.Color("name:N", sort=order, title=None, scale=colors, legend=line_legend(columns=4)),
    )  # fmt: skip
    # The band of the wins alone: those of all stages would cover each other.
    band = base.transform_filter("datum.is_win").mark_area(opacity=0.15, interpolate="step-after", tooltip=None)
    band = band.encode(y="low:Q", y2="high:Q")
    line = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        y=alt.Y("share:Q", title=None, scale=alt.Scale(domain=[0, 100]), axis=short_axis("percent")),
        strokeDash=alt.StrokeDash("name:N", sort=order, scale=dashes, legend=None),
        tooltip=[alt.Tooltip("name:N", title=words("pipeline" if several else "stage")),
                 alt.Tooltip("time:Q", title=unit), alt.Tooltip("text:N", title=words("come")),
                 alt.Tooltip("between:N", title=words("interval")),
                 alt.Tooltip("at_risk:Q", title=words("at_risk"))],
    )  # fmt: skip
    layers: Any = alt.layer(band, line).properties(height=TALL)
    return cast(alt.TopLevelMixin, finished(layers))


def _counted(
    session: Session,
    ask: Ask,
    actor: Actor,
    of: InstrumentedAttribute[int],
    value: ColumnElement[int],
    *conditions: ColumnElement[bool],
) -> _Counts:
    """Count the deals of each stage or pipeline by a number of whole days or hours."""
    found: dict[int, Counter[int]] = defaultdict(Counter)
    inner = arrivals(ask, actor, None, of.label("of"), value.label("at")).where(*conditions).subquery()
    query = select(inner.c["of"], inner.c["at"], func.count().label("n")).group_by(inner.c["of"], inner.c["at"])
    for row in session.execute(query):
        found[row.of][row.at] = row.n
    return found


def _later(stages: list[StageRow]) -> list[StageRow]:
    """Return the stages that a deal can come to after the first, and the wins."""
    seen: set[int] = set()
    found = []
    for one in (one for one in stages if not one.is_retired):
        if one.pipeline_id in seen:
            found.append(one)
        seen.add(one.pipeline_id)
    return found


def _curve(stage: StageRow, came: Counter[int], waiting: Counter[int], last: int, unit: int) -> list[dict[str, Any]]:
    from scipy.stats import CensoredData, ecdf  # a second to load, and only here

    estimate = ecdf(CensoredData(uncensored=_repeated(came), right=_repeated(waiting))).sf
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where all have come, there is no interval
        interval = estimate.confidence_interval(method="log-log")
    times = np.unique(np.linspace(0, last, min(last, _POINTS) + 1).astype(int))
    # Values hold from their time on; before the first nobody has come.
    at = np.searchsorted(estimate.quantiles, times, side="right") - 1
    whole = {
        "pipeline": stage.pipeline, "stage_id": stage.stage_id, "stage": stage.stage,
        "is_win": stage.kind is StageKind.WON, **_whole(estimate, max([*came, *waiting]), unit),
    }  # fmt: skip
    return [
        {
            **whole,
            "hours": float(time * unit / HOUR), "share": _share(estimate.probabilities, place),
            "low": _share(interval.high.probabilities, place), "high": _share(interval.low.probabilities, place),
            "at_risk": sum(n for counts in (came, waiting) for day, n in counts.items() if day > time),
        }
        for time, place in zip(times.tolist(), at.tolist(), strict=True)
    ]  # fmt: skip


def _whole(estimate: Any, followed: int, unit: int) -> dict[str, float | None]:
    """Return what is said of a stage as a whole; `followed` is the longest time that anybody was."""
    left, times = estimate.probabilities, estimate.quantiles
    come = np.flatnonzero(left <= 0.5)
    marks = {
        name: _share(left, int(np.searchsorted(times, mark // unit, side="right")) - 1)
        if mark // unit <= followed or not left[-1]
        else None
        for name, mark in _MARKS.items()
    }
    return {"half_hours": float(estimate.quantiles[come[0]]) * unit / HOUR if come.size else None, **marks}


def _repeated(counts: Counter[int]) -> Any:
    days = [one for one in counts.items() if one[1] > 0]
    return np.repeat(np.array([day for day, _n in days], dtype=float), [n for _day, n in days])


def _share(left: Any, place: int) -> float | None:
    """Return who has come, in a hundred, of the shares that are left."""
    value = 100 * (1 - float(left[place])) if place >= 0 else 0.0
    return None if np.isnan(value) else value


def _no_deals(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    raise LookupError(f"an estimate has no deals: {door}")


# Not among the charts of reports: an estimate is no count, no number of it opens.
CURVES = Chart(name="time-to-stage", columns=COLUMNS, keys=("stage_id", "hours"), frame=curves, behind=_no_deals,
               figure=figure)  # fmt: skip
