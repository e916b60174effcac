"""Two administrators who take one name at once: one of them is told so in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.db import Database
from crm.models import FieldDefinition, FieldType, LossReason, Pipeline
from crm.pipelines.commands import StagePlan, create_pipeline, edit_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason, create_field, edit_field, edit_loss_reason
from tests.conftest import Cast
from tests.deals.interleaving import interleaved
from tests.factories import add_pipeline

Take = Callable[[Session, Actor, int, int], Any]


def rename_pipeline(session: Session, actor: Actor, one: int, number: int) -> None:
    other = add_pipeline(session, f"Spare {number} {one}").id
    edit_pipeline(session, actor, pipeline_id=other, expected_version=1, name=f"Taken {number}", is_archived=False)


def rename_field(session: Session, actor: Actor, one: int, number: int) -> None:
    field_id = create_field(session, actor, name=f"Spare {number} {one}", field_type=FieldType.TEXT)
    edit_field(session, actor, field_id=field_id, name=f"Taken {number}")


def rename_reason(session: Session, actor: Actor, one: int, number: int) -> None:
    reasons = session.scalars(select(LossReason.id).where(LossReason.pipeline_id == number).order_by(LossReason.id))
    edit_loss_reason(session, actor, reason_id=reasons.all()[one], plan=ReasonPlan(f"Taken {number}"))


TAKES: dict[str, tuple[Take, Any]] = {
    "new pipeline": (
        lambda s, a, _one, n: create_pipeline(s, a, name=f"Taken {n}", stages=[StagePlan("Contact made")]),
        Pipeline,
    ),
    "renamed pipeline": (rename_pipeline, Pipeline),
    "new field": (
        lambda s, a, _one, n: create_field(s, a, name=f"Taken {n}", field_type=FieldType.TEXT),
        FieldDefinition,
    ),
    "renamed field": (rename_field, FieldDefinition),
    "new reason": (
        lambda s, a, _one, n: add_loss_reason(s, a, pipeline_id=n, plan=ReasonPlan(f"Taken {n}")),
        LossReason,
    ),
    "renamed reason": (rename_reason, LossReason),
}


@pytest.mark.parametrize(("take", "table"), TAKES.values(), ids=list(TAKES))
def test_one_of_two_gets_the_name_and_the_other_is_told(database: Database, cast: Cast, take: Take, table: Any) -> None:
    for pause_at in range(1, 200):
        with database.session_scope() as session:
            number = add_pipeline(session, f"Round {pause_at}").id

        def job(one: int, number: int = number) -> Callable[[Session], Any]:
            return lambda session: take(session, cast.vera, one, number)

        outcomes = interleaved(database, job(1), job(2), pause_at)
        if outcomes is None:
            break
        assert sorted(outcomes) == ["InvalidInput", "done"]
        with database.session_scope() as session:
            assert session.scalar(select(func.count()).where(table.name == f"Taken {number}")) == 1
    assert pause_at > 3
