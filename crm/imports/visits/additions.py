"""Adding to deals that are here already what a file tells beyond their history; everything is kept to go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from crm.contacts.search_index import index_records
from crm.deals.next_steps import add_step, cancel_open_steps, refresh_next_due
from crm.deals.values import StepPlan
from crm.events import record
from crm.imports.clients_known import in_turn
from crm.imports.journal import Journal
from crm.imports.judges.deal_updates import plain
from crm.imports.visits.judge import HistoryDraft
from crm.imports.visits.visit_rows import visit_rows
from crm.imports.world import World
from crm.models import Deal, DealStatus, NextStep, StageVisit

_KEPT = (
    "stage_id", "status", "owner_id", "amount_minor", "currency", "loss_reason_id", "loss_note", "loss_stage_id",
    "next_due_at", "stage_entered_at", "closed_at",
)  # fmt: skip


def add_to_deals(
    session: Session, world: World, journal: Journal, drafts: Sequence[HistoryDraft]
) -> dict[int, dict[str, Any]]:
    """Write new visits and where deals stand now; return by deal what was before, as JSON."""
    ids = [one.known.id for one in drafts if one.known]
    deals = {deal.id: deal for some in in_turn(ids) for deal in session.scalars(select(Deal).where(Deal.id.in_(some)))}
    steps = _open_steps(session, ids)
    before = {}
    for draft in drafts:
        deal = deals[draft.known.id if draft.known else draft.id]
        before[draft.id] = _add(session, world, journal, deal, draft, steps.get(deal.id, []))
    if ids:
        session.flush()
        index_records(session, "deal", ids)
    return before


def _add(
    session: Session, world: World, journal: Journal, deal: Deal, draft: HistoryDraft, steps: list[list[int]]
) -> dict[str, Any]:
    old = {name: plain(getattr(deal, name)) for name in _KEPT}
    was_open = [visit.id for visit in draft.known.visits if visit.left_at is None] if draft.known else []
    for name, value in draft.columns.items():
        setattr(deal, name, value)
    deal.owner_id = world.real_id(draft.owner_id)
    deal.version += 1
    ended = [visit for visit in draft.history.visits if visit.id is not None and visit.left_at is not None]
    for visit in ended:
        values = {"left_at": visit.left_at, "outcome": visit.outcome, "next_stage_id": visit.next_stage_id}
        session.execute(update(StageVisit).where(StageVisit.id == visit.id).values(**values))
    fresh = [visit for visit in draft.history.visits if visit.id is None]
    rows = visit_rows(world, deal.id, deal.pipeline_id, deal.owner_id, fresh)
    added = (
        session.scalars(insert(StageVisit).returning(StageVisit.id, sort_by_parameter_order=True), rows).all()
        if rows
        else []
    )
    added_steps = _plan(session, world, deal, steps)
    session.flush()
    record(
        session, world.actor, "deal.history_added", "deal", deal.id, at=world.now, changes=dict(draft.changes),
        visits=len(fresh), import_id=journal.import_id,
    )  # fmt: skip
    return {
        "columns": {name: value for name, value in old.items() if plain(getattr(deal, name)) != value},
        "version": deal.version,
        "open_visits": was_open,
        "open_steps": steps,
        "added": {"visits": list(added), "steps": added_steps, "parts": []},
    }


def _plan(session: Session, world: World, deal: Deal, steps: Sequence[Sequence[int]]) -> list[int]:
    """Bring the next steps in line with where the deal stands; return the ids of those added."""
    if deal.status is not DealStatus.OPEN:
        cancel_open_steps(session, world.actor, deal, world.now)
        return []
    if steps:
        session.execute(
            update(NextStep)
            .where(NextStep.deal_id == deal.id, NextStep.done_at.is_(None))
            .values(owner_id=deal.owner_id)
        )
        return []
    plan = StepPlan(world.mapping.step.kind, world.step_due_at, world.step_text)
    step_id = add_step(session, world.actor, deal, plan, world.now)
    refresh_next_due(session, deal)
    return [step_id]


def _open_steps(session: Session, deal_ids: Sequence[int]) -> Mapping[int, list[list[int]]]:
    """Return id, owner and version of the open next steps, by deal."""
    steps: dict[int, list[list[int]]] = {}
    for some in in_turn(deal_ids):
        query = select(NextStep.deal_id, NextStep.id, NextStep.owner_id, NextStep.version)
        for row in session.execute(query.where(NextStep.deal_id.in_(some), NextStep.done_at.is_(None))):
            steps.setdefault(row.deal_id, []).append([row.id, row.owner_id, row.version])
    return steps
