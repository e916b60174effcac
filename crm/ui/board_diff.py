"""What one drag changed: the difference between two layouts of a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Layout = Sequence[Sequence[str]]  # labels of the cards by column


@dataclass(frozen=True, slots=True)
class MovedCard:
    """One card's way: its label, columns by their place on the board, its new place in the column."""

    label: str
    from_column: int
    to_column: int
    position: int


def moved_card(before: Layout, after: Layout) -> MovedCard | None:
    """Return the one card that moved; None where nothing, or anything but one move, lies between the layouts.

    Both come from a browser in part, so lost, added, doubled or several moved cards are no move at all.
    """
    if len(before) != len(after) or not _same_cards(before, after):
        return None
    changed = [index for index in range(len(before)) if list(before[index]) != list(after[index])]
    if len(changed) == 1:
        return _within(before[changed[0]], after[changed[0]], changed[0])
    if len(changed) == 2:
        first, second = changed
        return _between(before, after, first, second) or _between(before, after, second, first)
    return None


def _same_cards(before: Layout, after: Layout) -> bool:
    old, new = ([label for column in layout for label in column] for layout in (before, after))
    return len(set(old)) == len(old) == len(new) and set(old) == set(new)


def _within(before: Sequence[str], after: Sequence[str], column: int) -> MovedCard | None:
    for label in before:
        rest = [other for other in before if other != label]
        if rest == [other for other in after if other != label]:
            return MovedCard(label, column, column, list(after).index(label))
    return None


def _between(before: Layout, after: Layout, source: int, target: int) -> MovedCard | None:
    gone = set(before[source]) - set(after[source])
    if len(gone) != 1:
        return None
    label = gone.pop()
    kept = [other for other in before[source] if other != label] == list(after[source])
    rest = [other for other in after[target] if other != label] == list(before[target])
    return MovedCard(label, source, target, list(after[target]).index(label)) if kept and rest else None
