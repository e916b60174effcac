"""Deals as their rows of visits tell them: new ones, ones that a file of deals has just made, known ones to go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from crm.errors import Violation
from crm.imports.clients_known import HIDDEN
from crm.imports.judged import Changes, DealDraft, Judged
from crm.imports.visits.building import Happening, History, build
from crm.imports.visits.drafting import bare_columns, known_columns, new_draft
from crm.imports.visits.known import KnownDeal, load_known, news_in
from crm.imports.visits.names import Names
from crm.imports.visits.rows import DealRows, VisitRow
from crm.imports.world import World
from crm.models.codes import RowVerdict, StageKind
from crm.pipelines.values import PipelineInfo

Found = dict[int, list[Violation]]  # by line


@dataclass(frozen=True, slots=True)
class HistoryDraft:
    """A deal's history to be written: with the deal itself (`new`), or to one that is there (`known`).

    `columns` are the deal's, all of a new one, those that may change of a known one. `owner_id` is whom visits without
    an owner are put under.
    """

    id: int
    columns: Mapping[str, Any]
    history: History
    owner_id: int
    new: DealDraft | None = None
    known: KnownDeal | None = None
    changes: Changes = field(default_factory=dict)
    move: None = None


def judge_visits(session: Session, world: World, deals: Sequence[DealRows]) -> list[Judged[HistoryDraft]]:
    """Say for each row of these deals what becomes of it; one bad row refuses all rows of its deal."""
    names = Names(world)
    cases = [_case(names, deal) for deal in deals]
    known = _known(session, world, cases)
    for case in cases:
        present = known.get(world.foreign["deal"].get(case.deal.foreign) or 0)
        if case.pipeline and present and not present.is_bare and present.facts["pipeline_id"] != case.pipeline.id:
            # Another process has a deal of that number: ids of logs are seldom unique beyond them.
            case.deal = replace(case.deal, foreign=f"{case.pipeline.name}: {case.deal.name}"[:300])
    known |= _known(session, world, [case for case in cases if case.deal.foreign != case.deal.name])
    return [judged for case in cases for judged in _judge(world, names, case, known)]


@dataclass(slots=True)
class _Case:
    """A deal's rows and the pipeline they are about."""

    deal: DealRows
    pipeline: PipelineInfo | None
    found: Found


def _case(names: Names, deal: DealRows) -> _Case:
    found: Found = {row.line: list(row.problems) for row in deal.rows if row.problems}
    return _Case(deal, None if found else names.pipeline(deal, found), found)


def _known(session: Session, world: World, cases: Sequence[_Case]) -> dict[int, KnownDeal]:
    foreign = world.foreign["deal"]
    keys = [case.deal.foreign for case in cases if case.deal.foreign]
    foreign.load(session, world.actor, keys)
    return load_known(session, world, [one for one in map(foreign.get, keys) if one])


def _judge(world: World, names: Names, case: _Case, known: Mapping[int, KnownDeal]) -> list[Judged[HistoryDraft]]:
    deal, pipeline, found = case.deal, case.pipeline, case.found
    deal_id = world.foreign["deal"].get(deal.foreign) if deal.foreign else None
    if deal_id == HIDDEN:
        found.setdefault(deal.first_line, []).append(Violation("not_found", "deal"))
    present = known.get(deal_id) if deal_id else None
    draft, fresh, warnings = None, set[int](), dict[int, Violation]()
    if pipeline and not found:
        happenings = _happenings(world, names, deal, pipeline, found)
        if not found:
            judged = _Deal(world, names, deal, pipeline, found)
            draft = judged.draft(happenings, present)
            fresh, warnings = judged.fresh, judged.warnings
    if found:
        return _refused(deal, found)
    made = present is None or present.is_bare
    carrier = deal.first_line if made else min(fresh, default=0)
    judged_rows: list[Judged[HistoryDraft]] = []
    for row in deal.rows:
        is_new = made or (draft is not None and row.line in fresh)
        verdict = RowVerdict.UNCHANGED if not is_new else RowVerdict.CREATED if made else RowVerdict.UPDATED
        doubts = (*row.warnings, *([warnings[row.line]] if row.line in warnings else []))
        carried = draft if row.line == carrier else None
        judged_rows.append(Judged(row.line, (), verdict, _label(deal, row), carried, (), doubts))
    return judged_rows


