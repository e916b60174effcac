"""People at one deal at the same time, and commands that break in the middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select

from crm.actor import Actor
from crm.clock import utc_now
from crm.contacts.commands import edit_company
from crm.contacts.fields import CompanyFields
from crm.db import Database
from crm.deals.activities import add_activity
from crm.deals.commands import NewDeal, create_deal, edit_deal, reassign_deal
from crm.deals.moves import Move, lose_deal, move_deal, win_deal
from crm.deals.next_steps import complete_next_step, plan_next_step, postpone_next_step
from crm.deals.retiring import retire_stage
from crm.deals.values import DealChanges, DealPart, LossAnswer, StepDone, StepPlan
from crm.models import ActivityKind, Deal, DealStatus, Event, NextStep, Stage, StageVisit, StepKind, StepResult
from tests.conftest import Cast, UnchangedFactory
from tests.deals.interleaving import Job, at_once, interleaved, listening
from tests.factories import PipelineRows, add_company, add_contact, add_deal, add_pipeline

DAY = timedelta(days=1)
DONE = StepDone(StepResult.DONE)
REFUSED = {"DealMovedMeanwhile", "InvalidInput", "StageRulesBroken"}


@dataclass(frozen=True, slots=True)
class Desk:
    """A committed deal of Anna's on the second stage of a pipeline of its own."""

    cast: Cast
    pipeline: PipelineRows
    deal: int
    ripe: int  # stands on the last stage
    step: int
    company: int
    contacts: tuple[int, int]


@pytest.fixture
def desks(database: Database, cast: Cast) -> Callable[[], Desk]:
    """Return a maker of desks, so that each order of statements begins from the same state."""
    numbers = iter(range(10_000))

    def make() -> Desk:
        with database.session_scope() as session:
            pipeline = add_pipeline(session, f"Sales {next(numbers)}")
            company = add_company(session, cast.anna)
            contacts = (add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.anna, "Olga"))
            deal, ripe = add_deal(session, cast.anna, pipeline, 1), add_deal(session, cast.anna, pipeline, 3)
            step = session.scalars(select(NextStep.id).where(NextStep.deal_id == deal)).one()
        return Desk(cast, pipeline, deal, ripe, step, company, contacts)

    return make


def plan(text: str = "Call again") -> StepPlan:
    return StepPlan(StepKind.CALL, utc_now() + 2 * DAY, text)


# What people do; each job begins from the first version of a desk


def moving(desk: Desk, actor: Actor | None = None, *, stage: int = 2) -> Job:
    move = Move(desk.pipeline.stages[stage], expected_version=1)
    return lambda session: move_deal(session, actor or desk.cast.anna, deal_id=desk.deal, move=move)


def dropping(desk: Desk) -> Job:
    move = Move(desk.pipeline.stages[2], expected_stage_id=desk.pipeline.stages[1])
    return lambda session: move_deal(session, desk.cast.boris, deal_id=desk.deal, move=move)


def editing(desk: Desk, title: str = "Pipes") -> Job:
    return lambda session: edit_deal(
        session, desk.cast.anna, deal_id=desk.deal, expected_version=1, changes=DealChanges(title=title)
    )


def losing(desk: Desk, *, ripe: bool = False) -> Job:
    move, deal = Move(0, loss=LossAnswer(desk.pipeline.reasons[0])), desk.ripe if ripe else desk.deal
    return lambda session: lose_deal(session, desk.cast.anna, deal_id=deal, move=move)


def winning(desk: Desk) -> Job:
    return lambda session: win_deal(session, desk.cast.boris, deal_id=desk.ripe, move=Move(0))


def completing(desk: Desk) -> Job:
    return lambda session: complete_next_step(
        session, desk.cast.anna, step_id=desk.step, done=DONE, following=plan("After the call")
    )


def postponing(desk: Desk) -> Job:
    due_at = utc_now() + 5 * DAY
    return lambda session: postpone_next_step(session, desk.cast.boris, step_id=desk.step, due_at=due_at)


def planning(desk: Desk) -> Job:
    return lambda session: plan_next_step(session, desk.cast.boris, deal_id=desk.deal, plan=plan("Review"))


def noting(desk: Desk) -> Job:
    return lambda session: add_activity(
        session, desk.cast.boris, deal_id=desk.deal, kind=ActivityKind.NOTE, text="Called"
    )


def handing_over(desk: Desk) -> Job:
    owner_id = desk.cast.anton.user_id or 0
    return lambda session: reassign_deal(
        session, desk.cast.boris, deal_id=desk.deal, expected_version=1, owner_id=owner_id
    )


def creating(desk: Desk) -> Job:
    new = NewDeal(desk.pipeline.id, DealChanges(title="Tubes", company_id=desk.company), plan())
    return lambda session: create_deal(session, desk.cast.anna, new)


def retiring(desk: Desk, *, stage: int, target: int | None) -> Job:
    to = None if target is None else desk.pipeline.stages[target]
    return lambda session: retire_stage(
        session, desk.cast.vera, stage_id=desk.pipeline.stages[stage], expected_version=1, target_stage_id=to
    )


