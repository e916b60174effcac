"""The board's wrapper: drops found and handled, others' changes shown, nothing from the browser believed."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from crm.ui.kanban import Card, Column, ColumnKind, StepColour, board_items, live_texts


def script() -> None:
    import streamlit as st

    from crm.ui.kanban import Card, Column, ColumnKind, kanban, redraw_board

    deals = st.session_state.setdefault("deals", {1: 10, 2: 10, 3: 20})
    calls = st.session_state.setdefault("calls", [])

    def load() -> list[Column]:
        columns = [
            Column(stage, f"Stage {stage}", tuple(Card(deal, f"Deal {deal}") for deal in deals if deals[deal] == stage))
            for stage in (10, 20)
        ]
        return [*columns, Column(90, "Won", (), kind=ColumnKind.WON)]

    def move(deal: int, stage: int) -> bool:
        calls.append((deal, stage))
        if st.session_state.get("refuse"):
            return False
        deals[deal] = stage
        return True

    if st.button("Redraw"):
        redraw_board("b")
    kanban(load, key="b", on_move=move, on_open=calls.append)


def shown(at: AppTest) -> tuple[str, list[list[str]]]:
    """Return the widget's key and the labels by column that the browser shows."""
    state = at.session_state["_board_b"]
    return f"b_{state.number}", [item["items"] for item in state.items]


def drop(at: AppTest, columns: list[list[str]]) -> AppTest:
    key, _before = shown(at)
    titles = ("Stage 10", "Stage 20", "Won")
    at.session_state[key] = [{"header": title, "items": labels} for title, labels in zip(titles, columns, strict=False)]
    return at.run()


@pytest.fixture
def at() -> AppTest:
    opened = AppTest.from_function(script, default_timeout=10).run()
    assert not opened.exception
    assert shown(opened) == ("b_1", [["#1 Deal 1", "#2 Deal 2"], ["#3 Deal 3"], []])
    return opened


def test_accepted_drop_keeps_the_board_mounted(at: AppTest) -> None:
    drop(at, [["#1 Deal 1"], ["#2 Deal 2", "#3 Deal 3"], []])
    assert at.session_state["calls"] == [(2, 20)]
    assert shown(at) == ("b_1", [["#1 Deal 1"], ["#2 Deal 2", "#3 Deal 3"], []])


def test_two_drops_in_a_row_are_two_moves(at: AppTest) -> None:
    drop(at, [["#1 Deal 1"], ["#2 Deal 2", "#3 Deal 3"], []])
    drop(at, [[], ["#2 Deal 2", "#3 Deal 3", "#1 Deal 1"], []])
    assert at.session_state["calls"] == [(2, 20), (1, 20)]
    assert shown(at)[0] == "b_1"


def test_refused_drop_snaps_back(at: AppTest) -> None:
    at.session_state["refuse"] = True
    drop(at, [["#1 Deal 1"], ["#2 Deal 2", "#3 Deal 3"], []])
    assert at.session_state["calls"] == [(2, 20)]
    assert shown(at) == ("b_2", [["#1 Deal 1", "#2 Deal 2"], ["#3 Deal 3"], []])
    at.run()
    assert at.session_state["calls"] == [(2, 20)]


def test_rerun_without_a_drop_repeats_nothing(at: AppTest) -> None:
    drop(at, [["#1 Deal 1"], ["#2 Deal 2", "#3 Deal 3"], []])
    at.run()
    assert at.session_state["calls"] == [(2, 20)]


def test_place_in_the_same_column_is_no_move(at: AppTest) -> None:
    drop(at, [["#2 Deal 2", "#1 Deal 1"], ["#3 Deal 3"], []])
    assert at.session_state["calls"] == []
    assert shown(at) == ("b_1", [["#2 Deal 2", "#1 Deal 1"], ["#3 Deal 3"], []])


def test_drop_into_a_closing_zone_keeps_the_board_mounted(at: AppTest) -> None:
    drop(at, [["#1 Deal 1"], ["#3 Deal 3"], ["#2 Deal 2"]])
    assert at.session_state["calls"] == [(2, 90)]
    assert shown(at)[0] == "b_1"


