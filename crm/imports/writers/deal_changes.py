"""Changing deals that are there already: columns, owner, stage; everything is kept that it takes to go back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.deals.next_steps import add_step, cancel_open_steps, refresh_next_due
from crm.deals.values import StepPlan
from crm.deals.visits import close_visit, open_visit
from crm.events import record
from crm.imports.judged import DealDraft, MoveDraft
from crm.imports.judges.deal_updates import plain
from crm.imports.world import World
from crm.models import Deal, DealContact, DealStatus, NextStep, StageVisit
from crm.models.codes import StageKind, VisitOutcome

# Whatever a move, a hand-over or new values may touch.
_KEPT = (
    "stage_id", "status", "owner_id", "company_id", "title", "amount_minor", "currency", "priority", "source",
    "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "expected_close_on", "custom",
    "loss_reason_id", "loss_note", "loss_stage_id", "next_due_at", "stage_entered_at", "closed_at",
)  # fmt: skip
_OUTCOMES = {StageKind.WON: VisitOutcome.WON, StageKind.LOST: VisitOutcome.LOST}
_STATUS = {StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}
_VERBS = {StageKind.OPEN: "moved", StageKind.WON: "won", StageKind.LOST: "lost"}


def change_deal(session: Session, world: World, draft: DealDraft, import_id: int) -> dict[str, Any]:
    """Write a judged change and return what was before, as JSON."""
    deal = session.get_one(Deal, draft.id)
    old = {name: plain(getattr(deal, name)) for name in _KEPT}
    parts_before = _part_ids(session, deal.id)
    open_visits = list(session.scalars(select(StageVisit.id).where(*_open_visit(deal.id))))
    open_steps = _open_steps(session, deal.id)
    columns = dict(draft.columns)
    owner_id = columns.pop("owner_id", None)
    if "company_id" in columns:
        columns["company_id"] = world.real_or_none(columns["company_id"])
    for name, value in columns.items():
        setattr(deal, name, value)
    deal.version += 1
    edited = {name: pair for name, pair in draft.changes.items() if name in {*columns, "contacts"}}
    if draft.contact_id is not None:
        contact_id = world.real_id(draft.contact_id)
        _add_contact(session, deal.id, contact_id)
        edited["contacts"] = [None, [contact_id]]
    if edited:
        record(session, world.actor, "deal.edited", "deal", deal.id, at=world.now, changes=edited, import_id=import_id)
    if owner_id is not None:
        _hand_over(session, world, deal, world.real_id(owner_id), import_id)
    if draft.move is not None:
        _move(session, world, deal, draft.move, import_id)
    session.flush()
    changed = {name: value for name, value in old.items() if plain(getattr(deal, name)) != value}
    return {
        "columns": changed,
        "version": deal.version,
        "open_visits": open_visits,
        "open_steps": open_steps,
        "added": {
            name: [one for one in ids if one not in parts_before[name]]
            for name, ids in _part_ids(session, deal.id).items()
        },
    }


def _hand_over(session: Session, world: World, deal: Deal, owner_id: int, import_id: int) -> None:
    before, deal.owner_id = deal.owner_id, owner_id
    session.execute(
        update(NextStep)
        .where(NextStep.deal_id == deal.id, NextStep.done_at.is_(None), NextStep.owner_id == before)
        .values(owner_id=owner_id)
    )
    if deal.status is DealStatus.OPEN:
        close_visit(session, deal, world.now, VisitOutcome.HANDOVER, deal.stage_id)
        open_visit(session, world.actor, deal, world.now)
    record(
        session, world.actor, "deal.reassigned", "deal", deal.id, at=world.now, changes={"owner": [before, owner_id]},
        import_id=import_id,
    )  # fmt: skip


def _move(session: Session, world: World, deal: Deal, move: MoveDraft, import_id: int) -> None:
    from_stage_id = deal.stage_id
    at = _not_before_entered(session, deal, move.at)
    positions = {stage.id: stage.position for stage in world.pipeline(deal.pipeline_id).stages}
    ahead = positions[move.stage_id] > positions[from_stage_id]
    outcome = _OUTCOMES.get(move.stage_kind) or (VisitOutcome.FORWARD if ahead else VisitOutcome.BACK)
    close_visit(session, deal, at, outcome, move.stage_id)
    deal.stage_id, deal.stage_entered_at = move.stage_id, at
    if move.stage_kind is StageKind.OPEN:
        open_visit(session, world.actor, deal, at)
        if move.step is not None:
            plan = StepPlan(world.mapping.step.kind, move.step.due_at, move.step.text)
            add_step(session, world.actor, deal, plan, world.now)
        refresh_next_due(session, deal)
    else:
        deal.status, deal.closed_at = _STATUS[move.stage_kind], move.at
        if deal.status is DealStatus.LOST:
            deal.loss_reason_id, deal.loss_note, deal.loss_stage_id = move.loss_reason_id, move.loss_note, from_stage_id
        cancel_open_steps(session, world.actor, deal, world.now)
    names = {stage.id: stage.name for stage in world.pipeline(deal.pipeline_id).stages}
    record(
        session, world.actor, f"deal.{_VERBS[move.stage_kind]}", "deal", deal.id, at=world.now,
        from_stage=names.get(from_stage_id), to_stage=names.get(move.stage_id), from_stage_id=from_stage_id,
        to_stage_id=move.stage_id, import_id=import_id, **_loss_details(world, deal, move),
    )  # fmt: skip


def _loss_details(world: World, deal: Deal, move: MoveDraft) -> dict[str, Any]:
    if move.stage_kind is not StageKind.LOST:
        return {}
    names = {reason.id: reason.name for reason in world.pipeline(deal.pipeline_id).loss_reasons}
    return {"reason": names.get(move.loss_reason_id or 0), "note": move.loss_note}


def _not_before_entered(session: Session, deal: Deal, at: datetime) -> datetime:
    entered_at = session.scalar(select(StageVisit.entered_at).where(*_open_visit(deal.id)))
    return max(at, entered_at) if entered_at else at


def _open_visit(deal_id: int) -> tuple[Any, ...]:
    return StageVisit.deal_id == deal_id, StageVisit.left_at.is_(None)


def _open_steps(session: Session, deal_id: int) -> list[list[int]]:
    """Return id, owner and version of the open next steps."""
    query = select(NextStep.id, NextStep.owner_id, NextStep.version).where(
        NextStep.deal_id == deal_id, NextStep.done_at.is_(None)
    )
    return [list(row) for row in session.execute(query)]


def _part_ids(session: Session, deal_id: int) -> dict[str, list[int]]:
    """Return the ids of a deal's visits, steps and contact parts, so that an undo knows which were added."""
    models: dict[str, Any] = {"visits": StageVisit, "steps": NextStep, "parts": DealContact}
    return {
        name: list(session.scalars(select(model.id).where(model.deal_id == deal_id).order_by(model.id)))
        for name, model in models.items()
    }


def _add_contact(session: Session, deal_id: int, contact_id: int) -> None:
    count = session.scalar(select(func.count()).where(DealContact.deal_id == deal_id)) or 0
    session.add(DealContact(deal_id=deal_id, contact_id=contact_id, position=count))
    session.flush()