def in_every_order(
    database: Database, desks: Callable[[], Desk], jobs: Callable[[Desk], tuple[Job, Job]], *, every: int = 3
) -> list[tuple[Desk, tuple[str, str]]]:
    """Run the two jobs at a new desk for each statement before which the first may be overtaken, both ways round.

    `every` second or third one is enough where the lock is the same one all the way.
    """
    found = []
    for turned in (False, True):
        # Writers of SQLite stand in a queue: wherever the first is held, the second waits for its end.
        for pause_at in range(1, 200, 5 if database.is_sqlite else every):
            desk = desks()
            first, second = jobs(desk)[::-1] if turned else jobs(desk)
            outcomes = interleaved(database, first, second, pause_at)
            if outcomes is None:
                break
            found.append((desk, outcomes[::-1] if turned else outcomes))
            check_whole(database, desk)
    assert len(found) > 3
    return found


def check_whole(database: Database, desk: Desk) -> None:
    """Fail unless every deal of the desk's pipeline agrees with its visits and steps, on a stage that is in use."""
    with database.read_scope() as session:
        for deal in session.scalars(select(Deal).where(Deal.pipeline_id == desk.pipeline.id)):
            visits = session.scalars(
                select(StageVisit).where(StageVisit.deal_id == deal.id).order_by(StageVisit.id)
            ).all()
            steps = select(NextStep.due_at).where(NextStep.deal_id == deal.id, NextStep.done_at.is_(None))
            dues = session.scalars(steps).all()
            assert deal.next_due_at == min(dues, default=None)
            assert [one.left_at for one in visits[:-1]] == [one.entered_at for one in visits[1:]]
            is_open = deal.status is DealStatus.OPEN
            assert (visits[-1].left_at is None) == bool(dues) == is_open
            if is_open:
                assert (visits[-1].stage_id, visits[-1].owner_id) == (deal.stage_id, deal.owner_id)
                assert session.get_one(Stage, deal.stage_id).retired_at is None
            else:
                assert visits[-1].next_stage_id == deal.stage_id


# Two at once, in every order


def test_two_people_move_one_card_and_one_wins(database: Database, desks: Callable[[], Desk]) -> None:
    for jobs in (
        lambda desk: (moving(desk), moving(desk, desk.cast.boris)),
        lambda desk: (dropping(desk), dropping(desk)),
    ):
        for desk, outcomes in in_every_order(database, desks, jobs, every=2):
            assert sorted(outcomes) == ["DealMovedMeanwhile", "done"]
            with database.read_scope() as session:
                assert session.get_one(Deal, desk.deal).stage_id == desk.pipeline.stages[2]
                moved = select(Event.id).where(Event.deal_id == desk.deal, Event.kind == "deal.moved")
                assert len(session.scalars(moved).all()) == 1


def test_two_edits_from_one_state_are_told_apart(database: Database, desks: Callable[[], Desk]) -> None:
    runs = in_every_order(database, desks, lambda desk: (editing(desk, "Pipes"), editing(desk, "Tubes")))
    for desk, outcomes in runs:
        assert sorted(outcomes) == ["DealMovedMeanwhile", "done"]
        with database.read_scope() as session:
            deal = session.get_one(Deal, desk.deal)
            assert (deal.title, deal.version) == ("Pipes" if outcomes[0] == "done" else "Tubes", 2)


def test_edit_and_move_from_one_state_are_told_apart(database: Database, desks: Callable[[], Desk]) -> None:
    for desk, outcomes in in_every_order(database, desks, lambda desk: (editing(desk), moving(desk))):
        assert sorted(outcomes) == ["DealMovedMeanwhile", "done"]
        edited = outcomes[0] == "done"
        with database.read_scope() as session:
            deal = session.get_one(Deal, desk.deal)
            assert (deal.title == "Pipes", deal.stage_id == desk.pipeline.stages[2]) == (edited, not edited)


def test_one_step_gets_one_result(database: Database, desks: Callable[[], Desk]) -> None:
    for desk, outcomes in in_every_order(database, desks, lambda desk: (completing(desk), completing(desk))):
        assert sorted(outcomes) == ["InvalidInput", "done"]
        with database.read_scope() as session:
            steps = session.scalars(select(NextStep).where(NextStep.deal_id == desk.deal).order_by(NextStep.id)).all()
            assert [step.done_at is None for step in steps] == [False, True]


def test_win_and_loss_exclude_each_other(database: Database, desks: Callable[[], Desk]) -> None:
    for desk, outcomes in in_every_order(database, desks, lambda desk: (winning(desk), losing(desk, ripe=True))):
        assert sorted(outcomes) == ["StageRulesBroken", "done"]
        with database.read_scope() as session:
            status = session.get_one(Deal, desk.ripe).status
            assert status is (DealStatus.WON if outcomes[0] == "done" else DealStatus.LOST)


