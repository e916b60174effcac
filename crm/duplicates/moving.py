"""Carrying out the policies of references: rows go to the survivor, and each goes into the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, delete, func, select, update
from sqlalchemy.orm import Session

from crm.duplicates.journal import Changed, Doubled, Entry, Pointed, TakenOut, in_turn
from crm.duplicates.merge_values import KindCount
from crm.duplicates.references import Doubles, Policy, Reference, references_to
from crm.duplicates.row_values import plain_row, table_of
from crm.errors import Violation
from crm.models import EntityType


def move_rows(session: Session, entity_type: EntityType, survivor_id: int, merged_id: int) -> list[Entry]:
    """Point what a record has to the survivor, as the policies say; return the journal."""
    entries: list[Entry] = []
    for reference in references_to(entity_type, Policy.MOVE, Policy.UNITE):
        apply = _unite if reference.policy is Policy.UNITE else _move
        entries += apply(session, reference, entity_type, survivor_id, merged_id)
    return entries


def refusals(session: Session, entity_type: EntityType, merged_id: int) -> list[Violation]:
    """Return what keeps a record from being merged: rows of tables whose policy is to refuse."""
    return [
        Violation("merge_refused_by", None, {"kind": reference.kind or reference.table})
        for reference in references_to(entity_type, Policy.REFUSE)
        if _count(session, reference, _of(reference, entity_type, merged_id))
    ]


def counts(
    session: Session, entity_type: EntityType, survivor_id: int, merged_id: int
) -> tuple[tuple[KindCount, ...], tuple[KindCount, ...], tuple[KindCount, ...]]:
    """Return how many rows of each kind would move, are there already, and would stay with the merged record."""
    moves: Counter[str] = Counter()
    united: Counter[str] = Counter()
    stays: Counter[str] = Counter()
    for reference in references_to(entity_type):
        if reference.kind is None:
            continue
        total = _count(session, reference, _of(reference, entity_type, merged_id))
        if reference.policy is Policy.STAY:
            stays[reference.kind] += total
        elif reference.policy is Policy.MOVE:
            moves[reference.kind] += total
        elif reference.policy is Policy.UNITE and total:
            doubles = len(_doubles(session, reference, survivor_id, merged_id))
            moves[reference.kind] += total - doubles
            united[reference.kind] += doubles
    return told(moves), told(united), told(stays)


def told(found: Counter[str]) -> tuple[KindCount, ...]:
    """Return counts by kind, without empty ones."""
    return tuple(KindCount(kind, count) for kind, count in found.items() if count)


def _of(reference: Reference, entity_type: EntityType, record_id: int) -> ColumnElement[bool]:
    table = table_of(reference.table)
    found: ColumnElement[bool] = table.c[reference.column] == record_id
    if reference.type_column is None:
        return found
    return and_(table.c[reference.type_column] == entity_type.value, found)


def _count(session: Session, reference: Reference, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table_of(reference.table)).where(which)) or 0


def _move(
    session: Session, reference: Reference, entity_type: EntityType, survivor_id: int, merged_id: int
) -> list[Entry]:
    table = table_of(reference.table)
    query = select(table.c.id).where(_of(reference, entity_type, merged_id)).order_by(table.c.id)
    # The survivor's own row is the fields' matter: a company must not become its own parent.
    ids = [row_id for row_id in session.scalars(query) if not (_is_own(reference) and row_id == survivor_id)]
    point_rows(session, table, ids, {reference.column: survivor_id})
    return [Pointed(reference.table, reference.column, merged_id, survivor_id, tuple(ids))] if ids else []


def _is_own(reference: Reference) -> bool:
    target = reference.target
    return (
        target is not None
        and reference.table in {"companies", "contacts", "deals"}
        and (
            {"companies": EntityType.COMPANY, "contacts": EntityType.CONTACT, "deals": EntityType.DEAL}[reference.table]
            is target
        )
    )


def _unite(
    session: Session, reference: Reference, _entity_type: EntityType, survivor_id: int, merged_id: int
) -> list[Entry]:
    table = table_of(reference.table)
    rows = _rows(session, table, reference, merged_id)
    if not rows:
        return []
    present = {_key(reference, row): row for row in _present(session, table, reference, survivor_id, rows)}
    entries: list[Entry] = []
    doubles: list[tuple[Row[Any], Row[Any]]] = []
    coming = []
    for row in rows:
        like = present.get(_key(reference, row))
        if like is not None:
            doubles.append((row, like))
        else:
            coming.append(row)
    entries += _append(session, table, reference, survivor_id, merged_id, coming)
    entries += _settle_doubles(session, table, reference, doubles)
    return entries


def _append(
    session: Session, table: Table, reference: Reference, survivor_id: int, merged_id: int, rows: Sequence[Row[Any]]
) -> list[Entry]:
    """Point rows to the survivor; those with an order of their own come after the survivor's."""
    if reference.doubles is Doubles.OUT:  # their order is that of their other end
        ids = [row.id for row in rows]
        point_rows(session, table, ids, {reference.column: survivor_id})
        return [Pointed(reference.table, reference.column, merged_id, survivor_id, tuple(ids))] if ids else []
    last = session.scalar(select(func.max(table.c.position)).where(table.c[reference.column] == survivor_id))
    entries: list[Entry] = []
    for number, row in enumerate(rows):
        position = row.position if last is None else last + 1 + number
        point_rows(session, table, [row.id], {reference.column: survivor_id, "position": position})
        columns = {reference.column: (merged_id, survivor_id), "position": (row.position, position)}
        entries.append(Changed(reference.table, row.id, columns, reference.column))
    return entries


