"""Rows of numbers sent as one text are the rows of the query."""

from __future__ import annotations

from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from crm.analytics.gathered import gathered
from crm.models import Pipeline, Stage
from tests.factories import add_pipeline

STAGE: tuple[Any, ...] = (Stage.pipeline_id, Stage.id, literal(-(2**60)))


def test_columns_hold_the_numbers_of_each_row(session: Session) -> None:
    add_pipeline(session)
    add_pipeline(session, name="Second")
    rows = session.execute(select(*STAGE)).all()
    columns = gathered(session, select(*STAGE))
    assert sorted(zip(*(one.tolist() for one in columns), strict=True)) == sorted(map(tuple, rows))
    assert len(rows) > 2


def test_without_rows_columns_are_empty(session: Session) -> None:
    ids, pipeline_ids = gathered(session, select(*STAGE[:2]).where(Stage.id < 0))
    assert (ids.size, pipeline_ids.size) == (0, 0)
    (alone,) = gathered(session, select(Pipeline.id).where(Pipeline.id < 0))
    assert alone.size == 0
