"""What is typed into the search becomes groups of words, alternatives and a deal number."""

from __future__ import annotations

import pytest

from crm.contacts.search_query import GROUPS_AT_MOST, Query, fts5_expression, parse_query, tsquery_expression


def groups(text: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    return parse_query(text, "RU").groups


@pytest.mark.parametrize("typed", ["+7 (916) 123-45-67", "8 916 123 45 67", "(916) 123-45-67"])
def test_phone_in_any_form_is_looked_for_with_its_country(typed: str) -> None:
    (alternatives,) = groups(typed)
    assert alternatives[0] == ("79161234567",)


def test_unfinished_phone_is_looked_for_joined_or_as_separate_numbers() -> None:
    assert groups("8 916 123") == ((("8916123",), ("8", "916", "123")),)


def test_phone_beside_a_name_is_one_group_of_two() -> None:
    assert groups("Петров 123-45-67") == ((("1234567",), ("123", "45", "67")), (("петров",),))


def test_short_numbers_stay_apart() -> None:
    assert groups("лист 2 мм") == ((("лист",),), (("2",),), (("мм",),))


@pytest.mark.parametrize(("typed", "word"), [("I.Petrov@Mail.ru", "ipetrovmailru"), ("@mail.ru", "mailru")])
def test_email_is_one_word(typed: str, word: str) -> None:
    assert groups(typed) == (((word,),),)


def test_address_is_its_host_or_its_parts() -> None:
    assert groups("https://www.steel.ru/shop") == ((("steelru",), ("https", "www", "steel", "ru", "shop")),)
    assert groups("тел.факс") == ((("телфакс",), ("тел", "факс")),)


def test_legal_form_is_left_out_unless_alone() -> None:
    assert groups("ООО Ромашка") == ((("ромашка",),),)
    assert groups("ооо") == ((("ооо",),),)


def test_single_letter_narrows_but_is_not_looked_up() -> None:
    assert parse_query("Петров И", "RU") == Query(groups=((("петров",),),), initials=("и",))
    assert parse_query("И", "RU").is_empty


@pytest.mark.parametrize(("typed", "number"), [("#1042", 1042), (" № 7 ", 7), ("1042", 1042), ("#10 мм", None)])
def test_number_alone_names_a_deal(typed: str, number: int | None) -> None:
    assert parse_query(typed, "RU").deal_number == number


@pytest.mark.parametrize("typed", ["", " ", "%", "_", '"', "*", "😀", "\x00", "\ud800", "\u202e", "()", "+", "#", "@"])
def test_text_without_letters_and_digits_asks_nothing(typed: str) -> None:
    assert parse_query(typed, "RU") == Query()


def test_endless_text_is_cut() -> None:
    assert len(groups(" ".join(f"слово{n}" for n in range(2_000)))) == GROUPS_AT_MOST
    assert groups("x" * 10_000) == ((("x" * 60,),),)
    assert len(groups("1 " * 5_000)) == 1


def test_expressions_quote_every_term_and_demand_one_mark_of_each() -> None:
    query = parse_query("2 near 123-45-67", "RU")
    assert fts5_expression(query, [("§7", "§8"), ("§deal",)]) == (
        '(("1234567"*) OR ("123" AND "45" AND "67")) AND (("2")) AND (("near"*)) AND ("§7" OR "§8") AND ("§deal")'
    )
    assert tsquery_expression(query, [("§7",)]) == (
        "(('1234567':*) | ('123' & '45' & '67')) & (('2')) & (('near':*)) & ('§7')"
    )
