"""What a frame of managers says of each: where they are strong, where weak, who can help them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crm.analytics.intervals import ENOUGH, stratified

BETTER, WORSE = "better", "worse"
# How the early half of a pipeline's stages goes beside the late one.
OPENS, CLOSES, STRONG, WEAK = "opens_well", "closes_well", "strong", "weak"


@dataclass(frozen=True, slots=True)
class Strength:
    """A stage on which an owner does clearly better or worse than the others; shares in per cent, the rest in points.

    `helper` is, for a weak stage, who does best there, if anybody does clearly better than the others.
    """

    owner_id: int
    owner: str
    pipeline: str
    stage_id: int
    stage: str
    is_better: bool
    share: float
    others: float
    difference: float
    decided: int
    helper: str | None


@dataclass(frozen=True, slots=True)
class Style:
    """How an owner goes through a pipeline: opens well and closes badly, the reverse, or either of them throughout."""

    owner_id: int
    owner: str
    pipeline: str
    code: str


def strengths(frame: pd.DataFrame, everybody: pd.DataFrame | None = None) -> list[Strength]:
    """Return each owner's stages that go clearly better or worse than the others', from a frame of managers.

    Helpers are looked for among `everybody`, the frame's own rows where it isn't given.
    """
    best: dict[Any, dict[str, Any]] = {}
    for row in _rows(frame if everybody is None else everybody):
        if row["verdict"] == BETTER and row["low"] > best.get(row["stage_id"], {"low": -1.0})["low"]:
            best[row["stage_id"]] = row
    return [
        Strength(
            owner_id=row["owner_id"], owner=row["owner"], pipeline=row["pipeline"], stage_id=row["stage_id"],
            stage=row["stage"], is_better=row["verdict"] == BETTER, share=row["conversion_decided"],
            others=row["others"], difference=row["difference"], decided=row["passed"] + row["lost"],
            helper=best.get(row["stage_id"], {}).get("owner") if row["verdict"] == WORSE else None,
        )
        for row in _rows(frame)
        if row["verdict"] in (BETTER, WORSE)
    ]  # fmt: skip


def styles(frame: pd.DataFrame, stages: Mapping[str, Sequence[int]]) -> list[Style]:
    """Return how each owner opens and closes, from a frame of managers without a narrowing to some.

    `stages` are the ids of each pipeline's stages in order: the first half is opening, the rest closing. Both are
    compared stage by stage with all others' and weighed together; what is not clear is not said.
    """
    found = []
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    for pipeline, ids in stages.items():
        halves = frozenset(ids[: len(ids) // 2]), frozenset(ids[len(ids) // 2 :])
        owners = {row["owner_id"]: row["owner"] for row in rows if row["stage_id"] in ids and row["owner"]}
        for owner_id, owner in owners.items():
            signs = _sign(rows, owner_id, halves[0]), _sign(rows, owner_id, halves[1])
            code = {(1, -1): OPENS, (-1, 1): CLOSES, (1, 1): STRONG, (-1, -1): WEAK}.get(signs)
            if code:
                found.append(Style(owner_id, owner, pipeline, code))
    return found


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records") if row["owner"]]


def _sign(rows: Sequence[Mapping[str, Any]], owner_id: int, stage_ids: frozenset[int]) -> int:
    strata = []
    for stage_id in stage_ids:
        own, rest = [0, 0], [0, 0]
        for row in rows:
            if row["stage_id"] == stage_id:
                side = own if row["owner_id"] == owner_id else rest
                side[0] += row["passed"]
                side[1] += row["passed"] + row["lost"]
        strata.append((own[0], own[1], rest[0], rest[1]))
    bounds = stratified(strata)
    if bounds is None or min(sum(one[1] for one in strata), sum(one[3] for one in strata)) < ENOUGH:
        return 0
    return (bounds[0] > 0) - (bounds[1] < 0)
