"""Words of duplicates: one for everything the scorer says, in both languages, and nothing shown raw."""

from __future__ import annotations

import ast

import pytest

from crm.duplicates.merge_values import KindCount
from crm.duplicates.references import REFERENCES
from crm.i18n import reader
from crm.i18n.match_texts import GUARDS, LINES, MISPLACED, PRIOR
from crm.matching.values import MatchLine
from crm.settings import ROOT
from crm.ui.duplicate_words import chance, counts_words, guard_words, is_start, line_words, short_why

# Names in the scorer that look like codes of lines and are none: weights, statistics, conditions.
NO_LINES = {
    "company_word", "domain_differ", "forms_alike", "forms_differ", "forms_fit", "given_differ", "given_near",
    "inn_differ", "known_goods_again", "known_goods_differ", "known_goods_equal", "known_numbers_differ", "log_count",
    "name_differ", "one_word_equal", "other_name_same_inn", "person_equal", "several_names",
    "short_name_near", "words_differ",
}  # fmt: skip
PLACES_OF_TEXT = ("name", "comment", "title", "company", "position", "address")


def said_by_the_scorer() -> set[str]:
    """Return every text in the scorer that may be a code: what looks like one, whole or put together."""
    texts = set()
    for path in [*ROOT.glob("crm/matching/scoring/*.py"), ROOT / "crm/matching/scorer.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    return {
        text for text in texts if "_" in text.strip("_") and text.islower() and text.replace("_", "").isalpha()
        and not text.startswith("_") and text != "s_differ"
    }  # fmt: skip


def test_everything_the_scorer_says_has_words() -> None:
    assert said_by_the_scorer() - set(LINES) - set(GUARDS) - NO_LINES == set()


def test_identifiers_found_in_any_field_have_words() -> None:
    wanted = {(kind, place) for kind in ("phone", "email") for place in PLACES_OF_TEXT}
    assert wanted | {("phone", "email"), ("email", "phone")} == set(MISPLACED)


def test_every_count_of_a_plan_has_words() -> None:
    kinds = sorted({one.kind for one in REFERENCES if one.kind is not None})
    assert all(counts_words([KindCount(kind, 2)]).startswith("2 ") for kind in kinds)
    assert counts_words([KindCount("deals", 0)]) == ""


@pytest.mark.parametrize("language", ["en", "ru"])
def test_lines_are_said_with_their_texts(language: str) -> None:
    with reader(language):
        for code in LINES:
            days = code.startswith("time_")
            left, right = ("2026-11-01", "2026-11-02") if days else ("Left", "Right")
            assert line_words(MatchLine(code, 1.0, left, right))
        for kind, place in MISPLACED:
            assert line_words(MatchLine(f"{kind}_in_{place}_field", 13.0, "x", "x"))
        assert all(guard_words(code) for code in GUARDS)


def test_one_name_in_two_forms_and_a_rare_surname_are_told_as_people_say_it() -> None:
    with reader("ru"):
        assert line_words(MatchLine("given_name_equal", 0.0, "Саша", "Александр")) == "Саша = Александр: одно имя"
        assert line_words(MatchLine("surname_equal", 6.7, "Павлов", "Павлов")) == "Фамилия совпала: Павлов (1 из 116)"
        found = line_words(MatchLine("phone_in_name_field", 13.0, "+79162401735", "+79162401735"))
        assert found == "Телефон +7 916 240-17-35 найден в имени"
        assert line_words(MatchLine("inns_differ", -3.0, "7707083893", "7736050003")).startswith("Разные ИНН")


def test_loudest_reasons_stand_in_the_list() -> None:
    lines = [
        MatchLine(PRIOR, -11.0),
        MatchLine("city_equal", 0.5),
        MatchLine("phone_in_name_field", 13.0, "+79162401735", "+79162401735"),
        MatchLine("surname_equal", 6.0, "Павлов", "Павлов"),
        MatchLine("companies_differ", -2.0, "Мир", "Дом"),
    ]
    assert short_why(lines) == "phone in the name, same surname"
    assert short_why([*lines, MatchLine("bridge", 0.0, "Петров", "Петров")]).startswith("joined by another record")
    assert [is_start(line) for line in lines[:2]] == [True, False]


@pytest.mark.parametrize(("probability", "told"), [(0.9999, "99 %"), (0.5, "50 %"), (0.004, "0 %")])
def test_nobody_is_ever_quite_sure(probability: float, told: str) -> None:
    assert chance(probability) == told
