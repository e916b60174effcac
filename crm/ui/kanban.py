"""The board with drag and drop: streamlit-sortables behind one function.

The component keeps its cards in the browser and answers with the whole board, so a drop is found as the difference
to what was mounted; docs/decisions tells why. What changes without a move (amount, age, colour) reaches the cards
through `components/board_bridge.js`, live and without mounting the board anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import streamlit as st
from streamlit_sortables import sort_items

from crm.i18n import current_reader
from crm.ui.board_diff import MovedCard, moved_card
from crm.ui.component import FOLDER, browser_script

TITLE_LENGTH = 48
_INVISIBLE = "\N{WORD JOINER}"
_STYLE = (FOLDER / "board.css").read_text(encoding="utf-8")


class StepColour(StrEnum):
    """State of a card's next step; the card's left border."""

    NONE = "none"
    OVERDUE = "overdue"
    TODAY = "today"
    LATER = "later"


class ColumnKind(StrEnum):
    """What a column is for; closing zones are narrow and tinted."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Card:
    """A deal on the board; every text is plain. `lines` stand under the bold "#id title" and change live."""

    id: int
    title: str
    lines: tuple[str, ...] = ()
    step: StepColour = StepColour.LATER


@dataclass(frozen=True, slots=True)
class Column:
    """A stage; every text is plain. `summary` stands beside the title, `warning` below it in red.

    `color` is a name of `crm.pipelines.values.COLORS`, none when empty.
    """

    id: int
    title: str
    cards: tuple[Card, ...]
    summary: str = ""
    tooltip: str = ""
    warning: str = ""
    kind: ColumnKind = ColumnKind.OPEN
    color: str = ""


@dataclass(slots=True)
class _Mounted:
    """What the browser shows: the number in the widget's key, the columns' ids, the items given to the component."""

    number: int = 0
    column_ids: tuple[int, ...] = ()
    items: list[dict[str, Any]] | None = None


def kanban(
    load: Callable[[], Sequence[Column]],
    *,
    key: str,
    on_move: Callable[[int, int], bool],
    on_open: Callable[[int], None],
    height: int = 520,
) -> None:
    """Draw the board; call it inside a `page_fragment`, so that a drop reruns nothing else.

    `load()` gives the columns as they are now; it is called after a drop was handled. `on_move(card_id, column_id)`
    does the move and tells whether it was accepted; a refused card snaps back. `on_open(card_id)` is called on a
    click, Enter or "o", after the board was drawn. `key` names what is shown (pipeline, filters, sort), in letters,
    digits, "_" and "-"; `height` is that of a column's body in pixels. A card stays where it was dropped until the
    board is mounted anew, so its place in the column may differ from the order of `load()`.
    """
    mounted: _Mounted = st.session_state.setdefault(_state_key(key), _Mounted())
    _take_drop(mounted, key, on_move)
    columns = tuple(load())
    items = board_items(columns)
    column_ids = tuple(column.id for column in columns)
    if mounted.items is None or mounted.column_ids != column_ids or not same_cards(mounted.items, items, columns):
        mounted.number, mounted.items, mounted.column_ids = mounted.number + 1, items, column_ids
    place = f"{key}_place"
    with st.container(key=place, gap=None):
        sort_items(
            mounted.items,
            multi_containers=True,
            direction="vertical",
            custom_style=_STYLE.replace("HEIGHT", str(int(height))),
            key=_widget_key(mounted, key),
        )
        opened = browser_script("board_bridge")(
            key=f"{key}_bridge",
            data={
                "place": place,
                "language": current_reader().language,
                "rev": mounted.number,
                "layout": ";".join(",".join(map(_id_text, item["items"])) for item in mounted.items),
                **live_texts(columns),
            },
            on_opened_change=_nothing,
            on_strayed_change=partial(redraw_board, key),
        ).opened
    if opened is not None and opened in {_id_text(label) for item in mounted.items for label in item["items"]}:
        on_open(int(opened))


