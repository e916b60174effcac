"""Custom fields on deals and reasons of loss."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.errors import ChangedMeanwhile, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import FieldDefinition, FieldType, LossReason, Pipeline
from crm.pipelines.reads import load_fields, load_loss_reasons
from crm.pipelines.retrace_requests import request_retrace
from crm.pipelines.unique_names import save_named
from crm.pipelines.values import FieldInfo, LossReasonInfo
from crm.typed_text import clean_line, line_violations

NAME_LIMIT = 200
HINT_LIMIT = 300
MAX_OPTIONS = 500
_WITH_OPTIONS = frozenset({FieldType.CHOICE, FieldType.MULTI_CHOICE})


@dataclass(frozen=True, slots=True)
class ReasonPlan:
    """A reason of loss as it is to be."""

    name: str
    note_required: bool = False
    counts_as_loss: bool = True
    is_active: bool = True


def create_field(
    session: Session, actor: Actor, *, name: str, field_type: FieldType, options: Sequence[str] = (), hint: str = ""
) -> int:
    """Create a custom field on deals; return its id. `options` are the values of a choice in order; others drop them.

    Errors: Forbidden; InvalidInput.
    """
    require(actor, Action.DESIGN_PIPELINES)
    refuse_if_any(_field_violations(session, name, hint, field_type, options, None))
    last = session.scalar(select(func.max(FieldDefinition.position))) or 0
    row = FieldDefinition(
        name=clean_line(name),
        type=field_type,
        options=_merged_options([], options) if field_type in _WITH_OPTIONS else [],
        hint=clean_line(hint) or None,
        position=last + 1,
    )
    save_named(session, row)
    record(session, actor, "field.created", "field", row.id, name=row.name, field_type=field_type.value)
    return row.id


def edit_field(
    session: Session,
    actor: Actor,
    *,
    field_id: int,
    name: str,
    options: Sequence[str] = (),
    hint: str = "",
    is_active: bool = True,
    seen: FieldInfo | None = None,
) -> None:
    """Rename a field, change its values or switch it off; the type stays, and so do values deals already have.

    A value of the same name keeps its code; one left out is no longer offered, deals that have it keep it.
    Errors: Forbidden; NotFound; ChangedMeanwhile when the field is no longer as `seen`; InvalidInput.
    """
    require(actor, Action.DESIGN_PIPELINES)
    row = session.get(FieldDefinition, field_id, with_for_update=True)
    if row is None:
        raise NotFound(entity="field", id=field_id)
    if seen is not None and seen not in load_fields(session):
        raise ChangedMeanwhile(entity="field", id=field_id)
    refuse_if_any(_field_violations(session, name, hint, row.type, options, field_id))
    before = _described_field(row)
    row.name, row.hint, row.is_active = clean_line(name), clean_line(hint) or None, is_active
    row.options = _merged_options(row.options, options) if row.type in _WITH_OPTIONS else []
    after = _described_field(row)
    changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if changed:
        save_named(session, row)
        record(session, actor, "field.edited", "field", field_id, name=row.name, changes=changed)


def add_loss_reason(session: Session, actor: Actor, *, pipeline_id: int | None, plan: ReasonPlan) -> int:
    """Add a reason of one pipeline, or of all where None; return its id.

    Errors: Forbidden; NotFound; InvalidInput.
    """
    require(actor, Action.DESIGN_PIPELINES)
    if pipeline_id is not None and session.get(Pipeline, pipeline_id) is None:
        raise NotFound(entity="pipeline", id=pipeline_id)
    refuse_if_any(_reason_violations(session, pipeline_id, plan, None))
    last = session.scalar(select(func.max(LossReason.position))) or 0
    row = LossReason(
        pipeline_id=pipeline_id,
        name=clean_line(plan.name),
        position=last + 1,
        note_required=plan.note_required,
        counts_as_loss=plan.counts_as_loss,
        is_active=plan.is_active,
    )
    save_named(session, row)
    record(session, actor, "loss_reason.created", "loss_reason", row.id, name=row.name)
    return row.id


def edit_loss_reason(
    session: Session, actor: Actor, *, reason_id: int, plan: ReasonPlan, seen: LossReasonInfo | None = None
) -> None:
    """Change a reason or switch it off; deals lost for it keep it.

    Errors: Forbidden; NotFound; ChangedMeanwhile when the reason is no longer as `seen`; InvalidInput, also for the
    last active reason.
    """
    require(actor, Action.DESIGN_PIPELINES)
    row = session.get(LossReason, reason_id, with_for_update=True)
    if row is None:
        raise NotFound(entity="loss_reason", id=reason_id)
    if seen is not None and seen not in load_loss_reasons(session, row.pipeline_id):
        raise ChangedMeanwhile(entity="loss_reason", id=reason_id)
    found = _reason_violations(session, row.pipeline_id, plan, reason_id)
    others = [one for one in load_loss_reasons(session, row.pipeline_id) if one.is_active and one.id != reason_id]
    if not plan.is_active and not others:
        found.append(Violation("loss_reason_last", "is_active"))
    refuse_if_any(found)
    before = _described_reason(row)
    row.name, row.note_required = clean_line(plan.name), plan.note_required
    row.counts_as_loss, row.is_active = plan.counts_as_loss, plan.is_active
    after = _described_reason(row)
    changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if changed:
        save_named(session, row)
        if "counts_as_loss" in changed:
            request_retrace(session, actor, row.pipeline_id)
        record(session, actor, "loss_reason.edited", "loss_reason", reason_id, name=row.name, changes=changed)


def _field_violations(
    session: Session, name: str, hint: str, field_type: FieldType, options: Sequence[str], field_id: int | None
) -> list[Violation]:
    found = line_violations(name, "name", NAME_LIMIT, required=True)
    found += line_violations(hint, "hint", HINT_LIMIT)
    taken = exists().where(FieldDefinition.name == clean_line(name), FieldDefinition.id != (field_id or 0))
    if not found and session.scalar(select(taken)):
        found.append(Violation("name_taken", "name"))
    if field_type not in _WITH_OPTIONS:
        return found
    names = [clean_line(option) for option in options]
    for option in options:
        found += line_violations(option, "options", NAME_LIMIT, required=True)
    if not 2 <= len(names) <= MAX_OPTIONS or len(set(names)) != len(names):
        found.append(Violation("options_needed", "options"))
    return found


def _merged_options(present: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    codes = {option["name"]: option["code"] for option in present}
    cleaned = [clean_line(name) for name in names]
    offered = [{"code": codes.get(name) or secrets.token_hex(4), "name": name} for name in cleaned]
    retired = [{**option, "is_retired": True} for option in present if option["name"] not in cleaned]
    return offered + retired


def _reason_violations(
    session: Session, pipeline_id: int | None, plan: ReasonPlan, reason_id: int | None
) -> list[Violation]:
    found = line_violations(plan.name, "name", NAME_LIMIT, required=True)
    taken = exists().where(LossReason.name == clean_line(plan.name), LossReason.id != (reason_id or 0))
    if pipeline_id is not None:  # a reason of all pipelines meets the own ones of each
        taken = taken.where(or_(LossReason.pipeline_id.is_(None), LossReason.pipeline_id == pipeline_id))
    if not found and session.scalar(select(taken)):
        found.append(Violation("name_taken", "name"))
    return found


def _described_field(row: FieldDefinition) -> dict[str, Any]:
    names = [option["name"] for option in row.options if not option.get("is_retired")]
    return {"name": row.name, "hint": row.hint, "options": names, "is_active": row.is_active}


def _described_reason(row: LossReason) -> dict[str, Any]:
    return {
        "name": row.name,
        "note_required": row.note_required,
        "counts_as_loss": row.counts_as_loss,
        "is_active": row.is_active,
    }
