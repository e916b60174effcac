"""What a frame says in one sentence: a code and its parameters, which edges put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from crm.analytics.intervals import ENOUGH, newcombe

_MANY_BACK = 5  # in a hundred stays
_MANY_MORE = 1.5  # times
FIRST = "first"  # the credit of the source that brought the client


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence to be: the code of its text, the values put in."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


def conversion_finding(frame: pd.DataFrame) -> Finding | None:
    """Return on which stage the largest share of decided deals goes no further; None where too few are decided.

    The frame is that of the chart "conversion" without a split.
    """
    decided = frame["passed"].astype(float) + frame["lost"].astype(float)
    seen = frame[(decided >= ENOUGH) & frame["conversion_decided"].notna()]
    if seen.empty:
        return None
    worst = seen.iloc[int(seen["conversion_decided"].astype(float).to_numpy().argmin())]
    if worst["lost"] == 0:
        return Finding("nothing_lost")
    stage = f"{worst['pipeline']} · {worst['stage']}" if frame["pipeline"].nunique() > 1 else worst["stage"]
    return Finding("most_lost_on", {"stage": stage, "percent": 100 - float(worst["conversion_decided"])})


def begin_later(frame: pd.DataFrame) -> bool:
    """Tell whether in a pipeline many more deals came to a later stage than to the first: the funnel is upside down.

    The frame is that of the chart "conversion" without a split.
    """
    return any(own["came"].max() > _MANY_MORE * own["came"].iloc[0] for _name, own in frame.groupby("pipeline"))


def sources_finding(frame: pd.DataFrame) -> Finding | None:
    """Return which source sells clearly better than the others together, else which brings the most deals.

    The frame is that of the chart "sources" without a split. None where fewer than two sources bring deals.
    """
    first = [row for row in frame.to_dict("records") if row["credit"] == FIRST and row["came"]]
    if len(first) < 2:
        return None
    won, decided = (sum(row["won"] + more * row["lost"] for row in first) for more in (0, 1))
    better = []
    for row in first:
        own = row["won"] + row["lost"]
        difference = newcombe(row["won"], own, won - row["won"], decided - own)
        if difference and difference[0] > 0 and min(own, decided - own) >= ENOUGH and row["source"]:
            better.append(row)
    if better:
        best = max(better, key=lambda row: row["conversion_decided"])
        return Finding("best_source", {"source": best["source"], "percent": best["conversion_decided"]})
    most, came = max(first, key=lambda row: row["came"]), sum(row["came"] for row in first)
    return Finding("most_from", {"source": most["source"], "percent": 100 * most["came"] / came})


def back_finding(frame: pd.DataFrame) -> Finding | None:
    """Return from which stage the largest share of stays goes back; None where few do.

    The frame is that of the chart "transitions" without a split.
    """
    stays: dict[int, int] = {}
    back: dict[int, tuple[str, int]] = {}
    for row in frame.to_dict("records"):
        stays[row["stage_id"]] = stays.get(row["stage_id"], 0) + row["stays"]
        if row["way"] == "back":
            back[row["stage_id"]] = (row["stage"], back.get(row["stage_id"], ("", 0))[1] + row["stays"])
    shares = [(100 * count / stays[one], stage) for one, (stage, count) in back.items() if stays[one] >= ENOUGH]
    most = max(shares, default=(0.0, ""))
    return Finding("most_back", {"stage": most[1], "percent": most[0]}) if most[0] >= _MANY_BACK else None


def slowest_finding(frame: pd.DataFrame) -> Finding | None:
    """Return on which stage the median stay is the longest, those that last counted; None where few stays are known.

    The frame is that of the chart "time-on-stage" without a split.
    """
    several = frame["pipeline"].nunique() > 1
    known = []
    for row in frame.to_dict("records"):
        hours = row["median_with_open_hours"] or row["median_hours"]
        if hours and row["stays"] >= ENOUGH:
            known.append((hours, f"{row['pipeline']} · {row['stage']}" if several else row["stage"]))
    if len(known) < 2:
        return None
    return Finding("slowest", {"stage": max(known)[1], "hours": max(known)[0]})
