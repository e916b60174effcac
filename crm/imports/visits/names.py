"""What the names in rows of visits mean here: pipelines, stages, owners; each different name is looked up once."""

from __future__ import annotations

from crm.errors import Violation
from crm.imports.mapping import folded
from crm.imports.visits.rows import DealRows, VisitRow
from crm.imports.world import World
from crm.models.codes import StageKind
from crm.pipelines.values import PipelineInfo, StageInfo


class Names:
    """Looks up names for a batch of deals."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._stages: dict[int, dict[str, StageInfo]] = {}
        self._owners: dict[str, int | Violation] = {}

    def pipeline(self, deal: DealRows, found: dict[int, list[Violation]]) -> PipelineInfo | None:
        """Return the one pipeline of a deal's rows; rows that name another one, or an unknown one, are refused."""
        chosen: PipelineInfo | None = None
        for row in deal.rows:
            name = row.about.pipeline
            if not name:
                continue
            here = self.world.pipelines.get(folded(name))
            if here is None:
                _note(found, row, Violation("pipeline_unknown", "pipeline", {"name": name}))
            elif chosen is not None and here.id != chosen.id:
                _note(found, row, Violation("visit_of_other_pipeline", "pipeline", {"name": chosen.name}))
            chosen = chosen or here
        chosen = chosen or self.world.default_pipeline
        if chosen is None:
            _note(found, deal.rows[0], Violation("pipeline_unknown", "pipeline", {"name": self.world.mapping.pipeline}))
        return chosen

    def stage(self, pipeline: PipelineInfo, row: VisitRow, found: dict[int, list[Violation]]) -> StageInfo | None:
        """Return the stage of a row; one that the pipeline lacks is an end where the row's outcome says so."""
        stages = self._stages.get(pipeline.id)
        if stages is None:
            stages = {folded(stage.name): stage for stage in reversed(pipeline.stages) if not stage.is_retired}
            self._stages[pipeline.id] = stages
        stage = stages.get(folded(row.stage))
        if stage is None and row.outcome is not None:
            return pipeline.won_stage if row.outcome is StageKind.WON else pipeline.lost_stage
        if stage is None:
            params = {"name": row.stage, "pipeline": pipeline.name}
            _note(found, row, Violation("stage_unknown", "stage", params))
        return stage

    def owner(self, row: VisitRow, found: dict[int, list[Violation]]) -> int | None:
        """Return whom a row names, None for nobody; an unknown or an ambiguous name is refused."""
        if not row.owner:
            return None
        known = self._owners.get(row.owner)
        if known is None:
            people = self.world.people.found(row.owner)
            code = "owner_ambiguous" if people else "owner_unknown"
            known = people[0].id if len(people) == 1 else Violation(code, "owner", {"name": row.owner[:100]})
            self._owners[row.owner] = known
        if isinstance(known, Violation):
            _note(found, row, known)
            return None
        return known

    def default_owner(self) -> int | None:
        """Return who owns a deal whose rows name nobody: the mapping's person, else who imports."""
        name = self.world.mapping.owners.default
        people = self.world.people.found(name) if name else []
        return people[0].id if len(people) == 1 else self.world.actor.user_id


def _note(found: dict[int, list[Violation]], row: VisitRow, violation: Violation) -> None:
    noted = found.setdefault(row.line, [])
    if violation not in noted:
        noted.append(violation)
