"""Completing a mapping by its file of visits: the pipeline to be created or used, its stages in order, its ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from crm.errors import Violation, refuse_if_any
from crm.i18n import _
from crm.imports.fields import RecordKind
from crm.imports.formats import Table
from crm.imports.mapping import NewPipeline, folded
from crm.imports.memory import guess_mapping
from crm.imports.prepare import Prepared, prepare
from crm.imports.visits.detecting import StageOrder, Trail, stage_order
from crm.imports.visits.rows import TRAIL_FIELDS, DealRows, VisitRow, read_visits
from crm.imports.visits.words import end_named
from crm.models.codes import StageKind
from crm.pipelines.values import PipelineInfo

_ENDS = (StageKind.WON, StageKind.LOST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person says about the pipeline of a file of visits; empty where the file decides."""

    pipeline: str = ""
    stages: tuple[str, ...] = ()
    won: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    def order(self) -> tuple[str, ...]:
        """Return the open stages of the order given: ends at its end are not of them."""
        order = list(self.stages)
        named = {folded(name) for name in (*self.won, *self.lost)}
        while order and (folded(order[-1]) in named or self._is_free_end(order[-1])):
            order.pop()
        return tuple(name for name in order if folded(name) not in named)

    def kinds(self) -> dict[str, StageKind]:
        """Return what stages are said to be, by folded name."""
        kinds = {folded(name): StageKind.OPEN for name in self.order()}
        for kind, names in ((StageKind.WON, self.won), (StageKind.LOST, self.lost)):
            kinds |= {folded(name): kind for name in names}
        return kinds

    def ends(self, kind: StageKind) -> tuple[str, ...]:
        """Return the names given for an end."""
        return self.won if kind is StageKind.WON else self.lost

    def _is_free_end(self, name: str) -> bool:
        kind = end_named(name)
        return kind is not None and not self.ends(kind)


def described(prepared: Prepared, zone: ZoneInfo, wanted: Wanted, present: Mapping[str, PipelineInfo]) -> Prepared:
    """Return the files with a mapping that names their pipelines; `present` are those in use by folded name.

    Errors: InvalidInput with every stage of the file that no order and no pipeline knows; FileRefused.
    """
    files = prepared.of_kind(RecordKind.VISITS)
    deals = [deal for file in files for deal in read_visits(prepared, file, zone, TRAIL_FIELDS)]
    default = wanted.pipeline or prepared.mapping.pipeline or Path(files[0].name).stem
    trails: dict[str, list[Trail]] = {}
    for deal in deals:
        name = next((row.about.pipeline for row in deal.rows if row.about.pipeline), default)
        trails.setdefault(folded(name), []).append(_trail(deal))
    names = {folded(name): name for name in (*_pipeline_names(deals), default)}
    ends = _all_ends(prepared, trails, wanted)
    new, aliases, found = [], dict(prepared.mapping.aliases.get("stage", {})), []
    for key, of_pipeline in trails.items():
        order = stage_order(of_pipeline, ends.kinds)
        if key in present:
            aliases |= _aliases_to(present[key], ends)
            found += _differences(present[key], order, ends, wanted)
        else:
            made, problems = _new_pipeline(names[key], order, ends, wanted)
            new.append(made)
            aliases |= ends.aliases()
            found += problems
    refuse_if_any(found)
    others = [one for one in prepared.mapping.pipelines if folded(one.name) not in trails]
    mapping = replace(
        prepared.mapping, pipeline=default, pipelines=(*others, *new),
        aliases={**prepared.mapping.aliases, "stage": aliases},
    )  # fmt: skip
    return replace(prepared, mapping=mapping)


def order_in(table: Table) -> StageOrder | None:
    """Return the stages of a file whose header says that it holds visits; None for any other file.

    Errors: FileRefused.
    """
    mapping = guess_mapping({table.name: table.header})
    if mapping.files[0].kind is not RecordKind.VISITS:
        return None
    prepared = prepare(mapping, [table])
    deals = read_visits(prepared, prepared.files[0], ZoneInfo("UTC"), TRAIL_FIELDS)
    return stage_order(map(_trail, deals))


