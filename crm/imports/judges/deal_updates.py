"""Rows whose deal is there already: filled cells win, blank ones change nothing, moves are judged like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.imports.clients_known import in_turn
from crm.imports.judged import DealDraft, MoveDraft
from crm.imports.judges.contacts import company_named
from crm.imports.judges.deal_cells import DealCells, entered_of, pipeline_of, stage_of
from crm.imports.judges.deal_parts import contact_named, filled_builtin, reason_of, step_of
from crm.imports.judges.shared_cells import person_of
from crm.imports.world import World
from crm.models import Deal, DealContact, DealStatus, NextStep
from crm.models.codes import StageKind
from crm.pipelines.stage_rules import MoveFacts, OpenStep, check_move
from crm.pipelines.values import PipelineInfo, StageInfo, custom_key


@dataclass(frozen=True, slots=True)
class DealsPresent:
    """Deals of a batch that are there already, their contacts and their open next steps."""

    rows: Mapping[int, Deal]
    contacts: Mapping[int, set[int]]
    steps: Mapping[int, tuple[OpenStep, ...]]


def load_present(session: Session, world: World, deal_ids: Sequence[int]) -> DealsPresent:
    """Return the deals of a batch, locked where they are going to be written."""
    rows: dict[int, Deal] = {}
    contacts: dict[int, set[int]] = {}
    open_steps: dict[int, tuple[OpenStep, ...]] = {}
    for some in in_turn(list(dict.fromkeys(deal_ids))):
        query = select(Deal).where(Deal.id.in_(some)).order_by(Deal.id)
        for row in session.scalars(query if world.is_dry_run else query.with_for_update()):
            rows[row.id] = row
        parts = select(DealContact.deal_id, DealContact.contact_id).where(DealContact.deal_id.in_(some))
        for deal_id, contact_id in session.execute(parts):
            contacts.setdefault(deal_id, set()).add(contact_id)
        steps = select(NextStep.deal_id, NextStep.kind, NextStep.due_at).where(NextStep.deal_id.in_(some))
        for deal_id, kind, due_at in session.execute(steps.where(NextStep.done_at.is_(None))):
            open_steps[deal_id] = (*open_steps.get(deal_id, ()), OpenStep(kind, due_at))
    return DealsPresent(rows, contacts, open_steps)


def judge_present(world: World, cells: DealCells, deal: Deal, present: DealsPresent) -> DealDraft | None:
    """Return what the row changes of its deal; None where it may not."""
    reader = cells.reader
    pipeline = pipeline_of(world, reader) if reader.raw("pipeline") else world.pipeline(deal.pipeline_id)
    owner = person_of(world, reader, "owner")
    if pipeline is None:
        return None
    if pipeline.id != deal.pipeline_id:
        reader.refuse("stage_of_other_pipeline", "pipeline")
        return None
    stage = stage_of(reader, pipeline) if reader.raw("stage") else pipeline.stage(deal.stage_id)
    if stage is None or reader.found:
        return None
    columns = _changed_columns(world, cells, deal, pipeline, stage)
    owner_id = owner.id if owner and owner.id != deal.owner_id else None
    company_id = company_named(world, reader, cells.company, owner_id or deal.owner_id, cells.inn)
    contact_id = contact_named(world, cells, company_id or deal.company_id, owner_id or deal.owner_id)
    if contact_id in present.contacts.get(deal.id, set()):
        contact_id = None
    if company_id is not None and company_id != deal.company_id:
        columns["company_id"] = company_id
    if owner_id is not None:
        columns["owner_id"] = owner_id
    move = _move(world, cells, deal, present, pipeline, stage, columns, has_contact=contact_id is not None)
    changes = {name: [plain(getattr(deal, name)), plain(value)] for name, value in columns.items()}
    if contact_id is not None:
        changes["contacts"] = [None, [contact_id]]
    if move is not None:
        changes["stage"] = [_stage_name(pipeline, deal.stage_id), stage.name]
    return DealDraft(
        deal.id, cells.foreign, columns, columns.get("company_id"), contact_id, stage.kind, changes=changes, move=move
    )


def plain(value: Any) -> Any:
    """Return a column's value as JSON holds it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return int(value.timestamp())
    return value.isoformat() if isinstance(value, date) else value


def _changed_columns(
    world: World, cells: DealCells, deal: Deal, pipeline: PipelineInfo, stage: StageInfo
) -> dict[str, Any]:
    changed = {
        name: value for name, value in cells.columns.items() if value is not None and getattr(deal, name) != value
    }
    custom = {**deal.custom, **cells.custom}
    if custom != deal.custom:
        changed["custom"] = custom
    if deal.status is DealStatus.WON and changed.get("amount_minor") == 0:
        cells.reader.refuse("amount_not_positive", "amount")
    if deal.status is DealStatus.LOST and stage.id == deal.stage_id and cells.loss_reason:
        reason, note = reason_of(world, cells, pipeline, stage)
        if reason is not None and reason.id != deal.loss_reason_id:
            changed |= {"loss_reason_id": reason.id, "loss_note": note}
    if cells.closed_at is not None and deal.closed_at is not None and cells.closed_at != deal.closed_at:
        cells.reader.warn("closed_date_kept", "closed_on")
    return changed


def _move(
    world: World,
    cells: DealCells,
    deal: Deal,
    present: DealsPresent,
    pipeline: PipelineInfo,
    stage: StageInfo,
    columns: Mapping[str, Any],
    *,
    has_contact: bool,
) -> MoveDraft | None:
    from_stage = pipeline.stage(deal.stage_id)
    if stage.id == deal.stage_id or from_stage is None:
        return None
    steps = present.steps.get(deal.id, ())
    needs_step = stage.kind is StageKind.OPEN and not any(one.due_at > world.now for one in steps)
    step = step_of(world, cells) if needs_step else None
    reason, note = reason_of(world, cells, pipeline, stage)
    facts = MoveFacts(
        actor=world.actor,
        pipeline=pipeline,
        status=deal.status,
        from_stage=from_stage,
        to_stage=stage,
        filled=_filled_after(deal, present, columns, has_contact=has_contact),
        amount_minor=columns.get("amount_minor", deal.amount_minor),
        open_steps=(*steps, *([OpenStep(world.mapping.step.kind, step.due_at)] if step else [])),
        loss_reason_id=reason.id if reason else None,
        loss_note=note,
        now=world.now,
    )
    cells.reader.found += check_move(facts)
    moment = (
        entered_of(world, cells.reader, pipeline).get(stage.id) if stage.kind is StageKind.OPEN else cells.closed_at
    )
    return MoveDraft(stage.id, stage.kind, moment or world.now, reason.id if reason else None, note, step)


def _filled_after(
    deal: Deal, present: DealsPresent, columns: Mapping[str, Any], *, has_contact: bool
) -> frozenset[str]:
    after = {name: columns.get(name, getattr(deal, name)) for name in ("amount_minor", "company_id", "source")}
    closes = columns.get("expected_close_on", deal.expected_close_on) is not None
    builtin = filled_builtin(
        amount_minor=after["amount_minor"],
        has_company=after["company_id"] is not None,
        has_contact=has_contact or bool(present.contacts.get(deal.id)),
        source=after["source"],
        closes=closes,
    )
    custom = columns.get("custom", deal.custom)
    return frozenset({*builtin, *(custom_key(int(field_id)) for field_id in custom)})


def _stage_name(pipeline: PipelineInfo, stage_id: int) -> str:
    stage = pipeline.stage(stage_id)
    return stage.name if stage else ""
