"""Rows that are deals: new ones with the history their dates tell, present ones brought up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from crm.errors import Violation
from crm.imports.clients_known import HIDDEN
from crm.imports.fields import CUSTOM
from crm.imports.formats import Row
from crm.imports.judged import DealDraft, Judged
from crm.imports.judges.contacts import company_named
from crm.imports.judges.deal_cells import DealCells, entered_of, made_foreign, pipeline_of, read_deal, stage_of
from crm.imports.judges.deal_history import history_of
from crm.imports.judges.deal_parts import contact_named, filled_builtin, history_violations, reason_of, step_of
from crm.imports.judges.deal_updates import DealsPresent, judge_present, load_present
from crm.imports.judges.shared_cells import owner_of
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.reading import RowReader
from crm.imports.world import World
from crm.models.codes import DealStatus, Priority, RowVerdict, StageKind
from crm.pipelines.stage_rules import MoveFacts
from crm.pipelines.values import PipelineInfo, StageInfo, custom_key

STATUS = {StageKind.OPEN: DealStatus.OPEN, StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}


def judge_deals(
    session: Session, world: World, prepared: Prepared, file: PreparedFile, rows: Sequence[Row]
) -> list[Judged[DealDraft]]:
    """Say for each row whether its deal is created, changed or already so."""
    read = [_with_foreign(world, read_deal(world, RowReader(prepared, file, row, world.place.zone))) for row in rows]
    world.foreign["deal"].load(session, world.actor, (cells.foreign for cells in read))
    _load_contacts(session, world, read)
    known = (world.foreign["deal"].get(cells.foreign) for cells in read)
    present = load_present(session, world, [deal_id for deal_id in known if deal_id and deal_id > 0])
    return [_judge(world, cells, present) for cells in read]


def note_skipped_deals(world: World, prepared: Prepared, file: PreparedFile, rows: Sequence[Row]) -> None:
    """Count the made ids of rows that an interrupted run has done, so that the rest get the same ones."""
    if "external_id" not in file.positions:
        for row in rows:
            _with_foreign(world, read_deal(world, RowReader(prepared, file, row, world.place.zone)))


def _load_contacts(session: Session, world: World, read: Sequence[DealCells]) -> None:
    points = [point for cells in read for point in cells.points]
    if not points and not any(cells.contact for cells in read):
        return
    companies = (world.companies.by_inn(cells.inn) or world.companies.by_name(cells.company) for cells in read)
    world.contacts.load(session, world.actor, points, (one for one in companies if one))
    loners = (cells.contact for cells in read if cells.contact and not cells.company and not cells.points)
    world.contacts.load_loners(session, world.actor, loners)


def _with_foreign(world: World, cells: DealCells) -> DealCells:
    if cells.foreign:
        return cells
    made = made_foreign(cells)
    world.made_ids[made] += 1
    repeat = world.made_ids[made]
    return replace(cells, foreign=made if repeat == 1 else f"{made}.{repeat}")


def _judge(world: World, cells: DealCells, present: DealsPresent) -> Judged[DealDraft]:
    reader = cells.reader
    known = world.foreign["deal"].get(cells.foreign)
    if known == HIDDEN:
        reader.refuse("not_found", "external_id")
    if known and world.seen.get(("deal", known)):
        reader.refuse("row_repeats", "external_id", line=world.seen["deal", known])
    deal = present.rows.get(known) if known else None
    draft = _judge_new(world, cells) if deal is None else judge_present(world, cells, deal, present)
    if reader.found or draft is None:
        return _judged(world, cells, RowVerdict.FAILED, None)
    world.seen["deal", draft.id] = reader.row.line
    world.foreign["deal"].put(cells.foreign, draft.id)
    verdict = RowVerdict.CREATED if deal is None else RowVerdict.UPDATED if draft.changes else RowVerdict.UNCHANGED
    return _judged(world, cells, verdict, draft)


def _judge_new(world: World, cells: DealCells) -> DealDraft | None:
    reader = cells.reader
    owner_id = owner_of(world, reader)
    pipeline = pipeline_of(world, reader)
    stage = stage_of(reader, pipeline) if pipeline else None
    if pipeline is None or stage is None or owner_id is None:
        return None
    history = history_of(world, cells, pipeline, stage, entered_of(world, reader, pipeline))
    reason, loss_note = reason_of(world, cells, pipeline, stage)
    step = step_of(world, cells) if stage.kind is StageKind.OPEN else None
    columns = {
        "pipeline_id": pipeline.id,
        "stage_id": stage.id,
        "status": STATUS[stage.kind],
        "owner_id": owner_id,
        **cells.columns,
        "currency": cells.columns["currency"] or world.place.currency,
        "priority": cells.columns["priority"] if cells.columns["priority"] is not None else Priority.WARM,
        "custom": dict(cells.custom),
        "loss_reason_id": reason.id if reason else None,
        "loss_note": loss_note,
        "loss_stage_id": history.last_stage_id if stage.kind is StageKind.LOST else None,
        "next_due_at": step.due_at if step else None,
        "stage_entered_at": history.stage_entered_at,
        "created_at": history.created_at,
        "closed_at": history.closed_at,
    }
    reader.found += history_violations(_facts(world, cells, columns, pipeline, stage))
    if reader.found:
        return None
    company_id = company_named(world, reader, cells.company, owner_id, cells.inn)
    contact_id = contact_named(world, cells, company_id, owner_id)
    return DealDraft(
        world.new_id(), cells.foreign, columns, company_id, contact_id, stage.kind, history.visits, step, cells.note
    )


def _facts(
    world: World, cells: DealCells, columns: Mapping[str, Any], pipeline: PipelineInfo, stage: StageInfo
) -> MoveFacts:
    builtin = filled_builtin(
        amount_minor=columns["amount_minor"],
        has_company=bool(cells.company or cells.inn),
        has_contact=bool(cells.contact or cells.points),
        source=columns["source"],
        closes=columns["expected_close_on"] is not None,
    )
    return MoveFacts(
        actor=world.actor,
        pipeline=pipeline,
        status=DealStatus.OPEN,
        from_stage=stage,
        to_stage=stage,
        filled=frozenset({*builtin, *(custom_key(int(field_id)) for field_id in columns["custom"])}),
        amount_minor=columns["amount_minor"],
        open_steps=(),
        loss_reason_id=columns["loss_reason_id"],
        loss_note=columns["loss_note"],
        now=world.now,
    )


def _judged(world: World, cells: DealCells, verdict: RowVerdict, draft: DealDraft | None) -> Judged[DealDraft]:
    reader = cells.reader
    label = cells.columns["title"] or ""
    found = tuple(_by_name(world, violation) for violation in reader.found)
    return Judged(reader.row.line, reader.row.cells, verdict, label, draft, found, tuple(reader.warnings))


def _by_name(world: World, violation: Violation) -> Violation:
    """Return a violation whose custom field bears its name, as the mapping calls it, and not its id."""
    name = next((field.name for field in world.fields.values() if field.key == violation.field), None)
    return violation if name is None else Violation(violation.code, CUSTOM + name, violation.params)
