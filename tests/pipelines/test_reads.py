"""Reading pipelines."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.errors import NotFound
from crm.models import FieldDefinition, FieldType, Pipeline, Stage, StageRequirement
from crm.pipelines.commands import reorder_stages
from crm.pipelines.reads import list_pipelines, load_fields, load_loss_reasons, load_pipeline
from crm.pipelines.values import PipelineSummary, custom_key
from tests.conftest import Cast
from tests.factories import add_pipeline


def test_nothing_is_listed_before_the_first_pipeline(session: Session) -> None:
    assert list_pipelines(session, with_archived=True) == []
    assert load_fields(session) == ()
    assert load_loss_reasons(session, None) == ()
    with pytest.raises(NotFound):
        load_pipeline(session, 1)


def test_list_pipelines_goes_by_position_with_archived_ones_last_when_asked(session: Session) -> None:
    late, old, early = (add_pipeline(session, name=name) for name in ("Late", "Old", "Early"))
    session.get_one(Pipeline, late.id).position = 2
    session.get_one(Pipeline, early.id).position = 1
    session.get_one(Pipeline, old.id).is_archived = True
    session.get_one(Stage, late.stages[0]).retired_at = session.get_one(Pipeline, late.id).created_at
    assert list_pipelines(session) == [
        PipelineSummary(early.id, "Early", False, 4),
        PipelineSummary(late.id, "Late", False, 3),
    ]
    assert [one.name for one in list_pipelines(session, with_archived=True)] == ["Early", "Late", "Old"]


def test_load_pipeline_tells_stages_in_order_with_retired_ones_last(session: Session) -> None:
    rows = add_pipeline(session)
    session.get_one(Stage, rows.stages[1]).retired_at = session.get_one(Pipeline, rows.id).created_at
    info = load_pipeline(session, rows.id)
    first, second, third, fourth = rows.stages
    assert [stage.id for stage in info.stages] == [first, third, fourth, rows.won, rows.lost, second]
    assert [stage.id for stage in info.open_stages] == [first, third, fourth]
    assert (info.won_stage.id, info.lost_stage.id) == (rows.won, rows.lost)
    assert [info.next_stage(stage).id for stage in info.open_stages] == [third, fourth, rows.won]
    assert info.stage(add_pipeline(session, name="Other").stages[0]) is None


def test_load_pipeline_tells_requirements_fields_and_active_reasons(session: Session) -> None:
    rows = add_pipeline(session)
    field = FieldDefinition(name="Volume", type=FieldType.NUMBER, position=0, options=[])
    session.add(field)
    session.flush()
    session.add(StageRequirement(stage_id=rows.stages[2], field_id=field.id))
    session.add(StageRequirement(stage_id=rows.stages[2], builtin="company"))
    session.flush()
    info = load_pipeline(session, rows.id)
    assert info.open_stages[2].required == (custom_key(field.id), "company")
    assert info.fields[custom_key(field.id)].name == "Volume"
    assert [one.name for one in info.active_reasons()] == ["Price", "Other", "Duplicate or test"]


def test_load_pipeline_tells_the_present_state_to_a_session_that_has_read_before(session: Session, cast: Cast) -> None:
    rows = add_pipeline(session)
    kept = [session.get_one(Stage, stage_id) for stage_id in rows.stages]
    load_pipeline(session, rows.id)
    wanted = rows.stages[::-1]
    reorder_stages(session, cast.vera, pipeline_id=rows.id, expected_version=1, stage_ids=wanted)
    info = load_pipeline(session, rows.id)
    assert [stage.id for stage in info.open_stages] == wanted
    assert info.version == 2
    assert [stage.position for stage in kept] == [3, 2, 1, 0]
