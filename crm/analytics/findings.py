"""What a frame says in one sentence: a code and its parameters, which edges put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from crm.analytics.intervals import ENOUGH


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
    return Finding("most_lost_on", {"stage": worst["stage"], "percent": 100 - float(worst["conversion_decided"])})
