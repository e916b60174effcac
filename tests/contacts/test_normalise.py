"""Phones, e-mails, numbers and addresses as people type them, and what is refused."""

from __future__ import annotations

import pytest

from crm.contacts.normalise import (
    NOTE_LENGTH,
    Phone,
    check_point,
    email_or_none,
    inn_or_none,
    kind_of_point,
    line_or_none,
    note_or_none,
    parse_phone,
    readable_phone,
    required_line,
    telegram_or_none,
    website_or_none,
)
from crm.errors import Violation
from crm.i18n.texts import violation_sentence
from crm.models import PointKind


def codes(found: list[Violation]) -> list[tuple[str, str | None]]:
    return [(violation.code, violation.field) for violation in found]


@pytest.mark.parametrize(
    "typed",
    [
        "+7 (916) 123-45-67", "8 916 123-45-67", "8(916)1234567", "89161234567", "79161234567", "9161234567",
        "(916) 123-45-67", "+8 916 123 45 67", "8.916.123.45.67", " +7\u00a0916\u00a0123‑45–67 ",
        "\u202d+7 916 123-45-67\u202c", "۸۹۱۶۱۲۳۴۵۶۷",
    ],
)  # fmt: skip
def test_russian_mobile_is_read_in_every_form(typed: str) -> None:
    assert parse_phone(typed, "RU") == Phone("+79161234567")


@pytest.mark.parametrize(
    ("typed", "region", "e164"),
    [
        ("+44 20 7946 0958", "RU", "+442079460958"),
        ("0044 20 7946 0958", "RU", "+442079460958"),
        ("8 10 44 20 7946 0958", "RU", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("8 701 123 45 67", "KZ", "+77011234567"),
        ("8 800 555-35-35", "RU", "+78005553535"),
        ("+375 29 123-45-67", "RU", "+375291234567"),
    ],
)
def test_other_countries_are_read_by_region_or_plus(typed: str, region: str, e164: str) -> None:
    assert parse_phone(typed, region) == Phone(e164)


@pytest.mark.parametrize("tail", [" доб. 123", ", доб 123", " вн. 123", " внутр. 123", " ext 123", " x123", "#123"])
def test_extension_is_kept_apart(tail: str) -> None:
    assert parse_phone(f"8 (495) 123-45-67{tail}", "RU") == Phone("+74951234567", "123")


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "+", "phone", "123-45-67", "8 916 123-45-6", "8 916 123-45-67-89", "7707083893", "Ivan 89161234567",
        "89161234567 Ivan", "8 916 123-45-67, 8 916 123-45-68", "+7 +7 916 123-45-67", "8-800-FLOWERS", "0" * 11,
        "1" * 10_000, "\ud800", "8 916 123\x0045 67 1",
    ],
)  # fmt: skip
def test_what_is_no_whole_phone_is_not_one(typed: str) -> None:
    assert parse_phone(typed, "RU") is None


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Ivan.Petrov@Mail.RU ", "ivan.petrov@mail.ru"),
        ("mailto:a@b.ru", "a@b.ru"),
        ("иван@пример.рф", "иван@пример.рф"),
    ],
)
def test_email_is_lower_case_and_trimmed(typed: str, stored: str) -> None:
    found: list[Violation] = []
    assert email_or_none(typed, "email", found) == stored
    assert found == []


@pytest.mark.parametrize(
    "typed", ["", "a", "a@b", "a b@c.ru", "a@b..ru", "a@@b.ru", "a\r\nBcc: x@y.ru", "a@[127.0.0.1]", "\ud800@b.ru",
              "a\x00@b.ru", "Ivan <a@b.ru>", "a" * 300 + "@b.ru"]
)  # fmt: skip
def test_email_of_wrong_form_is_refused(typed: str) -> None:
    found: list[Violation] = []
    assert email_or_none(typed, "email", found) is None
    assert codes(found) == [("email_invalid", "email")]


@pytest.mark.parametrize("number", ["7707083893", "7736050003", "500100732259", " 77 07-083893 "])
def test_inn_with_right_check_digits_is_stored_as_digits(number: str) -> None:
    found: list[Violation] = []
    assert inn_or_none(number, "RU", "inn", found) == "".join(char for char in number if char.isdigit())
    assert found == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("7707083894", "inn_checksum"), ("500100732258", "inn_checksum"), ("0000000000", "inn_checksum"),
        ("770708389", "inn_length"), ("77070838930", "inn_length"), ("abc", "inn_length"), ("٧٧٠٧٠٨٣٨٩٣", "inn_length"),
    ],
)  # fmt: skip
def test_wrong_inn_is_refused_in_russia(number: str, code: str) -> None:
    found: list[Violation] = []
    assert inn_or_none(number, "RU", "inn", found) is None
    assert codes(found) == [(code, "inn")]


def test_tax_number_elsewhere_has_no_russian_check_digits() -> None:
    found: list[Violation] = []
    assert inn_or_none("de 123 456 789", "DE", "inn", found) == "DE123456789"
    assert inn_or_none("7707083894", "KZ", "inn", found) == "7707083894"
    assert found == []
    assert inn_or_none("<script>", "DE", "inn", found) is None
    assert codes(found) == [("tax_number_invalid", "inn")]


