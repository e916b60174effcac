"""Merges at the same time as each other and as a manager's work: one winner each, no ring, nothing points nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import func, select

from crm.clock import utc_now
from crm.contacts.commands import edit_contact, set_contact_company
from crm.contacts.fields import ContactFields
from crm.db import Database
from crm.deals.activities import add_activity
from crm.deals.commands import NewDeal, create_deal, edit_deal
from crm.deals.invariants import broken_invariants
from crm.deals.moves import Move, lose_deal, move_deal
from crm.deals.next_steps import plan_next_step
from crm.deals.values import DealChanges, DealPart, LossAnswer, StepPlan
from crm.duplicates.bulk import start_bulk
from crm.duplicates.bulk_work import merge_group
from crm.duplicates.clusters import merge_several
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_decisions import dismiss_pair
from crm.duplicates.pair_store import FoundPair, keep_pairs
from crm.duplicates.row_values import MODELS
from crm.duplicates.undo import undo_merge
from crm.matching.models_in_use import load_model
from crm.matching.values import Match
from crm.models import (
    ActivityKind,
    BackgroundJob,
    Contact,
    ContactPoint,
    DealContact,
    EntityType,
    JobStatus,
    Merge,
    MergeBatch,
    MergeBatchStatus,
    PairSource,
    PointKind,
    StepKind,
)
from tests.conftest import Cast
from tests.deals.interleaving import Job, interleaved
from tests.duplicates.test_bulk import add_pair
from tests.factories import PipelineRows, add_company, add_contact, add_deal, add_pipeline

CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL
NAMES = count(1)


@dataclass(frozen=True, slots=True)
class Desk:
    """Committed pairs of contacts, companies and deals that belong to each other."""

    cast: Cast
    pipeline: PipelineRows
    contacts: tuple[int, int]
    companies: tuple[int, int]
    deals: tuple[int, int]

    def pair(self, entity_type: EntityType) -> tuple[int, int]:
        """Return the two records of a type."""
        return {CONTACT: self.contacts, COMPANY: self.companies, DEAL: self.deals}[entity_type]


@pytest.fixture
def desks(database: Database, cast: Cast) -> Callable[[], Desk]:
    def make() -> Desk:
        with database.session_scope() as session:
            pipeline = add_pipeline(session, f"Sales {next(NAMES)}")
            companies = (add_company(session, cast.anna), add_company(session, cast.anna))
            contacts = (
                add_contact(session, cast.anna, "Ivan", phone="+79161234567", company_id=companies[0]),
                add_contact(session, cast.anna, "Ivan", email="i@mir.ru", company_id=companies[1]),
            )
            deals = (
                add_deal(session, cast.anna, pipeline, company_id=companies[0]),
                add_deal(session, cast.anna, pipeline, company_id=companies[1]),
            )
            for deal, contact in zip(deals, contacts, strict=True):
                session.add(DealContact(deal_id=deal, contact_id=contact))
        return Desk(cast, pipeline, contacts, companies, deals)

    return make


def merging(desk: Desk, entity_type: EntityType, *, turned: bool = False) -> Job:
    survivor, merged = desk.pair(entity_type)[::-1] if turned else desk.pair(entity_type)
    return lambda session: merge_records(
        session, desk.cast.vera, entity_type=entity_type, survivor_id=survivor, merged_id=merged
    )


def plan() -> StepPlan:
    return StepPlan(StepKind.CALL, utc_now() + timedelta(days=2), "Call")


# What a manager does to the merged record, or points to it

WORK: dict[str, tuple[EntityType, Callable[[Desk], Job]]] = {
    "move the merged deal": (
        DEAL,
        lambda desk: lambda session: move_deal(
            session, desk.cast.anna, deal_id=desk.deals[1], move=Move(desk.pipeline.stages[1])
        ),
    ),
    "move the survivor": (
        DEAL,
        lambda desk: lambda session: move_deal(
            session, desk.cast.anna, deal_id=desk.deals[0], move=Move(desk.pipeline.stages[1])
        ),
    ),
    "lose the merged deal": (
        DEAL,
        lambda desk: lambda session: lose_deal(
            session, desk.cast.anna, deal_id=desk.deals[1], move=Move(0, loss=LossAnswer(desk.pipeline.reasons[0]))
        ),
    ),
    "write on the merged deal": (
        DEAL,
        lambda desk: lambda session: add_activity(
            session, desk.cast.anna, deal_id=desk.deals[1], kind=ActivityKind.NOTE, text="Called"
        ),
    ),
    "plan on the merged deal": (
        DEAL,
        lambda desk: lambda session: plan_next_step(session, desk.cast.anna, deal_id=desk.deals[1], plan=plan()),
    ),
    "create a deal of the merged company": (
        COMPANY,
        lambda desk: lambda session: create_deal(
            session, desk.cast.anna,
            NewDeal(desk.pipeline.id, DealChanges(title="Pipes", company_id=desk.companies[1]), plan()),
        ),
    ),
    "create a deal with the merged contact": (
        CONTACT,
        lambda desk: lambda session: create_deal(
            session, desk.cast.anna,
            NewDeal(desk.pipeline.id, DealChanges(title="Pipes", contacts=(DealPart(desk.contacts[1]),)), plan()),
        ),
    ),
    "give a deal the merged contact": (
        CONTACT,
        lambda desk: lambda session: edit_deal(
            session, desk.cast.anna, deal_id=desk.deals[0], expected_version=1,
            changes=DealChanges(contacts=(DealPart(desk.contacts[1]), DealPart(desk.contacts[0]))),
        ),
    ),
    "edit the merged contact": (
        CONTACT,
        lambda desk: lambda session: edit_contact(
            session, desk.cast.anna, contact_id=desk.contacts[1], expected_version=1,
            fields=ContactFields("Ivan Petrov", company_id=desk.companies[1]),
        ),
    ),
    "put a contact into the merged company": (
        COMPANY,
        lambda desk: lambda session: set_contact_company(
            session, desk.cast.anna, contact_id=desk.contacts[0], expected_version=1, company_id=desk.companies[1]
        ),
    ),
    "edit a deal of the merged company": (
        COMPANY,
        lambda desk: lambda session: edit_deal(
            session, desk.cast.anna, deal_id=desk.deals[1], expected_version=1, changes=DealChanges(title="Pipes")
        ),
    ),
}  # fmt: skip
REFUSED = {"NotFound", "InvalidInput", "ChangedMeanwhile", "DealMovedMeanwhile"}


def in_every_order(
    database: Database, desks: Callable[[], Desk], jobs: Callable[[Desk], tuple[Job, Job]], *, every: int = 6
) -> list[tuple[str, str]]:
    """Run the two jobs on a new desk for every few statements before which the first may be overtaken, both ways."""
    found = []
    for turned in (False, True):
        for pause_at in range(1, 200, 20 if database.is_sqlite else every):
            desk = desks()
            first, second = jobs(desk)[::-1] if turned else jobs(desk)
            outcomes = interleaved(database, first, second, pause_at)
            if outcomes is None:
                break
            found.append(outcomes[::-1] if turned else outcomes)
    with database.read_scope() as session:
        assert broken_invariants(session, desk.cast.vera) == []
    assert len(found) > 3
    return found


@pytest.mark.parametrize("entity_type", EntityType)
@pytest.mark.parametrize("turned", [False, True], ids=["same way", "crosswise"])
def test_of_two_merges_of_a_pair_one_wins(
    database: Database, desks: Callable[[], Desk], entity_type: EntityType, turned: bool
) -> None:
    runs = in_every_order(
        database, desks, lambda desk: (merging(desk, entity_type), merging(desk, entity_type, turned=turned))
    )
    assert {tuple(sorted(outcomes)) for outcomes in runs} == {("NotFound", "done")}


@pytest.mark.parametrize("work", WORK)
def test_merge_and_work_end_whole(database: Database, desks: Callable[[], Desk], work: str) -> None:
    entity_type, job = WORK[work]
    for merged, worked in in_every_order(database, desks, lambda desk: (merging(desk, entity_type), job(desk))):
        assert merged == "done"
        assert worked == "done" or worked in REFUSED


@pytest.mark.parametrize(
    ("first", "second"), [(CONTACT, DEAL), (CONTACT, COMPANY), (COMPANY, DEAL)], ids=["c-d", "c-k", "k-d"]
)
def test_merges_of_different_types_make_no_ring(
    database: Database, desks: Callable[[], Desk], first: EntityType, second: EntityType
) -> None:
    runs = in_every_order(database, desks, lambda desk: (merging(desk, first), merging(desk, second)))
    assert set(runs) == {("done", "done")}


@pytest.mark.parametrize("entity_type", EntityType)
def test_of_two_undos_one_wins(database: Database, desks: Callable[[], Desk], entity_type: EntityType) -> None:
    def jobs(desk: Desk) -> tuple[Job, Job]:
        with database.session_scope() as session:
            merging(desk, entity_type)(session)
            merge_id = session.scalars(select(Merge.id).order_by(Merge.id.desc()).limit(1)).one()

        def undoing() -> Job:
            return lambda session: undo_merge(session, desk.cast.vera, merge_id=merge_id)

        return undoing(), undoing()

    runs = in_every_order(database, desks, jobs)
    assert {tuple(sorted(outcomes)) for outcomes in runs} == {("InvalidInput", "done")}


@pytest.mark.parametrize("entity_type", EntityType)
def test_undo_and_merge_of_the_survivor_end_whole(
    database: Database, desks: Callable[[], Desk], entity_type: EntityType
) -> None:
    merges: list[tuple[int, Desk, int]] = []  # with the record that takes the survivor in

    def jobs(desk: Desk) -> tuple[Job, Job]:
        with database.session_scope() as session:
            merge_id: int = merging(desk, entity_type)(session)
            add: Callable[[], int] = {
                CONTACT: lambda: add_contact(session, desk.cast.anna, "Ivan"),
                COMPANY: lambda: add_company(session, desk.cast.anna),
                DEAL: lambda: add_deal(session, desk.cast.anna, desk.pipeline),
            }[entity_type]
            third = add()
        merges.append((merge_id, desk, third))
        return (
            lambda session: undo_merge(session, desk.cast.vera, merge_id=merge_id),
            lambda session: merge_records(
                session, desk.cast.vera, entity_type=entity_type, survivor_id=third,
                merged_id=desk.pair(entity_type)[0],
            ),
        )  # fmt: skip

    runs = in_every_order(database, desks, jobs)
    # A merge that came first is one that the undo would have to take back as well; nobody asked for that.
    assert set(runs) <= {("done", "done"), ("InvalidInput", "done")}
    model = MODELS[entity_type]
    with database.read_scope() as session:
        for merge_id, desk, third in merges:
            survivor, hidden = desk.pair(entity_type)
            is_undone = session.get_one(Merge, merge_id).undone_at is not None
            where = dict(session.execute(select(model.id, model.merged_into_id)).all())
            assert where[hidden] == (None if is_undone else survivor)
            assert where[survivor] == third or is_undone
            if entity_type is CONTACT:  # the mailbox goes home, or on
                holder = select(ContactPoint.contact_id).where(ContactPoint.contact_id.in_((hidden, third)))
                assert session.scalars(holder.where(ContactPoint.kind == PointKind.EMAIL)).all() == [
                    hidden if is_undone else third
                ]


@dataclass(frozen=True, slots=True)
class Group:
    """Three contacts whom sure pairs join, the third in a deal; the weak pair waits for somebody's word."""

    ids: tuple[int, int, int]
    deal: int
    weak: int
    batch: int


