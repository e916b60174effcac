"""What is said about a stage's name while it is typed."""

from __future__ import annotations

import pytest

from crm.i18n import reader
from crm.ui.name_hint import name_hint


@pytest.mark.parametrize("name", ["", "   ", "Предложение отправлено", "Offer sent"])
def test_good_and_empty_names_get_no_hint(name: str) -> None:
    assert name_hint(name) is None


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("Согласование договора", "The name should say what has been done"),
        ("В работе", "This is a place to wait."),
        ("Возражения", "Objections come up on any stage"),
        ("Лид из ВК", "A source is a field"),
        ("Мусор", "Close such deals with a reason"),
    ],
)
def test_worst_fault_of_a_name_is_told(name: str, beginning: str) -> None:
    hint = name_hint(name)
    assert hint is not None
    assert hint.startswith(beginning)


def test_hint_offers_better_names_in_the_readers_quotes() -> None:
    with reader("ru"):
        hint = name_hint("Согласование договора")
    assert hint is not None
    assert hint.endswith("Например: «Договор согласован»") or "«Договор согласован»" in hint
