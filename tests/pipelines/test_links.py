"""Links between pipelines as commands: what is kept, what is refused, and what the journal says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.moves import Move, lose_deal
from crm.deals.values import LossAnswer
from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import Event, FieldType, LinkKind, LinkOwner, LinkTrigger, Pipeline, PipelineLink, Stage, StepKind, User
from crm.pipelines.fields import create_field, edit_field
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkPlan, unbraked_loops
from crm.pipelines.links import (
    create_link,
    delete_link,
    edit_link,
    links_from,
    list_links,
    load_link,
    pipelines_reached,
    switch_link_off,
)
from crm.pipelines.reads import load_fields
from tests.conftest import Cast
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.refusals import refused

DAY = 86400


@pytest.fixture
def sales(session: Session) -> PipelineRows:
    return add_pipeline(session, "First sales")


@pytest.fixture
def refusals(session: Session) -> PipelineRows:
    return add_pipeline(session, "Refusals", ["Reason checked", "Offer renewed"])


@pytest.fixture
def plan(sales: PipelineRows, refusals: PipelineRows) -> LinkPlan:
    return LinkPlan(sales.id, LinkTrigger.LOST, refusals.id, LinkKind.REFUSAL_WORK)


def told(session: Session, cast: Cast, plan: LinkPlan) -> list[tuple[str, str | None]]:
    with refused(session, InvalidInput) as refusal:
        create_link(session, cast.vera, plan=plan)
    return refusal.told


def last_event(session: Session) -> tuple[str, dict[str, Any]]:
    event = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    return event.kind, event.details


def test_create_link_keeps_every_setting(session: Session, cast: Cast, plan: LinkPlan, refusals: PipelineRows) -> None:
    field_id = create_field(session, cast.vera, name="Region", field_type=FieldType.CHOICE, options=["North", "South"])
    code = load_fields(session)[0].options[0].code
    full = replace(
        plan,
        to_stage_id=refusals.stages[1],
        copied=("amount", f"field:{field_id}"),
        owner_rule=LinkOwner.USER,
        owner_id=cast.boris.user_id,
        delay_seconds=DAY,
        conditions=(
            LinkCondition("amount", ConditionOp.AT_LEAST, 100),
            LinkCondition("priority", ConditionOp.IS_ONE_OF, ("hot", "warm")),
            LinkCondition("source", ConditionOp.FILLED),
            LinkCondition("team", ConditionOp.IS_ONE_OF, (cast.boris.team_id or 0,)),
            LinkCondition(f"field:{field_id}", ConditionOp.IS_ONE_OF, (code,)),
        ),
        cooldown_seconds=90 * DAY,
        max_rounds=3,
        skip_if_open=True,
        step_kind=StepKind.EMAIL,
        step_text="  Ask   why ",
        step_due_seconds=2 * DAY,
    )
    link_id = create_link(session, cast.vera, plan=full)
    link = load_link(session, link_id)
    assert link.plan == replace(full, step_text="Ask why")
    assert (link.from_pipeline, link.from_stage, link.to_pipeline, link.to_stage, link.owner_name, link.version) == (
        "First sales", None, "Refusals", "Offer renewed", "Boris", 1,
    )  # fmt: skip
    assert last_event(session) == ("link.created", {"from_pipeline": "First sales", "to_pipeline": "Refusals"})
    assert [one.id for one in links_from(session, full.from_pipeline_id)] == [link_id]
    assert links_from(session, refusals.id) == []


@pytest.mark.parametrize("who", ["anna", "boris"])
def test_only_an_administrator_links_pipelines(session: Session, cast: Cast, plan: LinkPlan, who: str) -> None:
    with refused(session, Forbidden):
        create_link(session, getattr(cast, who), plan=plan)


def test_create_link_tells_everything_at_once(
    session: Session, cast: Cast, plan: LinkPlan, sales: PipelineRows
) -> None:
    wrong = replace(
        plan,
        trigger=LinkTrigger.STAGE,
        to_stage_id=sales.stages[0],
        copied=("amount", "amount"),
        owner_rule=LinkOwner.USER,
        delay_seconds=-1,
        cooldown_seconds=10**9,
        step_due_seconds=0,
        max_rounds=0,
        step_text="x" * 501,
        conditions=(LinkCondition("amount", ConditionOp.AT_LEAST, 1), LinkCondition("mood", ConditionOp.FILLED)),
    )
    assert told(session, cast, wrong) == [
        ("value_required", "from_stage"),
        ("link_stage_unknown", "to_stage"),
        ("value_required", "owner"),
        ("link_time_invalid", "delay"),
        ("link_time_invalid", "cooldown"),
        ("link_time_invalid", "step_due"),
        ("link_rounds_invalid", "max_rounds"),
        ("text_too_long", "step_text"),
        ("choice_unknown", "copied"),
        ("link_condition_invalid", "conditions"),
    ]


def test_create_link_refuses_a_missing_source_pipeline(session: Session, cast: Cast, plan: LinkPlan) -> None:
    with refused(session, NotFound):
        create_link(session, cast.vera, plan=replace(plan, from_pipeline_id=999))


@pytest.mark.parametrize("target", ["missing", "archived"])
def test_create_link_refuses_a_target_not_in_use(session: Session, cast: Cast, plan: LinkPlan, target: str) -> None:
    if target == "archived":
        session.get_one(Pipeline, plan.to_pipeline_id).is_archived = True
        session.flush()
    else:
        plan = replace(plan, to_pipeline_id=999)
    assert told(session, cast, plan) == [("link_target_unknown", "to_pipeline")]


@pytest.mark.parametrize("field", ["from_stage", "to_stage"])
def test_create_link_refuses_an_end_a_foreign_and_a_retired_stage(
    session: Session, cast: Cast, plan: LinkPlan, sales: PipelineRows, refusals: PipelineRows, field: str
) -> None:
    here, there = (sales, refusals) if field == "from_stage" else (refusals, sales)
    plan = replace(plan, trigger=LinkTrigger.STAGE, from_stage_id=sales.stages[0])
    session.get_one(Stage, here.stages[1]).retired_at = utc_now()
    session.flush()
    for stage_id, code in (
        (here.won, "link_stage_unknown"), (there.stages[1], "link_stage_unknown"), (here.stages[1], "stage_retired"),
    ):  # fmt: skip
        wrong = replace(plan, from_stage_id=stage_id) if field == "from_stage" else replace(plan, to_stage_id=stage_id)
        assert told(session, cast, wrong) == [(code, field)]


def test_create_link_refuses_a_stage_beside_won_or_lost(
    session: Session, cast: Cast, plan: LinkPlan, sales: PipelineRows
) -> None:
    assert told(session, cast, replace(plan, from_stage_id=sales.stages[0])) == [("choice_unknown", "from_stage")]


def test_create_link_refuses_a_switched_off_owner_and_one_the_rule_has_no_use_for(
    session: Session, cast: Cast, plan: LinkPlan
) -> None:
    session.get_one(User, cast.anton.user_id or 0).is_active = False
    session.flush()
    off = replace(plan, owner_rule=LinkOwner.USER, owner_id=cast.anton.user_id)
    assert told(session, cast, off) == [("choice_unknown", "owner")]
    assert told(session, cast, replace(plan, owner_id=cast.boris.user_id)) == [("choice_unknown", "owner")]


def test_create_link_refuses_an_unknown_and_a_switched_off_field_to_copy(
    session: Session, cast: Cast, plan: LinkPlan
) -> None:
    field_id = create_field(session, cast.vera, name="Region", field_type=FieldType.TEXT)
    edit_field(session, cast.vera, field_id=field_id, name="Region", is_active=False)
    for key in ("title", "field:999", f"field:{field_id}"):
        assert told(session, cast, replace(plan, copied=(key,))) == [("choice_unknown", "copied")]


@pytest.mark.parametrize(
    "condition",
    [
        LinkCondition("amount", ConditionOp.IS_ONE_OF, (1,)),
        LinkCondition("amount", ConditionOp.AT_LEAST, -1),
        LinkCondition("amount", ConditionOp.AT_MOST, None),
        LinkCondition("priority", ConditionOp.AT_LEAST, 1),
        LinkCondition("priority", ConditionOp.IS_ONE_OF, ("boiling",)),
        LinkCondition("priority", ConditionOp.IS_ONE_OF, ()),
        LinkCondition("priority", ConditionOp.FILLED),
        LinkCondition("source", ConditionOp.IS_ONE_OF, (1,)),
        LinkCondition("source", ConditionOp.FILLED, ("web",)),
        LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (999,)),
        LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, ("Price",)),
        LinkCondition("team", ConditionOp.IS_ONE_OF, (999,)),
        LinkCondition("company", ConditionOp.IS_ONE_OF, (1,)),
        LinkCondition("field:999", ConditionOp.FILLED),
    ],
    ids=str,
)
def test_create_link_refuses_a_condition_without_sense(
    session: Session, cast: Cast, plan: LinkPlan, condition: LinkCondition
) -> None:
    assert told(session, cast, replace(plan, conditions=(condition,))) == [("link_condition_invalid", "conditions")]


def test_create_link_refuses_a_choice_that_never_was_and_choices_of_a_text(
    session: Session, cast: Cast, plan: LinkPlan
) -> None:
    text_id = create_field(session, cast.vera, name="Note", field_type=FieldType.TEXT)
    choice_id = create_field(session, cast.vera, name="Region", field_type=FieldType.CHOICE, options=["A", "B"])
    for field_id in (text_id, choice_id):
        condition = LinkCondition(f"field:{field_id}", ConditionOp.IS_ONE_OF, ("never",))
        assert told(session, cast, replace(plan, conditions=(condition,))) == [("link_condition_invalid", "conditions")]


def test_create_link_refuses_a_stage_that_sets_itself_off(session: Session, cast: Cast, sales: PipelineRows) -> None:
    plan = LinkPlan(sales.id, LinkTrigger.STAGE, sales.id, from_stage_id=sales.stages[0], max_rounds=2)
    assert told(session, cast, plan) == [("link_to_itself", "to_stage")]


def test_create_link_refuses_a_first_step_that_does_not_count_on_the_stage(
    session: Session, cast: Cast, plan: LinkPlan, refusals: PipelineRows
) -> None:
    session.get_one(Stage, refusals.stages[0]).step_kinds = ["meeting"]
    session.flush()
    assert told(session, cast, plan) == [("link_step_kind", "step_kind")]


def test_create_link_refuses_the_same_link_twice(session: Session, cast: Cast, plan: LinkPlan) -> None:
    create_link(session, cast.vera, plan=plan)
    assert told(session, cast, plan) == [("link_exists", "to_pipeline")]
    create_link(session, cast.vera, plan=replace(plan, conditions=(LinkCondition("source", ConditionOp.FILLED),)))


def test_create_link_refuses_a_loop_without_a_brake_and_names_its_pipelines(
    session: Session, cast: Cast, plan: LinkPlan, sales: PipelineRows, refusals: PipelineRows
) -> None:
    third = add_pipeline(session, "Cold sales")
    create_link(session, cast.vera, plan=plan)
    create_link(session, cast.vera, plan=LinkPlan(refusals.id, LinkTrigger.LOST, third.id))
    back = LinkPlan(third.id, LinkTrigger.WON, sales.id, LinkKind.RETURN)
    with refused(session, InvalidInput) as refusal:
        create_link(session, cast.vera, plan=back)
    assert refusal.told == [("link_loop_unbraked", "cooldown")]
    assert refusal.violations[0].params["pipelines"] == "First sales → Refusals → Cold sales → First sales"
    create_link(session, cast.vera, plan=replace(back, cooldown_seconds=DAY))


def test_a_brake_that_holds_a_loop_cannot_be_taken_off(
    session: Session, cast: Cast, plan: LinkPlan, sales: PipelineRows, refusals: PipelineRows
) -> None:
    create_link(session, cast.vera, plan=plan)
    back = LinkPlan(refusals.id, LinkTrigger.WON, sales.id, LinkKind.RETURN, max_rounds=2)
    link_id = create_link(session, cast.vera, plan=back)
    with refused(session, InvalidInput) as refusal:
        edit_link(session, cast.vera, link_id=link_id, expected_version=1, plan=replace(back, max_rounds=None))
    assert refusal.told == [("link_loop_unbraked", "cooldown")]


def test_a_pipeline_that_restarts_itself_needs_a_brake(session: Session, cast: Cast, refusals: PipelineRows) -> None:
    again = LinkPlan(refusals.id, LinkTrigger.LOST, refusals.id, LinkKind.REFUSAL_WORK)
    assert told(session, cast, again) == [("link_loop_unbraked", "cooldown")]
    create_link(session, cast.vera, plan=replace(again, cooldown_seconds=90 * DAY))


def test_unbraked_loops_ignores_switched_off_and_braked_links() -> None:
    there, back = LinkPlan(1, LinkTrigger.WON, 2), LinkPlan(2, LinkTrigger.WON, 1)
    assert unbraked_loops([]) == []
    assert unbraked_loops([there, back]) == [(1, 2)]
    assert unbraked_loops([there, replace(back, is_active=False)]) == []
    assert unbraked_loops([replace(there, max_rounds=1), back]) == []
    around = [LinkPlan(3, LinkTrigger.WON, 1), LinkPlan(2, LinkTrigger.LOST, 3)]
    assert unbraked_loops([there, *around]) == [(1, 2, 3)]


def test_edit_link_tells_what_changed(session: Session, cast: Cast, plan: LinkPlan) -> None:
    link_id = create_link(session, cast.vera, plan=plan)
    changed = replace(plan, delay_seconds=DAY, copied=("source",))
    edit_link(session, cast.vera, link_id=link_id, expected_version=1, plan=changed)
    assert (load_link(session, link_id).plan, load_link(session, link_id).version) == (changed, 2)
    kind, details = last_event(session)
    assert kind == "link.edited"
    assert details["changes"] == {
        "copied": [["amount", "priority", "source"], ["source"]],
        "delay_seconds": [0, DAY],
    }


def test_a_link_saved_meanwhile_is_not_overwritten(session: Session, cast: Cast, plan: LinkPlan) -> None:
    link_id = create_link(session, cast.vera, plan=plan)
    edit_link(session, cast.vera, link_id=link_id, expected_version=1, plan=replace(plan, delay_seconds=DAY))
    with refused(session, ChangedMeanwhile):
        edit_link(session, cast.vera, link_id=link_id, expected_version=1, plan=plan)
    with refused(session, ChangedMeanwhile):
        switch_link_off(session, cast.vera, link_id=link_id, expected_version=1)
    with refused(session, ChangedMeanwhile):
        delete_link(session, cast.vera, link_id=link_id, expected_version=1)


def test_a_link_can_be_switched_off_although_its_target_is_archived(
    session: Session, cast: Cast, plan: LinkPlan
) -> None:
    link_id = create_link(session, cast.vera, plan=plan)
    session.get_one(Pipeline, plan.to_pipeline_id).is_archived = True
    switch_link_off(session, cast.vera, link_id=link_id, expected_version=1)
    assert list_links(session)[0].plan == replace(plan, is_active=False)
    assert last_event(session)[1]["changes"] == {"is_active": [True, False]}


def test_delete_link_removes_one_that_never_fired(session: Session, cast: Cast, plan: LinkPlan) -> None:
    link_id = create_link(session, cast.vera, plan=plan)
    delete_link(session, cast.vera, link_id=link_id, expected_version=1)
    assert session.scalars(select(PipelineLink)).all() == []
    assert last_event(session)[0] == "link.deleted"
    with refused(session, NotFound):
        delete_link(session, cast.vera, link_id=link_id, expected_version=1)


def test_delete_link_refuses_one_that_has_fired(
    session: Session, cast: Cast, plan: LinkPlan, sales: PipelineRows
) -> None:
    link_id = create_link(session, cast.vera, plan=plan)
    deal_id = add_deal(session, cast.anna, sales)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(sales.reasons[0])))
    with refused(session, InvalidInput) as refusal:
        delete_link(session, cast.vera, link_id=link_id, expected_version=1)
    assert refusal.codes == ["link_has_fired"]


def test_pipelines_reached_follows_links_on_and_never_hangs_in_a_loop(
    session: Session, cast: Cast, plan: LinkPlan, sales: PipelineRows, refusals: PipelineRows
) -> None:
    third = add_pipeline(session, "Cold sales")
    create_link(session, cast.vera, plan=plan)
    create_link(session, cast.vera, plan=LinkPlan(refusals.id, LinkTrigger.LOST, third.id))
    create_link(session, cast.vera, plan=LinkPlan(third.id, LinkTrigger.WON, sales.id, max_rounds=3))
    assert pipelines_reached(session, sales.id) == {sales.id, refusals.id, third.id}
    assert pipelines_reached(session, 999) == set()
