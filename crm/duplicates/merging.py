"""Putting one record into another: one transaction, nothing deleted, all of it written down for the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.contacts.search_index import forget_records, index_records
from crm.duplicates.deal_merges import hide_deal
from crm.duplicates.journal import Changed, Entry, Pointed, TakenOut, to_json
from crm.duplicates.merge_fields import UTM, choice_violations, chosen_columns, field_states, taken_choices
from crm.duplicates.merge_values import Choices
from crm.duplicates.moving import move_rows, refusals
from crm.duplicates.pair_decisions import PairDecided
from crm.duplicates.pair_states import APART, WAITING, close_pairs_of
from crm.duplicates.parents import without_loop
from crm.duplicates.references import Policy, references_to
from crm.duplicates.row_values import Record, plain, plain_row, table_of
from crm.duplicates.taking import take_pair
from crm.errors import Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, EntityType, MatchPair, Merge
from crm.pipelines.values import CUSTOM_PREFIX


def merge_records(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType,
    survivor_id: int,
    merged_id: int,
    survivor_version: int | None = None,
    merged_version: int | None = None,
    choices: Choices | None = None,
    pair_id: int | None = None,
    batch_id: int | None = None,
    is_held: bool = False,
) -> int:
    """Put a record into another one and hide it; return the merge's id.

    A field without a choice gets the default of `plan_merge`. Who merges several in one transaction has locked all of
    them by `hold` and says so.
    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput with every refusal of the plan and every wrong choice;
    PairDecided where `pair_id` names their pair and it waits for nobody any more.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    survivor, merged = take_pair(
        session, actor, entity_type, (survivor_id, survivor_version), (merged_id, merged_version), is_held=is_held
    )
    refuse_if_any([Violation("merge_same_record")] if survivor_id == merged_id else [])
    choices = choices or {}
    states = field_states(session, entity_type, survivor, merged)
    refuse_if_any(_said_different(session, entity_type, (survivor_id, merged_id)) if batch_id is not None else [])
    refuse_if_any(choice_violations(states, choices) + refusals(session, entity_type, merged_id))
    now = utc_now()
    before = {"survivor": plain_row(survivor), "merged": plain_row(merged), "newest": newest_rows(session, entity_type)}
    columns = without_loop(session, chosen_columns(states, choices, survivor), survivor, merged)
    entries = move_rows(session, entity_type, survivor_id, merged_id)
    entries += _change_survivor(survivor, columns)
    merged.merged_into_id = survivor_id
    survivor.version += 1
    merged.version += 1
    session.flush()
    if isinstance(survivor, Deal) and isinstance(merged, Deal):
        entries += hide_deal(session, actor, survivor, merged, now, entries)
    # What a machine merges is nobody's decision: it teaches the matcher nothing.
    judge = actor.user_id if batch_id is None else None
    before["pairs"] = close_pairs_of(session, entity_type, merged_id, survivor_id, actor_id=judge, now=now)
    _refuse_decided(pair_id, before["pairs"]["states"])
    merge = Merge(
        entity_type=entity_type, survivor_id=survivor_id, merged_id=merged_id, pair_id=pair_id, batch_id=batch_id,
        before=before, choices=taken_choices(states, choices), moved=to_json(entries), actor_id=actor.user_id, at=now,
    )  # fmt: skip
    session.add(merge)
    session.flush()
    _tell(session, actor, merge, survivor, merged, columns)
    session.expire_all()
    index_again(session, entity_type, survivor_id, merged_id, entries)
    return merge.id


def _said_different(session: Session, entity_type: EntityType, sides: tuple[int, int]) -> list[Violation]:
    # Looked at with the records locked: somebody may have decided while a machine was on its way here.
    left, right = sorted(sides)
    pair = (MatchPair.entity_type == entity_type, MatchPair.left_id == left, MatchPair.right_id == right)
    decided = select(MatchPair.id).where(*pair, MatchPair.state.in_(APART)).with_for_update()
    return [Violation("merge_said_different")] if session.scalar(decided) is not None else []


def _refuse_decided(pair_id: int | None, states: Iterable[Sequence[Any]]) -> None:
    # By what the pair was when it was locked: a page that is behind does not merge over "not a duplicate".
    for key, state, *_rest in states:
        if key == pair_id and state not in {one.value for one in WAITING}:
            raise PairDecided(id=key, state=state)