@dataclass(frozen=True, slots=True)
class _Ends:
    """What every stage of the files is, by folded name, and the names of both ends, the first of each being its own."""

    kinds: Mapping[str, StageKind]
    names: Mapping[StageKind, tuple[str, ...]]

    def name_of(self, kind: StageKind) -> str:
        """Return what an end is called."""
        usual = _("Won") if kind is StageKind.WON else _("Lost")
        return next(iter(self.names[kind]), usual)

    def aliases(self) -> dict[str, str]:
        """Return the other names of both ends with the one that stands for them."""
        return {name: names[0] for names in self.names.values() for name in names[1:]}


def _all_ends(prepared: Prepared, trails: Mapping[str, Sequence[Trail]], wanted: Wanted) -> _Ends:
    said = wanted.kinds()
    order = stage_order((trail for some in trails.values() for trail in some), said)
    found = {StageKind.WON: order.won, StageKind.LOST: order.lost}
    kinds = dict(said)
    kinds |= {folded(name): StageKind.OPEN for name in order.open_stages}
    names = {}
    for kind in _ENDS:
        given = wanted.ends(kind)
        others = [name for name in found[kind] if not given]
        kinds |= {folded(name): StageKind.OPEN for name in found[kind] if given and folded(name) not in said}
        # What the files of deals call an end is one more name of it.
        others += [name for name in _stages_of_deals(prepared) if end_named(name) is kind and folded(name) not in kinds]
        names[kind] = tuple({folded(name): name for name in reversed((*given, *others))}.values())[::-1]
        kinds |= {folded(name): kind for name in names[kind]}
    return _Ends(kinds, names)


def _new_pipeline(name: str, order: StageOrder, ends: _Ends, wanted: Wanted) -> tuple[NewPipeline, list[Violation]]:
    opened = wanted.order() or order.open_stages
    unknown = _missing(order.open_stages, opened)
    made = NewPipeline(name, tuple(opened), ends.name_of(StageKind.WON), ends.name_of(StageKind.LOST))
    return made, [Violation("visits_stages_unknown", "stages", {"names": ", ".join(unknown)})] if unknown else []


def _aliases_to(pipeline: PipelineInfo, ends: _Ends) -> dict[str, str]:
    known = {folded(stage.name) for stage in pipeline.stages if not stage.is_retired}
    own = {StageKind.WON: pipeline.won_stage.name, StageKind.LOST: pipeline.lost_stage.name}
    return {name: own[kind] for kind in _ENDS for name in ends.names[kind] if folded(name) not in known}


def _differences(pipeline: PipelineInfo, order: StageOrder, ends: _Ends, wanted: Wanted) -> list[Violation]:
    found = []
    opened = [stage.name for stage in pipeline.open_stages]
    if wanted.stages and list(map(folded, wanted.order())) != list(map(folded, opened)):
        params = {"pipeline": pipeline.name, "names": "; ".join(opened)}
        found.append(Violation("visits_pipeline_differs", "stages", params))
    known = [stage.name for stage in pipeline.stages if not stage.is_retired]
    unknown = _missing(order.open_stages, known)
    if unknown and not found:
        params = {"pipeline": pipeline.name, "names": ", ".join(unknown)}
        found.append(Violation("visits_stages_missing", "stages", params))
    return found


def _missing(names: Iterable[str], known: Iterable[str]) -> list[str]:
    there = set(map(folded, known))
    return [name for name in names if folded(name) not in there]


def _trail(deal: DealRows) -> Trail:
    return [(row.stage, _said(row)) for row in deal.rows if row.stage]


def _said(row: VisitRow) -> StageKind | None:
    """Return the outcome that may make a row's stage an end: where a deal stayed, it came before its end."""
    return None if row.left_at is not None and row.left_at > row.at else row.outcome


def _pipeline_names(deals: Iterable[DealRows]) -> list[str]:
    return list(dict.fromkeys(row.about.pipeline for deal in deals for row in deal.rows if row.about.pipeline))[::-1]


def _stages_of_deals(prepared: Prepared) -> list[str]:
    files = prepared.of_kind(RecordKind.DEALS)
    return [prepared.alias("stage", name) for file in files for name in file.scan.values.get("stage", ())]
