"""Merges while an import runs: what it knows of clients and deals is read anew, and what it writes to is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.imports.clients_known import in_turn
from crm.imports.judged import DealDraft, Judged
from crm.imports.world import World
from crm.models import Company, Contact, Deal, Merge
from crm.models.codes import RowVerdict

MergesSeen: TypeAlias = tuple[int, int]
# Deals, contacts, companies: the order in which the whole house locks.
_MODELS: dict[str, Any] = {"deal": Deal, "contact": Contact, "company": Company}


class MergedMeanwhile(Exception):
    """A record that a batch was to write to has been merged since; nobody is told: the batch is judged again."""


def merges_seen(session: Session) -> MergesSeen:
    """Return what changes with every merge and every undo of one."""
    seen, undone = session.execute(select(func.count(), func.count(Merge.undone_at)).select_from(Merge)).one()
    return seen, undone


def hold_records(session: Session, world: World, entity: str, judged: Sequence[Judged[Any]]) -> None:
    """Lock the records that judged rows change or refer to, until the transaction ends.

    Errors: MergedMeanwhile.
    """
    drafts = [one.draft for one in judged if one.draft]
    changed = {one.draft.id for one in judged if one.draft and one.verdict is RowVerdict.UPDATED}
    people = {draft.contact_id for draft in drafts if isinstance(draft, DealDraft)}
    companies = {world.new_contacts[one].company_id for one in people if one in world.new_contacts}
    for draft in drafts:
        if isinstance(draft, DealDraft):
            companies.add(draft.company_id)
        else:
            companies |= {draft.columns.get("company_id"), draft.columns.get("parent_id")}
    for kind, ids in (("deal", set()), ("contact", people), ("company", companies)):
        hold_living(session, kind, _present(world, ids | (changed if kind == entity else set())), kind == entity)


def hold_living(session: Session, entity: str, ids: Iterable[int], is_changed: bool) -> None:
    """Lock records of one kind, those to be changed against other changes, too.

    Errors: MergedMeanwhile.
    """
    model = _MODELS[entity]
    for some in in_turn(sorted(ids)):
        query = select(model.id).where(model.id.in_(some), model.merged_into_id.is_(None)).order_by(model.id)
        if len(session.scalars(query.with_for_update(read=not is_changed, key_share=True)).all()) < len(some):
            raise MergedMeanwhile


def _present(world: World, ids: Iterable[int | None]) -> set[int]:
    return {world.real_id(one) for one in ids if one is not None and world.is_written(one)}
