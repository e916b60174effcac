"""Writing what must be there before rows: people named as owners, pipelines, reasons of loss, custom fields."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from crm.i18n import reader
from crm.imports.journal import Journal
from crm.imports.mapping import folded
from crm.imports.setup import FieldPlan, SetUp
from crm.imports.world import World
from crm.imports.writers.users import insert_people
from crm.models import FieldDefinition
from crm.pipelines.commands import StagePlan, create_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason, create_field, edit_field


def write_set_up(session: Session, world: World, journal: Journal, set_up: SetUp) -> None:
    """Create what is missing by the commands of its rooms, then read pipelines and fields anew.

    Errors: InvalidInput where a command refuses, for example a choice with a single value.
    """
    insert_people(session, world, journal, set_up.people, along_the_way=True)
    with reader(world.place.language, world.actor.timezone):
        for new in set_up.pipelines:
            pipeline_id = create_pipeline(
                session,
                world.actor,
                name=new.name,
                stages=[StagePlan(name) for name in new.open_stages],
                won_name=new.won,
                lost_name=new.lost,
            )
            journal.made("pipeline", pipeline_id)
    for plan in set_up.fields:
        _write_field(session, world, journal, plan)
    world.reload_funnels(session)
    _write_reasons(session, world, journal, set_up.reasons)
    world.reload_funnels(session)
    for file, judged in set_up.option_rows:
        journal.row(file, judged, None, None)


def _write_field(session: Session, world: World, journal: Journal, plan: FieldPlan) -> None:
    if plan.present is None:
        field_id = create_field(session, world.actor, name=plan.name, field_type=plan.type, options=plan.options)
        journal.made("field", field_id)
        return
    row = session.get_one(FieldDefinition, plan.present.id)
    before = [dict(option) for option in row.options]
    edit_field(
        session, world.actor, field_id=row.id, name=row.name, options=plan.options, hint=row.hint or "",
        is_active=row.is_active,
    )  # fmt: skip
    after = [dict(option) for option in row.options]
    journal.changed("field", row.id, {"columns": {"options": before}, "after": {"options": after}})


def _write_reasons(session: Session, world: World, journal: Journal, reasons: Sequence[tuple[str, str]]) -> None:
    for key, name in reasons:
        pipeline = world.pipelines[folded(key)]
        reason_id = add_loss_reason(session, world.actor, pipeline_id=pipeline.id, plan=ReasonPlan(name))
        journal.made("loss_reason", reason_id)
