"""Designing pipelines: every command, its events and its refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import Event, FieldType, StageKind, StepKind
from crm.pipelines.commands import (
    StagePlan,
    add_stage,
    create_pipeline,
    edit_pipeline,
    edit_stage,
    open_deal_count,
    reorder_stages,
)
from crm.pipelines.fields import create_field, edit_field
from crm.pipelines.reads import list_pipelines, load_pipeline
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.refusals import refused


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def last_event(session: Session) -> tuple[str, int | None, dict[str, Any]]:
    event = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    return event.kind, event.entity_id, event.details


def names(session: Session, pipeline_id: int) -> list[str]:
    return [stage.name for stage in load_pipeline(session, pipeline_id).stages]


def test_create_pipeline_makes_stages_in_order_and_two_ends(session: Session, cast: Cast) -> None:
    plans = [
        StagePlan("  Contact   made ", "We talked\nto the client", 3600, ("contact", "amount")),
        StagePlan("Need found"),
    ]
    pipeline_id = create_pipeline(session, cast.vera, name=" Cold  sales ", stages=plans, won_name="Paid")
    info = load_pipeline(session, pipeline_id)
    assert (info.name, info.version, info.is_archived) == ("Cold sales", 1, False)
    assert [(one.name, one.kind, one.position) for one in info.stages] == [
        ("Contact made", StageKind.OPEN, 0),
        ("Need found", StageKind.OPEN, 1),
        ("Paid", StageKind.WON, 2),
        ("Lost", StageKind.LOST, 3),
    ]
    first = info.stages[0]
    assert (first.exit_criterion, first.norm_seconds) == ("We talked\nto the client", 3600)
    assert first.required == ("contact", "amount")
    kind, entity_id, details = last_event(session)
    assert (kind, entity_id) == ("pipeline.created", pipeline_id)
    assert details == {"name": "Cold sales", "stages": ["Contact made", "Need found"]}


def test_create_pipeline_puts_the_new_one_last(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first = create_pipeline(session, cast.vera, name="Second", stages=[StagePlan("Contact made")])
    second = create_pipeline(session, cast.vera, name="Third", stages=[StagePlan("Contact made")])
    assert [one.id for one in list_pipelines(session)] == [pipeline.id, first, second]


def test_create_pipeline_tells_everything_wrong_at_once(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    spoiled = StagePlan(" ", "x" * 1001, -5, ("amount", "amount"))
    with refused(session, InvalidInput) as refusal:
        create_pipeline(session, cast.vera, name="First  sales", stages=[spoiled], won_name="W" * 101, lost_name="\x00")
    assert refusal.told == [
        ("name_taken", "name"),
        ("value_required", "name"),
        ("text_too_long", "exit_criterion"),
        ("norm_invalid", "norm_seconds"),
        ("choice_unknown", "required"),
        ("text_too_long", "won_name"),
        ("text_unreadable", "lost_name"),
    ]


@pytest.mark.parametrize(
    ("name", "code"), [("", "value_required"), ("\u200b \t", "value_required"), ("n" * 201, "text_too_long")]
)
def test_create_pipeline_refuses_a_name_that_can_not_be_read(
    session: Session, cast: Cast, name: str, code: str
) -> None:
    with refused(session, InvalidInput) as refusal:
        create_pipeline(session, cast.vera, name=name, stages=[])
    assert refusal.told == [(code, "name"), ("stage_last_open", "stages")]


@pytest.mark.parametrize("required", [("title",), ("field:1",), ("field:", "amount"), ("field:x",)])
def test_stage_refuses_an_unknown_required_field(session: Session, cast: Cast, required: tuple[str, ...]) -> None:
    with refused(session, InvalidInput) as refusal:
        create_pipeline(session, cast.vera, name="Cold", stages=[StagePlan("Contact made", required=required)])
    assert refusal.told == [("choice_unknown", "required")]


def test_stage_requires_custom_fields_that_are_on(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    on = create_field(session, cast.vera, name="Volume", field_type=FieldType.NUMBER)
    off = create_field(session, cast.vera, name="Weather", field_type=FieldType.TEXT)
    edit_field(session, cast.vera, field_id=off, name="Weather", is_active=False)
    stage_id = pipeline.stages[1]
    plan = StagePlan("Need found", required=(f"field:{on}", "amount"))
    edit_stage(session, cast.vera, stage_id=stage_id, expected_version=1, plan=plan)
    stage = load_pipeline(session, pipeline.id).stage(stage_id)
    assert stage is not None
    assert stage.required == (f"field:{on}", "amount")
    with refused(session, InvalidInput) as refusal:
        plan = StagePlan("Need found", required=(f"field:{off}",))
        edit_stage(session, cast.vera, stage_id=stage_id, expected_version=2, plan=plan)
    assert refusal.told == [("choice_unknown", "required")]


def test_edit_pipeline_renames_and_puts_away(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    edit_pipeline(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, name="First deals", is_archived=True)
    info = load_pipeline(session, pipeline.id)
    assert (info.name, info.is_archived, info.version) == ("First deals", True, 2)
    assert last_event(session) == (
        "pipeline.edited",
        pipeline.id,
        {"name": "First deals", "changes": {"name": ["First sales", "First deals"], "is_archived": [False, True]}},
    )


def test_edit_pipeline_keeps_its_own_name_and_refuses_a_taken_one(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    add_pipeline(session, name="Returns")
    edit_pipeline(
        session, cast.vera, pipeline_id=pipeline.id, expected_version=1, name="First sales", is_archived=False
    )
    assert session.scalars(select(Event)).all() == []
    with refused(session, InvalidInput) as refusal:
        edit_pipeline(
            session, cast.vera, pipeline_id=pipeline.id, expected_version=1, name="Returns", is_archived=False
        )
    assert refusal.told == [("name_taken", "name")]


def test_add_stage_goes_before_the_two_ends(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    plan = StagePlan("Terms agreed", norm_seconds=60)
    stage_id = add_stage(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, plan=plan)
    info = load_pipeline(session, pipeline.id)
    assert [stage.id for stage in info.stages] == [*pipeline.stages, stage_id, pipeline.won, pipeline.lost]
    assert [stage.position for stage in info.stages] == list(range(7))
    assert info.version == 2
    assert last_event(session) == ("stage.created", stage_id, {"pipeline": "First sales", "name": "Terms agreed"})


def test_edit_stage_records_old_and_new_values(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    stage_id = pipeline.stages[0]
    plan = StagePlan("Client reached", "Name and phone are known", 900, ("contact",))
    edit_stage(session, cast.vera, stage_id=stage_id, expected_version=1, plan=plan)
    kind, entity_id, details = last_event(session)
    assert (kind, entity_id) == ("stage.edited", stage_id)
    assert details["changes"] == {
        "name": ["Contact made", "Client reached"],
        "exit_criterion": [None, "Name and phone are known"],
        "norm_seconds": [None, 900],
        "required": [[], ["contact"]],
    }
    edit_stage(session, cast.vera, stage_id=stage_id, expected_version=2, plan=StagePlan("Client reached"))
    stage = load_pipeline(session, pipeline.id).stage(stage_id)
    assert stage is not None
    assert (stage.exit_criterion, stage.norm_seconds, stage.required) == (None, None, ())


def test_edit_stage_that_changes_nothing_leaves_no_event(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    edit_stage(session, cast.vera, stage_id=pipeline.stages[0], expected_version=1, plan=StagePlan(" Contact  made "))
    assert session.scalars(select(Event)).all() == []


@pytest.mark.parametrize("norm_seconds", [0, -1, 366 * 86400 + 1])
def test_edit_stage_refuses_a_norm_that_is_no_length_of_time(
    session: Session, cast: Cast, pipeline: PipelineRows, norm_seconds: int
) -> None:
    plan = StagePlan("Contact made", norm_seconds=norm_seconds)
    with refused(session, InvalidInput) as refusal:
        edit_stage(session, cast.vera, stage_id=pipeline.stages[0], expected_version=1, plan=plan)
    assert refusal.told == [("norm_invalid", "norm_seconds")]


def test_reorder_stages_keeps_the_ends_behind(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first, second, third, fourth = pipeline.stages
    wanted = [fourth, first, third, second]
    reorder_stages(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, stage_ids=wanted)
    info = load_pipeline(session, pipeline.id)
    assert [stage.id for stage in info.stages] == [*wanted, pipeline.won, pipeline.lost]
    kind, _, details = last_event(session)
    assert kind == "pipeline.reordered"
    assert details["changes"]["stages"][1] == ["Invoice issued", "Contact made", "Offer sent", "Need found"]


def test_reorder_stages_refuses_an_incomplete_order(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first, second, third, fourth = pipeline.stages
    other = add_pipeline(session, name="Returns")
    for wrong in (
        [],
        [first, second, third],
        [first, second, third, third],
        [first, second, third, fourth, pipeline.won],
        [first, second, third, other.stages[0]],
    ):
        with refused(session, InvalidInput) as refusal:
            reorder_stages(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, stage_ids=wrong)
        assert refusal.told == [("stage_order_incomplete", "stages")]


def test_every_design_command_refuses_an_old_version(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    plan = StagePlan("Terms agreed")
    with refused(session, ChangedMeanwhile):
        edit_pipeline(session, cast.vera, pipeline_id=pipeline.id, expected_version=0, name="X", is_archived=False)
    with refused(session, ChangedMeanwhile):
        add_stage(session, cast.vera, pipeline_id=pipeline.id, expected_version=2, plan=plan)
    with refused(session, ChangedMeanwhile):
        edit_stage(session, cast.vera, stage_id=pipeline.stages[0], expected_version=0, plan=plan)
    with refused(session, ChangedMeanwhile):
        reorder_stages(session, cast.vera, pipeline_id=pipeline.id, expected_version=7, stage_ids=pipeline.stages[::-1])


def test_design_commands_do_not_find_what_is_not_there(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    with refused(session, NotFound):
        edit_pipeline(session, cast.vera, pipeline_id=999, expected_version=1, name="X", is_archived=False)
    with refused(session, NotFound):
        edit_stage(session, cast.vera, stage_id=999, expected_version=1, plan=StagePlan("X"))


def test_missing_stage_tells_a_manager_nothing(session: Session, cast: Cast) -> None:
    with refused(session, Forbidden):
        edit_stage(session, cast.anna, stage_id=999, expected_version=1, plan=StagePlan("X"))


def test_open_deal_count_counts_open_deals_of_everybody(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    for owner in (cast.anna, cast.dina):
        add_deal(session, owner, pipeline, stage=1)
    add_deal(session, cast.anna, pipeline, stage=2)
    add_closed_deal(session, cast.anna, pipeline, stage=1)
    assert open_deal_count(session, pipeline.stages[1]) == 2
    assert open_deal_count(session, pipeline.stages[0]) == 0


# What a stage asks for besides its entry


FULL = StagePlan(
    "Need found",
    "Volume is known",
    3600,
    ("amount",),
    ("company", "contact"),
    (StepKind.MEETING, StepKind.OFFER),
    "violet",
    accepts_new=True,
    win_percent=40,
)


def test_edit_stage_keeps_exit_fields_step_kinds_colour_and_new_deals(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    stage_id = pipeline.stages[1]
    edit_stage(session, cast.vera, stage_id=stage_id, expected_version=1, plan=FULL)
    info = load_pipeline(session, pipeline.id)
    stage = info.stage(stage_id)
    assert stage is not None
    assert StagePlan.of(stage) == FULL
    assert [one.id for one in info.starting_stages] == pipeline.stages[:2]
    changes = last_event(session)[2]["changes"]
    assert changes["required_exit"] == [[], ["company", "contact"]]
    assert changes["step_kinds"] == [[], ["meeting", "offer"]]
    assert (changes["color"], changes["accepts_new"]) == ([None, "violet"], [False, True])
    assert changes["win_percent"] == [None, 40]


@pytest.mark.parametrize("percent", [-1, 101])
def test_chance_of_a_win_is_a_share(session: Session, cast: Cast, pipeline: PipelineRows, percent: int) -> None:
    plan = StagePlan("Need found", win_percent=percent)
    with refused(session, InvalidInput) as refusal:
        edit_stage(session, cast.vera, stage_id=pipeline.stages[1], expected_version=1, plan=plan)
    assert refusal.told == [("win_percent_invalid", "win_percent")]


def test_stage_saved_as_it_was_raises_no_version(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    stage_id = pipeline.stages[1]
    edit_stage(session, cast.vera, stage_id=stage_id, expected_version=1, plan=FULL)
    events = session.scalars(select(Event.id)).all()
    turned = replace(FULL, required_exit=("contact", "company"), step_kinds=(StepKind.OFFER, StepKind.MEETING))
    edit_stage(session, cast.vera, stage_id=stage_id, expected_version=2, plan=turned)
    edit_pipeline(
        session, cast.vera, pipeline_id=pipeline.id, expected_version=2, name=" First sales", is_archived=False
    )
    assert load_pipeline(session, pipeline.id).version == 2
    assert session.scalars(select(Event.id)).all() == events


def test_stage_refuses_what_no_stage_can_be(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    wrong = replace(
        FULL, required_exit=("weather",), color="pink", step_kinds=(StepKind.CALL, StepKind.CALL), exit_criterion="\x00"
    )
    with refused(session, InvalidInput) as refusal:
        add_stage(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, plan=wrong)
    assert refusal.told == [
        ("text_unreadable", "exit_criterion"),
        ("choice_unknown", "required_exit"),
        ("choice_unknown", "color"),
        ("choice_unknown", "step_kinds"),
    ]


def test_ends_have_no_exit_no_next_steps_and_no_new_deals(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    for end in (pipeline.won, pipeline.lost):
        with refused(session, InvalidInput) as refusal:
            edit_stage(session, cast.vera, stage_id=end, expected_version=1, plan=FULL)
        assert refusal.told == [
            ("stage_end_setting", "required_exit"),
            ("stage_end_setting", "step_kinds"),
            ("stage_end_setting", "accepts_new"),
            ("stage_end_setting", "win_percent"),
        ]
    plan = StagePlan("Money received", required=("amount", "company"), color="green")
    edit_stage(session, cast.vera, stage_id=pipeline.won, expected_version=1, plan=plan)
    assert StagePlan.of(load_pipeline(session, pipeline.id).won_stage) == plan


def test_field_switched_off_later_may_stay_required(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    field_id = create_field(session, cast.vera, name="Volume", field_type=FieldType.NUMBER)
    plan = StagePlan("Need found", required=(f"field:{field_id}",))
    edit_stage(session, cast.vera, stage_id=pipeline.stages[1], expected_version=1, plan=plan)
    edit_field(session, cast.vera, field_id=field_id, name="Volume", is_active=False)
    edit_stage(session, cast.vera, stage_id=pipeline.stages[1], expected_version=2, plan=replace(plan, norm_seconds=60))
    stage = load_pipeline(session, pipeline.id).stage(pipeline.stages[1])
    assert stage is not None
    assert (stage.required, stage.norm_seconds) == ((f"field:{field_id}",), 60)
