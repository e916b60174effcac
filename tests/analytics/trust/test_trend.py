"""The score week by week."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.scope import Scope, whole_scope
from crm.analytics.trust.counting import count_all
from crm.analytics.trust.trend import TREND, trust_trend
from crm.models import Activity, ActivityKind, Priority, TrustDay
from tests.analytics.histories import Came, add_history, day
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline

MONDAY = date(2026, 1, 5)


@pytest.fixture
def sales(session: Session, cast: Cast) -> PipelineRows:
    """Return a pipeline."""
    return add_pipeline(session)


def scope_of(session: Session, **narrowing: Any) -> Scope:
    return replace(whole_scope(session), since=MONDAY, until=MONDAY + timedelta(days=20), **narrowing)


def note(session: Session, sales: PipelineRows, actor: Actor, number: int, found: int, looked_at: int) -> None:
    session.add(
        TrustDay(
            day=MONDAY + timedelta(days=number), finding="no_step", pipeline_id=sales.id, owner_id=actor.user_id,
            found=found, looked_at=looked_at,
        )
    )  # fmt: skip
    session.flush()


def test_without_notes_there_is_no_point(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_history(session, sales, [Came(0, 0, cast.anna)], won=1)
    frame = trust_trend(session, cast.vera, scope_of(session))
    assert (list(frame.columns), len(frame)) == (["week", "score"], 0)


def test_week_is_its_last_note_and_what_happened_in_it(session: Session, cast: Cast, sales: PipelineRows) -> None:
    note(session, sales, cast.anna, 0, 10, 10)  # Monday: told anew on Thursday
    note(session, sales, cast.anna, 3, 5, 10)
    note(session, sales, cast.anna, 14, 0, 10)  # the third week
    add_history(session, sales, [Came(0, 8, cast.anna)], source="site")  # the second week has no note
    add_history(session, sales, [Came(0, 15, cast.anna)], source=None)
    rows = trust_trend(session, cast.vera, scope_of(session)).to_dict("records")
    # First: half of the only weight. Third: nothing of 15, all of 5 for the source, nothing of 5 for the first stage.
    assert [one["week"] for one in rows] == [MONDAY, MONDAY + timedelta(days=14)]
    assert [one["score"] for one in rows] == [pytest.approx(50), pytest.approx(80)]


def test_notes_are_cut_to_pipelines_owners_and_sight(session: Session, cast: Cast, sales: PipelineRows) -> None:
    care = add_pipeline(session, name="Care")
    note(session, sales, cast.anna, 0, 1, 1)
    note(session, sales, cast.boris, 0, 0, 1)
    note(session, care, cast.boris, 0, 0, 2)

    def score(actor: Actor, **narrowing: Any) -> list[float]:
        return [round(one) for one in trust_trend(session, actor, scope_of(session, **narrowing))["score"]]

    assert score(cast.vera) == [75]
    assert score(cast.vera, pipeline_ids=(sales.id,)) == [50]
    assert score(cast.vera, owner_ids=(cast.boris.user_id,)) == [100]
    assert score(cast.anna) == [0]
    assert score(cast.dina) == []


def test_notes_know_no_priority(session: Session, cast: Cast, sales: PipelineRows) -> None:
    note(session, sales, cast.anna, 0, 1, 2)
    assert len(trust_trend(session, cast.vera, scope_of(session, priorities=(Priority.HOT,)))) == 0


def test_figure_is_drawn(session: Session, cast: Cast, sales: PipelineRows) -> None:
    note(session, sales, cast.anna, 0, 1, 2)
    frame = trust_trend(session, cast.vera, scope_of(session))
    assert TREND.figure is not None
    assert "layer" in TREND.figure(frame, str).to_dict()


def test_findings_that_look_at_the_newest_only_are_in_no_week(
    session: Session, cast: Cast, sales: PipelineRows
) -> None:
    note(session, sales, cast.anna, 6, 1, 2)
    deal_id = add_history(session, sales, [Came(0, 0, cast.anna), Came(1, 6, cast.anna)], source="site")
    session.add(Activity(deal_id=deal_id, kind=ActivityKind.CALL, text="Talked", at=day(0)))
    session.flush()
    moved_late = count_all(session, cast.vera, scope_of(session), None)[None]["late_move"]
    assert (moved_late.found, moved_late.looked_at) == (1, 1)
    # Half of 15; nothing of 5 each for stages skipped, the first stage, ways back, rules passed and the source.
    rows = trust_trend(session, cast.vera, scope_of(session)).to_dict("records")
    assert [one["score"] for one in rows] == [pytest.approx(100 - 50 * 15 / 40)]
