"""Merging in bulk: what is taken, what is left out, a stop, a kill, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.invariants import broken_invariants
from crm.duplicates.bulk import list_batches, plan_bulk, start_bulk, stop_bulk, undo_bulk
from crm.duplicates.bulk_work import merge_batch, undo_batch
from crm.duplicates.merge_values import KindCount
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_decisions import dismiss_pair, snooze_pair
from crm.duplicates.undo import undo_merge
from crm.errors import Forbidden, InvalidInput, NotFound
from crm.jobs import JobStopped, LooseRun
from crm.jobs.run import Stop
from crm.models import (
    BackgroundJob,
    Contact,
    EntityType,
    JobStatus,
    MatchPair,
    Merge,
    MergeBatchStatus,
    PairSource,
    PairState,
)
from tests.conftest import Cast
from tests.duplicates.exported import exported
from tests.factories import add_contact

CONTACT = EntityType.CONTACT


def add_pair(session: Session, first: int, second: int, **columns: Any) -> int:
    left, right = sorted((first, second))
    values = {
        "weight": 30.0, "probability": 0.999, "lines": [], "guards": [], "is_automatic": True, "rank": 1.0,
        "state": PairState.OPEN, "source": PairSource.BATCH, "found_at": utc_now(), **columns,
    }  # fmt: skip
    pair = MatchPair(entity_type=CONTACT, left_id=left, right_id=right, **values)
    session.add(pair)
    session.flush()
    return pair.id


@dataclass(frozen=True, slots=True)
class Scene:
    """Three pairs and a group of three, all sure; a guarded pair and one below the threshold."""

    pairs: list[tuple[int, int]]
    group: tuple[int, int, int]


@pytest.fixture
def scene(database: Database, cast: Cast) -> Scene:
    with database.session_scope() as session:
        people = [
            add_contact(session, cast.anna, f"Ivan {number // 2}", phone=f"+7916123450{number // 2}")
            for number in range(6)
        ]
        pairs = [(people[at], people[at + 1]) for at in (0, 2, 4)]
        for weight, pair in enumerate(pairs):
            add_pair(session, *pair, weight=40.0 - weight)
        first, second, third = (add_contact(session, cast.anna, "Olga Serova", email="o@mir.ru") for _ in range(3))
        add_pair(session, first, second)
        add_pair(session, second, third)
        others = [add_contact(session, cast.anna, "Petr") for _ in range(4)]
        add_pair(session, others[0], others[1], guards=["own_user"], is_automatic=False)
        add_pair(session, others[2], others[3], weight=3.0, is_automatic=False)
    return Scene(pairs, (first, second, third))


def started(database: Database, cast: Cast, **more: Any) -> tuple[int, Mapping[str, Any]]:
    with database.session_scope() as session:
        batch_id = start_bulk(session, cast.vera, entity_type=CONTACT, **more)
        return batch_id, session.scalars(select(BackgroundJob)).one().arguments


def end_job(database: Database) -> None:
    with database.session_scope() as session:
        for job in session.scalars(select(BackgroundJob)):
            job.status = JobStatus.DONE


def merged_pairs(database: Database) -> list[tuple[int, int]]:
    with database.read_scope() as session:
        query = select(Contact.merged_into_id, Contact.id).where(Contact.merged_into_id.is_not(None))
        return [(survivor or 0, merged) for survivor, merged in session.execute(query.order_by(Contact.id))]


def put_off(session: Session, actor: Actor, *, pair_id: int) -> None:
    snooze_pair(session, actor, pair_id=pair_id, until=utc_now() + timedelta(days=1))


def state_of(database: Database) -> str:
    with database.read_scope() as session:
        return exported(session)


def test_plan_tells_what_would_be_merged(database: Database, cast: Cast, scene: Scene) -> None:
    with database.read_scope() as session:
        plan = plan_bulk(session, cast.vera, entity_type=CONTACT)
        assert (plan.pairs, plan.clusters, plan.merges, plan.largest_cluster) == (5, 4, 5, 3)
        assert set(plan.left_out) == {KindCount("guarded", 1), KindCount("below_automatic", 1)}
        assert [(one.survivor_id, one.merged_id) for one in plan.samples[:3]] == scene.pairs
        surer = plan_bulk(session, cast.vera, entity_type=CONTACT, least_weight=39.0)
        assert (surer.pairs, {one.kind: one.count for one in surer.left_out}["below_automatic"]) == (2, 4)
        assert plan_bulk(session, cast.vera, entity_type=CONTACT, least_weight=0.0).pairs == 5
        assert plan_bulk(session, cast.vera, entity_type=CONTACT, limit=1).merges == 1


def test_pair_of_a_hidden_record_is_not_planned(database: Database, cast: Cast, scene: Scene) -> None:
    left, right = scene.pairs[0]
    with database.session_scope() as session:
        survivor = add_contact(session, cast.anna, "Ivan")
        merge_records(session, cast.vera, entity_type=CONTACT, survivor_id=survivor, merged_id=left)
        session.execute(update(MatchPair).where(MatchPair.state == PairState.GONE).values(state=PairState.OPEN))
    with database.read_scope() as session:
        plan = plan_bulk(session, cast.vera, entity_type=CONTACT)
        assert (plan.pairs, plan.merges) == (4, 4)
        assert right not in {key for one in plan.samples for key in (one.survivor_id, one.merged_id)}


def test_bulk_merges_and_goes_back(database: Database, cast: Cast, scene: Scene) -> None:
    before = state_of(database)
    batch_id, arguments = started(database, cast)
    assert merge_batch(database, cast.vera, LooseRun(), arguments) == {"merged": 5, "skipped": 0}
    with database.read_scope() as session:
        hidden = set(session.scalars(select(Contact.id).where(Contact.merged_into_id.is_not(None))))
        assert hidden == {right for _left, right in scene.pairs} | set(scene.group[1:])
        assert broken_invariants(session, cast.vera) == []
        (batch,) = list_batches(session, cast.vera)
        assert (batch.status, batch.merged, batch.undone) == (MergeBatchStatus.DONE, 5, 0)
        states = session.scalars(select(MatchPair.decided_by).where(MatchPair.state == PairState.MERGED)).all()
        assert states
        assert set(states) == {None}
    end_job(database)
    with database.session_scope() as session:
        undo_bulk(session, cast.vera, batch_id=batch_id)
    assert undo_batch(database, cast.vera, LooseRun(), {"batch_id": batch_id}) == {
        "undone": 5,
        "kept": 0,
        "conflicts": 0,
    }
    assert state_of(database) == before
    with database.read_scope() as session:
        assert list_batches(session, cast.vera)[0].status is MergeBatchStatus.ROLLED_BACK
        assert plan_bulk(session, cast.vera, entity_type=CONTACT).pairs == 5  # a batch taken back may be tried again


class Stopping(LooseRun):
    """A run that ends at the mark of the given number, as a kill or somebody's wish does."""

    def __init__(self, at: int, error: Exception) -> None:
        super().__init__()
        self.left, self.error = at, error

    def mark(self, session: Session, done: int, total: int | None = None, **more: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise self.error


@pytest.mark.parametrize("work", ["merge", "undo"])
def test_killed_in_the_middle_it_goes_on_and_does_nothing_twice(
    database: Database, cast: Cast, scene: Scene, work: str
) -> None:
    batch_id, arguments = started(database, cast)
    act: Callable[..., Any] = merge_batch
    if work == "undo":
        merge_batch(database, cast.vera, LooseRun(), arguments)
        act, arguments = undo_batch, {"batch_id": batch_id}
    with pytest.raises(KeyboardInterrupt):
        act(database, cast.vera, Stopping(2, KeyboardInterrupt()), arguments)  # type: ignore[arg-type]
    with database.read_scope() as session:
        done = session.scalar(select(func.count()).select_from(Merge).where(Merge.undone_at.is_(None)))
    assert done == (2 if work == "merge" else 3)
    act(database, cast.vera, LooseRun(), arguments)
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Merge)) == 5
        left = session.scalar(select(func.count()).select_from(Merge).where(Merge.undone_at.is_(None)))
        assert left == (5 if work == "merge" else 0)
        assert list_batches(session, cast.vera)[0].merged == 5
        assert broken_invariants(session, cast.vera) == []


