"""Whatever a sales department does, in any order: the facts stay whole."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crm.actor import Actor
from crm.db import Database
from crm.deals.values import LossAnswer
from crm.models import Role
from crm.pipelines.rules import PipelineRules
from tests.conftest import Cast
from tests.factories import PipelineRows
from tests.properties.machine import START, Department, found_pipelines
from tests.stopped_clock import StopClock

BOUNDED = settings(
    max_examples=90,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
# The commands are the same code on both; where the engines differ shows in fewer runs.
ON_POSTGRESQL = settings(BOUNDED, max_examples=60)
# Those who see more come more often: else most of what is tried would be refused.
people = st.sampled_from(["vera", "boris", "anna", "vera", "boris", "anton", "dina"])
admins = st.sampled_from(["vera", "vera", "vera", "boris", "anna"])
amounts = st.sampled_from([250_000, 1, None, 0, -1])
hours = st.sampled_from([24, 1, 72, 24, 1, None, 0, -5, 20_000])
notes = st.sampled_from(["", "No cranes"])
# Not integers(): these take constants of whatever modules are loaded, and runs would differ with the tests before.
numbers = st.sampled_from(range(51))
removers = st.sampled_from(["vera", "vera", "vera", "vera", "boris"])
whys = st.sampled_from(["The client asked for it", "The client asked for it", "The client asked for it", "so what"])
# None, or one of the three reasons of the first pipeline, or of the second.
reasons = st.sampled_from([1, 4, 1, 4, 2, 5, 0])
with_deals = precondition(lambda self: bool(self.department.deals()))


class SalesDepartment(RuleBasedStateMachine):
    """People act on whatever there is; numbers choose among the deals, steps and stages."""

    database: ClassVar[Database]
    cast: ClassVar[Cast]
    pipelines: ClassVar[list[PipelineRows]]
    clock: ClassVar[list[StopClock]]
    done: ClassVar[Counter[str]]
    department: Department

    @initialize()
    def open(self) -> None:
        self.department = Department.opened(self.database, self.cast, self.pipelines)
        self.set_clock(self.department.now)
        for owner in ("anna", "dina"):
            self.create(owner, 0, None, 250_000, 24)

    @rule(who=people, pipeline=st.sampled_from([0, 0, 1]), owner=st.none() | people, amount=amounts, step=hours)
    def create(self, who: str, pipeline: int, owner: str | None, amount: int | None, step: int | None) -> None:
        given = self.person(owner) if owner else None
        self.department.create(self.person(who), pipeline, given, amount, self.department.step_plan(step))

    @with_deals
    @rule(
        who=people, number=numbers, amount=amounts, step=st.none() | hours, stale=st.sampled_from([False, False, True])
    )
    def edit(self, who: str, number: int, amount: int | None, step: int | None, stale: bool) -> None:
        plan = self.department.step_plan(step)
        self.department.edit(self.person(who), self.deal(number), amount, plan, stale=stale)

    @with_deals
    @rule(who=people, number=numbers, to=numbers, step=hours, reason=reasons, note=notes)
    def drop_anywhere(self, who: str, number: int, to: int, step: int | None, reason: int, note: str) -> None:
        stages = self.department.stages()
        target = stages[to % len(stages)]
        plan, loss = self.department.step_plan(step), self.loss(reason, note)
        # What the target has no use for is refused, so most drops bring only what fits.
        if number % 4:
            plan, loss = self.department.fitting(target, plan, loss)
        self.department.move(self.person(who), self.deal(number), target, plan, loss)

    @with_deals
    @rule(who=people, number=numbers, to=numbers, step=st.sampled_from([24, None]), reason=reasons, why=whys)
    def move_anyway(self, who: str, number: int, to: int, step: int | None, reason: int, why: str) -> None:
        stages = self.department.stages()
        target = stages[to % len(stages)]
        plan, loss = self.department.fitting(target, self.department.step_plan(step), self.loss(reason, "Why"))
        self.department.move(self.person(who), self.deal(number), target, plan, loss, why)

    @with_deals
    @rule(who=people, number=numbers, step=hours, why=whys)
    def take_up(self, who: str, number: int, step: int | None, why: str) -> None:
        self.department.take_up(self.person(who), self.deal(number), self.department.step_plan(step), why)

    @with_deals
    @rule(who=removers, number=numbers, why=whys)
    def remove(self, who: str, number: int, why: str) -> None:
        self.department.remove(self.person(who), self.deal(number), why)

    @precondition(lambda self: self.department.removed() is not None)
    @rule(who=removers, step=st.sampled_from([24, 1, 72, None, -5]), to=numbers)
    def restore(self, who: str, step: int | None, to: int) -> None:
        stages = self.department.stages()
        self.department.restore(self.person(who), self.department.step_plan(step), stages[to % len(stages)])

    @rule(who=admins, pipeline=st.sampled_from([0, 1]), back=st.booleans(), jump=st.booleans(), everybody=st.booleans())
    def set_rules(self, who: str, pipeline: int, back: bool, jump: bool, everybody: bool) -> None:
        roles = frozenset(Role) if everybody else frozenset({Role.ADMIN, Role.HEAD})
        self.department.set_rules(self.person(who), pipeline, PipelineRules(not back, not jump, roles))

    @rule(who=admins, start=numbers, end=numbers, role=st.sampled_from(Role), allowed=st.booleans())
    def except_role(self, who: str, start: int, end: int, role: Role, allowed: bool) -> None:
        stages = self.department.stages()
        ways = stages[start % len(stages)], stages[end % len(stages)]
        self.department.except_role(self.person(who), *ways, role, allowed=allowed)

    @with_deals
    @rule(who=people, number=numbers, step=hours)
    def move_on(self, who: str, number: int, step: int | None) -> None:
        self.department.move_on(self.person(who), self.deal(number), self.department.step_plan(step))

    @with_deals
    @rule(who=people, number=numbers)
    def see_through(self, who: str, number: int) -> None:
        for _ in range(self.department.stages_before_won(self.deal(number))):
            self.department.move_on(self.person(who), self.deal(number), self.department.step_plan(24))
        self.department.close_deal(self.person(who), self.deal(number), None, won=True)

    @with_deals
    @rule(who=people, number=numbers, reason=reasons, note=notes, won=st.sampled_from([False, True]))
    def close(self, who: str, number: int, reason: int, note: str, won: bool) -> None:
        loss = None if won else self.loss(reason, note)
        self.department.close_deal(self.person(who), self.deal(number), loss, won=won)

    @with_deals
    @rule(who=people, number=numbers, step=hours.filter(lambda one: one is not None))
    def plan(self, who: str, number: int, step: int) -> None:
        plan = self.department.step_plan(step)
        assert plan is not None
        self.department.plan(self.person(who), self.deal(number), plan)

    @with_deals
    @rule(who=people, number=numbers, step=hours)
    def complete(self, who: str, number: int, step: int | None) -> None:
        self.department.complete(self.person(who), self.step(number), self.department.step_plan(step))

    @with_deals
    @rule(who=people, number=numbers, step=st.sampled_from([48, 1, 0, -1]))
    def postpone(self, who: str, number: int, step: int) -> None:
        self.department.postpone(self.person(who), self.step(number), self.department.now + timedelta(hours=step))

    @with_deals
    @rule(who=people, number=numbers, owner=people)
    def reassign(self, who: str, number: int, owner: str) -> None:
        self.department.reassign(self.person(who), self.deal(number), self.person(owner))

    @with_deals
    @rule(who=people, number=numbers)
    def note(self, who: str, number: int) -> None:
        self.department.note(self.person(who), self.deal(number))

    @rule(who=admins, number=numbers, to=st.none() | numbers)
    def retire(self, who: str, number: int, to: int | None) -> None:
        stages = self.department.stages()
        target = None if to is None else stages[to % len(stages)]
        self.department.retire(self.person(who), stages[number % len(stages)], target)

    @rule(who=admins, number=numbers)
    def require_amount(self, who: str, number: int) -> None:
        stages = self.department.stages()
        self.department.require_amount(self.person(who), stages[number % len(stages)])

    @rule(who=admins, pipeline=st.sampled_from([0, 1]))
    def lengthen(self, who: str, pipeline: int) -> None:
        self.department.lengthen(self.person(who), pipeline)

    @with_deals
    @rule(who=people, number=numbers, reason=reasons, again=st.booleans())
    def lose_and_wait(self, who: str, number: int, reason: int, again: bool) -> None:
        """Lose a deal, perhaps take it up again, and let the day come when links bring it back."""
        deal = self.deal(number)
        self.department.close_deal(self.person(who), deal, self.loss(reason, "Why"), won=False)
        if again:
            self.department.take_up(self.person(who), deal, self.department.step_plan(24), "The client asked for it")
        self.set_clock(self.department.now + timedelta(hours=26))
        self.department.do_due()

    @rule(minutes=st.sampled_from([1, 60, 26 * 60, -10]))
    def let_time_pass(self, minutes: int) -> None:
        # Clocks are put right now and then, and those of two machines differ: time may seem to go back.
        self.set_clock(self.department.now + timedelta(minutes=minutes))

    @invariant()
    def everything_holds(self) -> None:
        self.department.check()

    def teardown(self) -> None:
        self.department.close()
        self.done.update(self.department.done)

    def person(self, name: str) -> Actor:
        actor: Actor = getattr(self.cast, name)
        return actor

    def deal(self, number: int) -> int:
        deals = self.department.deals()
        return deals[number % len(deals)]

    def step(self, number: int) -> int:
        steps = self.department.steps()
        return steps[number % len(steps)]

    def loss(self, number: int, note: str) -> LossAnswer | None:
        offered = [reason for pipeline in self.department.pipelines for reason in pipeline.reasons]
        return LossAnswer(offered[number - 1], note) if number else None

    def set_clock(self, now: datetime) -> None:
        self.department.now = now
        self.clock[0](now)


def test_facts_stay_whole_whatever_people_do(database: Database, cast: Cast, stop_clock: StopClock) -> None:
    done: Counter[str] = Counter()
    stop_clock(START)
    pipelines = found_pipelines(database)
    given = {"database": database, "cast": cast, "pipelines": pipelines, "clock": [stop_clock], "done": done}
    bounds = BOUNDED if database.is_sqlite else ON_POSTGRESQL
    run_state_machine_as_test(type("Run", (SalesDepartment,), given), settings=bounds)
    # The runs are worth something only when everything has been done and refused.
    outcomes = {name for name in done if name.startswith("link ")}
    rare = {"link skipped: max_rounds", "link skipped: deal_taken_up"} if database.is_sqlite else set()
    assert outcomes >= {"link created", "link waiting"} | rare
    commands = {name for name in done if ":" not in name} - outcomes
    # A step that is open and one's own is met too seldom to demand that one was put off.
    assert commands | {"postpone"} == {
        "create", "edit", "move", "win", "lose", "plan", "complete", "postpone", "reassign", "note", "retire",
        "edit_stage", "add_stage", "remove", "restore", "edit_rules", "set_transitions", "override", "take_up",
        "do_due",
    }  # fmt: skip
    refusals = {name.split(": ")[1] for name in done if ":" in name and name not in outcomes}
    assert refusals == {"forbidden", "not_found", "invalid_input", "stage_rules_broken", "deal_moved_meanwhile"}
