"""How long it takes deals to come to each stage and to the win, with those that may still come counted rightly.

Deals are followed from their coming to the pipeline until now. Who has not come to a stage by now may come later: the
estimate of Kaplan and Meier (SciPy's) counts it for as long as it was followed. A lost deal is followed on: it may be
taken up again, and a share of those not lost would be no share of the deals.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, cast

import altair as alt
import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, func, literal, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.arrivals import arrivals, stands_for_deal
from crm.analytics.frames import StageRow, frame_of, stage_rows
from crm.analytics.theme import HEIGHT, finished
from crm.analytics.values import Ask, Column, Kind, Words
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.models import StageReach

HOUR, DAY = 3600, 86_400
# Below these times whole days would be too coarse.
_SHORT = 14 * DAY
_POINTS = 120

COLUMNS = (
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),
    Column("stage", Kind.NAME),
    Column("hours", Kind.HOURS),  # since the deal came to the pipeline
    Column("share", Kind.PERCENT),  # of the deals that have come to the stage, or past it, by then
    Column("low", Kind.PERCENT),  # the estimate's interval of 95 %; None where it has none
    Column("high", Kind.PERCENT),
    Column("at_risk", Kind.COUNT),  # deals followed for so long that hadn't come before
)

_Counts = Mapping[int, Counter[int]]


def curves(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return the curve of each stage but the first, and of the win, for deals that came to the pipeline in the period.

    Columns: see `COLUMNS`; a stage has 121 rows at most, from 0 to the longest time. A stage that no deal reached has
    none. Times are counted in whole days, in whole hours where all of them are short.
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


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return a rising step line for each stage, with its interval."""
    shown = frame.assign(days=frame["hours"].astype(float) / 24, text=frame["share"].astype(float).round(1))
    order = list(dict.fromkeys(shown["stage"]))
    base = alt.Chart(shown).encode(
        x=alt.X("days:Q", title=words("days")),
        color=alt.Color("stage:N", sort=order, title=None, legend=alt.Legend(orient="top", labelLimit=240)),
    )
    band = base.mark_area(opacity=0.15, interpolate="step-after").encode(y="low:Q", y2="high:Q")
    line = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        y=alt.Y("share:Q", title="%", scale=alt.Scale(domain=[0, 100])),
        strokeDash=alt.StrokeDash("stage:N", sort=order, legend=None),
        tooltip=[alt.Tooltip("stage:N", title=words("stage")), alt.Tooltip("days:Q", title=words("days")),
                 alt.Tooltip("text:Q", title="%"), alt.Tooltip("at_risk:Q", title=words("at_risk"))],
    )  # fmt: skip
    layers: Any = alt.layer(band, line).properties(height=HEIGHT)
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
    return [
        {
            "pipeline": stage.pipeline, "stage_id": stage.stage_id, "stage": stage.stage,
            "hours": float(time * unit / HOUR), "share": _share(estimate.probabilities, place),
            "low": _share(interval.high.probabilities, place), "high": _share(interval.low.probabilities, place),
            "at_risk": sum(n for counts in (came, waiting) for day, n in counts.items() if day > time),
        }
        for time, place in zip(times.tolist(), at.tolist(), strict=True)
    ]  # fmt: skip


def _repeated(counts: Counter[int]) -> Any:
    days = [one for one in counts.items() if one[1] > 0]
    return np.repeat(np.array([day for day, _n in days], dtype=float), [n for _day, n in days])


def _share(left: Any, place: int) -> float | None:
    """Return who has come, in a hundred, of the shares that are left."""
    value = 100 * (1 - float(left[place])) if place >= 0 else 0.0
    return None if np.isnan(value) else value
