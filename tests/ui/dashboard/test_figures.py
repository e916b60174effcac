"""Drawings for the reader's screen: on a phone names and numbers of a map are short."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from crm.analytics.theme import bars, heat_map
from crm.i18n.analytics_texts import word
from crm.ui.dashboard import figures
from crm.ui.dashboard.figures import drawn


@pytest.fixture(params=[True, False], ids=["phone", "laptop"])
def phone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(figures, "is_phone", lambda: request.param)
    monkeypatch.setattr(figures, "_ground", lambda: "light")
    return bool(request.param)


def test_map_on_a_phone_has_round_numbers_and_names_in_one_line(phone: bool) -> None:
    frame = pd.DataFrame({"owner": ["Anna"], "stage": ["Contact made"], "share": [62.49]})
    spec = drawn(heat_map(frame, row="owner", column="stage", value="share", words=word))
    cells, texts = spec["layer"]
    (mark,) = next(iter(spec["datasets"].values()))
    assert mark[texts["encoding"]["text"]["field"]] == ("62" if phone else "62.5%")
    assert ("labelExpr" in cells["encoding"]["x"]["axis"]) == (not phone)
    assert next(one for one in cells["encoding"]["tooltip"] if one["field"] == "shown")


def test_noughts_of_a_map_of_counts_are_left_out(phone: bool) -> None:
    frame = pd.DataFrame({"owner": ["Anna", "Anton"], "stage": ["Offer", "Offer"], "lost": [2473, 0]})
    spec = drawn(heat_map(frame, row="owner", column="stage", value="lost", words=word))
    marks = next(iter(spec["datasets"].values()))
    field = spec["layer"][1]["encoding"]["text"]["field"]
    assert [(one[field], one["pale"]) for one in marks] == [("2,473", False), ("", True)]


def test_map_of_many_columns_is_turned(phone: bool) -> None:
    stages = [f"Stage {number}" for number in range(12)]
    frame = pd.DataFrame([{"owner": who, "stage": one, "share": 50.0} for who in ("Anna", "Anton") for one in stages])
    spec = drawn(heat_map(frame, row="owner", column="stage", value="share", words=word))
    encoding = spec["layer"][0]["encoding"]
    assert encoding["x"]["sort"] == ["Anna", "Anton"]
    assert encoding["y"]["sort"] == stages
    assert {one["field"]: one["title"] for one in encoding["tooltip"]}["row_name"] == "Stage"
    marks = next(iter(spec["datasets"].values()))
    assert [(one["row"], one["row_name"]) for one in marks][12] == (12, "Stage 0")


def legend(parts: list[str]) -> dict[str, Any]:
    frame = pd.DataFrame({"stage": ["Contact made"], **{one: [1] for one in parts}})
    spec = drawn(bars(frame, category="stage", parts=parts, colors=["#000", "#fff"], words=lambda code: code))
    found: dict[str, Any] = spec["layer"][0]["encoding"]["color"]["legend"]
    return found


def test_long_names_of_a_legend_stand_below_each_other_on_a_phone(phone: bool) -> None:
    assert legend(["won", "lost"]).get("columns") == (2 if phone else None)
    assert legend(["median with those waiting", "norm"]).get("columns") == (1 if phone else None)