@pytest.fixture
def groups(database: Database, cast: Cast) -> Callable[[], Group]:
    def make() -> Group:
        with database.session_scope() as session:
            pipeline = add_pipeline(session, f"Sales {next(NAMES)}")
            first, second, third = (add_contact(session, cast.anna, "Olga Serova") for _ in range(3))
            deal = add_deal(session, cast.anna, pipeline)
            session.add(DealContact(deal_id=deal, contact_id=third))
            add_pair(session, first, second)
            add_pair(session, second, third)
            batch = MergeBatch(
                entity_type=CONTACT, status=MergeBatchStatus.RUNNING, least_weight=9.0, planned=2, created_at=utc_now()
            )
            session.add(batch)
            weak = add_pair(session, first, third, weight=4.0, is_automatic=False)
            return Group((first, second, third), deal, weak, batch.id)

    return make


def all_orders(
    database: Database, groups: Callable[[], Group], merge: Callable[[Group], Job], work: Callable[[Group], Job]
) -> Iterator[tuple[Group, str, str]]:
    """Run the two on a new group for every few statements before which the first may be overtaken, both ways."""
    for turned in (False, True):
        for pause_at in range(1, 300, 20 if database.is_sqlite else 3):
            group = groups()
            jobs = (merge(group), work(group))
            outcomes = interleaved(database, *(jobs[::-1] if turned else jobs), pause_at)
            if outcomes is None:
                break
            merged, worked = outcomes[::-1] if turned else outcomes
            yield group, merged, worked