def test_blank_values_are_none_without_a_violation() -> None:
    found: list[Violation] = []
    assert inn_or_none("  ", "RU", "inn", found) is None
    assert website_or_none(None, "website", found) is None
    assert line_or_none(" \u200b ", "address", 10, found) is None
    assert note_or_none("\n", "note", found) is None
    assert found == []


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("romashka.ru", "https://romashka.ru"),
        ("HTTP://Romashka.RU/", "http://romashka.ru"),
        ("https://romashka.ru/Path?q=A/#x", "https://romashka.ru/Path?q=A/#x"),
        ("romashka.ru:8080/x", "https://romashka.ru:8080/x"),
        ("https://пример.рф", "https://пример.рф"),
    ],
)
def test_website_gets_a_scheme_and_keeps_its_path(typed: str, stored: str) -> None:
    found: list[Violation] = []
    assert website_or_none(typed, "website", found) == stored
    assert found == []


@pytest.mark.parametrize(
    "typed",
    [
        "javascript:alert(1)", " java\tscript:alert(1)", "data:text/html,x", "//host.ru", "ftp://a.ru", "file:///etc",
        "https://user:password@a.ru", "https://a.ru\\@b.ru", "http://localhost", "http://[::1]/", "http://a.ru:99999",
        "https://a b.ru", "https://\u202ea.ru", "http://", "romashka", "\ud800.ru", "https://a.ru/\x00",
    ],
)  # fmt: skip
def test_website_with_another_scheme_or_a_trick_is_refused(typed: str) -> None:
    found: list[Violation] = []
    assert website_or_none(typed, "website", found) is None
    assert codes(found) == [("website_invalid", "website")]


def test_too_long_website_is_refused() -> None:
    found: list[Violation] = []
    assert website_or_none("https://a.ru/" + "x" * 300, "website", found) is None
    assert codes(found) == [("text_too_long", "website")]


@pytest.mark.parametrize("typed", ["@Ivan_P", "ivan_p", "https://t.me/ivan_p", "telegram.me/Ivan_p/"])
def test_telegram_name_is_taken_from_name_or_address(typed: str) -> None:
    assert telegram_or_none(typed, "telegram", []) == "ivan_p"


@pytest.mark.parametrize("typed", ["@abc", "иван_п", "1ivan", "ivan p", "x" * 40])
def test_wrong_telegram_name_is_refused(typed: str) -> None:
    found: list[Violation] = []
    assert telegram_or_none(typed, "telegram", found) is None
    assert codes(found) == [("telegram_invalid", "telegram")]


def test_name_loses_invisible_characters_and_folds_blanks() -> None:
    found: list[Violation] = []
    assert required_line("  Иван\u200b \u202eПет\u00adров\t\n ", "name", 300, found) == "Иван Петров"
    assert found == []


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "value_required"), (" \u200b\u202e ", "value_required"), ("a\x00b", "text_unreadable"),
     ("\udc80", "text_unreadable"), ("x" * 301, "text_too_long")],
)  # fmt: skip
def test_name_is_refused_when_blank_unstorable_or_too_long(typed: str, code: str) -> None:
    found: list[Violation] = []
    required_line(typed, "name", 300, found)
    assert codes(found) == [(code, "name")]


def test_note_keeps_lines_and_has_its_own_limit() -> None:
    found: list[Violation] = []
    assert note_or_none("one\r\ntwo\u202e\n", "note", found) == "one\ntwo"
    assert note_or_none("x" * NOTE_LENGTH, "note", found) == "x" * NOTE_LENGTH
    assert found == []
    assert note_or_none("x" * (NOTE_LENGTH + 1), "note", found) is None
    assert note_or_none("a\x00", "note", found) is None
    assert codes(found) == [("text_too_long", "note"), ("text_unreadable", "note")]


def test_point_keeps_what_was_typed_beside_what_is_compared() -> None:
    found: list[Violation] = []
    point = check_point(PointKind.PHONE, " 8 (495) 123-45-67  доб. 5 ", "RU", "phone", found)
    assert point is not None
    assert (point.value, point.normalised) == ("8 (495) 123-45-67 доб. 5", "+74951234567")
    assert found == []


def test_point_violation_names_what_was_typed() -> None:
    found: list[Violation] = []
    assert check_point(PointKind.PHONE, "call me", "RU", "phone", found) is None
    assert found == [Violation("phone_invalid", "phone", {"text": "call me"})]


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("8 916 123-45-67", PointKind.PHONE), ("8.916.123.45.67", PointKind.PHONE), ("Ivan", PointKind.PHONE),
        ("a@b.ru", PointKind.EMAIL), ("@ivan_p", PointKind.TELEGRAM), ("t.me/ivan_p", PointKind.TELEGRAM),
        ("romashka.ru", PointKind.WEBSITE), ("http://1.2.3.4", PointKind.WEBSITE),
    ],
)  # fmt: skip
def test_kind_of_a_typed_point_is_told_by_its_look(typed: str, kind: PointKind) -> None:
    assert kind_of_point(typed) is kind


def test_every_refusal_has_a_sentence_that_names_the_value() -> None:
    found: list[Violation] = []
    for kind in PointKind:
        check_point(kind, "no {0} %s", "RU", kind.value, found)
    inn_or_none("1", "RU", "inn", found)
    inn_or_none("7707083894", "RU", "inn", found)
    inn_or_none("1", "DE", "inn", found)
    sentences = [violation_sentence(violation) for violation in found]
    assert sentences[0] == (
        "“no {0} %s” is not a whole phone number. Write it with its code, for example +7 916 123-45-67."
    )
    assert len(set(sentences)) == len(found) == 7


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("+79000003200", "+7 900 000-32-00"), ("+12025550132", "+1 202-555-0132"), ("7707083893", "7707083893"), ("", "")],
)
def test_phone_is_shown_in_groups_and_anything_else_as_it_is(stored: str, shown: str) -> None:
    assert readable_phone(stored) == shown
