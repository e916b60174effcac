"""Writing deals in bulk: the deal, its visits, next step, contact, note, foreign id and event; moves one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from crm.contacts.search_index import index_records
from crm.deals.paths import retrace_deals
from crm.events import record_many
from crm.imports.journal import Journal
from crm.imports.judged import DealDraft, Judged
from crm.imports.world import World
from crm.imports.writers.clients import write_promised
from crm.imports.writers.deal_changes import change_deal
from crm.models import Activity, Deal, DealContact, ExternalId, NextStep, StageVisit
from crm.models.codes import ActivityKind, RowVerdict


def write_deals(
    session: Session, world: World, journal: Journal, file: str, judged: Sequence[Judged[DealDraft]]
) -> None:
    """Create and change the deals of a batch, with the clients that only they name."""
    drafts = [one.draft for one in judged if one.draft]
    write_promised(session, world, journal, (one.company_id for one in drafts), (one.contact_id for one in drafts))
    created = [one.draft for one in judged if one.draft and one.verdict is RowVerdict.CREATED]
    insert_deals(session, world, journal, created)
    changed = []
    for one in judged:
        before = None
        if one.draft and one.verdict is RowVerdict.UPDATED:
            before = change_deal(session, world, one.draft, journal.import_id)
            changed.append(one.draft.id)
        journal.row(
            file, one, "deal" if one.draft else None, world.real_id(one.draft.id) if one.draft else None, before
        )
    retrace_deals(session, [*(world.real_id(draft.id) for draft in created), *changed])
    index_records(session, "deal", changed)


def insert_deals(session: Session, world: World, journal: Journal, drafts: Sequence[DealDraft]) -> None:
    """Create deals whole but for their paths: whoever adds the last of their visits calls `retrace_deals`."""
    if not drafts:
        return
    rows = [_columns(world, draft) for draft in drafts]
    ids = session.scalars(insert(Deal).returning(Deal.id, sort_by_parameter_order=True), rows).all()
    pairs = list(zip(drafts, ids, strict=True))
    for draft, deal_id in pairs:
        world.settle(draft.id, deal_id)
    _insert_rows(session, StageVisit, (row for pair in pairs for row in _visits(world, *pair)))
    _insert_rows(session, NextStep, (row for pair in pairs for row in _steps(world, *pair)))
    _insert_rows(session, DealContact, (row for pair in pairs for row in _contacts(world, *pair)))
    _insert_rows(session, Activity, (row for pair in pairs for row in _notes(world, *pair)))
    _insert_rows(session, ExternalId, (_foreign(world, *pair) for pair in pairs))
    index_records(session, "deal", ids)
    details = {
        deal_id: {"title": draft.columns["title"], "foreign": draft.foreign, "import_id": journal.import_id}
        for draft, deal_id in pairs
    }
    record_many(session, world.actor, "deal.imported", "deal", details, world.now)


def _insert_rows(session: Session, model: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = list(rows)
    if listed:
        session.execute(insert(model), listed)


def _columns(world: World, draft: DealDraft) -> dict[str, Any]:
    return {
        **draft.columns,
        "owner_id": world.real_id(draft.columns["owner_id"]),
        "company_id": world.real_or_none(draft.company_id),
        "created_by": world.actor.user_id,
        "created_channel": world.actor.channel,
    }


def _visits(world: World, draft: DealDraft, deal_id: int) -> list[dict[str, Any]]:
    return [
        {
            "deal_id": deal_id,
            "pipeline_id": draft.columns["pipeline_id"],
            "stage_id": visit.stage_id,
            "owner_id": world.real_id(draft.columns["owner_id"]),
            "entered_at": visit.entered_at,
            "left_at": visit.left_at,
            "outcome": visit.outcome,
            "next_stage_id": visit.next_stage_id,
            "is_first": True,
            "channel": world.actor.channel,
            "actor_id": world.actor.user_id,
        }
        for visit in draft.visits
    ]


def _steps(world: World, draft: DealDraft, deal_id: int) -> list[dict[str, Any]]:
    if draft.step is None:
        return []
    return [
        {
            "deal_id": deal_id,
            "kind": world.mapping.step.kind,
            "text": draft.step.text,
            "due_at": draft.step.due_at,
            "owner_id": world.real_id(draft.columns["owner_id"]),
            "created_at": world.now,
            "created_by": world.actor.user_id,
        }
    ]


def _contacts(world: World, draft: DealDraft, deal_id: int) -> list[dict[str, Any]]:
    if draft.contact_id is None:
        return []
    return [{"deal_id": deal_id, "contact_id": world.real_id(draft.contact_id), "role": None, "position": 0}]


def _notes(world: World, draft: DealDraft, deal_id: int) -> list[dict[str, Any]]:
    if draft.note is None:
        return []
    return [
        {
            "deal_id": deal_id,
            "kind": ActivityKind.NOTE,
            "text": draft.note,
            "at": world.now,
            "author_id": world.actor.user_id,
        }
    ]


def _foreign(world: World, draft: DealDraft, deal_id: int) -> dict[str, Any]:
    return {
        "system": world.mapping.system,
        "entity": "deal",
        "external_id": draft.foreign,
        "entity_id": deal_id,
    }