def test_stopped_keeps_what_is_done(database: Database, cast: Cast, scene: Scene) -> None:
    _batch_id, arguments = started(database, cast)
    with pytest.raises(JobStopped):
        merge_batch(database, cast.vera, Stopping(1, JobStopped(Stop.CANCELLED)), arguments)
    with database.read_scope() as session:
        (batch,) = list_batches(session, cast.vera)
        assert (batch.status, batch.merged) == (MergeBatchStatus.STOPPED, 1)
        assert session.scalar(select(func.count()).select_from(Merge)) == 1


def test_stop_before_the_work_begins(database: Database, cast: Cast, scene: Scene) -> None:
    batch_id, _arguments = started(database, cast)
    with database.session_scope() as session:
        stop_bulk(session, cast.vera, batch_id=batch_id)
    with database.session_scope() as session:
        assert list_batches(session, cast.vera)[0].status is MergeBatchStatus.STOPPED
        for refused in (stop_bulk, undo_bulk):
            with pytest.raises(InvalidInput):
                refused(session, cast.vera, batch_id=batch_id)
        with pytest.raises(NotFound):
            stop_bulk(session, cast.vera, batch_id=batch_id + 1)


def test_one_batch_of_a_kind_at_a_time(database: Database, cast: Cast, scene: Scene) -> None:
    batch_id, arguments = started(database, cast)
    with database.session_scope() as session:
        for command in (
            lambda: start_bulk(session, cast.vera, entity_type=CONTACT),
            lambda: undo_bulk(session, cast.vera, batch_id=batch_id),
        ):
            with pytest.raises(InvalidInput) as refused:
                command()
            assert refused.value.violations[0].code == "merge_batch_at_work"
    merge_batch(database, cast.vera, LooseRun(), arguments)
    end_job(database)
    with database.session_scope() as session, pytest.raises(InvalidInput) as refused:
        start_bulk(session, cast.vera, entity_type=CONTACT)
    assert refused.value.violations[0].code == "merge_batch_empty"


