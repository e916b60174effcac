from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from crm.analytics.scope import FIRST_DAY, LAST_DAY, Scope, from_address, joined
from crm.models import FieldType, Priority

TYPES = (("field:7", FieldType.CHOICE), ("field:8", FieldType.CHOICE), ("field:9", FieldType.NUMBER))
BASE = Scope(zone="Europe/Moscow", currency="RUB", pipeline_ids=(1,), field_types=TYPES)


def test_address_narrows_by_what_it_names() -> None:
    query = {
        "since": "2026-01-05", "until": "2026-02-10", "pipeline": "2~3", "owner": "4", "team": "5~6",
        "priority": "hot~cold", "source": "~site", "segment": "field:7=a~field:8=b~field:9=1..5",
    }  # fmt: skip
    assert from_address(BASE, query) == Scope(
        zone="Europe/Moscow", currency="RUB", since=date(2026, 1, 5), until=date(2026, 2, 10), pipeline_ids=(2, 3),
        owner_ids=(4,), team_ids=(5, 6), sources=("", "site"), priorities=(Priority.HOT, Priority.COLD),
        segments=(("field:7", "a"), ("field:8", "b"), ("field:9", "1..5")), field_types=TYPES,
    )  # fmt: skip
    assert from_address(BASE, {"source": "~"}).sources == ("",)


@pytest.mark.parametrize(
    "query",
    [
        {}, {"since": "soon", "until": ""}, {"owner": "x~-1~²~" + "9" * 40}, {"pipeline": "~"}, {"priority": "warmer"},
        {"segment": "no mark"}, {"segment": "x=a~field:70=a~field:9=many~=a~field:7="},
        {"unknown": "1"}, {"since": "1066-10-14", "until": "9999-12-31"},
    ],
)  # fmt: skip
def test_what_cannot_be_read_narrows_nothing(query: dict[str, str]) -> None:
    assert from_address(BASE, query) == BASE


@pytest.mark.parametrize(
    "sources", [("site",), ("",), ("", "site"), ("a~b", "c"), ("~",), ("50%", "50%7E", "%25"), ("site", "")], ids=str
)
def test_address_holds_any_source(sources: tuple[str, ...]) -> None:
    assert from_address(BASE, {"source": joined(sources)}).sources == sources


def test_address_of_before_the_quoting_is_read_as_it_was_meant() -> None:
    assert from_address(BASE, {"source": "50% off~100%~%d1"}).sources == ("50% off", "100%", "%d1")


def test_days_in_the_wrong_order_are_turned() -> None:
    scope = from_address(BASE, {"since": "2026-03-01", "until": "2026-02-01"})
    assert (scope.since, scope.until) == (date(2026, 2, 1), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("since", "until", "before"),
    [
        (date(2026, 3, 1), date(2026, 3, 31), (date(2026, 2, 1), date(2026, 2, 28))),
        (date(2026, 1, 1), date(2026, 3, 31), (date(2025, 10, 1), date(2025, 12, 31))),
        (date(2026, 3, 10), date(2026, 3, 10), (date(2026, 3, 9), date(2026, 3, 9))),
        (date(2026, 3, 1), date(2026, 3, 30), (date(2026, 1, 30), date(2026, 2, 28))),
    ],
)
def test_period_before_is_as_long(since: date, until: date, before: tuple[date, date]) -> None:
    found = replace(BASE, since=since, until=until).previous()
    assert (found.since, found.until) == before


def test_months_and_weeks_are_cut_to_the_period() -> None:
    scope = replace(BASE, zone="UTC", since=date(2026, 1, 28), until=date(2026, 2, 2))
    assert [(one.day, one.start_at.day, one.end_at.day) for one in scope.months()] == [
        (date(2026, 1, 1), 28, 1), (date(2026, 2, 1), 1, 3),
    ]  # fmt: skip
    assert [(one.day, one.start_at.day, one.end_at.day) for one in scope.weeks()] == [
        (date(2026, 1, 26), 28, 2), (date(2026, 2, 2), 2, 3),
    ]  # fmt: skip


def test_days_of_a_zone_are_as_long_as_its_clocks_say() -> None:
    def length(day: date) -> timedelta:
        scope = replace(BASE, zone="America/Santiago", since=day, until=day)
        return scope.end_at - scope.start_at

    # There clocks are put at midnight: a day has no first hour, another has it twice.
    assert (length(date(2026, 9, 6)), length(date(2026, 4, 4))) == (timedelta(hours=23), timedelta(hours=25))
    spring = replace(BASE, zone="America/Santiago", since=date(2026, 9, 6))
    assert spring.start_at == datetime(2026, 9, 6, 4, tzinfo=UTC)


def test_open_period_holds_everything() -> None:
    assert (BASE.since, BASE.until) == (FIRST_DAY, LAST_DAY)
    assert BASE.start_at.year <= 1971
    assert BASE.end_at.year >= 2099
