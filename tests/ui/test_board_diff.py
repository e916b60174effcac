"""Which card one drag moved, and what is no single move."""

from __future__ import annotations

import pytest

from crm.ui.board_diff import MovedCard, moved_card

BEFORE = [["a", "b", "c"], ["d"], []]


@pytest.mark.parametrize(
    ("after", "moved"),
    [
        ([["a", "c"], ["d", "b"], []], MovedCard("b", 0, 1, 1)),
        ([["a", "c"], ["b", "d"], []], MovedCard("b", 0, 1, 0)),
        ([["a", "b", "c"], [], ["d"]], MovedCard("d", 1, 2, 0)),
        ([["a", "b", "c", "d"], [], []], MovedCard("d", 1, 0, 3)),
        ([["b", "c", "a"], ["d"], []], MovedCard("a", 0, 0, 2)),
        ([["c", "a", "b"], ["d"], []], MovedCard("c", 0, 0, 0)),
    ],
)
def test_one_move_is_found(after: list[list[str]], moved: MovedCard) -> None:
    assert moved_card(BEFORE, after) == moved


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        [["a"], ["d", "b"], ["c"]],  # two cards moved
        [["c", "b", "a"], ["d"], []],  # turned round
        [["a", "c"], ["b"], ["d"]],  # three columns changed
        [["c", "a"], ["d", "b"], []],  # moved and another order
        [["a", "b"], ["d"], []],  # lost
        [["a", "b", "c"], ["d", "x"], []],  # added
        [["a", "b", "c"], ["d", "b"], []],  # doubled
        [["a", "b", "b"], ["d"], []],
        [["a", "b", "c"], ["d"]],  # another board
        [],
    ],
)
def test_anything_else_is_no_move(after: list[list[str]]) -> None:
    assert moved_card(BEFORE, after) is None


def test_neighbours_that_changed_places_are_one_move() -> None:
    assert moved_card([["a", "b"]], [["b", "a"]]) == MovedCard("a", 0, 0, 1)