@pytest.mark.parametrize(("stage", "target"), [(2, None), (2, 3), (1, 0), (1, 2)])
def test_no_deal_moves_onto_a_stage_being_retired(
    database: Database, desks: Callable[[], Desk], stage: int, target: int | None
) -> None:
    """Retire where the deal goes, then where it stands; whoever is first, it ends on a stage in use."""
    runs = in_every_order(
        database, desks, lambda desk: (moving(desk), retiring(desk, stage=stage, target=target)), every=2
    )
    for _desk, (moved, retired) in runs:
        assert "done" in {moved, retired}
        assert {moved, retired} - {"done"} <= REFUSED


def test_no_deal_is_created_on_a_stage_being_retired(database: Database, desks: Callable[[], Desk]) -> None:
    runs = in_every_order(database, desks, lambda desk: (creating(desk), retiring(desk, stage=0, target=2)))
    assert {outcomes for _desk, outcomes in runs} == {("done", "done")}


@pytest.mark.parametrize(
    "other", [completing, postponing, planning, noting, losing, handing_over], ids=lambda job: job.__name__
)
def test_move_and_anything_else_end_whole(
    database: Database, desks: Callable[[], Desk], other: Callable[[Desk], Job]
) -> None:
    for _desk, outcomes in in_every_order(database, desks, lambda desk: (dropping(desk), other(desk))):
        assert "done" in outcomes
        assert set(outcomes) - {"done"} <= REFUSED


def test_clients_of_two_deals_are_indexed_without_a_ring(database: Database, desks: Callable[[], Desk]) -> None:
    """Both deals get the same company and people, named in opposite order, while the company itself is renamed."""

    def jobs(desk: Desk) -> tuple[Job, Job]:
        with database.session_scope() as session:
            other = add_deal(session, desk.cast.anna, desk.pipeline)
        ivan, olga = desk.contacts

        def linking(deal: int, *people: int) -> Job:
            changes = DealChanges(company_id=desk.company, contacts=tuple(map(DealPart, people)))
            return lambda session: edit_deal(session, desk.cast.anna, deal_id=deal, expected_version=1, changes=changes)

        return linking(desk.deal, ivan, olga), linking(other, olga, ivan)

    def with_rename(desk: Desk) -> tuple[Job, Job]:
        rename = CompanyFields("Sever LLC")
        return jobs(desk)[0], lambda session: edit_company(
            session, desk.cast.anna, company_id=desk.company, expected_version=1, fields=rename
        )

    for pair in (jobs, with_rename):
        assert {outcomes for _desk, outcomes in in_every_order(database, desks, pair, every=5)} == {("done", "done")}


def test_eight_writers_all_get_their_turn(database: Database, cast: Cast, desks: Callable[[], Desk]) -> None:
    shared = desks()
    own = [desks() for _ in range(8)]
    told: Counter[str] = Counter()
    rounds: list[Callable[[int], Job]] = [
        lambda _number: creating(shared),
        lambda number: editing(shared, f"By {number}"),  # one wins
        lambda _number: noting(shared),
        lambda _number: planning(shared),
        lambda number: completing(own[number]),
        lambda number: handing_over(own[number]),
        lambda number: dropping(own[number]),
        lambda _number: dropping(shared),  # one wins
        lambda _number: postponing(shared),
        lambda _number: losing(shared),  # one wins
    ]
    for job in rounds:
        told.update(at_once(database, *map(job, range(8))))
    assert told == Counter({"done": 59, "DealMovedMeanwhile": 14, "StageRulesBroken": 7})
    for desk in (shared, *own):
        check_whole(database, desk)


# Commands that break in the middle


COMMANDS: dict[str, Callable[[Desk], Job]] = {
    "create": creating,
    "edit": editing,
    "move": moving,
    "lose": losing,
    "win": winning,
    "plan": planning,
    "complete": completing,
    "postpone": postponing,
    "note": noting,
    "reassign": handing_over,
    "retire": lambda desk: retiring(desk, stage=1, target=2),
}


class Broken(RuntimeError):
    """What breaks a command on purpose."""


@pytest.mark.parametrize("command", COMMANDS)
def test_command_that_breaks_at_any_statement_changes_nothing(
    database: Database, desks: Callable[[], Desk], unchanged: UnchangedFactory, command: str
) -> None:
    desk, other = desks(), desks()
    job = COMMANDS[command](desk)
    count = left = 0

    def break_at(*_statement: object) -> None:
        nonlocal count, left
        count, left = count + 1, left - 1
        if left == 0:
            raise Broken

    with listening(database, "before_cursor_execute", break_at):
        with database.session_scope() as session:
            COMMANDS[command](other)(session)
        statements = range(1, count + 1)
        with unchanged(database):
            for number in statements:
                left = number
                with pytest.raises(Broken), database.session_scope() as session:
                    job(session)
    assert len(statements) > 2
    with database.session_scope() as session:
        job(session)
    check_whole(database, desk)
