"""Writing histories in bulk: deals and visits of new ones, the visits of deals just made, what known ones get added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from crm.contacts.search_index import index_records
from crm.deals.paths import retrace_deals
from crm.imports.clients_known import in_turn
from crm.imports.journal import Journal
from crm.imports.judged import Judged
from crm.imports.meanwhile import hold_living
from crm.imports.visits.additions import add_to_deals
from crm.imports.visits.judge import HistoryDraft
from crm.imports.visits.visit_rows import visit_rows
from crm.imports.world import World
from crm.imports.writers.deals import insert_deals
from crm.models import Deal, NextStep, StageVisit
from crm.models.codes import StageKind


def write_visits(
    session: Session, world: World, journal: Journal, file: str, judged: Sequence[Judged[HistoryDraft]]
) -> None:
    """Write a batch of judged rows, and the paths of its deals.

    Errors: MergedMeanwhile.
    """
    drafts = [one.draft for one in judged if one.draft]
    hold_living(session, "deal", [one.known.id for one in drafts if one.known], True)
    new = [one for one in drafts if one.new]
    insert_deals(session, world, journal, [one.new for one in new if one.new])
    bare = [one for one in drafts if one.known and one.known.is_bare]
    _fill_bare(session, world, bare)
    rows = [row for one in (*new, *bare) for row in _rows(world, one)]
    if rows:
        session.execute(insert(StageVisit), rows)
    added = add_to_deals(session, world, journal, [one for one in drafts if one.known and not one.known.is_bare])
    for row in judged:
        draft = row.draft
        entity = "deal" if draft is not None and (draft.new or draft.id in added) else None
        entity_id = world.real_id(draft.id) if draft is not None and entity else None
        journal.row(file, row, entity, entity_id, added.get(draft.id) if draft else None)
    retrace_deals(session, [world.real_id(one.id) for one in drafts])


def _rows(world: World, draft: HistoryDraft) -> list[dict[str, Any]]:
    pipeline_id = draft.known.facts["pipeline_id"] if draft.known else draft.columns["pipeline_id"]
    return visit_rows(world, world.real_id(draft.id), pipeline_id, draft.owner_id, draft.history.visits)


def _fill_bare(session: Session, world: World, drafts: Sequence[HistoryDraft]) -> None:
    """Take what a file of deals told of the history out of deals it has made, and give them what the visits tell."""
    if not drafts:
        return
    rows = [{**one.columns, "id": one.known.id, "owner_id": world.real_id(one.owner_id)} for one in drafts if one.known]
    for some in in_turn([row["id"] for row in rows]):
        session.execute(delete(StageVisit).where(StageVisit.deal_id.in_(some)))
    closed = [one.known.id for one in drafts if one.known and one.history.standing.kind is not StageKind.OPEN]
    for some in in_turn(closed):
        session.execute(delete(NextStep).where(NextStep.deal_id.in_(some)))
    shut = set(closed)
    session.execute(update(Deal), [row for row in rows if row["id"] not in shut])
    session.execute(update(Deal), [{**row, "next_due_at": None} for row in rows if row["id"] in shut])
    for some in in_turn([row["id"] for row in rows]):
        owner_id = select(Deal.owner_id).where(Deal.id == NextStep.deal_id).scalar_subquery()
        session.execute(update(NextStep).where(NextStep.deal_id.in_(some)).values(owner_id=owner_id))
    session.expire_all()
    index_records(session, "deal", [row["id"] for row in rows])
