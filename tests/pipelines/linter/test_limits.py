"""Where findings begin is up to each pipeline, within bounds."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import Event, Pipeline
from crm.pipelines.linter.limits import DEFAULTS, Limits, edit_limits, load_limits
from crm.ui.lint_limits import LABELS
from tests.conftest import Cast, UnchangedFactory
from tests.pipelines.linter.funnels import GOOD_STAGES, add_good_pipeline, found_in, travel_many


def test_own_limits_of_a_pipeline_move_its_findings_and_nobody_elses(session: Session, cast: Cast) -> None:
    small, other = (add_good_pipeline(session, name, GOOD_STAGES[:4]) for name in ("Small", "Other"))
    edit_limits(session, cast.vera, pipeline_id=small.id, expected_version=1, limits=replace(DEFAULTS, fewest_stages=3))
    assert found_in(session, small.id) == []
    assert [one.code for one in found_in(session, other.id)] == ["L01"]
    event = session.scalars(select(Event).where(Event.kind == "lint.limits_edited")).one()
    assert event.details["changes"] == {"fewest_stages": [5, 3]}


def test_only_what_differs_is_kept_so_that_defaults_may_change(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    edit_limits(session, cast.vera, pipeline_id=rows.id, expected_version=1, limits=Limits(most_stages=9))
    pipeline = session.get_one(Pipeline, rows.id)
    assert (pipeline.lint_limits, pipeline.version) == ({"most_stages": 9}, 2)
    edit_limits(session, cast.vera, pipeline_id=rows.id, expected_version=2, limits=DEFAULTS)
    assert load_limits(session, rows.id) == DEFAULTS
    assert pipeline.lint_limits == {}


def test_shares_and_counts_follow_the_limits(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel_many(session, cast.anna, rows, (0,), 10, due_in=None)
    assert found_in(session, rows.id) == []
    edit_limits(session, cast.vera, pipeline_id=rows.id, expected_version=1, limits=replace(DEFAULTS, fewest_deals=10))
    (found,) = found_in(session, rows.id, "L08")
    assert found.variants == ("crowd", "no_task")
    looser = replace(DEFAULTS, fewest_deals=10, no_task_percent=99)
    edit_limits(session, cast.vera, pipeline_id=rows.id, expected_version=2, limits=looser)
    (again,) = found_in(session, rows.id, "L08")
    assert again.variants == ("crowd", "no_task")  # all ten of ten are more than 99 %


def test_numbers_out_of_bounds_or_order_are_told_at_once(
    session: Session, cast: Cast, unchanged: UnchangedFactory
) -> None:
    rows = add_good_pipeline(session)
    wrong = replace(DEFAULTS, back_percent=0, fewest_deals=4, fewest_stages=9)
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        edit_limits(session, cast.vera, pipeline_id=rows.id, expected_version=1, limits=wrong)
    assert {(one.field, one.code) for one in refused.value.violations} == {
        ("back_percent", "number_between"), ("fewest_deals", "number_between"), ("most_stages", "limits_out_of_order"),
    }  # fmt: skip


def test_limits_are_refused_to_others_and_late_ones(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    rows = add_good_pipeline(session)
    for actor, version, error in ((cast.boris, 1, Forbidden), (cast.vera, 2, ChangedMeanwhile)):
        with unchanged(session), pytest.raises(error):
            edit_limits(session, actor, pipeline_id=rows.id, expected_version=version, limits=Limits(most_stages=9))
    with pytest.raises(NotFound):
        load_limits(session, 999)


def test_every_limit_can_be_set_on_the_page() -> None:
    assert set(LABELS) == {one.name for one in fields(Limits)}
