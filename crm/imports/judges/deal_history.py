"""The stays on open stages that a row's dates prove, and the deal's own dates that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise

from crm.imports.judged import VisitDraft
from crm.imports.judges.deal_cells import DealCells
from crm.imports.mapping import Undated
from crm.imports.world import World
from crm.models.codes import StageKind, VisitOutcome
from crm.pipelines.values import PipelineInfo, StageInfo

_OUTCOMES = {StageKind.WON: VisitOutcome.WON, StageKind.LOST: VisitOutcome.LOST}


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a deal's past; a closed deal whose stages have no dates has no visits."""

    visits: tuple[VisitDraft, ...]
    created_at: datetime
    stage_entered_at: datetime
    closed_at: datetime | None

    @property
    def last_stage_id(self) -> int | None:
        """Return the open stage the deal stands on, or stood on last."""
        return self.visits[-1].stage_id if self.visits else None


def history_of(
    world: World, cells: DealCells, pipeline: PipelineInfo, stage: StageInfo, entered: Mapping[int, datetime]
) -> History:
    """Return the past of a new deal; dates that contradict each other are refused."""
    known = _known_stays(cells, pipeline, stage, entered)
    moments = [moment for _stage_id, moment in known]
    if moments != sorted(moments):
        cells.reader.refuse("dates_out_of_order", "stage")
    closed_at = _closed_at(world, cells, stage, moments)
    if closed_at is not None and moments and closed_at < moments[-1]:
        cells.reader.refuse("dates_out_of_order", "closed_on")
    if stage.kind is StageKind.OPEN and (not known or known[-1][0] != stage.id):
        # On the stage, but since when nobody says: not before it had left the stages that are dated.
        known.append((stage.id, max([_undated_at(world, cells.created_at), *moments])))
    visits = _visits(known, stage, closed_at)
    dated = [*(visit.entered_at for visit in visits), *([closed_at] if closed_at else [])]
    return History(
        visits=visits,
        created_at=min([*([cells.created_at] if cells.created_at else []), *dated]),
        stage_entered_at=closed_at or known[-1][1],
        closed_at=closed_at,
    )


def _known_stays(
    cells: DealCells, pipeline: PipelineInfo, stage: StageInfo, entered: Mapping[int, datetime]
) -> list[tuple[int, datetime]]:
    known = [(one.id, entered[one.id]) for one in pipeline.open_stages if one.id in entered]
    if stage.kind is not StageKind.OPEN:
        return known
    behind = {one.id for one in pipeline.open_stages if one.position <= stage.position}
    if any(stage_id not in behind for stage_id, _moment in known):
        cells.reader.warn("date_of_later_stage", "stage")
    return [pair for pair in known if pair[0] in behind]


def _undated_at(world: World, created_at: datetime | None) -> datetime:
    """Return when something happened that the file gives no date for, by the mapping's rule."""
    rule = world.mapping.undated
    if rule == Undated.IMPORT:
        return world.now
    if rule == Undated.CREATED:
        return created_at or world.now
    return datetime.combine(date.fromisoformat(rule), time(), world.place.zone).astimezone(UTC)


def _closed_at(world: World, cells: DealCells, stage: StageInfo, moments: Sequence[datetime]) -> datetime | None:
    if stage.kind is StageKind.OPEN:
        if cells.closed_at is not None:
            cells.reader.warn("closed_date_ignored", "closed_on")
        return None
    if cells.closed_at is None:
        cells.reader.warn("closed_date_missing", "closed_on")
        return max([_undated_at(world, None), *moments])
    return cells.closed_at


def _visits(
    known: Sequence[tuple[int, datetime]], stage: StageInfo, closed_at: datetime | None
) -> tuple[VisitDraft, ...]:
    visits = [
        VisitDraft(stage_id, entered_at, left_at, VisitOutcome.FORWARD, next_id)
        for (stage_id, entered_at), (next_id, left_at) in pairwise(known)
    ]
    for stage_id, entered_at in known[-1:]:
        if closed_at is None:
            visits.append(VisitDraft(stage_id, entered_at, None, VisitOutcome.OPEN, None))
        else:
            visits.append(VisitDraft(stage_id, entered_at, closed_at, _OUTCOMES[stage.kind], stage.id))
    return tuple(visits)
