"""Carrying a merge's journal backwards: each row goes home unless somebody has changed or moved it since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Table, and_, func, insert, select, update
from sqlalchemy.orm import Session

from crm.duplicates.deal_merges import VISITS
from crm.duplicates.forwarding import lives_on
from crm.duplicates.journal import Changed, Pointed, TakenOut, from_json, in_turn
from crm.duplicates.merge_values import UndoConflict
from crm.duplicates.moving import point_rows
from crm.duplicates.references import REFERENCES
from crm.duplicates.row_values import plain, record_table, table_of, typed
from crm.models import Merge

_KINDS = {(one.table, one.column): one.kind or one.table for one in REFERENCES}
CUSTOM = "custom"


@dataclass(slots=True)
class Backwards:
    """What going backwards found: rows by kind that go home, fields that get their values, and what stays."""

    returned: Counter[str] = field(default_factory=Counter)
    fields: list[str] = field(default_factory=list)
    conflicts: list[UndoConflict] = field(default_factory=list)


def go_back(session: Session, merge: Merge, *, stays_ended: bool = False) -> Backwards:
    """Put every row of a merge back, the last touched first; `stays_ended` leaves the stay that it ended as it is."""
    return _walk(session, merge, is_real=True, stays_ended=stays_ended)


def look_back(session: Session, merge: Merge) -> Backwards:
    """Return what `go_back` would do, and change nothing."""
    return _walk(session, merge, is_real=False, stays_ended=False)


def _walk(session: Session, merge: Merge, *, is_real: bool, stays_ended: bool) -> Backwards:
    found = Backwards()
    own = record_table(merge.entity_type).name
    for entry in reversed(from_json(merge.moved)):
        if isinstance(entry, Pointed):
            _point_back(session, entry, found, is_real=is_real)
        elif isinstance(entry, TakenOut):
            _put_in(session, entry, found, is_real=is_real)
        elif isinstance(entry, Changed):
            if entry.table == VISITS and stays_ended:
                continue
            is_survivor = entry.table == own and entry.id == merge.survivor_id
            _change_back(session, entry, found, is_survivor=is_survivor, is_real=is_real)
    return found


def _point_back(session: Session, entry: Pointed, found: Backwards, *, is_real: bool) -> None:
    table = table_of(entry.table)
    column = table.c[entry.column]
    home: list[int] = []
    for some in in_turn(entry.ids):
        now = dict(session.execute(select(table.c.id, column).where(table.c.id.in_(some))).all())
        home += [row_id for row_id in some if now.get(row_id) == entry.after]
        for row_id in some:
            if row_id not in now:
                found.conflicts.append(_conflict("gone", entry.table, row_id, entry.column))
            elif now[row_id] != entry.after:
                values = (str(entry.before), str(entry.after), _said(now[row_id]))
                found.conflicts.append(_conflict("moved", entry.table, row_id, entry.column, *values))
    if is_real:
        point_rows(session, table, home, {entry.column: entry.before})
    found.returned[_KINDS[entry.table, entry.column]] += len(home)


def _change_back(session: Session, entry: Changed, found: Backwards, *, is_survivor: bool, is_real: bool) -> None:
    table = table_of(entry.table)
    row = session.execute(select(table).where(table.c.id == entry.id)).one_or_none()
    if row is None:
        found.conflicts.append(_conflict("gone", entry.table, entry.id, entry.pointer))
        return
    if entry.pointer is not None:
        _send_home(session, table, entry, row, found, is_real=is_real)
        return
    values: dict[str, Any] = {}
    for name, (before, after) in entry.columns.items():
        now = plain(getattr(row, name))
        if name == CUSTOM:
            merged = _custom_back(entry, before, after, now, found, is_survivor=is_survivor)
            if merged != now:
                values[name] = merged
        elif now == after:
            values[name] = before
            if is_survivor:
                found.fields.append(name)
        else:
            said = (_said(before), _said(after), _said(now))
            found.conflicts.append(_conflict("changed", entry.table, entry.id, name, *said))
    if values and is_real:
        home = {name: lives_on(session, table.name, entry.id, name, value) for name, value in values.items()}
        _write(session, table, entry.id, home)


def _send_home(
    session: Session, table: Table, entry: Changed, row: Row[Any], found: Backwards, *, is_real: bool
) -> None:
    pointer = entry.pointer or ""
    before, after = entry.columns[pointer]
    now = getattr(row, pointer)
    if now != after:
        found.conflicts.append(
            _conflict("moved", entry.table, entry.id, pointer, _said(before), _said(after), _said(now))
        )
        return
    if is_real:  # its place among its former neighbours goes with it, whatever it is among the new ones
        _write(session, table, entry.id, {name: values[0] for name, values in entry.columns.items()})
    found.returned[_KINDS[entry.table, pointer]] += 1


def _custom_back(
    entry: Changed,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now: Mapping[str, Any],
    found: Backwards,
    *,
    is_survivor: bool,
) -> dict[str, Any]:
    """Return the custom fields with those of the merge as they were, each by itself."""
    wanted = dict(now)
    for key in sorted({*before, *after}):
        if before.get(key) == after.get(key):
            continue
        if now.get(key) != after.get(key):
            said = (_said(before.get(key)), _said(after.get(key)), _said(now.get(key)))
            found.conflicts.append(_conflict("changed", entry.table, entry.id, f"field:{key}", *said))
            continue
        if key in before:
            wanted[key] = before[key]
        else:
            wanted.pop(key, None)
        if is_survivor:
            found.fields.append(f"field:{key}")
    return wanted


def _put_in(session: Session, entry: TakenOut, found: Backwards, *, is_real: bool) -> None:
    table = table_of(entry.table)
    row = {name: typed(table.c[name], value) for name, value in entry.row.items()}
    ends = [column for column in table.columns if column.foreign_keys]
    lost = [column for column in ends if row[column.name] is not None and not _is_there(session, column, row)]
    same = and_(*(column == row[column.name] for column in ends))
    if lost or session.scalar(select(table.c.id).where(same)) is not None:
        found.conflicts.append(_conflict("gone", entry.table, entry.id, None))
        return
    if is_real:
        if session.scalar(select(table.c.id).where(table.c.id == entry.id)) is not None:
            del row["id"]  # SQLite gives the number of the last row again once that row is gone
        session.execute(insert(table).values(row))
    found.returned[entry.table if entry.table != "deal_contacts" else "deals"] += 1


def _is_there(session: Session, column: Any, row: Mapping[str, Any]) -> bool:
    (key,) = column.foreign_keys
    return session.scalar(select(key.column).where(key.column == row[column.name])) is not None


def _write(session: Session, table: Table, row_id: int, values: Mapping[str, Any]) -> None:
    given = {name: typed(table.c[name], plain(value)) for name, value in values.items()}
    session.execute(update(table).where(table.c.id == row_id).values(given))


def newer_rows(session: Session, merge: Merge) -> Counter[str]:
    """Count by kind what came to the survivor after the merge; nobody can tell whose it would have been."""
    found: Counter[str] = Counter()
    newest: Mapping[str, int] = merge.before.get("newest", {})
    for reference in REFERENCES:
        if reference.table not in newest or not reference.points_to(merge.entity_type) or reference.kind is None:
            continue
        table = table_of(reference.table)
        here = [table.c[reference.column] == merge.survivor_id, table.c.id > newest[reference.table]]
        if reference.type_column is not None:
            here.append(table.c[reference.type_column] == merge.entity_type.value)
        found[reference.kind] += session.scalar(select(func.count()).select_from(table).where(*here)) or 0
    return +found


def _conflict(
    code: str,
    table: str,
    row_id: int,
    column: str | None,
    before: str | None = None,
    after: str | None = None,
    now: str | None = None,
) -> UndoConflict:
    return UndoConflict(code, table, row_id, column, before, after, now)


def _said(value: Any) -> str | None:
    value = plain(value)
    return None if value is None else str(value)
