"""A sales department that does anything at all, and what must hold after each thing it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.db import Database
from crm.deals.activities import add_activity
from crm.deals.board import BoardFilter, load_board
from crm.deals.commands import NewDeal, create_deal, edit_deal, reassign_deal
from crm.deals.invariants import broken_invariants
from crm.deals.moves import Move, lose_deal, move_deal, win_deal
from crm.deals.next_steps import complete_next_step, plan_next_step, postpone_next_step
from crm.deals.overrides import REASON_AT_LEAST
from crm.deals.removal import remove_deal, restore_deal
from crm.deals.retiring import retire_stage
from crm.deals.retracing import stale_paths
from crm.deals.values import DealChanges, LossAnswer, StepDone, StepPlan
from crm.errors import CrmError
from crm.i18n.event_texts import event_sentence
from crm.i18n.rule_texts import RULE_NAMES
from crm.models import (
    Activity,
    ActivityKind,
    Channel,
    Deal,
    DealRemoval,
    DealStatus,
    Event,
    LinkRun,
    NextStep,
    Pipeline,
    Role,
    RuleOverride,
    Stage,
    StageKind,
    StageTransition,
    StageVisit,
    StepKind,
    StepResult,
    User,
    VisitOutcome,
)
from crm.pipelines.commands import StagePlan, add_stage, edit_stage
from crm.pipelines.rules import PipelineRules, edit_rules, set_transitions
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.properties.linked import check_links, do_due_links, link_outcomes, link_pipelines
from tests.properties.retraces import work_off_retraces

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OUTCOMES = {DealStatus.WON: VisitOutcome.WON, DealStatus.LOST: VisitOutcome.LOST}
# After these a deal stands nowhere, until it is taken up again or put back.
INTERRUPTED = {VisitOutcome.WON, VisitOutcome.LOST, VisitOutcome.REMOVED}


def found_pipelines(database: Database) -> list[PipelineRows]:
    """Commit the two linked pipelines that every run begins with."""
    with database.session_scope() as session:
        pipelines = [add_pipeline(session, "First sales"), add_pipeline(session, "Repeat sales", ("Asked", "Agreed"))]
        link_pipelines(session, *pipelines)
    return pipelines


@dataclass(slots=True)
class Department:
    """The database of one run, its clock, and what was last seen of it."""

    session: Session
    cast: Cast
    pipelines: list[PipelineRows]
    now: datetime = START
    versions: dict[int, int] = field(default_factory=dict)
    newest_event: int = 0
    done: Counter[str] = field(default_factory=Counter)
    seen: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    is_checked: bool = False

    @classmethod
    def opened(cls, database: Database, cast: Cast, pipelines: list[PipelineRows]) -> Department:
        """Open a department with its pipelines in a transaction that is never committed."""
        department = cls(Session(database.write_engine, expire_on_commit=False), cast, pipelines)
        department.seen = department.rows()
        return department

    def close(self) -> None:
        """Take everything back, once what administrators look a base over with has agreed that it is whole."""
        self.done.update(link_outcomes(self.session))
        try:
            assert broken_invariants(self.session, self.cast.vera) == []
            assert stale_paths(self.session, self.cast.vera) == []
        finally:
            self.session.rollback()
            self.session.close()

    # What people do

    def attempt(self, name: str, command: Callable[[], Any]) -> None:
        """Run a command as an edge does: whole, or not at all."""
        try:
            with self.session.begin_nested():
                command()
        except CrmError as error:
            self.done[f"{name}: {error.code}"] += 1
            assert self.rows() == self.seen
        else:
            self.done[name] += 1
            self.seen, self.is_checked = self.rows(), False

    def create(
        self, actor: Actor, pipeline: int, owner: Actor | None, amount: int | None, step: StepPlan | None
    ) -> None:
        """Create a deal, good or not."""
        changes = DealChanges(title="Pipes", amount_minor=amount)
        new = NewDeal(self.pipelines[pipeline].id, changes, step, owner.user_id if owner else None)
        self.attempt("create", lambda: create_deal(self.session, actor, new))

    def edit(self, actor: Actor, deal: int, amount: int | None, step: StepPlan | None, *, stale: bool) -> None:
        """Save a deal's amount, perhaps with a step, perhaps from an old page."""
        version = self.version(deal) - int(stale)
        changes = DealChanges(amount_minor=amount, title=f"Pipes {amount}")
        self.attempt(
            "edit",
            lambda: edit_deal(
                self.session, actor, deal_id=deal, expected_version=version, changes=changes, next_step=step
            ),
        )

    def move(
        self,
        actor: Actor,
        deal: int,
        to_stage: int,
        step: StepPlan | None,
        loss: LossAnswer | None,
        reason: str | None = None,
    ) -> None:
        """Drop a deal on any stage of any pipeline, perhaps with a reason to pass rules."""
        move = Move(to_stage, self.version(deal), next_step=step, loss=loss, override_reason=reason)
        before = self.passed()
        self.attempt("move", lambda: move_deal(self.session, actor, deal_id=deal, move=move))
        if self.passed() > before:
            self.done["override"] += 1
            assert actor.role is not Role.MANAGER

    def take_up(self, actor: Actor, deal: int, step: StepPlan | None, reason: str) -> None:
        """Take a deal up again on the first stage of its pipeline, closed or not."""
        row = self.session.get_one(Deal, deal, populate_existing=True)
        closed = row.status in OUTCOMES
        stages = select(Stage.id).where(Stage.pipeline_id == row.pipeline_id, Stage.retired_at.is_(None))
        first = self.session.scalars(stages.order_by(Stage.position)).first()
        before = self.passed()
        self.move(actor, deal, first or 0, step, None, reason)
        self.done["take_up"] += int(closed and self.passed() > before)

    def remove(self, actor: Actor, deal: int, reason: str) -> None:
        """Take a deal out."""
        version = self.version(deal)
        self.attempt(
            "remove",
            lambda: remove_deal(self.session, actor, deal_id=deal, expected_version=version, reason=reason),
        )

    def restore(self, actor: Actor, step: StepPlan | None, stage: int | None) -> None:
        """Put the first removed deal back, with a step where it needs one, elsewhere where its stage is retired."""
        deal = self.session.get_one(Deal, self.removed() or 0, populate_existing=True)
        kind, retired_at = self.session.execute(
            select(Stage.kind, Stage.retired_at).where(Stage.id == deal.stage_id)
        ).one()
        given = step if kind is StageKind.OPEN else None
        target = stage if retired_at is not None else None
        self.attempt(
            "restore",
            lambda: restore_deal(self.session, actor, deal_id=deal.id, step=given, stage_id=target),
        )

    def removed(self) -> int | None:
        """Return the first removed deal."""
        return self.session.scalars(select(Deal.id).where(Deal.status == DealStatus.REMOVED).order_by(Deal.id)).first()

    def do_due(self) -> None:
        """Let the deals come that links have put off."""
        self.attempt("do_due", lambda: do_due_links(self.session, self.now))

    def set_rules(self, actor: Actor, pipeline: int, rules: PipelineRules) -> None:
        """Turn a pipeline's switches and say who creates deals."""
        row = self.session.get_one(Pipeline, self.pipelines[pipeline].id, populate_existing=True)
        self.attempt(
            "edit_rules",
            lambda: edit_rules(self.session, actor, pipeline_id=row.id, expected_version=row.version, rules=rules),
        )

    def except_role(self, actor: Actor, start: int, end: int, role: Role, *, allowed: bool) -> None:
        """Allow or forbid a role a way between two stages, whatever they are."""
        pipeline_id, version = self.session.execute(
            select(Pipeline.id, Pipeline.version).join(Stage).where(Stage.id == start)
        ).one()
        self.attempt(
            "set_transitions",
            lambda: set_transitions(
                self.session, actor, pipeline_id=pipeline_id, expected_version=version, role=role,
                exceptions={(start, end): allowed},
            ),
        )  # fmt: skip

    def passed(self) -> int:
        """Return how many moves have gone past a rule."""
        return self.session.scalar(select(func.count()).select_from(RuleOverride)) or 0

    def stages_before_won(self, deal: int) -> int:
        """Return how many open stages lie between a deal and the stage of won deals."""
        row = self.session.get_one(Deal, deal, populate_existing=True)
        here = select(Stage.position).where(Stage.id == row.stage_id).scalar_subquery()
        ahead = select(Stage.id).where(Stage.pipeline_id == row.pipeline_id, Stage.retired_at.is_(None))
        return len(self.session.scalars(ahead.where(Stage.kind == StageKind.OPEN, Stage.position > here)).all())

    def move_on(self, actor: Actor, deal: int, step: StepPlan | None) -> None:
        """Move a deal to the stage that comes next, as most moves do."""
        row = self.session.get_one(Deal, deal, populate_existing=True)
        ahead = (
            select(Stage.id)
            .join(Deal, Deal.pipeline_id == Stage.pipeline_id)
            .where(Deal.id == deal, Stage.retired_at.is_(None), Stage.kind != StageKind.LOST)
            .where(Stage.position > select(Stage.position).where(Stage.id == row.stage_id).scalar_subquery())
            .order_by(Stage.position)
        )
        target = self.session.scalars(ahead).first() or row.stage_id
        self.move(actor, deal, target, *self.fitting(target, step, None))

    def close_deal(self, actor: Actor, deal: int, loss: LossAnswer | None, *, won: bool) -> None:
        """Win or lose a deal."""
        command = win_deal if won else lose_deal
        move = Move(0, loss=loss)
        self.attempt("win" if won else "lose", lambda: command(self.session, actor, deal_id=deal, move=move))

    def plan(self, actor: Actor, deal: int, step: StepPlan) -> None:
        """Plan a step."""
        self.attempt("plan", lambda: plan_next_step(self.session, actor, deal_id=deal, plan=step))

    def complete(self, actor: Actor, step: int, following: StepPlan | None) -> None:
        """Complete a step, perhaps the last one."""
        done = StepDone(StepResult.DONE, "Agreed")
        self.attempt(
            "complete",
            lambda: complete_next_step(self.session, actor, step_id=step, done=done, following=following),
        )

    def postpone(self, actor: Actor, step: int, due_at: datetime) -> None:
        """Postpone a step."""
        self.attempt("postpone", lambda: postpone_next_step(self.session, actor, step_id=step, due_at=due_at))

    def reassign(self, actor: Actor, deal: int, owner: Actor) -> None:
        """Hand a deal over."""
        version = self.version(deal)
        self.attempt(
            "reassign",
            lambda: reassign_deal(
                self.session, actor, deal_id=deal, expected_version=version, owner_id=owner.user_id or 0
            ),
        )

    def note(self, actor: Actor, deal: int) -> None:
        """Write a note."""
        self.attempt(
            "note",
            lambda: add_activity(self.session, actor, deal_id=deal, kind=ActivityKind.NOTE, text="Called"),
        )

    def retire(self, actor: Actor, stage: int, target: int | None) -> None:
        """Take a stage out of use."""
        version = self.pipeline_version(stage)
        self.attempt(
            "retire",
            lambda: retire_stage(self.session, actor, stage_id=stage, expected_version=version, target_stage_id=target),
        )

    def require_amount(self, actor: Actor, stage: int) -> None:
        """Make a stage ask for an amount."""
        plan = StagePlan(f"Stage {stage}", required=("amount",))
        if stage % 3 == 0 and self.session.get_one(Stage, stage).kind is StageKind.OPEN:
            plan = replace(plan, required_exit=("source",), step_kinds=(StepKind.CALL,))
        version = self.pipeline_version(stage)
        self.attempt(
            "edit_stage",
            lambda: edit_stage(self.session, actor, stage_id=stage, expected_version=version, plan=plan),
        )

    def lengthen(self, actor: Actor, pipeline: int) -> None:
        """Add a stage at the end of the working ones."""
        row = self.session.get_one(Pipeline, self.pipelines[pipeline].id, populate_existing=True)
        plan = StagePlan(f"Added {self.done.total()}")
        self.attempt(
            "add_stage",
            lambda: add_stage(self.session, actor, pipeline_id=row.id, expected_version=row.version, plan=plan),
        )

    # What there is

    def deals(self) -> list[int]:
        """Return every deal."""
        return list(self.session.scalars(select(Deal.id).order_by(Deal.id)))

    def steps(self) -> list[int]:
        """Return every step, open and done."""
        return list(self.session.scalars(select(NextStep.id).order_by(NextStep.id)))

    def stages(self) -> list[int]:
        """Return every stage, retired ones and ends too."""
        return list(self.session.scalars(select(Stage.id).order_by(Stage.id)))

    def version(self, deal: int) -> int:
        """Return a deal's present version."""
        return self.session.scalars(select(Deal.version).where(Deal.id == deal)).one()

    def pipeline_version(self, stage: int) -> int:
        """Return the present version of a stage's pipeline."""
        return self.session.scalars(select(Pipeline.version).join(Stage).where(Stage.id == stage)).one()

    def step_plan(self, hours: int | None) -> StepPlan | None:
        """Return a step so many hours from now."""
        return None if hours is None else StepPlan(StepKind.CALL, self.now + timedelta(hours=hours), "Call")

    def fitting(
        self, stage: int, step: StepPlan | None, loss: LossAnswer | None
    ) -> tuple[StepPlan | None, LossAnswer | None]:
        """Return of a step and a loss what a stage has use for."""
        kind = self.session.get_one(Stage, stage).kind
        return step if kind is StageKind.OPEN else None, loss if kind is StageKind.LOST else None

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what commands on deals and stages change."""
        tables = (
            Deal, StageVisit, NextStep, Activity, Event, Stage, Pipeline, StageTransition, RuleOverride, DealRemoval,
            LinkRun,
        )  # fmt: skip
        return {
            table.__tablename__: [tuple(row) for row in self.session.execute(select(table.__table__).order_by("id"))]
            for table in tables
        }

    # What must hold

    def check(self) -> None:
        """Fail unless everything holds that must; rows that are as they were hold still."""
        if self.is_checked:
            return
        deals = self.session.scalars(select(Deal).execution_options(populate_existing=True)).all()
        self._check_visits(deals)
        self._check_steps(deals)
        self._check_versions_and_events(deals)
        self._check_exceptions(deals)
        self._check_board()
        check_links(self.session)
        work_off_retraces(self.session)
        assert stale_paths(self.session, self.cast.vera) == []
        self.is_checked = True

    def _check_visits(self, deals: Any) -> None:
        visits: dict[int, list[StageVisit]] = {deal.id: [] for deal in deals}
        kinds = dict(self.session.execute(select(Stage.id, Stage.kind)).all())
        passed_rules = dict(self.session.execute(select(RuleOverride.visit_id, RuleOverride.rules)).all())
        retired = set(self.session.scalars(select(Stage.id).where(Stage.retired_at.is_not(None))))
        for visit in self.session.scalars(
            select(StageVisit).order_by(StageVisit.id).execution_options(populate_existing=True)
        ):
            visits[visit.deal_id].append(visit)
            assert kinds[visit.stage_id] is StageKind.OPEN
        for deal in deals:
            stays = visits[deal.id]
            assert stays[0].entered_at == deal.created_at
            for earlier, later in pairwise(stays):
                if earlier.outcome in INTERRUPTED:
                    assert earlier.left_at is not None
                    assert earlier.left_at <= later.entered_at
                    continue
                assert earlier.left_at == later.entered_at
                assert earlier.next_stage_id == later.stage_id
                handed = earlier.outcome is VisitOutcome.HANDOVER
                assert handed == (earlier.stage_id == later.stage_id and earlier.owner_id != later.owner_id)
            assert all(one.left_at is None or one.left_at >= one.entered_at for one in stays)
            first_stays = [one.stage_id for one in stays if one.is_first]
            assert sorted(first_stays) == sorted({one.stage_id for one in stays})
            last = stays[-1]
            if deal.status is DealStatus.OPEN:
                assert (last.left_at, last.outcome) == (None, VisitOutcome.OPEN)
                assert (last.stage_id, last.owner_id) == (deal.stage_id, deal.owner_id)
                assert deal.stage_id not in retired
                assert deal.closed_at is None
            elif deal.status is DealStatus.REMOVED:
                assert last.outcome in INTERRUPTED
                assert last.left_at is not None
            else:
                assert (last.left_at, last.outcome) == (deal.closed_at, OUTCOMES[deal.status])
                assert last.next_stage_id == deal.stage_id
                assert kinds[deal.stage_id].value == deal.status.name.lower()
                worthless = deal.status is DealStatus.WON and (deal.amount_minor or 0) <= 0
                assert not worthless or "amount_not_positive" in passed_rules.get(last.id, ())
                assert (deal.loss_reason_id is not None) == (deal.status is DealStatus.LOST)

    def _check_steps(self, deals: Any) -> None:
        dues: dict[int, list[datetime]] = {deal.id: [] for deal in deals}
        for deal_id, due_at in self.session.execute(
            select(NextStep.deal_id, NextStep.due_at).where(NextStep.done_at.is_(None))
        ):
            dues[deal_id].append(due_at)
        for deal in deals:
            assert deal.next_due_at == min(dues[deal.id], default=None)
            assert bool(dues[deal.id]) == (deal.status is DealStatus.OPEN)

    def _check_versions_and_events(self, deals: Any) -> None:
        versions = {deal.id: deal.version for deal in deals}
        assert versions.keys() >= self.versions.keys()
        assert all(versions[deal_id] >= version for deal_id, version in self.versions.items())
        self.versions = versions
        fresh = self.session.scalars(select(Event).where(Event.id > self.newest_event).order_by(Event.id)).all()
        for event in fresh:
            assert "—" not in event_sentence(event.kind, event.details)
            assert event.deal_id is None or event.deal_id in versions
            assert event.actor_id is not None or event.channel is Channel.SYSTEM
        self.newest_event = fresh[-1].id if fresh else self.newest_event

    def _check_exceptions(self, deals: Any) -> None:
        out = set(self.session.scalars(select(DealRemoval.deal_id).where(DealRemoval.restored_at.is_(None))))
        assert out == {deal.id for deal in deals if deal.status is DealStatus.REMOVED}
        visits = dict(self.session.execute(select(StageVisit.id, StageVisit.deal_id)).all())
        roles = dict(self.session.execute(select(User.id, User.role)).all())
        for row in self.session.scalars(select(RuleOverride)):
            assert visits[row.visit_id] == row.deal_id
            assert row.rules
            assert set(row.rules) <= set(RULE_NAMES)
            assert len(row.reason) >= REASON_AT_LEAST
            assert roles[row.actor_id or 0] is not Role.MANAGER

    def _check_board(self) -> None:
        for pipeline in self.pipelines:
            board = load_board(self.session, self.cast.vera, BoardFilter(pipeline.id))
            stays = self.session.scalars(
                select(StageVisit.stage_id).where(StageVisit.pipeline_id == pipeline.id, StageVisit.left_at.is_(None))
            )
            counted = {column.stage.id: column.total.count for column in board.columns if column.total.count}
            assert counted == Counter(stays)
            assert all(len(column.cards) == min(column.total.count, 50) for column in board.columns)
