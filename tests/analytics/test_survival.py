"""The share of deals that came to a stage by a time, with those that may still come."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.analytics.findings import Finding
from crm.analytics.scope import whole_scope
from crm.analytics.survival import by_stage, curves, figure, time_finding
from crm.analytics.values import Ask
from crm.i18n.analytics_texts import word
from tests.analytics.histories import Came, add_history, day
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.stopped_clock import StopClock, stop_clock

__all__ = ["stop_clock"]


def came(session: Session, pipeline: PipelineRows, cast: Cast, *stages: tuple[int, float], **end: Any) -> int:
    return add_history(session, pipeline, [Came(stage, at, cast.anna) for stage, at in stages], **end)


def shares(session: Session, cast: Cast, stage_id: int, **narrower: Any) -> dict[float, tuple[float, int]]:
    """Return by days: who has come in a hundred, and how many might still."""
    scope = replace(whole_scope(session), **narrower)
    rows = curves(session, cast.vera, Ask(scope)).to_dict("records")
    return {row["hours"] / 24: (row["share"], row["at_risk"]) for row in rows if row["stage_id"] == stage_id}


def test_lost_deals_are_followed_on_and_young_ones_so_long(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    pipeline = add_pipeline(session)
    came(session, pipeline, cast, (0, 0), (1, 2.5))  # on the third day
    came(session, pipeline, cast, (0, 0), (1, 20))
    came(session, pipeline, cast, (0, 1), lost=4)  # followed for 29 days
    came(session, pipeline, cast, (0, 20))  # followed for 10 days
    stop_clock(day(30))
    found = shares(session, cast, pipeline.stages[1])
    # 1 of 4 by the third day; then of the 2 that were followed for longer than 10 days, 1 on the twentieth.
    assert (found[2], found[3], found[10]) == ((0.0, 4), (pytest.approx(25), 3), (pytest.approx(25), 2))
    assert (found[19], found[20]) == ((pytest.approx(25), 2), (pytest.approx(100 - 75 / 2), 1))
    assert max(found) == 20
    assert shares(session, cast, pipeline.stages[0]) == {}
    assert shares(session, cast, pipeline.stages[2]) == {}


def test_short_times_are_counted_in_hours(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    pipeline = add_pipeline(session)
    came(session, pipeline, cast, (0, 0), won=0.25)
    came(session, pipeline, cast, (0, 0), (1, 0.5), lost=1)
    stop_clock(day(30))
    found = shares(session, cast, pipeline.stages[1])
    assert {hours: found[hours / 24][0] for hours in (0, 5, 6, 11, 12)} == {
        0: 0.0, 5: 0.0, 6: pytest.approx(50), 11: pytest.approx(50), 12: pytest.approx(100),
    }  # fmt: skip
    assert max(share for share, _at_risk in shares(session, cast, pipeline.won).values()) == pytest.approx(50)


def test_interval_holds_the_share_and_the_figure_draws(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    pipeline = add_pipeline(session)
    for number in range(20):
        came(session, pipeline, cast, (0, number), (1, number + 1 + number % 7))
    came(session, pipeline, cast, (0, 3), lost=9, reason=2)  # invalid: none of the deals
    stop_clock(day(26))
    frame = curves(session, cast.vera, Ask(whole_scope(session)))
    drawn = [row for row in frame.to_dict("records") if row["low"] is not None]
    assert drawn
    assert all(0 <= row["low"] <= row["share"] <= row["high"] <= 100 for row in drawn)
    assert figure(frame, word).to_dict()["layer"]
    of_others = replace(whole_scope(session), owner_ids=(cast.dina.user_id or 0,))
    assert curves(session, cast.vera, Ask(of_others)).empty


def test_period_chooses_by_the_coming(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    pipeline = add_pipeline(session)
    came(session, pipeline, cast, (0, 0), won=3)
    came(session, pipeline, cast, (0, 40), won=50)
    stop_clock(day(60))
    found = shares(session, cast, pipeline.won, since=date(2026, 2, 1))
    assert (max(found), found[10]) == (10, (100.0, 0))


def test_stage_as_a_whole_tells_the_half_and_the_marks(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    pipeline = add_pipeline(session)
    came(session, pipeline, cast, (0, 0), (1, 2.5))
    came(session, pipeline, cast, (0, 0), (1, 20))
    came(session, pipeline, cast, (0, 1), lost=4)
    came(session, pipeline, cast, (0, 20))
    stop_clock(day(30))
    rows = by_stage(curves(session, cast.vera, Ask(whole_scope(session)))).to_dict("records")
    assert [(row["stage"], row["half_hours"], row["within_7"], row["within_30"]) for row in rows] == [
        ("Need found", 20 * 24.0, pytest.approx(25), None)  # the longest was followed for 29 days
    ]


def test_title_is_said_where_enough_were_followed(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    pipeline = add_pipeline(session)
    for number in range(30):
        came(session, pipeline, cast, (0, 0), **({"won": 3 + number / 10} if number < 12 else {}))
    stop_clock(day(120))
    frame = curves(session, cast.vera, Ask(whole_scope(session)))
    assert time_finding(frame) == Finding("won_within", {"percent": pytest.approx(40), "hours": 90 * 24})
    for _number in range(10):
        came(session, pipeline, cast, (0, 0), won=20)
    frame = curves(session, cast.vera, Ask(whole_scope(session)))
    assert time_finding(frame) == Finding("half_won_within", {"hours": 20 * 24.0})
    stop_clock(day(19))
    few = curves(session, cast.vera, Ask(replace(whole_scope(session), since=date(2026, 1, 20))))
    assert time_finding(few) is None


def test_of_several_pipelines_the_wins_are_drawn(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    for name in ("First sales", "Care"):
        pipeline = add_pipeline(session, name=name)
        came(session, pipeline, cast, (0, 0), (1, 1), won=3)
    stop_clock(day(30))
    frame = curves(session, cast.vera, Ask(whole_scope(session)))
    assert time_finding(frame) is None
    marks = next(iter(figure(frame, word).to_dict()["datasets"].values()))
    assert {one["name"] for one in marks} == {"First sales", "Care"}
