"""Words under which records are found."""

from __future__ import annotations

import pytest

from crm.contacts.search_words import (
    WORD_LENGTH,
    email_words,
    phone_words,
    words_in,
    words_of_company,
    words_of_contact,
    words_of_deal,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Семён ЖУКОВ-Андреев", ["семен", "жуков", "андреев"]),
        ("Café Łódź ﬁne", ["cafe", "łodz", "fine"]),
        ("мир\u200bдеталь\u00ad 2мм", ["мирдеталь", "2мм"]),
        ("% _ \" ' * NEAR( 😀", ["near"]),
        ("שלום عالم 日本", ["שלום", "عالم", "日本"]),
        ("ß Ａ１", ["ss", "a1"]),
        ("\ud800\x00", []),
        ("", []),
    ],
)
def test_words_are_folded_letters_and_digits(text: str, words: list[str]) -> None:
    assert words_in(text) == words


def test_endless_word_is_cut() -> None:
    assert words_in("x" * 10_000) == ["x" * WORD_LENGTH]


def test_deal_is_found_by_number_and_title_without_legal_form() -> None:
    assert words_of_deal(1042, "Лист 2 мм для ООО «Ромашка»") == "1042 лист 2 мм для ромашка"


def test_name_of_nothing_but_a_legal_form_keeps_it() -> None:
    assert words_of_company("ООО") == "ооо"


def test_contact_is_found_by_every_form_of_phone_and_parts_of_email() -> None:
    words = words_of_contact(
        "Иван Петров", "Директор", phones=["+79161234567"], emails=["i.petrov@mail.ru"], others=["ivan_p"]
    )
    assert words.split() == [
        "иван", "петров", "директор", "79161234567", "89161234567", "9161234567", "1234567",
        "ipetrovmailru", "mailru", "i", "petrov", "mail", "ivanp", "ivan", "p",
    ]  # fmt: skip


def test_company_is_found_by_name_inn_and_website() -> None:
    words = words_of_company("АО Сталь-Торг", "7707083893", "https://www.steel.example.ru/shop")
    assert words.split() == ["сталь", "торг", "7707083893", "steelexampleru", "steel", "example", "shop"]


def test_foreign_phone_is_found_as_dialled_at_home() -> None:
    assert phone_words("+442079460958") == ["442079460958", "02079460958", "2079460958", "9460958"]


def test_top_domain_is_no_word_of_its_own() -> None:
    assert "ru" not in email_words("a.b@c.ru")
