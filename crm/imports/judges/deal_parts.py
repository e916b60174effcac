"""What new and present deals are judged by alike: rules of the stage, next step, contact, reason of loss."""

from __future__ import annotations

from collections.abc import Collection

from crm.deals.next_steps import FARTHEST
from crm.errors import Violation
from crm.imports.judged import StepDraft
from crm.imports.judges.deal_cells import DealCells
from crm.imports.mapping import folded
from crm.imports.world import NewContact, World
from crm.models.codes import StageKind
from crm.pipelines.stage_rules import MoveFacts, StageRule, loss_reason, required_fields, won_amount
from crm.pipelines.values import LossReasonInfo, PipelineInfo, StageInfo

# Nobody can demand of history that it skipped nothing; what it left behind must be whole all the same.
HISTORY_RULES: tuple[StageRule, ...] = (required_fields.check, loss_reason.check, won_amount.check)


def history_violations(facts: MoveFacts) -> list[Violation]:
    """Return what the rules of its stage don't allow an imported deal to be."""
    return [problem for rule in HISTORY_RULES for problem in rule(facts)]


def filled_builtin(
    *, amount_minor: int | None, has_company: bool, has_contact: bool, source: str | None, closes: bool
) -> Collection[str]:
    """Return the keys of the filled built-in fields, as stage requirements name them."""
    filled = {
        "amount": bool(amount_minor),
        "company": has_company,
        "contact": has_contact,
        "source": bool(source),
        "expected_close_on": closes,
    }
    return {name for name, is_filled in filled.items() if is_filled}


def step_of(world: World, cells: DealCells) -> StepDraft:
    """Return the next step of an open deal: the file's, else the one the mapping plans."""
    if cells.step_due_at is None:
        return StepDraft(cells.step_text or world.step_text, world.step_due_at)
    if cells.step_due_at <= world.now:
        cells.reader.warn("next_step_overdue", "next_step_on")
    if cells.step_due_at > world.now + FARTHEST:
        cells.reader.refuse("next_step_too_far", "next_step_on")
    return StepDraft(cells.step_text or world.step_text, cells.step_due_at)


def contact_named(world: World, cells: DealCells, company_id: int | None, owner_id: int) -> int | None:
    """Return the person a row names, promised where there is none yet; None where it names nobody."""
    if not cells.contact and not cells.points:
        return None
    known = world.contacts.find(cells.contact, cells.points, company_id)
    if known is not None:
        return known
    name = cells.contact or cells.points[0].value
    promised = world.new_id()
    world.new_contacts[promised] = NewContact(
        name, cells.contact_position, company_id, cells.points, cells.contact_note, owner_id
    )
    world.contacts.add(promised, name, cells.points, company_id)
    return promised


def reason_of(
    world: World, cells: DealCells, pipeline: PipelineInfo, stage: StageInfo
) -> tuple[LossReasonInfo | None, str | None]:
    """Return why a lost deal was lost and its note; a reason unknown here goes into the note of the default one."""
    if stage.kind is not StageKind.LOST:
        if cells.loss_reason or cells.loss_note:
            cells.reader.warn("loss_reason_ignored", "loss_reason")
        return None, None
    if not cells.loss_reason:
        return reason_named(pipeline, world.default_reason), cells.loss_note
    reason = reason_named(pipeline, cells.loss_reason)
    if reason is not None:
        return reason, cells.loss_note
    cells.reader.warn("loss_reason_as_note", "loss_reason", name=cells.loss_reason[:100])
    note = "\n".join(part for part in (cells.loss_reason, cells.loss_note) if part)
    return reason_named(pipeline, world.default_reason), note


def reason_named(pipeline: PipelineInfo, name: str) -> LossReasonInfo | None:
    """Return a pipeline's active reason of this name."""
    return next((one for one in pipeline.active_reasons() if folded(one.name) == folded(name)), None)