def newest_rows(session: Session, entity_type: EntityType) -> dict[str, int]:
    """Return the highest id of each table whose rows move: what is above it came after the merge."""
    tables = {one.table for one in references_to(entity_type, Policy.MOVE, Policy.UNITE)}
    return {name: session.scalar(select(func.max(table_of(name).c.id))) or 0 for name in sorted(tables)}


def index_again(
    session: Session, entity_type: EntityType, survivor_id: int, hidden_id: int, entries: list[Entry]
) -> None:
    """Make the survivor findable by all it has now, hide the other, and refresh those that moved between companies."""
    forget_records(session, entity_type.value, [hidden_id])
    index_records(session, entity_type.value, [survivor_id])
    index_moved(session, entity_type, (survivor_id, hidden_id), entries)


def index_moved(session: Session, entity_type: EntityType, ids: tuple[int, int], entries: list[Entry]) -> None:
    """Refresh people and deals whose company or person is another one now: what they are matched by has changed."""
    for table, kind in (("deals", "deal"), ("contacts", "contact")):
        rows = [
            row_id for entry in entries if isinstance(entry, Pointed) and entry.table == table for row_id in entry.ids
        ]
        index_records(session, kind, rows)
    if entity_type is EntityType.DEAL:
        index_clients(session, ids, entries)
    if entity_type is EntityType.CONTACT:
        index_deals_of_person(session, entries)


def index_deals_of_person(session: Session, entries: list[Entry]) -> None:
    """Refresh the deals that have another person now: two of them may be one purchase."""
    parts = table_of("deal_contacts")
    ids = [
        row_id
        for entry in entries
        if isinstance(entry, (Changed, Pointed)) and entry.table == parts.name
        for row_id in (entry.ids if isinstance(entry, Pointed) else (entry.id,))
    ]
    deals = {entry.row["deal_id"] for entry in entries if isinstance(entry, TakenOut) and entry.table == parts.name}
    deals.update(session.scalars(select(parts.c.deal_id).where(parts.c.id.in_(ids))) if ids else ())
    index_records(session, "deal", sorted(deals))


def index_clients(session: Session, deal_ids: tuple[int, int], entries: list[Entry]) -> None:
    """Refresh the clients of two deals: their entries bear the marks of the owners of deals in use."""
    parts, deals = table_of("deal_contacts"), table_of("deals")
    index_records(session, "contact", session.scalars(select(parts.c.contact_id).where(parts.c.deal_id.in_(deal_ids))))
    companies = set(session.scalars(select(deals.c.company_id).where(deals.c.id.in_(deal_ids))))
    for entry in entries:
        if isinstance(entry, Changed) and entry.table == deals.name:
            companies.update(entry.columns.get("company_id", ()))
    index_records(session, "company", sorted(one for one in companies if one is not None))


def _change_survivor(survivor: Record, columns: Mapping[str, Any]) -> list[Entry]:
    if not columns:
        return []
    changed = {name: (plain(getattr(survivor, name)), plain(value)) for name, value in columns.items()}
    for name, value in columns.items():
        setattr(survivor, name, value)
    return [Changed(type(survivor).__tablename__, survivor.id, changed)]


def _tell(
    session: Session, actor: Actor, merge: Merge, survivor: Record, merged: Record, columns: Mapping[str, Any]
) -> None:
    kind, at = merge.entity_type.value, merge.at
    changes = _changes(merge, columns)
    record(
        session, actor, f"{kind}.merged", kind, survivor.id, at=at, merge_id=merge.id, other_id=merged.id,
        other=record_name(merged), changes=changes,
    )  # fmt: skip
    record(
        session, actor, f"{kind}.merged_into", kind, merged.id, at=at, merge_id=merge.id, other_id=survivor.id,
        other=record_name(survivor),
    )  # fmt: skip


def record_name(row: Record) -> str:
    """Return what people call a record."""
    return row.title if isinstance(row, Deal) else row.name


def _changes(merge: Merge, columns: Mapping[str, Any]) -> dict[str, list[Any]]:
    before = merge.before["survivor"]
    changes = {name: [before[name], plain(value)] for name, value in columns.items() if name not in {"custom", *UTM}}
    old, new = before.get("custom") or {}, columns.get("custom", before.get("custom")) or {}
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            changes[f"{CUSTOM_PREFIX}{key}"] = [old.get(key), new.get(key)]
    return changes
