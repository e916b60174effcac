"""Taking merges back: conflicts field by field, later merges, stages that are no more, what stays."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.contacts.commands import edit_contact
from crm.contacts.fields import ContactFields
from crm.deals.activities import add_activity
from crm.deals.chain import load_chain
from crm.deals.invariants import broken_invariants
from crm.deals.next_steps import complete_next_step
from crm.deals.retiring import retire_stage
from crm.deals.values import StepDone, StepPlan
from crm.duplicates.merge_history import list_merges
from crm.duplicates.merge_values import KindCount, Side, UndoConflict
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.duplicates.undo_plan import plan_undo
from crm.errors import InvalidInput, NotFound, Violation
from crm.models import (
    ActivityKind,
    Company,
    Contact,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    Merge,
    NextStep,
    StageVisit,
    StepKind,
    StepResult,
    VisitOutcome,
)
from tests.conftest import Cast, UnchangedFactory
from tests.duplicates.exported import exported
from tests.factories import add_company, add_contact, add_deal, add_pipeline

CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL


def put_into(
    session: Session, cast: Cast, entity_type: EntityType, survivor_id: int, merged_id: int, **more: object
) -> int:
    return merge_records(
        session, cast.vera, entity_type=entity_type, survivor_id=survivor_id, merged_id=merged_id, **more
    )  # type: ignore[arg-type]


def test_what_people_changed_stays_and_is_told(session: Session, cast: Cast) -> None:
    a = add_contact(session, cast.anna, "Ivan", position="Buyer")
    b = add_contact(session, cast.anna, "Ivan Petrov", email="i@mir.ru")
    merge_id = put_into(session, cast, CONTACT, a, b)
    version = session.get_one(Contact, a).version
    fields = ContactFields("Ivan Serov", "Buyer")
    edit_contact(session, cast.anna, contact_id=a, expected_version=version, fields=fields, points=())
    plan = plan_undo(session, cast.vera, merge_id=merge_id)
    report = undo_merge(session, cast.vera, merge_id=merge_id)
    changed = UndoConflict("changed", "contacts", a, "name", "Ivan", "Ivan Petrov", "Ivan Serov")
    assert changed in report.conflicts
    assert ("gone", "contact_points") in {(one.code, one.kind) for one in report.conflicts}
    assert report.conflicts == plan.conflicts
    assert session.get_one(Contact, a).name == "Ivan Serov"
    assert (session.get_one(Contact, b).name, session.get_one(Contact, b).merged_into_id) == ("Ivan Petrov", None)


def test_conflict_of_a_company_is_told_by_names(session: Session, cast: Cast) -> None:
    mir, luna, sever = (add_company(session, cast.anna, name) for name in ("Mir", "Luna", "Sever"))
    a = add_contact(session, cast.anna, "Ivan", company_id=mir)
    b = add_contact(session, cast.anna, "Ivan", company_id=luna)
    merge_id = put_into(session, cast, CONTACT, a, b, choices={"company": Side.MERGED})
    session.get_one(Contact, a).company_id = sever
    session.flush()
    (conflict,) = undo_merge(session, cast.vera, merge_id=merge_id).conflicts
    assert (conflict.field, conflict.before, conflict.after, conflict.now) == ("company", "Mir", "Luna", "Sever")


def test_later_merges_refuse_or_go_first(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    a, b, c = (add_contact(session, cast.anna, name) for name in ("Ivan", "Ivan P.", "Ivan Petrov"))
    before = exported(session)
    first = put_into(session, cast, CONTACT, a, b)
    second = put_into(session, cast, CONTACT, c, a)
    assert [one.id for one in plan_undo(session, cast.vera, merge_id=first).dependents] == [second]
    session.flush()
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        undo_merge(session, cast.vera, merge_id=first)
    assert refused.value.violations[0].params == {"count": 1}
    assert undo_merge(session, cast.vera, merge_id=first, cascade=True).merge_ids == (second, first)
    assert exported(session) == before
    with pytest.raises(InvalidInput):
        undo_merge(session, cast.vera, merge_id=first)
    assert [one.undone_by for one in list_merges(session, cast.vera)] == ["Vera", "Vera"]


def test_merge_of_another_type_that_stands_on_the_same_rows_goes_first(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.anna, "Ivan P.")
    first, second = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    session.add_all([DealContact(deal_id=first, contact_id=a), DealContact(deal_id=second, contact_id=b)])
    session.flush()
    before = exported(session)
    people = put_into(session, cast, CONTACT, a, b)
    deals = put_into(session, cast, DEAL, first, second)  # both have the same person now
    assert undo_merge(session, cast.vera, merge_id=people, cascade=True).merge_ids == (deals, people)
    assert exported(session) == before


def test_merge_that_took_a_moved_part_out_goes_first_however_people_were_merged_on(
    session: Session, cast: Cast
) -> None:
    pipeline = add_pipeline(session)
    a, b, c = (add_contact(session, cast.anna, name) for name in ("Ivan", "Ivan P.", "Ivan Petrov"))
    first, second = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    session.add_all([DealContact(deal_id=first, contact_id=a), DealContact(deal_id=second, contact_id=b)])
    session.flush()
    before = exported(session)
    deals = put_into(session, cast, DEAL, first, second)
    people = put_into(session, cast, CONTACT, a, b)  # the part that came with the second deal is taken out
    again = put_into(session, cast, CONTACT, c, a)
    report = undo_merge(session, cast.vera, merge_id=deals, cascade=True)
    assert report.merge_ids == (again, people, deals)
    assert report.conflicts == ()
    assert exported(session) == before


def test_returning_value_follows_a_company_merged_meanwhile(session: Session, cast: Cast) -> None:
    mir, mir_too, luna = (add_company(session, cast.anna, name) for name in ("Mir", "Mir LLC", "Luna"))
    a = add_contact(session, cast.anna, "Ivan", company_id=mir)
    b = add_contact(session, cast.anna, "Ivan", company_id=luna)
    before = exported(session)
    people = put_into(session, cast, CONTACT, a, b, choices={"company": Side.MERGED})
    companies = put_into(session, cast, COMPANY, mir_too, mir)
    undo_merge(session, cast.vera, merge_id=people, cascade=True)
    assert broken_invariants(session, cast.vera) == []
    if session.get_one(Company, mir).merged_into_id is not None:
        assert session.get_one(Contact, a).company_id == mir_too
        undo_merge(session, cast.vera, merge_id=companies)
    assert exported(session) == before


def test_new_activity_stays_with_the_survivor_and_is_told(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    merge_id = put_into(session, cast, DEAL, a, b)
    add_activity(session, cast.anna, deal_id=a, kind=ActivityKind.NOTE, text="After the merge")
    report = undo_merge(session, cast.vera, merge_id=merge_id)
    assert report.stayed == (KindCount("activities", 1),)
    assert report.conflicts == ()


def test_step_done_meanwhile_returns_done(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    step = session.scalars(select(NextStep).filter_by(deal_id=b)).one()
    merge_id = put_into(session, cast, DEAL, a, b)
    complete_next_step(
        session,
        cast.anna,
        step_id=step.id,
        done=StepDone(StepResult.DONE),
        following=StepPlan(StepKind.CALL, step.due_at),
    )
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert (session.get_one(NextStep, step.id).deal_id, session.get_one(NextStep, step.id).result) == (
        b,
        StepResult.DONE,
    )
    assert session.get_one(Deal, b).next_due_at is None
    assert broken_invariants(session, cast.vera) == []


def test_deal_of_a_retired_stage_returns_to_the_first_one(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline, 2)
    merge_id = put_into(session, cast, DEAL, a, b)
    retire_stage(session, cast.vera, stage_id=pipeline.stages[2], expected_version=1, target_stage_id=None)
    (conflict,) = undo_merge(session, cast.vera, merge_id=merge_id).conflicts
    assert (conflict.kind, conflict.field, conflict.now) == ("deals", "stage", "Contact made")
    deal = session.get_one(Deal, b)
    assert (deal.status, deal.stage_id) == (DealStatus.OPEN, pipeline.stages[0])
    outcomes = session.scalars(select(StageVisit.outcome).filter_by(deal_id=b).order_by(StageVisit.id)).all()
    assert outcomes == [VisitOutcome.BACK, VisitOutcome.OPEN]
    assert broken_invariants(session, cast.vera) == []
    assert load_chain(session, cast.vera, b).is_alone


def test_merges_out_of_sight_are_not_there(session: Session, cast: Cast) -> None:
    a, b = add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.anna, "Ivan P.")
    merge_id = put_into(session, cast, CONTACT, a, b)
    assert list_merges(session, cast.dina) == ()
    assert [one.id for one in list_merges(session, cast.boris)] == [merge_id]
    for read in (plan_undo, undo_merge):
        with pytest.raises(NotFound):
            read(session, cast.dina, merge_id=merge_id)


def test_later_merges_out_of_sight_are_counted_not_named(
    session: Session, cast: Cast, unchanged: UnchangedFactory
) -> None:
    pipeline = add_pipeline(session)
    a, b = add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.anna, "Ivan P.")
    deals = [add_deal(session, cast.dina, pipeline, title=title) for title in ("Secret pipes", "Secret pumps")]
    session.add_all([DealContact(deal_id=deal, contact_id=one) for deal, one in zip(deals, (a, b), strict=True)])
    session.flush()
    people = put_into(session, cast, CONTACT, a, b)
    of_deals = put_into(session, cast, DEAL, *deals)
    plan = plan_undo(session, cast.boris, merge_id=people)
    assert "Secret" not in repr(plan)
    assert plan.dependents == ()
    assert plan.refusals == (Violation("merge_dependents_hidden", "cascade", {"count": 1}),)
    session.flush()
    for cascade in (False, True):
        with unchanged(session), pytest.raises(InvalidInput) as refused:
            undo_merge(session, cast.boris, merge_id=people, cascade=cascade)
        assert tuple(refused.value.violations) == plan.refusals
    assert [one.id for one in plan_undo(session, cast.vera, merge_id=people).dependents] == [of_deals]
    assert plan_undo(session, cast.vera, merge_id=people).refusals == ()


def test_conflict_does_not_name_what_is_out_of_sight(session: Session, cast: Cast) -> None:
    mir, luna = (add_company(session, cast.anna, name) for name in ("Mir", "Luna"))
    secret = add_company(session, cast.dina, "Secret")
    a = add_contact(session, cast.anna, "Ivan", company_id=mir)
    b = add_contact(session, cast.anna, "Ivan", company_id=luna)
    merge_id = put_into(session, cast, CONTACT, a, b, choices={"company": Side.MERGED})
    session.get_one(Contact, a).company_id = secret
    session.flush()
    (told,) = plan_undo(session, cast.boris, merge_id=merge_id).conflicts
    assert (told.before, told.after, told.now) == ("Mir", "Luna", f"#{secret}")
    (told,) = plan_undo(session, cast.vera, merge_id=merge_id).conflicts
    assert told.now == "Secret"
    assert undo_merge(session, cast.boris, merge_id=merge_id).conflicts[0].now == f"#{secret}"
    (kept,) = session.get_one(Merge, merge_id).conflicts or ()
    assert kept["now"] == "Secret"