def test_pairs_decided_meanwhile_are_left(database: Database, cast: Cast, scene: Scene) -> None:
    _batch_id, arguments = started(database, cast)
    with database.session_scope() as session:
        pair = session.scalars(select(MatchPair).filter_by(left_id=scene.pairs[0][0])).one()
        pair.state = PairState.NOT_DUPLICATE
    assert merge_batch(database, cast.vera, LooseRun(), arguments) == {"merged": 4, "skipped": 1}
    with database.read_scope() as session:
        assert session.get_one(Contact, scene.pairs[0][1]).merged_into_id is None


def test_work_begun_again_merges_no_more_than_was_approved(database: Database, cast: Cast, scene: Scene) -> None:
    batch_id, arguments = started(database, cast, limit=1)
    for _try in range(2):  # the second worker takes over what the first one has all but ended
        assert merge_batch(database, cast.vera, LooseRun(), arguments) == {"merged": 1, "skipped": 0}
    assert merged_pairs(database) == [scene.pairs[0]]
    with database.session_scope() as session:
        undo_merge(session, cast.boris, merge_id=session.scalars(select(Merge.id)).one())
    assert merge_batch(database, cast.vera, LooseRun(), arguments) == {"merged": 1, "skipped": 0}
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Merge)) == 1
        (batch,) = list_batches(session, cast.vera)
        assert (batch.id, batch.planned, batch.merged, batch.skipped) == (batch_id, 1, 1, 0)


def test_pairs_found_or_grown_sure_meanwhile_wait_for_another_batch(
    database: Database, cast: Cast, scene: Scene
) -> None:
    _batch_id, arguments = started(database, cast, least_weight=39.0)  # the two surest pairs
    with database.session_scope() as session:
        session.execute(update(MatchPair).where(MatchPair.is_automatic).values(weight=50.0))
        session.execute(update(MatchPair).where(MatchPair.left_id == scene.pairs[1][0]).values(weight=38.0))
        first, second = (add_contact(session, cast.anna, "Petr") for _ in range(2))
        add_pair(session, first, second, weight=60.0)
    assert merge_batch(database, cast.vera, LooseRun(), arguments) == {"merged": 1, "skipped": 1}
    assert merged_pairs(database) == [scene.pairs[0]]


