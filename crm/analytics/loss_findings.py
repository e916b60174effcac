"""What frames of losses say in one sentence."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from crm.analytics.findings import Finding
from crm.analytics.intervals import ENOUGH

NOT_STATED = "not_stated"  # stands for a missing name; edges say it in the reader's language


def losses_finding(frame: pd.DataFrame) -> Finding | None:
    """Return from which stage most deals are lost, and for which reason there; None without losses.

    The frame is that of the chart "losses" without a split. Below ten losses it tells numbers and no share.
    """
    losses = [row for row in frame.to_dict("records") if row["is_loss"]]
    by_stage, by_reason = Counter[tuple[Any, Any]](), Counter[Any]()
    for row in losses:
        by_stage[row["pipeline_id"], row["stage_id"]] += row["lost"]
    if not losses:
        return None
    most, lost = by_stage.most_common(1)[0]
    there = [row for row in losses if (row["pipeline_id"], row["stage_id"]) == most]
    for row in there:
        by_reason[row["reason"]] += row["lost"]
    stage = there[0]["stage"] or NOT_STATED
    if stage != NOT_STATED and len({pipeline_id for pipeline_id, _stage_id in by_stage}) > 1:
        stage = f"{there[0]['pipeline']} · {stage}"
    where = {"stage": stage, "reason": by_reason.most_common(1)[0][0] or NOT_STATED}
    whole = by_stage.total()
    if whole < ENOUGH:
        return Finding("few_losses", where | {"lost": lost, "all": whole})
    return Finding("most_losses", where | {"percent": 100 * lost / whole})


def months_finding(frame: pd.DataFrame) -> Finding | None:
    """Return which month lost most money; None where fewer than two did, or several as much.

    The frame is that of the chart "lost-money" without a split.
    """
    sums = sorted(
        ((row["lost_sum"], row["month"]) for row in frame.to_dict("records") if row["lost_sum"]), reverse=True
    )
    if len(sums) < 2 or sums[0][0] == sums[1][0]:
        return None
    return Finding("dearest_month", {"month": sums[0][1], "money": sums[0][0]})


def objections_finding(frame: pd.DataFrame) -> Finding | None:
    """Return on which stage clients object most, and the share overcome there; None where too few are settled.

    The frame is that of the chart "objections" without a split.
    """
    rows = [row for row in frame.to_dict("records") if row["overcome"] + row["not_overcome"] >= ENOUGH]
    if not rows:
        return None
    most = max(rows, key=lambda row: row["objections"])
    return Finding("most_objections", {"stage": most["stage"], "percent": most["overcome_share"]})
