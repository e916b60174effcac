"""The journal of a merge: every row it touched, so that each can go back; kept as JSON in `merges.moved`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

IDS_AT_ONCE = 500
Key: TypeAlias = tuple[str, int, str]  # table, row, column; "*" is any column


@dataclass(frozen=True, slots=True)
class Pointed:
    """Rows whose one column was pointed from one record to another."""

    table: str
    column: str
    before: int
    after: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A row of which columns were changed: {column: (before, after)}; `pointer` is the one that says whose it is."""

    table: str
    id: int
    columns: Mapping[str, tuple[Any, Any]]
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class TakenOut:
    """A row that was taken out whole, because another one says the same."""

    table: str
    row: Mapping[str, Any]
    kept: int

    @property
    def id(self) -> int:
        """Return the row's id."""
        row_id: int = self.row["id"]
        return row_id


@dataclass(frozen=True, slots=True)
class Doubled:
    """Rows that stayed with the merged record because the survivor has their like: (row, its like)."""

    table: str
    pairs: tuple[tuple[int, int], ...]


Entry: TypeAlias = Pointed | Changed | TakenOut | Doubled


def to_json(entries: Iterable[Entry]) -> list[Any]:
    """Return entries as `merges.moved` holds them."""
    return [_plain(entry) for entry in entries]


def from_json(moved: Sequence[Any]) -> list[Entry]:
    """Read entries."""
    return [_entry(one) for one in moved]


def touched(entries: Iterable[Entry]) -> set[Key]:
    """Return which columns of which rows a merge changed or relied on."""
    found: set[Key] = set()
    for entry in entries:
        found.update(_keys(entry))
    return found


def overlap(first: set[Key], second: set[Key]) -> bool:
    """Tell whether two merges touched the same column of a row."""
    if first & second:
        return True
    return _meets(first, second) or _meets(second, first)


def in_turn(ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield ids in lists short enough for one IN (...)."""
    rest = iter(ids)
    while some := list(islice(rest, IDS_AT_ONCE)):
        yield some


def _meets(whole: set[Key], single: set[Key]) -> bool:
    rows = {(table, row_id) for table, row_id, column in whole if column == "*"}
    return any((table, row_id) in rows for table, row_id, _column in single)


def _keys(entry: Entry) -> Iterator[Key]:
    if isinstance(entry, Pointed):
        yield from ((entry.table, row_id, entry.column) for row_id in entry.ids)
    elif isinstance(entry, Changed):
        yield from ((entry.table, entry.id, column) for column in entry.columns)
    elif isinstance(entry, TakenOut):
        yield from ((entry.table, row_id, "*") for row_id in (entry.id, entry.kept))
    else:
        yield from ((entry.table, row_id, "*") for pair in entry.pairs for row_id in pair)


def _plain(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Pointed):
        return {
            "table": entry.table, "column": entry.column, "from": entry.before, "to": entry.after,
            "ids": list(entry.ids),
        }  # fmt: skip
    if isinstance(entry, Changed):
        columns = {name: list(values) for name, values in entry.columns.items()}
        pointer = {"pointer": entry.pointer} if entry.pointer else {}
        return {"table": entry.table, "id": entry.id, "set": columns, **pointer}
    if isinstance(entry, TakenOut):
        return {"table": entry.table, "out": dict(entry.row), "kept": entry.kept}
    return {"table": entry.table, "doubles": [list(pair) for pair in entry.pairs]}


def _entry(one: Mapping[str, Any]) -> Entry:
    table: str = one["table"]
    if "ids" in one:
        return Pointed(table, one["column"], one["from"], one["to"], tuple(one["ids"]))
    if "set" in one:
        columns = {name: (before, after) for name, (before, after) in one["set"].items()}
        return Changed(table, one["id"], columns, one.get("pointer"))
    if "out" in one:
        return TakenOut(table, one["out"], one["kept"])
    return Doubled(table, tuple((row_id, like) for row_id, like in one["doubles"]))
