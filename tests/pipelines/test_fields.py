"""Custom fields on deals and reasons of loss."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.errors import ChangedMeanwhile, InvalidInput, NotFound
from crm.models import Event, FieldType
from crm.pipelines.fields import ReasonPlan, add_loss_reason, create_field, edit_field, edit_loss_reason
from crm.pipelines.reads import load_fields, load_loss_reasons
from crm.pipelines.values import FieldInfo, LossReasonInfo
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.refusals import refused


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def field(session: Session, field_id: int) -> FieldInfo:
    return next(one for one in load_fields(session) if one.id == field_id)


def reason(session: Session, reason_id: int, pipeline_id: int) -> LossReasonInfo:
    return next(one for one in load_loss_reasons(session, pipeline_id) if one.id == reason_id)


def events(session: Session) -> list[tuple[str, dict[str, Any]]]:
    return [(one.kind, one.details) for one in session.scalars(select(Event).order_by(Event.id))]


@pytest.mark.parametrize("field_type", list(FieldType))
def test_create_field_of_every_type(session: Session, cast: Cast, field_type: FieldType) -> None:
    options = ("Steel", " Copper ")
    field_id = create_field(
        session, cast.vera, name=" Metal  kind ", field_type=field_type, options=options, hint=" As in the price list "
    )
    made = field(session, field_id)
    assert (made.name, made.type, made.hint, made.is_active) == (
        "Metal kind", field_type, "As in the price list", True
    )  # fmt: skip
    with_options = field_type in {FieldType.CHOICE, FieldType.MULTI_CHOICE}
    assert [one.name for one in made.offered()] == (["Steel", "Copper"] if with_options else [])
    assert len({one.code for one in made.options}) == len(made.options)
    assert events(session) == [("field.created", {"name": "Metal kind", "field_type": field_type.value})]


@pytest.mark.parametrize(
    "options", [(), ("Steel",), ("Steel", " Steel "), tuple(f"Metal {n}" for n in range(501))], ids=len
)
def test_choice_needs_two_to_500_different_values(session: Session, cast: Cast, options: tuple[str, ...]) -> None:
    with refused(session, InvalidInput) as refusal:
        create_field(session, cast.vera, name="Metal", field_type=FieldType.CHOICE, options=options)
    assert refusal.told == [("options_needed", "options")]


def test_create_field_tells_everything_wrong_at_once(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        create_field(
            session, cast.vera, name="", field_type=FieldType.CHOICE, options=("A", " ", "x" * 201), hint="h" * 301
        )
    assert refusal.told == [
        ("value_required", "name"),
        ("text_too_long", "hint"),
        ("value_required", "options"),
        ("text_too_long", "options"),
    ]


def test_field_names_are_taken_once(session: Session, cast: Cast) -> None:
    first = create_field(session, cast.vera, name="Metal", field_type=FieldType.TEXT)
    second = create_field(session, cast.vera, name="Volume", field_type=FieldType.TEXT)
    with refused(session, InvalidInput) as refusal:
        create_field(session, cast.vera, name=" Metal", field_type=FieldType.NUMBER)
    assert refusal.told == [("name_taken", "name")]
    with refused(session, InvalidInput) as refusal:
        edit_field(session, cast.vera, field_id=second, name="Metal ")
    assert refusal.told == [("name_taken", "name")]
    edit_field(session, cast.vera, field_id=first, name="Metal")


def test_edit_field_keeps_the_codes_of_values_that_stay(session: Session, cast: Cast) -> None:
    field_id = create_field(session, cast.vera, name="Metal", field_type=FieldType.CHOICE, options=("Steel", "Copper"))
    codes = {one.name: one.code for one in field(session, field_id).options}
    edit_field(session, cast.vera, field_id=field_id, name="Metal", options=("Zinc", "Steel"))
    edited = field(session, field_id)
    assert [one.name for one in edited.offered()] == ["Zinc", "Steel"]
    assert [(one.name, one.is_retired) for one in edited.options] == [
        ("Zinc", False), ("Steel", False), ("Copper", True)
    ]  # fmt: skip
    assert edited.option_name(codes["Copper"]) == "Copper"
    assert events(session)[-1] == (
        "field.edited",
        {"name": "Metal", "changes": {"options": [["Steel", "Copper"], ["Zinc", "Steel"]]}},
    )
    edit_field(session, cast.vera, field_id=field_id, name="Metal", options=("Copper", "Steel"))
    back = field(session, field_id)
    assert {one.name: one.code for one in back.offered()} == codes
    assert [one.name for one in back.options] == ["Copper", "Steel", "Zinc"]


def test_edit_field_switches_off_and_on(session: Session, cast: Cast) -> None:
    field_id = create_field(session, cast.vera, name="Volume", field_type=FieldType.NUMBER)
    other = create_field(session, cast.vera, name="Weight", field_type=FieldType.NUMBER)
    edit_field(session, cast.vera, field_id=field_id, name="Volume", is_active=False)
    assert [(one.id, one.is_active) for one in load_fields(session)] == [(other, True), (field_id, False)]
    edit_field(session, cast.vera, field_id=field_id, name="Volume", is_active=False)
    assert len(events(session)) == 3
    edit_field(session, cast.vera, field_id=field_id, name="Volume")
    assert [one.id for one in load_fields(session)] == [field_id, other]


def test_edit_field_of_a_text_has_no_values(session: Session, cast: Cast) -> None:
    field_id = create_field(session, cast.vera, name="Volume", field_type=FieldType.TEXT)
    edit_field(session, cast.vera, field_id=field_id, name="Volume", options=("\x00", "B"))
    assert field(session, field_id).options == ()
    with refused(session, NotFound):
        edit_field(session, cast.vera, field_id=999, name="Volume")


def test_add_loss_reason_of_one_pipeline_and_of_all(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    other = add_pipeline(session, name="Returns")
    own = add_loss_reason(session, cast.vera, pipeline_id=pipeline.id, plan=ReasonPlan(" Too  far "))
    shared = add_loss_reason(
        session, cast.vera, pipeline_id=None, plan=ReasonPlan("Test", note_required=True, counts_as_loss=False)
    )
    here = load_loss_reasons(session, pipeline.id)
    assert [one.id for one in here] == [*pipeline.reasons, own, shared]
    assert [one.id for one in load_loss_reasons(session, other.id)] == [*other.reasons, shared]
    assert here[-2] == LossReasonInfo(own, pipeline.id, "Too far", False, True, True)
    assert here[-1] == LossReasonInfo(shared, None, "Test", True, False, True)
    assert events(session) == [("loss_reason.created", {"name": "Too far"}), ("loss_reason.created", {"name": "Test"})]


def test_add_loss_reason_refuses_bad_names_and_unknown_pipelines(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    for name, code in (("", "value_required"), ("n" * 201, "text_too_long"), (" Price", "name_taken")):
        with refused(session, InvalidInput) as refusal:
            add_loss_reason(session, cast.vera, pipeline_id=pipeline.id, plan=ReasonPlan(name))
        assert refusal.told == [(code, "name")]
    with refused(session, NotFound):
        add_loss_reason(session, cast.vera, pipeline_id=999, plan=ReasonPlan("Price"))


def test_shared_reason_may_not_share_the_name_of_a_pipelines_own(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    with refused(session, InvalidInput) as refusal:
        add_loss_reason(session, cast.vera, pipeline_id=None, plan=ReasonPlan("Price"))
    assert refusal.told == [("name_taken", "name")]


def test_edit_loss_reason_records_old_and_new_values(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    price = pipeline.reasons[0]
    edit_loss_reason(session, cast.vera, reason_id=price, plan=ReasonPlan("Price too high", True, counts_as_loss=False))
    assert reason(session, price, pipeline.id) == LossReasonInfo(
        price, pipeline.id, "Price too high", True, False, True
    )
    changed = {
        "name": ["Price", "Price too high"],
        "note_required": [False, True],
        "counts_as_loss": [True, False],
    }
    assert events(session) == [("loss_reason.edited", {"name": "Price too high", "changes": changed})]
    edit_loss_reason(session, cast.vera, reason_id=price, plan=ReasonPlan("Price too high", True, counts_as_loss=False))
    assert len(events(session)) == 1


def test_last_active_reason_stays_on(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    price, other, test = pipeline.reasons
    for reason_id in (price, other):
        edit_loss_reason(session, cast.vera, reason_id=reason_id, plan=ReasonPlan(f"R{reason_id}", is_active=False))
    with refused(session, InvalidInput) as refusal:
        edit_loss_reason(session, cast.vera, reason_id=test, plan=ReasonPlan("Test", is_active=False))
    assert refusal.told == [("loss_reason_last", "is_active")]
    with refused(session, NotFound):
        edit_loss_reason(session, cast.vera, reason_id=999, plan=ReasonPlan("Test"))


def test_field_and_reason_are_not_saved_over_what_somebody_else_saved(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    field_id = create_field(session, cast.vera, name="Volume", field_type=FieldType.NUMBER)
    (field,) = load_fields(session)
    reason = load_loss_reasons(session, pipeline.id)[0]
    edit_field(session, cast.vera, field_id=field_id, name="Weight", seen=field)
    edit_loss_reason(session, cast.vera, reason_id=reason.id, plan=ReasonPlan("Too dear"), seen=reason)
    with refused(session, ChangedMeanwhile):
        edit_field(session, cast.vera, field_id=field_id, name="Mass", seen=field)
    with refused(session, ChangedMeanwhile):
        edit_loss_reason(session, cast.vera, reason_id=reason.id, plan=ReasonPlan("Dear"), seen=reason)
    edit_loss_reason(session, cast.vera, reason_id=reason.id, plan=ReasonPlan("Dear"))
    assert load_loss_reasons(session, pipeline.id)[0].name == "Dear"