def test_change_by_somebody_else_mounts_the_board_anew(at: AppTest) -> None:
    at.session_state["deals"][3] = 10
    at.run()
    assert shown(at) == ("b_2", [["#1 Deal 1", "#2 Deal 2", "#3 Deal 3"], [], []])


def test_drop_after_somebody_elses_move_keeps_both(at: AppTest) -> None:
    at.session_state["deals"][3] = 10
    drop(at, [["#1 Deal 1"], ["#2 Deal 2", "#3 Deal 3"], []])
    assert at.session_state["calls"] == [(2, 20)]
    assert at.session_state["deals"] == {1: 10, 2: 20, 3: 10}
    assert shown(at) == ("b_2", [["#1 Deal 1", "#3 Deal 3"], ["#2 Deal 2"], []])


def test_redraw_mounts_the_board_anew(at: AppTest) -> None:
    at.button[0].click().run()
    assert shown(at)[0] == "b_2"


@pytest.mark.parametrize(
    "columns",
    [
        [["#1 Deal 1", "#2 Deal 2", "#99 Forged"], ["#3 Deal 3"], []],
        [["#1 Deal 1"], ["#3 Deal 3"], []],
        [[], ["#1 Deal 1", "#2 Deal 2", "#3 Deal 3"], []],
        [["#1 Deal 1", "#2 Deal 2"], ["#3 Deal 3", "#1 Deal 1"], []],
        [["#1 Deal 1"], ["#2 Deal 2", "#3 Deal 3"]],
    ],
)
def test_forged_board_moves_nothing(at: AppTest, columns: list[list[str]]) -> None:
    drop(at, columns)
    assert at.session_state["calls"] == []
    assert shown(at) == ("b_2", [["#1 Deal 1", "#2 Deal 2"], ["#3 Deal 3"], []])


@pytest.mark.parametrize(
    "value",
    [
        "text",
        {"a": 1},
        [1, 2, 3],
        [None] * 3,
        [{"header": "Stage 10", "items": [1]}] * 3,
        [{"items": ["#1 Deal 1"]}] * 3,
    ],
)
def test_nonsense_from_the_browser_moves_nothing(at: AppTest, value: Any) -> None:
    at.session_state[shown(at)[0]] = value
    at.run()
    assert not at.exception
    assert at.session_state["calls"] == []
    assert shown(at)[1] == [["#1 Deal 1", "#2 Deal 2"], ["#3 Deal 3"], []]


def test_headers_and_labels_are_unique_and_apart() -> None:
    columns = [
        Column(1, "Same", (Card(1, "Same"), Card(2, "Same"))),
        Column(2, "Same", ()),
        Column(3, "#1 Same", ()),
        Column(4, "  ", ()),
    ]
    items = board_items(columns)
    headers = [item["header"] for item in items]
    labels = [label for item in items for label in item["items"]]
    assert len({*headers, *labels}) == len(headers) + len(labels)
    assert not [header for header in headers if header.startswith("#") or not header]


def test_card_on_two_columns_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="twice"):
        board_items([Column(1, "A", (Card(1, "x"),)), Column(2, "B", (Card(1, "x"),))])


def test_label_is_one_line_of_bounded_length() -> None:
    label = board_items([Column(1, "A", (Card(7, "long\n" * 300),))])[0]["items"][0]
    assert "\n" not in label
    assert len(label) <= 52


def test_live_texts_carry_state_and_lines_but_no_labels() -> None:
    card = Card(7, 'Metal "}</style>', ("OOO Mir\nx", "320 000 ₽"), StepColour.OVERDUE)
    texts = live_texts([Column(1, "A", (card,), "1 · 3.4M", "tip", "1 late", ColumnKind.OPEN, "blue")])
    column = {"kind": "open", "color": "blue", "summary": "1 · 3.4M", "warning": "1 late", "tooltip": "tip"}
    assert texts["columns"] == [column]
    assert texts["cards"] == {
        "7": {"step": "overdue", "lines": "OOO Mir x\n320 000 ₽", "tooltip": 'Metal "}</style>\nOOO Mir x\n320 000 ₽'}
    }
