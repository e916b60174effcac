from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from crm.imports.mapping import DateOrder
from crm.imports.values import (
    DateEvidence,
    currency_in,
    date_evidence,
    parse_day,
    parse_moment,
    parse_priority,
    parse_yes_no,
    split_values,
)
from crm.models import Priority

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["2025-11-21", "", "2025-01-02"], DateOrder.YMD),
        (["2025/11/21"], DateOrder.YMD),
        (["01.02.2025", "21.11.2025"], DateOrder.DMY),
        (["01.02.2025"], DateOrder.DMY),
        (["01/02/2025", "21/11/2025"], DateOrder.DMY),
        (["01/02/2025", "11/21/2025"], DateOrder.MDY),
        (["1/2/25 09:30", "12/31/25 23:59"], DateOrder.MDY),
        (["01/02/2025", "03/04/2025"], None),
        (["", "soon"], None),
    ],
)
def test_order_of_dates_is_told_by_the_whole_column(cells: list[str], order: DateOrder | None) -> None:
    assert sum(map(date_evidence, cells), DateEvidence()).order is order


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("21.11.2025", DateOrder.DMY, date(2025, 11, 21)),
        ("11/21/2025", DateOrder.MDY, date(2025, 11, 21)),
        ("2025-11-21", DateOrder.YMD, date(2025, 11, 21)),
        ("2025-11-21", DateOrder.MDY, date(2025, 11, 21)),
        (" 1.2.25 ", DateOrder.DMY, date(2025, 2, 1)),
        ("1.2.85", DateOrder.DMY, date(1985, 2, 1)),
        ("21.11.2025 г.", DateOrder.DMY, date(2025, 11, 21)),
        ("29.02.2024", DateOrder.DMY, date(2024, 2, 29)),
    ],
)
def test_day_is_read_in_its_order(text: str, order: DateOrder, day: date) -> None:
    assert parse_day(text, order) == day


@pytest.mark.parametrize(
    "text",
    [
        "31.02.2025",
        "29.02.2025",
        "13/13/2025",
        "21.11.20255",
        "21.11.0000",
        "1500-01-01",
        "yesterday",
        "45000",
        "1.2",
        "²1.11.2025",
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_day(text, DateOrder.DMY)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("21.11.2025", datetime(2025, 11, 20, 21, tzinfo=UTC)),
        ("21.11.2025 09:30", datetime(2025, 11, 21, 6, 30, tzinfo=UTC)),
        ("2025-11-21T09:30:15Z", datetime(2025, 11, 21, 9, 30, 15, tzinfo=UTC)),
        ("2025-11-21 09:30:15.123+0500", datetime(2025, 11, 21, 4, 30, 15, tzinfo=UTC)),
        ("2025-11-21 09:30-05:30", datetime(2025, 11, 21, 15, 0, tzinfo=UTC)),
    ],
)
def test_moment_is_read_in_its_zone(text: str, moment: datetime) -> None:
    assert parse_moment(text, DateOrder.DMY, MOSCOW) == moment


def test_hours_past_midnight_are_refused() -> None:
    with pytest.raises(ValueError, match="hour"):
        parse_moment("21.11.2025 25:00", DateOrder.DMY, MOSCOW)


def test_blank_cells_are_nothing() -> None:
    assert parse_day(" ", DateOrder.DMY) is None
    assert parse_moment("", DateOrder.DMY, MOSCOW) is None
    assert parse_yes_no("") is None
    assert parse_priority(" ") is None


@pytest.mark.parametrize(
    ("text", "value"), [("Да", True), ("YES", True), ("1", True), ("нет", False), ("False", False)]
)
def test_yes_and_no_are_read_in_both_languages(text: str, value: bool) -> None:
    assert parse_yes_no(text) is value


@pytest.mark.parametrize(
    ("text", "priority"), [("Hot", Priority.HOT), ("тёплый", Priority.WARM), ("Холодный", Priority.COLD)]
)
def test_priority_is_read_in_both_languages(text: str, priority: Priority) -> None:
    assert parse_priority(text) is priority


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="perhaps"):
        parse_yes_no("perhaps")
    with pytest.raises(ValueError, match="lukewarm"):
        parse_priority("lukewarm")


def test_currency_is_told_by_the_sign() -> None:
    assert [currency_in(text) for text in ("1 ₽", "$5", "10 EUR", "5 руб.", "12")] == ["RUB", "USD", "EUR", "RUB", None]


def test_cell_with_several_values_is_split() -> None:
    assert split_values("+7 916 1; 8-495-2,\na@b.c |") == ["+7 916 1", "8-495-2", "a@b.c"]
