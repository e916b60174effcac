"""What figures of managers say of each, from frames written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from crm.analytics.strengths import CLOSES, OPENS, STRONG, WEAK, strengths, styles

STAGES = {"Sales": [1, 2, 3, 4]}
GOOD, BAD, USUAL = (18, 2), (4, 16), (10, 10)
Halves = Mapping[str, tuple[tuple[int, int], tuple[int, int]]]


def row(
    owner: str | None, stage_id: int, passed: int, lost: int, verdict: str = "alike", **other: Any
) -> dict[str, Any]:
    values = {"low": 0.0, "others": 50.0, "difference": 0.0, "conversion_decided": 50.0}
    return {
        "owner_id": None if owner is None else len(owner), "owner": owner, "pipeline": "Sales", "stage_id": stage_id,
        "stage": f"Stage {stage_id}", "passed": passed, "lost": lost, "verdict": verdict, **values, **other,
    }  # fmt: skip


def frame(halves: Halves) -> pd.DataFrame:
    """Return a frame in which each owner does so on both stages of the first half, and so on those of the second."""
    return pd.DataFrame(
        [row(owner, stage, *of[(stage - 1) // 2]) for owner, of in halves.items() for stage in STAGES["Sales"]]
    )


@pytest.mark.parametrize(
    ("opening", "closing", "code"),
    [(GOOD, BAD, OPENS), (BAD, GOOD, CLOSES), (GOOD, GOOD, STRONG), (BAD, BAD, WEAK), (GOOD, USUAL, None),
     (USUAL, USUAL, None)],
)  # fmt: skip
def test_halves_of_the_stages_make_the_style(
    opening: tuple[int, int], closing: tuple[int, int], code: str | None
) -> None:
    found = styles(frame({"Anna": (opening, closing), "Boriska": (USUAL, USUAL), "Vitalik S": (USUAL, USUAL)}), STAGES)
    assert [one.code for one in found if one.owner == "Anna"] == ([code] if code else [])


def test_too_few_decisions_make_no_style() -> None:
    few = (4, 0)  # eight on both stages of a half
    assert styles(frame({"Anna": (few, few), "Boriska": (BAD, BAD)}), STAGES) == []
    assert styles(frame({"Anna": (GOOD, GOOD)}), STAGES) == []  # nobody to compare with


def test_harder_stages_are_no_weakness() -> None:
    # On each stage as the others, but most of Anna's decisions fall on the hard second one.
    rows = [
        row("Anna", 1, 9, 1), row("Anna", 2, 30, 70), row("Boriska", 1, 90, 10), row("Boriska", 2, 9, 21),
        row("Anna", 3, 10, 10), row("Boriska", 3, 10, 10),
    ]  # fmt: skip
    assert styles(pd.DataFrame(rows, dtype=object), STAGES) == []


def test_owner_whom_nobody_knows_is_among_the_others_and_has_no_style() -> None:
    rows = [row(None, stage, *BAD) for stage in STAGES["Sales"]] + [row("Anna", one, *GOOD) for one in STAGES["Sales"]]
    assert [(one.owner, one.code) for one in styles(pd.DataFrame(rows, dtype=object), STAGES)] == [("Anna", STRONG)]


def test_weak_stage_has_the_surest_of_those_better_there_for_help() -> None:
    rows = [
        row("Anna", 1, 4, 16, "worse", difference=-30.0, conversion_decided=20.0),
        row("Boriska", 1, 18, 2, "better", low=69.9, difference=40.0),
        row("Vitalik S", 1, 10, 0, "better", low=72.2, difference=45.0),
        row("Anna", 2, 4, 16, "worse", difference=-20.0),
        row(None, 2, 18, 2, "better", low=69.9),
        row("Anna", 3, 1, 1, "few"),
    ]
    found = {(one.owner, one.stage): one for one in strengths(pd.DataFrame(rows, dtype=object))}
    assert set(found) == {("Anna", "Stage 1"), ("Boriska", "Stage 1"), ("Vitalik S", "Stage 1"), ("Anna", "Stage 2")}
    weak = found["Anna", "Stage 1"]
    assert (weak.is_better, weak.share, weak.others, weak.difference, weak.decided) == (False, 20, 50, -30, 20)
    assert weak.helper == "Vitalik S"
    assert found["Anna", "Stage 2"].helper is None  # nobody with a name is better there
    assert found["Boriska", "Stage 1"].helper is None


def test_helpers_are_looked_for_among_everybody() -> None:
    everybody = pd.DataFrame(
        [row("Anna", 1, 4, 16, "worse"), row("Boriska", 1, 18, 2, "better", low=69.9)], dtype=object
    )
    (found,) = strengths(everybody[everybody["owner"] == "Anna"], everybody)
    assert found.helper == "Boriska"
