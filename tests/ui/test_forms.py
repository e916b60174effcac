"""Reading typed money and due dates; errors beside their fields."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from crm.i18n import reader
from crm.i18n.formats import parse_amount
from crm.ui.forms import TypedAmount, due_at, quick_day, read_amount, typed_form

MOSCOW = ZoneInfo("Europe/Moscow")
# Thursday
NOW = datetime(2026, 3, 5, 16, 40, tzinfo=MOSCOW)


@pytest.mark.parametrize(
    ("typed", "minor"), [("1 250 000,50 ₽", 125_000_050), ("320000", 32_000_000), ("", None), ("  ", None), ("0", 0)]
)
def test_typed_amount_is_read(typed: str, minor: int | None) -> None:
    assert read_amount(typed) == TypedAmount(minor)


@pytest.mark.parametrize("typed", ["much", "-5", "1e9", "12,345", "1.2.3.4x"])
def test_text_that_is_no_amount_is_refused_with_a_sentence(typed: str) -> None:
    if typed == "12,345":  # groups of three are thousands
        assert read_amount(typed) == TypedAmount(1_234_500)
        return
    refused = read_amount(typed)
    assert refused.minor is None
    assert refused.error == "Write the amount as a number, for example 1250000.50."


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("minor", [0, 5, 50, 32_000_000, 125_000_050, 99_999_999_999])
def test_amount_typed_as_it_is_shown_stays_the_same(language: str, minor: int) -> None:
    with reader(language):
        assert parse_amount(typed_form(minor)) == minor


@pytest.mark.parametrize(
    ("code", "day", "clock"),
    [
        ("today", date(2026, 3, 5), time(18)),
        ("tomorrow", date(2026, 3, 6), time(10)),
        ("in_three_days", date(2026, 3, 8), time(10)),
        ("monday", date(2026, 3, 9), time(10)),
    ],
)
def test_quick_choice_gives_day_and_time(code: str, day: date, clock: time) -> None:
    assert quick_day(code, NOW) == (day, clock)


def test_monday_on_a_monday_is_the_next_one() -> None:
    assert quick_day("monday", datetime(2026, 3, 9, 9, 0, tzinfo=MOSCOW))[0] == date(2026, 3, 16)


def test_today_late_in_the_evening_still_lies_ahead() -> None:
    late = datetime(2026, 3, 5, 23, 30, tzinfo=MOSCOW)
    assert quick_day("today", late) == (date(2026, 3, 6), time(1))


def test_due_time_is_the_readers_wall_clock() -> None:
    assert due_at(date(2026, 3, 5), time(11, 0), MOSCOW) == datetime(2026, 3, 5, 8, 0, tzinfo=UTC)


def test_due_field_gives_utc_of_what_stands_in_it() -> None:
    def script() -> None:
        from datetime import UTC, datetime

        import streamlit as st

        from crm.i18n import set_reader
        from crm.ui.forms import due_input

        set_reader("en", "Europe/Moscow")
        due = due_input("Due", key="due", value=datetime(2030, 3, 5, 8, 15, tzinfo=UTC))
        st.text("none" if due is None else due.isoformat())

    at = AppTest.from_function(script).run()
    assert at.date_input[0].value == date(2030, 3, 5)
    assert at.time_input[0].value == time(11, 15)
    assert at.text[0].value == "2030-03-05T08:15:00+00:00"
    at.date_input[0].set_value(date(2030, 3, 7)).run()
    assert at.text[0].value == "2030-03-07T08:15:00+00:00"


def test_quick_choice_fills_day_and_time() -> None:
    def script() -> None:
        import streamlit as st

        from crm.i18n import set_reader
        from crm.ui.forms import due_input

        set_reader("en", "UTC")
        due = due_input("Due", key="due")
        st.text("none" if due is None else due.isoformat())

    at = AppTest.from_function(script).run()
    assert at.text[0].value == "none"
    at.get("pills")[0].set_value("tomorrow").run()
    chosen = at.date_input[0].value
    assert at.text[0].value == f"{chosen.isoformat()}T10:00:00+00:00"


def test_money_field_tells_its_error_and_keeps_the_text() -> None:
    def script() -> None:
        import streamlit as st

        from crm.ui.forms import money_input

        st.text(str(money_input("Amount", key="amount", currency="RUB", value_minor=32_000_000).minor))

    at = AppTest.from_function(script).run()
    assert (at.text_input[0].value, at.text[0].value) == ("320,000", "32000000")
    at.text_input[0].set_value("a lot").run()
    assert at.text_input[0].value == "a lot"
    assert "Write the amount as a number" in at.markdown[0].value
    assert at.text[0].value == "None"


def test_error_text_with_markup_is_shown_as_typed() -> None:
    def script() -> None:
        from crm.ui.forms import field_error

        field_error("“[x](http://e.x)” needs this")
        field_error(None)

    at = AppTest.from_function(script).run()
    assert not at.exception
    assert len(at.markdown) == 1
    assert r"\[x\]" in at.markdown[0].value
