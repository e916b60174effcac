"""Finding out from histories in which order a process has its stages, and which of them are its ends; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from crm.imports.mapping import folded
from crm.imports.visits.words import end_named, is_closing_named
from crm.models.codes import StageKind

# A deal's rows in order: name of the stage and what the row's outcome says.
Trail: TypeAlias = Sequence[tuple[str, StageKind | None]]
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class StageOrder:
    """Open stages in their order, names that mean won and lost (the most frequent first), all as first spelled.

    `by_outcome` are closing stages that are neither: the outcome of each row says which end is meant.
    """

    open_stages: tuple[str, ...]
    won: tuple[str, ...]
    lost: tuple[str, ...]
    by_outcome: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What a stage was seen as; counts of its rows."""

    name: str
    number: int
    rows: int = 0
    last: int = 0
    closing: Counter[StageKind] = field(default_factory=Counter)  # rows whose outcome closes their deal


def stage_order(trails: Iterable[Trail], given: Mapping[str, StageKind] | None = None) -> StageOrder:
    """Return the order of stages and the ends; `given` says what stages are, by folded name, and is believed.

    The order: the next stage is always the one that fewest of the remaining stages come before, by the counts of deals
    in which one of two stages was entered first for the first time; ties go to the lower mean place among a deal's
    first entries, then to the stage the file names first.
    """
    given = given or {}
    seen: dict[str, _Seen] = {}
    before: Counter[tuple[str, str]] = Counter()
    places: dict[str, list[float]] = {}
    for trail in trails:
        names = _note_rows(trail, seen)
        for at, name in enumerate(names):
            total = places.setdefault(name, [0.0, 0.0])
            total[0] += at / (len(names) - 1) if len(names) > 1 else 0.0
            total[1] += 1
        before.update((first, second) for at, first in enumerate(names) for second in names[at + 1 :])
    kinds = {key: given[key] if key in given else _kind(one) for key, one in seen.items()}
    opened = [key for key, kind in kinds.items() if kind is StageKind.OPEN]
    return StageOrder(
        tuple(seen[key].name for key in _ordered(opened, before, places, seen)),
        _ends(seen, kinds, StageKind.WON),
        _ends(seen, kinds, StageKind.LOST),
        tuple(seen[key].name for key, kind in kinds.items() if kind is None),
    )


def _note_rows(trail: Trail, seen: dict[str, _Seen]) -> list[str]:
    """Count a deal's rows; return the keys of its stages by their first entry."""
    first: dict[str, None] = {}
    outcomes = {outcome for _name, outcome in trail}
    for at, (name, outcome) in enumerate(trail):
        key = folded(name)
        one = seen.setdefault(key, _Seen(name, len(seen)))
        is_last = at == len(trail) - 1
        one.rows += 1
        one.last += is_last
        # An outcome that all rows of a deal repeat is the deal's: it tells nothing about a stage.
        if outcome is not None and is_last and len(trail) > 1 and len(outcomes) > 1:
            one.closing[outcome] += 1
        first[key] = None
    return list(first)


def _kind(one: _Seen) -> StageKind | None:
    """Return what a stage is; None for an end whose rows say which one it is."""
    named = end_named(one.name)
    if named is not None and one.last >= one.rows * _HALF:
        return named
    if one.rows and one.closing.total() == one.rows:
        if len(one.closing) == 1:
            return next(iter(one.closing))
        return None if is_closing_named(one.name) else StageKind.OPEN  # from a working stage deals go either way
    return StageKind.OPEN


def _ordered(
    keys: Sequence[str], before: Mapping[tuple[str, str], int], places: Mapping[str, list[float]],
    seen: Mapping[str, _Seen],
) -> list[str]:  # fmt: skip
    left, ordered = list(keys), []
    behind = {
        one: {other: max(0, before.get((other, one), 0) - before.get((one, other), 0)) for other in keys}
        for one in keys
    }
    losses = {one: sum(behind[one].values()) for one in keys}
    while left:
        chosen = min(left, key=lambda one: (losses[one], places[one][0] / places[one][1], seen[one].number))
        left.remove(chosen)
        ordered.append(chosen)
        for one in left:
            losses[one] -= behind[one][chosen]
    return ordered


def _ends(seen: Mapping[str, _Seen], kinds: Mapping[str, StageKind | None], kind: StageKind) -> tuple[str, ...]:
    found = [one for key, one in seen.items() if kinds[key] is kind]
    return tuple(one.name for one in sorted(found, key=lambda one: (-one.rows, one.number)))
