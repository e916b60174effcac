"""The columns of a deal that follow from its history: of a new one, of one made by a file of deals, of a known one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from crm.errors import Violation
from crm.imports.judged import Changes, DealDraft, StepDraft
from crm.imports.judges.deal_parts import reason_named
from crm.imports.visits.building import History
from crm.imports.visits.known import KnownDeal
from crm.imports.visits.rows import About, DealRows
from crm.imports.world import World
from crm.models.codes import DealStatus, Priority, StageKind
from crm.pipelines.values import PipelineInfo

_STATUS = {StageKind.OPEN: DealStatus.OPEN, StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}


def new_draft(
    world: World, pipeline: PipelineInfo, deal: DealRows, history: History, owner_id: int, created_at: datetime
) -> DealDraft | Violation:
    """Return a deal to be created, without its visits; a lost one needs a reason that is here."""
    loss = _loss(world, pipeline, deal, history)
    if isinstance(loss, Violation):
        return loss
    about = _last_said(deal)
    is_open = history.standing.kind is StageKind.OPEN
    step = StepDraft(world.step_text, world.step_due_at) if is_open else None
    columns = {
        "pipeline_id": pipeline.id,
        **_standing(history),
        **loss,
        "owner_id": owner_id,
        "title": about.title or deal.name,
        "amount_minor": about.amount_minor,
        "currency": about.currency or world.place.currency,
        "source": about.source or None,
        "priority": Priority.WARM,
        "custom": {},
        "next_due_at": step.due_at if step else None,
        "created_at": created_at,
    }
    return DealDraft(world.new_id(), deal.foreign, columns, None, None, history.standing.kind, step=step)


def bare_columns(
    world: World, pipeline: PipelineInfo, deal: DealRows, history: History, owner_id: int, created_at: datetime,
    present: KnownDeal,
) -> dict[str, Any] | Violation:  # fmt: skip
    """Return the columns of a deal that this import has just made of a file of deals, which says more of the deal."""
    facts, about = present.facts, _last_said(deal)
    if history.standing.kind is StageKind.LOST and not about.loss_reason and facts["loss_reason_id"]:
        loss: dict[str, Any] | Violation = {name: facts[name] for name in ("loss_reason_id", "loss_note")}
    else:
        loss = _loss(world, pipeline, deal, history)
    if isinstance(loss, Violation):
        return loss
    amount_minor, currency = facts["amount_minor"], facts["currency"]
    if amount_minor is None and about.amount_minor is not None:
        amount_minor, currency = about.amount_minor, about.currency or currency
    return {
        **_standing(history),
        **loss,
        "owner_id": owner_id,
        "amount_minor": amount_minor,
        "currency": currency,
        "source": facts["source"] or about.source or None,
        "created_at": min(facts["created_at"], created_at),
    }


def known_columns(
    world: World, pipeline: PipelineInfo, deal: DealRows, history: History, owner_id: int, present: KnownDeal,
    lines: Collection[int],
) -> tuple[dict[str, Any] | Violation, Changes]:  # fmt: skip
    """Return the columns that new rows, those of `lines`, change on a known deal, and old and new for people."""
    told = replace(deal, rows=tuple(row for row in deal.rows if row.line in lines))
    about = _last_said(told)
    loss = _loss(world, pipeline, told, history)
    if isinstance(loss, Violation):
        return loss, {}
    columns = {**_standing(history), **loss, "owner_id": owner_id}
    if about.amount_minor is not None:
        columns |= {"amount_minor": about.amount_minor, "currency": about.currency or present.facts["currency"]}
    names = {stage.id: stage.name for stage in pipeline.stages}
    before, after = names.get(present.facts["stage_id"], ""), names[history.standing.stage_id]
    changes: dict[str, list[Any]] = {"stage": [before, after]} if before != after else {}
    for name in ("owner_id", "amount_minor", "currency"):
        if name in columns and columns[name] != present.facts[name]:
            changes[name] = [present.facts[name], columns[name]]
    return columns, changes


def _standing(history: History) -> dict[str, Any]:
    standing = history.standing
    is_open = standing.kind is StageKind.OPEN
    return {
        "stage_id": standing.stage_id,
        "status": _STATUS[standing.kind],
        "stage_entered_at": standing.since,
        "closed_at": None if is_open else standing.since,
        "loss_stage_id": standing.last_open_id if standing.kind is StageKind.LOST else None,
    }


def _loss(world: World, pipeline: PipelineInfo, deal: DealRows, history: History) -> dict[str, Any] | Violation:
    """Return reason and note of a lost deal; a reason unknown here goes into the note of the default one."""
    if history.standing.kind is not StageKind.LOST:
        return {"loss_reason_id": None, "loss_note": None}
    said = _last_said(deal).loss_reason
    named = reason_named(pipeline, said) if said else None
    reason = named or reason_named(pipeline, world.default_reason)
    if reason is None:
        return Violation("loss_reason_missing", "loss_reason")
    return {"loss_reason_id": reason.id, "loss_note": said if said and named is None else None}


def _last_said(deal: DealRows) -> About:
    """Return the last that the deal's rows say of each thing."""
    told: dict[str, Any] = {}
    for row in deal.rows:
        about = row.about
        if about.amount_minor is not None:
            told |= {"amount_minor": about.amount_minor, "currency": about.currency}
        for name in ("title", "source", "loss_reason", "currency"):
            if value := getattr(about, name):
                told[name] = value
    return About(**told)