def redraw_board(key: str) -> None:
    """Mount the board anew at its next drawing: for a "refresh" button."""
    if _state_key(key) in st.session_state:
        st.session_state[_state_key(key)].items = None


def board_items(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return headers and labels for the component, which takes both for ids: unique, and no label equals a header."""
    headers: set[str] = set()
    labels: set[str] = set()
    items = []
    for column in columns:
        header = _plain(column.title)
        while not header or header.startswith("#") or header in headers:
            header = f"{_INVISIBLE}{header}"
        headers.add(header)
        own = [_label(card) for card in column.cards]
        labels.update(own)
        items.append({"header": header, "items": own})
    if len(labels) != sum(len(item["items"]) for item in items):
        raise ValueError("a card stands on the board twice")
    return items


def same_cards(shown: Sequence[dict[str, Any]], items: Sequence[dict[str, Any]], columns: Sequence[Column]) -> bool:
    """Tell whether the browser shows the cards there are; their order, and cards in closing zones, may differ."""
    return all(
        old["header"] == new["header"]
        and (column.kind is not ColumnKind.OPEN or set(old["items"]) == set(new["items"]))
        for old, new, column in zip(shown, items, columns, strict=True)
    )


def live_texts(columns: Sequence[Column]) -> dict[str, Any]:
    """Return what `board_bridge.js` writes into attributes of columns and cards."""
    return {
        "columns": [
            {
                "kind": column.kind.value,
                "color": column.color,
                "summary": _plain(column.summary),
                "warning": _plain(column.warning),
                "tooltip": column.tooltip,
            }
            for column in columns
        ],
        "cards": {
            str(card.id): {
                "step": card.step.value,
                "lines": "\n".join(_plain(line) for line in card.lines),
                "tooltip": "\n".join((_plain(card.title), *map(_plain, card.lines))),
            }
            for column in columns
            for card in column.cards
        },
    }


def _take_drop(mounted: _Mounted, key: str, on_move: Callable[[int, int], bool]) -> None:
    widget_key = _widget_key(mounted, key)
    if mounted.items is None:
        return
    if widget_key not in st.session_state:  # another page was shown in between: nothing is mounted
        mounted.items = None
        return
    value = st.session_state[widget_key]
    if not value or value == mounted.items:
        return
    layout = _read_layout(value, mounted.items)
    moved = moved_card([item["items"] for item in mounted.items], layout) if layout is not None else None
    if layout is not None and moved is not None and _accepted(moved, mounted, on_move):
        mounted.items = [{**item, "items": labels} for item, labels in zip(mounted.items, layout, strict=True)]
    else:
        mounted.items = None


def _accepted(moved: MovedCard, mounted: _Mounted, on_move: Callable[[int, int], bool]) -> bool:
    # A new place in the same column means nothing to us: the card may stay there until the next mount.
    if moved.from_column == moved.to_column:
        return True
    return on_move(int(_id_text(moved.label)), mounted.column_ids[moved.to_column])


def _read_layout(value: object, items: Sequence[dict[str, Any]]) -> list[list[str]] | None:
    """Return the labels by column of what the browser sent; None when it is not shaped like our board."""
    if not isinstance(value, list) or len(value) != len(items):
        return None
    layout: list[list[str]] = []
    for sent, own in zip(value, items, strict=True):
        labels = sent.get("items") if isinstance(sent, dict) and sent.get("header") == own["header"] else None
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            return None
        layout.append(labels)
    return layout


def _label(card: Card) -> str:
    title = _plain(card.title)
    return f"#{card.id} {title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1] + '…'}"


def _id_text(label: str) -> str:
    return label[1:].split(" ", 1)[0]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _state_key(key: str) -> str:
    return f"_board_{key}"


def _widget_key(mounted: _Mounted, key: str) -> str:
    return f"{key}_{mounted.number}"


def _nothing() -> None:
    """Serve as the callback without which the component has no trigger of that name."""
