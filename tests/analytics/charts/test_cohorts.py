"""Deals by the month they came in, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.analytics.charts.cohorts import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.deals.paths import retrace_deals
from crm.i18n.analytics_texts import word
from crm.models import Stage
from tests.analytics.histories import Came, add_history, day
from tests.conftest import Cast
from tests.factories import add_pipeline

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
PERIOD = {"since": date(2026, 1, 1), "until": date(2026, 3, 31)}


def told(session: Session, cast: Cast, by: str | None = None, **narrower: Any) -> list[dict[str, Any]]:
    scope = replace(whole_scope(session), **{**PERIOD, **narrower})
    return CHART.frame(session, cast.vera, Ask(scope, by)).to_dict("records")


def short(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["month"].month, row["stage"] or row["step"], row["size"], row["deals"]) for row in rows]


def test_deals_of_a_month_and_how_far_they_came(session: Session, cast: Cast) -> None:
    pipeline, anna = add_pipeline(session, stages=("Called", "Offered")), cast.anna
    add_history(session, pipeline, [Came(0, 0, anna), Came(1, 5, anna)], won=40)
    add_history(session, pipeline, [Came(0, 1, anna)], won=21)  # past the offer
    add_history(session, pipeline, [Came(0, 2, anna), Came(1, 3, anna), Came(0, 4, anna)], lost=8)
    add_history(session, pipeline, [Came(0, 3, anna)])
    add_history(session, pipeline, [Came(0, 4, anna)], lost=5, reason=2)  # invalid
    add_history(session, pipeline, [Came(1, 35, anna)])  # born on the second stage
    rows = told(session, cast)
    assert short(rows) == [
        (1, "Called", 4, 4), (1, "Offered", 4, 3), (1, "Paid", 4, 2), (1, "lost", 4, 1), (1, "open", 4, 1),
        (2, "Called", 1, 1), (2, "Offered", 1, 1), (2, "Paid", 1, 0), (2, "lost", 1, 0), (2, "open", 1, 1),
    ]  # fmt: skip
    assert [row["share"] for row in rows[:5]] == [100.0, 75.0, 50.0, 25.0, 25.0]
    assert [row["median_hours"] and row["median_hours"] / 24 for row in rows[:5]] == [None, None, 30.0, 6.0, None]
    assert [row["step"] for row in rows[:5]] == ["stage", "stage", "won", "lost", "open"]


def test_month_is_the_workspaces(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session, stages=("Called",))
    # The 31st of January, 22:00 in UTC: in Moscow the 1st of February.
    add_history(session, pipeline, [Came(0, 26 + 13 / 24, cast.anna)])
    assert {row["month"] for row in told(session, cast)} == {FEBRUARY}
    assert told(session, cast, until=date(2026, 1, 31)) == []


def test_taken_up_again_is_what_it_is_now(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session, stages=("Called",))
    add_history(session, pipeline, [Came(0, 0, cast.anna), Came(0, 50, cast.boris)])
    by_owner = told(session, cast, "owner")
    assert {(row["owner"], row["month"], row["size"]) for row in by_owner} == {("Boris", JANUARY, 1)}
    assert told(session, cast, owner_ids=(cast.anna.user_id,)) == []
    assert short(told(session, cast, owner_ids=(cast.boris.user_id,)))[0] == (1, "Called", 1, 1)


def test_deal_on_retired_stages_alone_is_a_deal_of_its_month(session: Session, cast: Cast) -> None:
    pipeline, anna = add_pipeline(session, stages=("Called", "Measured", "Drawn", "Offered")), cast.anna
    on_retired = [Came(1, 0, anna), Came(2, 2, anna), Came(1, 3, anna)]
    ids = [add_history(session, pipeline, on_retired, lost=6), add_history(session, pipeline, [Came(1, 1, anna)])]
    ids.append(add_history(session, pipeline, [Came(0, 1, anna), Came(2, 3, anna)]))
    ids.append(add_history(session, pipeline, [Came(2, 1, anna)], won=9))
    for number in (1, 2):
        session.get_one(Stage, pipeline.stages[number]).retired_at = day(30)
    session.flush()
    retrace_deals(session, ids)
    assert short(told(session, cast)) == [
        (1, "Called", 4, 2), (1, "Offered", 4, 1), (1, "Measured", 4, 2), (1, "Drawn", 4, 3), (1, "Paid", 4, 1),
        (1, "lost", 4, 1), (1, "open", 4, 2),
    ]  # fmt: skip
    assert_doors_open(session, cast)


def assert_doors_open(session: Session, cast: Cast) -> None:
    ask = Ask(replace(whole_scope(session), **PERIOD))
    for row in CHART.frame(session, cast.vera, ask).to_dict("records"):
        for door in ("size", "deals"):
            deals = session.scalars(CHART.behind(session, cast.vera, ask, row, door)).all()
            assert (len(deals), len(set(deals))) == (row[door], row[door])


def test_pipelines_stand_apart(session: Session, cast: Cast) -> None:
    sales, care = (add_pipeline(session, name, stages=("Called",)) for name in ("Sales", "Care"))
    for pipeline in (sales, sales, care):
        add_history(session, pipeline, [Came(0, 0, cast.anna)])
    assert {(row["pipeline"], row["size"]) for row in told(session, cast)} == {("Sales", 2), ("Care", 1)}
    assert {row["pipeline"] for row in told(session, cast, pipeline_ids=(care.id,))} == {"Care"}


@pytest.mark.parametrize("is_empty", [True, False])
def test_figure(session: Session, cast: Cast, is_empty: bool) -> None:
    pipeline = add_pipeline(session)
    if not is_empty:
        add_history(session, pipeline, [Came(0, 0, cast.anna)])
    frame = CHART.frame(session, cast.vera, Ask(whole_scope(session)))
    assert CHART.figure is not None
    assert CHART.figure(frame, word).to_dict()["layer"]
    assert frame.empty is is_empty
