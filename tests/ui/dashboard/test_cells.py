"""Cells as text and as addresses; every column, code and chart has a name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from crm.analytics.charts import CHARTS
from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.charts.kpi import CHART as KPI
from crm.analytics.scope import Scope
from crm.analytics.values import Ask, Chart, Column, Kind
from crm.i18n import reader
from crm.i18n.analytics_texts import CHART_TELLS, CHART_TITLES, WORDS
from crm.models import FieldType
from crm.pipelines.values import FieldInfo, Option
from crm.ui.dashboard.cells import addressed_cell, cell_address, cell_text, columns_of, row_name

SCOPE = Scope(zone="Europe/Moscow", currency="RUB")
SIZE = FieldInfo(7, "Size", FieldType.CHOICE, (Option("big", "Big one"),), None, True)

each_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)


def conversions(**split: list[Any]) -> pd.DataFrame:
    rows = {"stage_id": [1, 2], "stage": ["Contact", "Offer"], "came": [12, 8]}
    return pd.DataFrame({**split, **rows}, dtype=object)


@each_chart
def test_every_column_and_chart_has_a_name(chart: Chart) -> None:
    assert {one.code for one in chart.columns if one.kind is not Kind.ID} - set(WORDS) == set()
    assert chart.name in CHART_TITLES
    assert chart.name in CHART_TELLS


@pytest.mark.parametrize(
    ("kind", "value", "english", "russian"),
    [
        (Kind.COUNT, 12000, "12,000", "12\xa0000"),
        (Kind.MONEY, 123_456_789, "₽1,234,568", "1\xa0234\xa0568\xa0₽"),
        (Kind.PERCENT, 38.46, "38.5%", "38,5\xa0%"),
        (Kind.PERCENT, None, "—", "—"),
        (Kind.HOURS, 0.2, "12 min", "12 мин"),
        (Kind.HOURS, 7.5, "7.5 h", "7,5 ч"),
        (Kind.HOURS, 77.0, "3.2 d", "3,2 д"),
        (Kind.NUMBER, 19.94, "19.9", "19,9"),
        (Kind.DAY, date(2026, 10, 1), "Oct 2026", "окт. 2026"),
        (Kind.FLAG, True, "Yes", "Да"),
    ],
)
def test_value_is_written_as_the_reader_writes(kind: Kind, value: Any, english: str, russian: str) -> None:
    for language, text in (("en", english), ("ru", russian)):
        with reader(language):
            assert cell_text(Column("x", kind), value, "RUB", ()).replace(" %", "\xa0%") == text


def test_missing_name_and_codes_are_told_in_words() -> None:
    assert cell_text(Column("owner", Kind.NAME), None, "RUB", ()) == "No owner"
    assert cell_text(Column("priority", Kind.CODE), "HOT", "RUB", ()) == "Hot"
    assert cell_text(Column("field:7", Kind.CODE), "big", "RUB", (SIZE,)) == "Big one"
    assert cell_text(Column("credit", Kind.CODE), "first", "RUB", ()) == "brought the client"
    assert cell_text(Column("week", Kind.DAY), date(2026, 11, 30), "RUB", ()).startswith("30 Nov – 6 Dec")


SPLITS: dict[str | None, dict[str, list[Any]]] = {
    None: {},
    "owner": {"owner_id": [3, None], "owner": ["Anna", None]},
    "month": {"month": [date(2026, 9, 1), date(2026, 10, 1)]},
    "source": {"source": ["a~b - c", None]},
}


@pytest.mark.parametrize("by", SPLITS, ids=str)
def test_address_names_one_number_and_is_found_again(by: str | None) -> None:
    frame, ask = conversions(**SPLITS[by]), Ask(SCOPE, by)
    addresses = [cell_address("funnel", CONVERSION, ask, row, "came") for row in frame.to_dict("records")]
    assert len(set(addresses)) == len(frame)
    for address, value in zip(addresses, frame["came"], strict=True):
        cell = addressed_cell(address, "funnel", CONVERSION, ask, frame)
        assert cell is not None
        assert (cell.value, cell.door.code) == (value, "came")


@pytest.mark.parametrize(
    "address",
    ["", "funnel", "funnel~came", "funnel~came~9", "other~came~1", "funnel~stage~1", "funnel~conversion~1", "~~~"],
)
def test_address_of_nothing_here_opens_nothing(address: str) -> None:
    assert addressed_cell(address, "funnel", CONVERSION, Ask(SCOPE), conversions()) is None


def test_frame_of_one_row_without_keys_is_addressed_by_its_door() -> None:
    frame = pd.DataFrame({"won": [5]}, dtype=object)
    address = cell_address("kpi", KPI, Ask(SCOPE), {"won": 5}, "won")
    cell = addressed_cell(address, "kpi", KPI, Ask(SCOPE), frame)
    assert cell is not None
    assert cell.value == 5


def test_row_is_named_by_its_keys() -> None:
    row = {"owner_id": 3, "owner": "Anna", "pipeline": "Sales", "stage_id": 1, "stage": "Contact"}
    ask = Ask(SCOPE, "owner")
    assert row_name(CONVERSION, ask, row, (), with_pipeline=False) == "Anna · Contact"
    assert row_name(CONVERSION, ask, row, (), with_pipeline=True) == "Anna · Sales · Contact"
    assert row_name(KPI, Ask(SCOPE), {}, (), with_pipeline=True) == "All deals"


def test_split_by_pipeline_shows_its_name_once() -> None:
    codes = [one.code for one in columns_of(CONVERSION, Ask(SCOPE, "pipeline"))]
    assert codes[:2] == ["pipeline_id", "pipeline"]
    assert len(codes) == len(set(codes))