def hidden_of(database: Database, group: Group) -> int:
    with database.read_scope() as session:
        query = select(func.count()).where(Contact.id.in_(group.ids), Contact.merged_into_id.is_not(None))
        return session.scalar(query) or 0


def by_batch(cast: Cast) -> Callable[[Group], Job]:
    return lambda group: lambda session: merge_group(session, cast.vera, batch_id=group.batch, record_ids=group.ids)


def by_hand(cast: Cast) -> Callable[[Group], Job]:
    return lambda group: (
        lambda session: merge_several(
            session, cast.vera, entity_type=CONTACT, survivor_id=group.ids[0], merged_ids=group.ids[1:]
        )
    )


MERGES_OF_SEVERAL = {"batch": by_batch, "hand": by_hand}


@pytest.mark.parametrize("merges", MERGES_OF_SEVERAL)
def test_group_and_word_about_two_of_it_are_told_apart(
    database: Database, cast: Cast, groups: Callable[[], Group], merges: str
) -> None:
    merge = MERGES_OF_SEVERAL[merges](cast)

    def dismiss(group: Group) -> Job:
        return lambda session: dismiss_pair(session, cast.boris, pair_id=group.weak)

    seen = set()
    for group, merged, said in all_orders(database, groups, merge, dismiss):
        seen.add(said)
        refused = {"batch": "done", "hand": "InvalidInput"}[merges]
        assert (merged, hidden_of(database, group)) == ((refused, 0) if said == "done" else ("done", 2))
    assert "done" in seen
    assert seen <= {"done", "PairDecided", "NotFound"}


