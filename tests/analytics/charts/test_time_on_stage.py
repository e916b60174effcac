"""How long deals stay on a stage, counted by hand: closed stays, open ones, owners' visits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.analytics.charts.time_on_stage import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.i18n.analytics_texts import word
from crm.models import Stage
from tests.analytics.histories import Came, add_history, day
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.stopped_clock import StopClock, stop_clock

__all__ = ["stop_clock"]

DAY = 24.0
NUMBERS = ("stays", "stays_closed", "stays_open", "visits", "visits_closed", "over_norm")


@pytest.fixture
def pipeline(session: Session, cast: Cast, stop_clock: StopClock) -> PipelineRows:
    """Give a pipeline whose first stage has a norm of three days, on the thirtieth day."""
    stop_clock(day(30))
    rows = add_pipeline(session)
    session.get_one(Stage, rows.stages[0]).norm_seconds = 3 * 86_400
    return rows


def told(session: Session, cast: Cast, by: str | None = None, **narrower: Any) -> list[dict[str, Any]]:
    frame = CHART.frame(session, cast.vera, Ask(replace(whole_scope(session), **narrower), by))
    return frame.to_dict("records")


def days(row: dict[str, Any], *columns: str) -> list[float | None]:
    return [None if row[f"{one}_hours"] is None else row[f"{one}_hours"] / DAY for one in columns]


def test_open_stays_are_told_beside_the_closed_ones(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    anna = cast.anna
    for left in (1, 2, 4):
        add_history(session, pipeline, [Came(0, 0, anna), Came(1, left, anna)], lost=left + 1)
    add_history(session, pipeline, [Came(0, 10, anna)])  # open for 20 days
    add_history(session, pipeline, [Came(0, 28, anna)])  # open for 2 days
    first, second, *others = told(session, cast)
    assert [first[one] for one in NUMBERS] == [5, 3, 2, 5, 3, 2]
    assert days(first, "median", "p90", "norm", "total", "open") == [2.0, 3.6, 3.0, 7.0, 22.0]
    # 0.8 left after 1 day, 0.6 after 2; one of 2 more at 4: 0.3; the last one still waits.
    assert days(first, "median_with_open", "p90_with_open") == [4.0, None]
    assert first["over_norm_share"] == 40.0
    assert [second[one] for one in NUMBERS] == [3, 3, 0, 3, 3, 0]
    assert (second["norm_hours"], second["over_norm_share"]) == (None, None)
    assert [[row[one] for one in NUMBERS] for row in others] == [[0] * 6] * 2
    assert days(others[0], "median", "median_with_open", "visit_median", "total") == [None, None, None, 0.0]


def test_stay_is_the_deals_and_visit_is_the_owners(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    anna, boris = cast.anna, cast.boris
    add_history(session, pipeline, [Came(0, 0, anna), Came(0, 8, boris), Came(1, 10, boris)])
    first = told(session, cast)[0]
    assert [first[one] for one in NUMBERS] == [1, 1, 0, 2, 2, 1]
    assert days(first, "median", "visit_median", "visit_p90") == [10.0, 5.0, pytest.approx(7.4)]
    by_owner = {(row["owner"], row["stage_id"]): row for row in told(session, cast, "owner")}
    of_anna, of_boris = (by_owner[name, pipeline.stages[0]] for name in ("Anna", "Boris"))
    assert [of_anna[one] for one in NUMBERS] == [0, 0, 0, 1, 1, 0]
    assert [of_boris[one] for one in NUMBERS] == [1, 1, 0, 1, 1, 1]
    assert days(of_anna, "median", "visit_median") == [None, 8.0]
    assert days(of_boris, "median", "visit_median") == [10.0, 2.0]
    only_anna = told(session, cast, owner_ids=(anna.user_id,))[0]
    assert [only_anna[one] for one in NUMBERS] == [0, 0, 0, 1, 1, 0]


def test_each_return_is_a_stay_and_each_counts_where_it_began(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    anna = cast.anna
    add_history(session, pipeline, [Came(0, 0, anna), Came(1, 2, anna), Came(0, 5, anna), Came(1, 27, anna)], won=29)
    rows = told(session, cast)
    assert [row["stays"] for row in rows] == [2, 2, 0, 0]
    assert days(rows[0], "median", "p90", "total") == [12.0, pytest.approx(20.0), 24.0]
    january = told(session, cast, until=date(2026, 1, 31))
    assert [(row["stays"], row["stays_closed"]) for row in january[:2]] == [(2, 2), (1, 1)]
    by_month = told(session, cast, "month", since=date(2026, 1, 1), until=date(2026, 2, 28))
    assert [(row["month"], row["stays"]) for row in by_month if row["stays"]] == [
        (date(2026, 1, 1), 2), (date(2026, 1, 1), 1), (date(2026, 2, 1), 1),
    ]  # fmt: skip


def test_retired_stage_is_shown_where_deals_were_on_it(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    add_history(session, pipeline, [Came(0, 0, cast.anna), Came(2, 2, cast.anna)], won=3)
    for number in (1, 2):
        session.get_one(Stage, pipeline.stages[number]).retired_at = day(20)
    session.flush()
    assert [(row["stage_id"], row["stays"]) for row in told(session, cast)] == [
        (pipeline.stages[0], 1), (pipeline.stages[3], 0), (pipeline.stages[2], 1),
    ]  # fmt: skip


def test_figure_draws_what_there_is(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    ask = Ask(whole_scope(session))
    assert CHART.figure is not None
    assert CHART.figure(CHART.frame(session, cast.vera, ask), word).to_dict()["layer"]
    add_history(session, pipeline, [Came(0, 0, cast.anna), Came(1, 2, cast.anna)])
    drawn = CHART.figure(CHART.frame(session, cast.vera, ask), word).to_dict()
    (rows,) = drawn["datasets"].values()
    assert {(row["stage"], row["measure"], row["days"]) for row in rows} == {
        ("Contact made", "median_hours", 2.0), ("Contact made", "median_with_open_hours", 2.0),
        ("Contact made", "norm_hours", 3.0),
    }  # fmt: skip