def _settle_doubles(
    session: Session, table: Table, reference: Reference, doubles: Sequence[tuple[Row[Any], Row[Any]]]
) -> list[Entry]:
    entries: list[Entry] = []
    for row, like in doubles:
        better = _BETTER.get(reference.name, _nothing)(row, like)
        if better:
            point_rows(session, table, [like.id], better)
            columns = {name: (getattr(like, name), value) for name, value in better.items()}
            entries.append(Changed(reference.table, like.id, columns))
        if reference.doubles is Doubles.OUT:
            session.execute(delete(table).where(table.c.id == row.id))
            entries.append(TakenOut(reference.table, plain_row(row._mapping), like.id))  # noqa: SLF001 - public in SQLAlchemy
    if doubles and reference.doubles is Doubles.STAY:
        entries.append(Doubled(reference.table, tuple((row.id, like.id) for row, like in doubles)))
    return entries


def _role_and_place(row: Row[Any], like: Row[Any]) -> dict[str, Any]:
    """Return what one part in a deal takes from the other of the same person: a role, the place of the main one."""
    better: dict[str, Any] = {}
    if not like.role and row.role:
        better["role"] = row.role
    if row.position < like.position:
        better["position"] = row.position
    return better


def _nothing(_row: Row[Any], _like: Row[Any]) -> dict[str, Any]:
    return {}


def _role(row: Row[Any], like: Row[Any]) -> dict[str, Any]:
    return {"role": row.role} if row.role and not like.role else {}


_BETTER: dict[str, Callable[[Row[Any], Row[Any]], dict[str, Any]]] = {
    "deal_contacts.contact_id": _role_and_place,
    "deal_contacts.deal_id": _role,
}


def _rows(session: Session, table: Table, reference: Reference, record_id: int) -> Sequence[Row[Any]]:
    order = [table.c.position, table.c.id] if "position" in table.c else [table.c.id]
    return session.execute(select(table).where(table.c[reference.column] == record_id).order_by(*order)).all()


def _present(
    session: Session, table: Table, reference: Reference, survivor_id: int, rows: Iterable[Row[Any]]
) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    if len(reference.key) == 1:  # only the likes of these rows: a survivor may have thousands
        column = table.c[reference.key[0]]
        for some in in_turn(getattr(row, column.name) for row in rows):
            found += session.execute(
                select(table).where(table.c[reference.column] == survivor_id, column.in_(some))
            ).all()
        return found
    return list(_rows(session, table, reference, survivor_id))


def _doubles(session: Session, reference: Reference, survivor_id: int, merged_id: int) -> list[Row[Any]]:
    table = table_of(reference.table)
    rows = _rows(session, table, reference, merged_id)
    present = {_key(reference, row) for row in _present(session, table, reference, survivor_id, rows)}
    return [row for row in rows if _key(reference, row) in present]


def _key(reference: Reference, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in reference.key)


def point_rows(session: Session, table: Table, ids: Sequence[int], values: dict[str, Any]) -> None:
    """Give rows of a table other values, in few statements."""
    for some in in_turn(ids):
        session.execute(
            update(table).where(table.c.id.in_(some)).values(values).execution_options(synchronize_session=False)
        )
