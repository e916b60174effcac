"""What takes the most off a score: the title of the findings, and the word for each manager and pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crm.analytics.findings import Finding


def trust_finding(frame: pd.DataFrame) -> Finding | None:
    """Return the dearest finding of a frame without a split; None where there was nothing to look at."""
    rows = frame.to_dict("records")
    worst = worst_row(rows)
    if worst is not None:
        return Finding("trust_worst", {"finding": worst["finding"], "percent": worst["share"]})
    return Finding("trust_clean") if any(row["looked_at"] for row in rows) else None


def worst_row(rows: Sequence[Mapping[Any, Any]]) -> Mapping[Any, Any] | None:
    """Return the row that costs the most points; None where none costs any."""
    dear = [row for row in rows if row["points"]]
    return max(dear, key=lambda row: row["points"], default=None)