class _Deal:
    """Judges one deal whose rows can be read; `fresh` are the lines that tell something new."""

    def __init__(self, world: World, names: Names, deal: DealRows, pipeline: PipelineInfo, found: Found) -> None:
        self.world = world
        self.names = names
        self.deal = deal
        self.pipeline = pipeline
        self.found = found
        self.fresh: set[int] = set()
        self.warnings: dict[int, Violation] = {}
        self.positions = {stage.id: stage.position for stage in pipeline.stages}

    def draft(self, happenings: list[Happening], present: KnownDeal | None) -> HistoryDraft | None:
        """Return what is to be written, None where nothing is or it can't be."""
        if present is None:
            return self._of_new(happenings)
        if present.kind is None:
            self._refuse("visits_deal_out_of_use")
            return None
        if present.facts["pipeline_id"] != self.pipeline.id:
            self._refuse("stage_of_other_pipeline", "pipeline")
            return None
        return self._of_bare(happenings, present) if present.is_bare else self._of_known(happenings, present)

    def _of_new(self, happenings: list[Happening]) -> HistoryDraft | None:
        history = self._built(build(happenings, self.positions))
        owner_id = _last_owner(happenings) or self.names.default_owner()
        if owner_id is None:
            self._refuse("owner_missing", "owner")
            return None
        new = new_draft(self.world, self.pipeline, self.deal, history, owner_id, happenings[0].at)
        if isinstance(new, Violation):
            self._refuse(new.code, new.field)
            return None
        return HistoryDraft(new.id, new.columns, history, owner_id, new=new)

    def _of_bare(self, happenings: list[Happening], present: KnownDeal) -> HistoryDraft | None:
        ending = _ending(self.world, self.pipeline, happenings, present)
        if isinstance(ending, Violation):
            self._refuse(ending.code, ending.field)
            return None
        owner_id = present.facts["owner_id"]
        if owner_id == self.names.default_owner():  # the file of deals names nobody
            owner_id = _last_owner(happenings) or owner_id
        told = [*happenings, *ending]
        visit = build(told, self.positions).standing.visit
        if visit is not None and visit.owner_id not in (None, owner_id):
            # It has changed hands since; nobody says when, so it counts from now on.
            told.append(replace(told[-1], at=self.world.now, owner_id=owner_id, left_at=None))
        history = self._built(build(told, self.positions))
        columns = bare_columns(self.world, self.pipeline, self.deal, history, owner_id, happenings[0].at, present)
        if isinstance(columns, Violation):
            self._refuse(columns.code, columns.field)
            return None
        return HistoryDraft(present.id, columns, history, owner_id, known=present)

    def _of_known(self, happenings: list[Happening], present: KnownDeal) -> HistoryDraft | None:
        news = news_in(present, happenings)
        if news.line is not None:
            self.found[news.line] = [Violation("visit_contradicts", None)]
            return None
        before = present.history()
        if not news.happenings:
            return None
        history = self._built(build(news.happenings, self.positions, before, news.left_at))
        standing = [before.standing.visit] if before.standing.visit else []
        if history.visits == standing and (standing or history.standing == before.standing):
            return None
        owner_id = _last_owner(news.happenings) or present.facts["owner_id"]
        self.fresh = {one.line for one in news.happenings}
        columns, changes = known_columns(self.world, self.pipeline, self.deal, history, owner_id, present, self.fresh)
        if isinstance(columns, Violation):
            self._refuse(columns.code, columns.field)
            return None
        return HistoryDraft(present.id, columns, history, owner_id, known=present, changes=changes)

    def _built(self, history: History) -> History:
        self.warnings = history.warnings
        return history

    def _refuse(self, code: str, field_name: str | None = None) -> None:
        self.found.setdefault(self.deal.first_line, []).append(Violation(code, field_name))


def _happenings(world: World, names: Names, deal: DealRows, pipeline: PipelineInfo, found: Found) -> list[Happening]:
    latest = world.now + timedelta(days=1)
    happenings: list[Happening] = []
    outcomes = {row.outcome for row in deal.rows}
    is_of_deal = len(outcomes) == 1 and len(deal.rows) > 1
    for at, row in enumerate(deal.rows):
        if row.at > latest:
            found.setdefault(row.line, []).append(Violation("date_in_future", "entered_at"))
        stage = names.stage(pipeline, row, found)
        owner_id = names.owner(row, found)
        if stage is None:
            continue
        moment = row.at.replace(microsecond=0)
        left_at = row.left_at.replace(microsecond=0) if row.left_at else None
        happenings.append(Happening(moment, stage.id, stage.kind, owner_id, left_at, row.line))
        following = deal.rows[at + 1] if at + 1 < len(deal.rows) else None
        if row.outcome is None or stage.kind is not StageKind.OPEN or (following and is_of_deal):
            continue
        next_stage = names.stage(pipeline, following, found) if following else None
        if next_stage is not None and next_stage.kind is not StageKind.OPEN:
            continue  # the row behind it says the same, and when
        end = pipeline.won_stage if row.outcome is StageKind.WON else pipeline.lost_stage
        limit = following.at.replace(microsecond=0) if following else None
        closed_at = left_at or limit or moment
        closed_at = min(closed_at, limit) if limit else closed_at
        happenings.append(Happening(closed_at, end.id, end.kind, owner_id, None, row.line))
    return happenings


def _ending(
    world: World, pipeline: PipelineInfo, happenings: Sequence[Happening], present: KnownDeal
) -> list[Happening] | Violation:
    """Return how a deal ended by the file of deals where its visits don't say; a contradiction is refused."""
    last, facts = happenings[-1], present.facts
    differs = Violation("visits_end_differs", "stage")
    if last.kind is not StageKind.OPEN:
        is_unsaid = facts["stage_id"] == pipeline.open_stages[0].id
        return [] if present.kind is last.kind or is_unsaid else differs
    if present.kind is StageKind.OPEN:
        return [] if facts["stage_id"] in (last.stage_id, pipeline.open_stages[0].id) else differs
    closed_at = facts["closed_at"]
    if closed_at < last.at:
        zone = world.place.zone
        if closed_at.astimezone(zone).date() != last.at.astimezone(zone).date():
            return Violation("dates_out_of_order", "entered_at")
        closed_at = last.at  # a day of closing without its hour
    return [Happening(closed_at, facts["stage_id"], present.kind or StageKind.LOST, None, None, last.line)]


def _last_owner(happenings: Iterable[Happening]) -> int | None:
    known = [one.owner_id for one in happenings if one.owner_id is not None]
    return known[-1] if known else None


def _refused(deal: DealRows, found: Found) -> list[Judged[HistoryDraft]]:
    first = min(found)
    judged: list[Judged[HistoryDraft]] = []
    for row in deal.rows:
        violations = found.get(row.line) or [Violation("visit_deal_refused", None, {"line": first})]
        judged.append(
            Judged(
                row.line, row.split_cells(), RowVerdict.FAILED, _label(deal, row), None, tuple(violations), row.warnings
            )
        )
    return judged


def _label(deal: DealRows, row: VisitRow) -> str:
    return f"{row.about.title or deal.name} · {row.stage}"