@pytest.mark.parametrize("merges", MERGES_OF_SEVERAL)
def test_group_and_deal_of_two_of_it_make_no_ring(
    database: Database, cast: Cast, groups: Callable[[], Group], merges: str
) -> None:
    def edit(group: Group) -> Job:
        parts = (DealPart(group.ids[2]), DealPart(group.ids[0]))
        return lambda session: edit_deal(
            session, cast.anna, deal_id=group.deal, expected_version=1, changes=DealChanges(contacts=parts)
        )

    for group, merged, edited in all_orders(database, groups, MERGES_OF_SEVERAL[merges](cast), edit):
        assert (merged, hidden_of(database, group)) == ("done", 2)
        assert edited == "done" or edited in REFUSED


@pytest.mark.parametrize("merges", MERGES_OF_SEVERAL)
def test_group_and_scan_make_no_ring(database: Database, cast: Cast, groups: Callable[[], Group], merges: str) -> None:
    def scan(group: Group) -> Job:
        first, second, third = group.ids
        match = Match(31.0, 0.9995, (), ())
        found = [FoundPair(*sides, match) for sides in ((first, third), (second, third))]
        return lambda session: keep_pairs(
            session, CONTACT, found, source=PairSource.BATCH, known=load_model(session, CONTACT), now=utc_now()
        )

    for group, merged, scanned in all_orders(database, groups, MERGES_OF_SEVERAL[merges](cast), scan):
        assert (merged, scanned, hidden_of(database, group)) == ("done", "done", 2)


def test_of_two_who_start_a_batch_of_a_kind_one_wins(
    database: Database, cast: Cast, groups: Callable[[], Group]
) -> None:
    groups()
    started = 0
    for pause_at in range(1, 60, 20 if database.is_sqlite else 1):
        with database.session_scope() as session:
            for job in session.scalars(select(BackgroundJob)):
                job.status = JobStatus.DONE
        outcomes = interleaved(database, starting(cast), starting(cast), pause_at)
        if outcomes is None:
            break
        started += 1
        assert sorted(outcomes) == ["InvalidInput", "done"]
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(BackgroundJob)) >= started
    assert started


def starting(cast: Cast) -> Job:
    return lambda session: start_bulk(session, cast.vera, entity_type=CONTACT)
