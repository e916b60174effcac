"""What files of visits need to be there before their rows can be written: owners, reasons of loss."""

from __future__ import annotations

from dataclasses import dataclass, field

from crm.imports.fields import RecordKind
from crm.imports.mapping import folded
from crm.imports.prepare import Prepared
from crm.imports.visits.rows import DealRows
from crm.imports.world import World
from crm.models.codes import StageKind
from crm.pipelines.values import PipelineInfo


@dataclass(slots=True)
class ReasonsNeeded:
    """Reasons that lost deals of a pipeline name, and whether some name none."""

    names: dict[str, None] = field(default_factory=dict)
    some_missing: bool = False


def owners_of_visits(world: World, prepared: Prepared) -> list[str]:
    """Return everybody whom rows name as owner."""
    rows = (row for deal in _deals(world, prepared) for row in deal.rows)
    return list(dict.fromkeys(row.owner for row in rows if row.owner))


def some_name_nobody(world: World, prepared: Prepared) -> bool:
    """Tell whether there is a deal whose rows name no owner at all."""
    return any(all(not row.owner for row in deal.rows) for deal in _deals(world, prepared))


def reasons_of_visits(world: World, prepared: Prepared) -> dict[str, ReasonsNeeded]:
    """Return the reasons of lost deals by folded name of the pipeline, for pipelines that are here or promised."""
    needed: dict[str, ReasonsNeeded] = {}
    default = world.default_pipeline
    for deal in _deals(world, prepared):
        name = next((row.about.pipeline for row in deal.rows if row.about.pipeline), default.name if default else "")
        pipeline = world.pipelines.get(folded(name))
        if pipeline is None or not _is_lost(deal, pipeline):
            continue
        mine = needed.setdefault(folded(name), ReasonsNeeded())
        reasons = [row.about.loss_reason for row in deal.rows if row.about.loss_reason]
        mine.names |= dict.fromkeys(reasons[-1:])
        mine.some_missing = mine.some_missing or not reasons
    return needed


def _deals(world: World, prepared: Prepared) -> list[DealRows]:
    return [deal for file in prepared.of_kind(RecordKind.VISITS) for deal in world.visits_in(prepared, file)]


def _is_lost(deal: DealRows, pipeline: PipelineInfo) -> bool:
    lost = folded(pipeline.lost_stage.name)
    return any(row.outcome is StageKind.LOST or folded(row.stage) == lost for row in deal.rows)
