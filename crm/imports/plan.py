"""The dry run: the same judges over the same rows, nothing written; a verdict for every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.errors import Violation
from crm.imports.fields import RecordKind
from crm.imports.judged import Judged
from crm.imports.judges import JUDGES
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.progress import Counts, StepKind, steps_of
from crm.imports.report import DealFigures, Report, tallied
from crm.imports.run import BATCH_ROWS, VISITS_AT_ONCE, batches, imports_actor, names_in_files
from crm.imports.setup import SetUp, plan_set_up
from crm.imports.visits.figures import tallied_visits
from crm.imports.visits.judge import judge_visits
from crm.imports.visits.rows import deal_batches
from crm.imports.world import World
from crm.models.codes import RowVerdict

_MAX_UNKNOWN = 100
_UNKNOWN = {
    "owner_unknown": "owner", "owner_ambiguous": "owner", "stage_unknown": "stage", "pipeline_unknown": "pipeline",
}  # fmt: skip
MAX_SHOWN = 2_000  # rows kept of each verdict, so that a plan of a large file stays small


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """The verdict on one row; `changes` names the fields that an update would change."""

    file: str
    line: int
    verdict: RowVerdict
    label: str
    violations: tuple[Violation, ...]
    warnings: tuple[Violation, ...]
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do; `rows` are the first of each verdict, the report counts all of them.

    `unknown` are values that nothing here answers to, by field (owner, stage, pipeline), with how many rows have them.
    """

    report: Report
    rows: tuple[PlannedRow, ...]
    new_people: tuple[str, ...]
    new_pipelines: tuple[str, ...]
    new_fields: tuple[str, ...]
    new_reasons: tuple[str, ...]
    open_date_columns: tuple[str, ...]
    unknown: Mapping[str, Mapping[str, int]]


def plan_import(
    session: Session,
    actor: Actor,
    *,
    prepared: Prepared,
    now: datetime,
    on_progress: Callable[[Counts], None] | None = None,
) -> Plan:
    """Judge every row as `run_import` would; a session that only reads is enough.

    Errors: Forbidden; InvalidInput where the mapping can't work here; FileRefused.
    """
    require(actor, Action.IMPORT_RECORDS)
    world = World(session, imports_actor(actor), prepared, now, is_dry_run=True)
    world.company_names = names_in_files(prepared)
    draft = _Draft(Report(None, Counts(total=prepared.row_count), DealFigures(), {}))
    for step in steps_of(prepared):
        if step.kind is StepKind.SET_UP:
            draft.set_up = plan_set_up(session, world, prepared)
            for name, verdict in draft.set_up.option_rows:
                draft.add(name, [verdict])
        if step.file is None:
            continue
        for judged in _judged(session, world, prepared, step.file):
            draft.add(step.file.name, judged)
            if step.file.kind is RecordKind.DEALS:
                draft.report = tallied(session, draft.report, judged, world.people.names())
                world.new_deals |= {one.draft.id: one.draft.columns for one in judged if one.draft and one.draft.id < 0}
            elif step.file.kind is RecordKind.VISITS:
                draft.report = tallied_visits(session, draft.report, judged, world.people.names())
            session.expunge_all()  # a dry run of a large file must not gather the whole table
            if on_progress:
                on_progress(draft.report.counts)
    return draft.plan(_open_date_columns(prepared))


def _judged(session: Session, world: World, prepared: Prepared, file: PreparedFile) -> Iterator[list[Judged[Any]]]:
    if file.kind is RecordKind.VISITS:
        for deals in deal_batches(world.visits_in(prepared, file), BATCH_ROWS * VISITS_AT_ONCE):
            yield judge_visits(session, world, deals)
    else:
        for rows in batches(file.table.rows(), BATCH_ROWS):
            yield JUDGES[file.kind](session, world, prepared, file, rows)


class _Draft:
    """A plan in the making."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.rows: list[PlannedRow] = []
        self.set_up: SetUp | None = None
        self._shown: dict[RowVerdict, int] = {}
        self._unknown: dict[str, Counter[str]] = {}

    def add(self, file: str, judged: list[Judged[Any]]) -> None:
        self.report = replace(self.report, counts=self.report.counts.plus(file, judged))
        for one in judged:
            for violation in one.violations:
                if violation.code in _UNKNOWN:
                    named = self._unknown.setdefault(_UNKNOWN[violation.code], Counter())
                    named[str(violation.params.get("name", ""))] += 1
            shown = self._shown.get(one.verdict, 0)
            if shown < MAX_SHOWN:
                self._shown[one.verdict] = shown + 1
                changes = tuple(getattr(one.draft, "changes", ()))
                self.rows.append(
                    PlannedRow(file, one.line, one.verdict, one.label, one.violations, one.warnings, changes)
                )

    def plan(self, open_date_columns: tuple[str, ...]) -> Plan:
        set_up = self.set_up or SetUp((), (), (), (), ())
        return Plan(
            report=self.report,
            rows=tuple(self.rows),
            new_people=tuple(person.name for person in set_up.people),
            new_pipelines=tuple(one.name for one in set_up.pipelines),
            new_fields=tuple(one.name for one in set_up.fields if one.present is None),
            new_reasons=tuple(name for _pipeline, name in set_up.reasons),
            open_date_columns=open_date_columns,
            unknown={field: dict(named.most_common(_MAX_UNKNOWN)) for field, named in self._unknown.items()},
        )


def _open_date_columns(prepared: Prepared) -> tuple[str, ...]:
    return tuple(
        file.table.header[position]
        for file in prepared.files
        for field in file.scan.open_orders
        for position in file.positions.get(field, ())
    )