@pytest.mark.parametrize("says", [dismiss_pair, put_off], ids=["different", "later"])
def test_two_of_a_group_kept_apart_while_the_batch_runs_leave_it_whole(
    database: Database, cast: Cast, scene: Scene, says: Callable[..., None]
) -> None:
    first, _second, third = scene.group
    with database.session_scope() as session:
        weak = add_pair(session, first, third, weight=4.0, is_automatic=False)
    _batch_id, arguments = started(database, cast)
    decided: list[int] = []

    def decide(*_progress: object) -> None:
        if not decided:
            decided.append(weak)
            with database.session_scope() as session:
                says(session, cast.boris, pair_id=weak)

    assert merge_batch(database, cast.vera, LooseRun(decide), arguments) == {"merged": 3, "skipped": 2}
    assert merged_pairs(database) == scene.pairs


def test_group_with_two_kept_apart_is_left_to_people(database: Database, cast: Cast, scene: Scene) -> None:
    first, _second, third = scene.group
    with database.session_scope() as session:
        add_pair(session, first, third, state=PairState.NOT_DUPLICATE)
        plan = plan_bulk(session, cast.vera, entity_type=CONTACT)
        assert plan.merges == 3
        assert KindCount("contradicted", 2) in plan.left_out


def test_pair_undone_by_hand_is_not_merged_again(database: Database, cast: Cast, scene: Scene) -> None:
    left, right = scene.pairs[0]
    with database.session_scope() as session:
        pair_id = session.scalars(select(MatchPair.id).filter_by(left_id=left)).one()
        merge_id = merge_records(
            session, cast.boris, entity_type=CONTACT, survivor_id=left, merged_id=right, pair_id=pair_id
        )
        undo_merge(session, cast.boris, merge_id=merge_id)
        assert session.get_one(MatchPair, pair_id).state is PairState.OPEN
        plan = plan_bulk(session, cast.vera, entity_type=CONTACT)
        assert plan.merges == 4
        assert KindCount("undone_before", 1) in plan.left_out


def test_records_merged_by_name_and_parted_are_not_merged_again(database: Database, cast: Cast, scene: Scene) -> None:
    first, second, third = scene.group
    with database.session_scope() as session:
        for survivor, merged in (scene.pairs[0][::-1], (first, third)):  # of the group two that no pair joins
            merge_id = merge_records(session, cast.boris, entity_type=CONTACT, survivor_id=survivor, merged_id=merged)
            undo_merge(session, cast.boris, merge_id=merge_id)
    with database.read_scope() as session:
        plan = plan_bulk(session, cast.vera, entity_type=CONTACT)
        assert plan.merges == 2
        assert {KindCount("undone_before", 1), KindCount("contradicted", 2)} < set(plan.left_out)
        shown = {key for one in plan.samples for key in (one.survivor_id, one.merged_id)}
        assert not shown & {*scene.pairs[0], second}


def test_undo_of_a_batch_keeps_what_later_merges_stand_on(database: Database, cast: Cast, scene: Scene) -> None:
    batch_id, arguments = started(database, cast)
    merge_batch(database, cast.vera, LooseRun(), arguments)
    end_job(database)
    with database.session_scope() as session:
        a, b = scene.pairs[0][0], scene.pairs[1][0]
        later = merge_records(session, cast.vera, entity_type=CONTACT, survivor_id=a, merged_id=b)
    result = undo_batch(database, cast.vera, LooseRun(), {"batch_id": batch_id})
    assert result == {"undone": 3, "kept": 2, "conflicts": 0}
    with database.session_scope() as session:
        assert list_batches(session, cast.vera)[0].status is MergeBatchStatus.DONE
        undo_merge(session, cast.vera, merge_id=later)
    assert undo_batch(database, cast.vera, LooseRun(), {"batch_id": batch_id})["undone"] == 2


def test_only_administrators_merge_in_bulk(session: Session, cast: Cast) -> None:
    for actor in (cast.anna, cast.boris):
        with pytest.raises(Forbidden):
            plan_bulk(session, actor, entity_type=CONTACT)
        with pytest.raises(Forbidden):
            start_bulk(session, actor, entity_type=CONTACT)


@pytest.mark.parametrize("limit", [0, 50_001])
def test_limit_is_bounded(session: Session, cast: Cast, limit: int) -> None:
    with pytest.raises(InvalidInput):
        plan_bulk(session, cast.vera, entity_type=CONTACT, limit=limit)
