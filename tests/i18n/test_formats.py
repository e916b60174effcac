"""Money, dates and lengths of time read as a Russian and an English reader expects; typed amounts are understood."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.clock import utc_now
from crm.i18n import current_reader, known_language, reader, set_reader
from crm.i18n.formats import (
    MAX_AMOUNT_MINOR,
    day,
    days_away,
    duration,
    full_moment,
    moment,
    money,
    number,
    parse_amount,
    short_money,
)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "russian", "english"),
    [
        (32_000_000, "RUB", "320 000 ₽", "₽320,000"),
        (125_000_050, "RUB", "1 250 000,50 ₽", "₽1,250,000.50"),
        (-5, "USD", "-0,05 $", "-$0.05"),
        (0, "EUR", "0 €", "€0"),
        (10**15, "KZT", "10 000 000 000 000 ₸", "₸10,000,000,000,000"),
        (100, "BYN", "1 Br", "Br 1"),
        (None, "RUB", "—", "—"),
    ],
)
def test_money_follows_the_language(amount_minor: int | None, currency: str, russian: str, english: str) -> None:
    with reader("ru"):
        assert _plain(money(amount_minor, currency)) == russian
    with reader("en"):
        assert _plain(money(amount_minor, currency)) == english


@pytest.mark.parametrize(
    ("amount_minor", "russian", "english"),
    [
        (99, "1 ₽", "₽1"),
        (99_900, "999 ₽", "₽999"),
        (99_999, "1 тыс. ₽", "₽1K"),
        (32_000_000, "320 тыс. ₽", "₽320K"),
        (99_999_999, "1 млн ₽", "₽1M"),
        (340_000_000, "3,4 млн ₽", "₽3.4M"),
        (-340_000_000, "-3,4 млн ₽", "-₽3.4M"),
        (34_560_000_000, "346 млн ₽", "₽346M"),
        (123_456_789_000, "1,2 млрд ₽", "₽1.2bn"),
    ],
)
def test_short_money_keeps_two_or_three_digits(amount_minor: int, russian: str, english: str) -> None:
    with reader("ru"):
        assert _plain(short_money(amount_minor, "RUB")) == russian
    with reader("en"):
        assert _plain(short_money(amount_minor, "RUB")) == english


def test_number_follows_the_language() -> None:
    with reader("ru"):
        assert _plain(number(1_234_567.5)) == "1 234 567,5"
    with reader("en"):
        assert number(1_234_567.5) == "1,234,567.5"


@pytest.mark.parametrize(
    ("typed", "amount_minor"),
    [
        ("1 250 000,50 ₽", 125_000_050),
        ("1\u00a0250\u00a0000,50\u00a0₽", 125_000_050),
        ("1\u202f250\u202f000,50", 125_000_050),
        ("1,250,000.50", 125_000_050),
        ("1.250.000,50", 125_000_050),
        ("1'250'000.5", 125_000_050),
        ("1250000.5", 125_000_050),
        ("1250", 125_000),
        ("12,5", 1_250),
        ("12.345", 1_234_500),
        ("1,234.5", 123_450),
        (".5", 50),
        ("12,", 1_200),
        ("0", 0),
        ("$5", 500),
        ("5 руб.", 500),
        ("5р.", 500),
        ("RUB 5", 500),
        ("10 000 000 000 000", MAX_AMOUNT_MINOR),
        ("", None),
        (" \u00a0\t", None),
        ("₽", None),
    ],
)
def test_parse_amount_reads_what_people_type(typed: str, amount_minor: int | None) -> None:
    assert parse_amount(typed) == amount_minor


@pytest.mark.parametrize(
    "typed",
    [
        "-1", "abc", "1e5", "NaN", "Infinity", "1,2,3", "1..5", "0.123", "1234,567", "1250.505", "12 50", "1-2", ".",
        "1.2345", "1,234,56", "1 250 000 000 000 000", "10 000 000 000 000,01", "9" * 5_000, "٣", "１２", "=1+1",
        "1 250,00,00", "5 $ 6",
    ],
)  # fmt: skip
def test_parse_amount_refuses_what_it_would_guess(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        parse_amount(typed)


@given(amount_minor=st.integers(0, MAX_AMOUNT_MINOR), language=st.sampled_from(["ru", "en"]))
def test_shown_money_is_read_back(amount_minor: int, language: str) -> None:
    with reader(language):
        assert parse_amount(money(amount_minor, "RUB")) == amount_minor


@given(typed=st.text(max_size=60))
def test_parse_amount_gives_an_amount_or_refuses(typed: str) -> None:
    try:
        amount_minor = parse_amount(typed)
    except ValueError:
        return
    assert amount_minor is None or 0 <= amount_minor <= MAX_AMOUNT_MINOR


def test_day_has_its_year_only_when_it_is_another() -> None:
    this_year = utc_now().year
    with reader("ru"):
        assert day(date(this_year, 11, 21)) == "21 нояб."
        assert day(date(2019, 11, 21)) == "21 нояб. 2019"
    with reader("en"):
        assert day(date(this_year, 11, 21)) == "21 Nov"
        assert day(date(2019, 11, 21)) == "21 Nov 2019"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "31 Dec 2019, 22:30:15"),
        ("Europe/Moscow", "1 Jan 2020, 01:30:15"),
        ("Asia/Kolkata", "1 Jan 2020, 04:00:15"),
        ("America/New_York", "31 Dec 2019, 17:30:15"),
    ],
)
def test_full_moment_is_in_the_readers_zone(zone: str, shown: str) -> None:
    with reader("en", zone):
        assert full_moment(datetime(2019, 12, 31, 22, 30, 15, tzinfo=UTC)) == shown


def test_moment_crosses_the_spring_change_of_clocks() -> None:
    before, after = datetime(2019, 3, 31, 0, 30, tzinfo=UTC), datetime(2019, 3, 31, 1, 30, tzinfo=UTC)
    with reader("en", "Europe/Berlin"):
        assert moment(before) == "31 Mar 2019 01:30"
        assert moment(after) == "31 Mar 2019 03:30"


def test_today_of_the_reader_differs_by_zone() -> None:
    # 11:00 UTC is one date in UTC and the next in Kiritimati (+14), so the word must differ.
    noon = utc_now().replace(hour=11, minute=0, second=0)
    with reader("en", "UTC"):
        assert moment(noon) == "today 11:00"
    with reader("en", "Pacific/Kiritimati"):
        local_today = utc_now().astimezone(current_reader().zone).date()
        expected = "today" if local_today == (noon + timedelta(hours=14)).date() else "tomorrow"
        assert moment(noon) == f"{expected} 01:00"


@pytest.mark.parametrize(
    ("seconds", "russian", "english"),
    [
        (-5, "0 мин", "0 min"),
        (0, "0 мин", "0 min"),
        (3599, "59 мин", "59 min"),
        (3600, "1 ч", "1 h"),
        (86400 * 3, "3 д", "3 d"),
    ],
)
def test_duration_is_in_its_largest_unit(seconds: int, russian: str, english: str) -> None:
    with reader("ru"):
        assert _plain(duration(seconds)) == russian
    with reader("en"):
        assert duration(seconds) == english


@pytest.mark.parametrize(
    ("away", "russian", "english"),
    [
        (1, "через 1 день", "in 1 day"),
        (2, "через 2 дня", "in 2 days"),
        (5, "через 5 дней", "in 5 days"),
        (21, "через 21 день", "in 21 days"),
        (-1, "1 день просрочки", "1 day late"),
        (-3, "3 дня просрочки", "3 days late"),
        (-11, "11 дней просрочки", "11 days late"),
    ],
)
def test_days_away_has_the_plural_form_of_the_language(away: int, russian: str, english: str) -> None:
    due = utc_now() + timedelta(days=away)
    with reader("ru"):
        assert _plain(days_away(due)) == russian
    with reader("en"):
        assert days_away(due) == english


@pytest.mark.parametrize(
    ("wanted", "known"),
    [("ru-RU", "ru"), ("RU_ru", "ru"), ("en-GB", "en"), ("de", "en"), ("", "en"), (None, "en"), ("../ru", "en")],
)
def test_unknown_language_is_english(wanted: str | None, known: str) -> None:
    assert known_language(wanted) == known


def test_reader_of_a_block_ends_with_it() -> None:
    set_reader("ru", "Europe/Moscow")
    with reader("en", "UTC"):
        assert current_reader().language == "en"
    assert current_reader().language == "ru"


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")
