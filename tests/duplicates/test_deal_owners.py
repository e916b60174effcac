"""Whose a deal is once another one is in it: its steps and its stay go to the owner who sees it."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.api.problems import problem_of
from crm.contacts.reads import load_contact
from crm.deals.invariants import broken_invariants
from crm.deals.reads import load_deal
from crm.duplicates.merge_plan import plan_merge
from crm.duplicates.merge_values import Side
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.errors import InvalidInput, NotFound
from crm.i18n.texts import error_sentence
from crm.models import Deal, EntityType, NextStep, StageVisit, User, VisitOutcome
from tests.conftest import Cast
from tests.duplicates.exported import exported
from tests.factories import add_closed_deal, add_contact, add_deal, add_pipeline


def merge(session: Session, cast: Cast, survivor_id: int, merged_id: int, **choices: Side) -> int:
    return merge_records(
        session, cast.vera, entity_type=EntityType.DEAL, survivor_id=survivor_id, merged_id=merged_id, choices=choices
    )


def owners_of_steps(session: Session) -> set[tuple[int, int]]:
    return set(session.execute(select(NextStep.deal_id, NextStep.owner_id).where(NextStep.done_at.is_(None))).all())


def stays(session: Session, deal_id: int) -> list[tuple[int, VisitOutcome]]:
    query = select(StageVisit.owner_id, StageVisit.outcome).filter_by(deal_id=deal_id).order_by(StageVisit.id)
    return list(session.execute(query).all())


def test_open_steps_of_the_dropped_deals_owner_are_the_survivors_owners(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.dina, pipeline)
    of_a_helper = NextStep(
        **{name: getattr(session.scalars(select(NextStep).filter_by(deal_id=b)).one(), name)
           for name in ("deal_id", "kind", "due_at", "text", "created_by", "created_at")},
        owner_id=cast.vera.user_id,
    )  # fmt: skip
    session.add(of_a_helper)
    session.flush()
    before = exported(session)
    merge_id = merge(session, cast, a, b)
    assert owners_of_steps(session) == {(a, cast.anna.user_id), (a, cast.vera.user_id)}
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert exported(session) == before


def test_chosen_owner_takes_the_stay_and_the_steps_over(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.dina, pipeline, 1)
    before = exported(session)
    plan = plan_merge(session, cast.vera, entity_type=EntityType.DEAL, survivor_id=a, merged_id=b)
    assert [(one.survivor, one.merged, one.default) for one in plan.differing if one.name == "owner"] == [
        ("Anna", "Dina", Side.SURVIVOR)
    ]
    merge_id = merge(session, cast, a, b, owner=Side.MERGED)
    anna, dina = cast.anna.user_id, cast.dina.user_id
    assert session.get_one(Deal, a).owner_id == dina
    assert owners_of_steps(session) == {(a, dina)}
    assert stays(session, a) == [(anna, VisitOutcome.HANDOVER), (dina, VisitOutcome.OPEN)]
    assert broken_invariants(session, cast.vera) == []
    report = undo_merge(session, cast.vera, merge_id=merge_id)
    assert report.conflicts == ()
    # What happened in between is told by the stays; all else is as it was.
    assert stays(session, a) == [
        (anna, VisitOutcome.HANDOVER), (dina, VisitOutcome.HANDOVER), (anna, VisitOutcome.OPEN)
    ]  # fmt: skip
    assert broken_invariants(session, cast.vera) == []
    then, now = json.loads(before), json.loads(exported(session))
    assert [row for row in now.pop("stage_visits") if row["deal_id"] == b] == [
        row for row in then.pop("stage_visits") if row["deal_id"] == b
    ]
    assert now == then


def test_closed_deal_changes_its_owner_without_a_stay(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_closed_deal(session, cast.anna, pipeline), add_deal(session, cast.dina, pipeline)
    before = exported(session)
    merge_id = merge(session, cast, a, b, owner=Side.MERGED)
    assert session.get_one(Deal, a).owner_id == cast.dina.user_id
    assert broken_invariants(session, cast.vera) == []
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert exported(session) == before


def test_who_has_left_takes_no_deal_on(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.dina, pipeline)
    session.get_one(User, cast.dina.user_id).is_active = False
    session.flush()
    with pytest.raises(InvalidInput) as refused:
        merge(session, cast, a, b, owner=Side.MERGED)
    assert [(one.code, one.field) for one in refused.value.violations] == [("merge_choice_unknown", "owner")]
    merge(session, cast, a, b)
    assert owners_of_steps(session) == {(a, cast.anna.user_id)}


def test_owner_of_a_dropped_record_reads_where_it_went(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.dina, pipeline)
    one, other = add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.dina, "Ivan")
    merge(session, cast, a, b)
    merge_records(session, cast.vera, entity_type=EntityType.CONTACT, survivor_id=one, merged_id=other)
    for load, living, gone in ((load_deal, a, b), (load_contact, one, other)):
        with pytest.raises(NotFound) as told:
            load(session, cast.dina, gone)
        assert (told.value.code, told.value.params["living_id"]) == ("merged_out_of_view", living)
        assert error_sentence(told.value) == (
            f"This was put together with #{living}, which is Anna's and not yours to see."
        )
        assert json.loads(bytes(problem_of(told.value).body))["merged_into"] == living
        with pytest.raises(NotFound) as silent:
            load(session, cast.boris, gone)
        assert silent.value.code == "not_found"
        with pytest.raises(NotFound) as leads_on:
            load(session, cast.anna, gone)
        assert leads_on.value.params["merged_into"] == living
