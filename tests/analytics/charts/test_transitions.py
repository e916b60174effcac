"""Where deals went from each stage, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.transitions import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.deals.paths import retrace_deals
from crm.i18n.analytics_texts import word
from crm.models import Deal, DealStatus, Stage, StageVisit, VisitOutcome
from tests.analytics.histories import Came, add_history, day
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline

DAY = 24.0


def told(
    session: Session, actor: Actor, pipeline: PipelineRows, by: str | None = None, **narrower: Any
) -> list[tuple[Any, ...]]:
    """Return the rows: the split's part, stage and goal by number, way, stays, share, median and p90 in days."""
    frame = CHART.frame(session, actor, Ask(replace(whole_scope(session), **narrower), by))
    places = {stage_id: number for number, stage_id in enumerate(pipeline.stages)}
    places |= {pipeline.won: "won", pipeline.lost: "lost", None: "here"}  # type: ignore[dict-item]
    head = frame.columns[0] if by else None
    rows = []
    for row in frame.to_dict("records"):
        times = [None if row[one] is None else row[one] / DAY for one in ("median_hours", "p90_hours")]
        ways = places[row["stage_id"]], places[row["to_stage_id"]], row["way"]
        rows.append((*([row[head]] if head else []), *ways, row["stays"], row["share"], *times))
    return rows


def test_every_way_out_of_a_stage(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    anna = cast.anna
    add_history(session, pipeline, [Came(0, 0, anna), Came(1, 2, anna), Came(0, 5, anna), Came(2, 6, anna)], won=16)
    add_history(session, pipeline, [Came(0, 0, anna), Came(1, 4, anna)], lost=10)
    add_history(session, pipeline, [Came(0, 1, anna)])
    assert told(session, cast.vera, pipeline) == [
        (0, 1, "next", 2, 50.0, 3.0, pytest.approx(3.8)),  # 2 and 4 days
        (0, 2, "skip", 1, 25.0, 1.0, 1.0),
        (0, "here", "open", 1, 25.0, None, None),
        (1, 0, "back", 1, 50.0, 3.0, 3.0),
        (1, "lost", "lost", 1, 50.0, 6.0, 6.0),
        (2, "won", "won", 1, 100.0, 10.0, 10.0),
    ]


def test_hand_over_is_no_end_and_the_last_owner_has_the_credit(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    add_history(session, pipeline, [Came(0, 0, cast.anna), Came(0, 6, cast.boris), Came(1, 8, cast.boris)])
    assert told(session, cast.vera, pipeline) == [
        (0, 1, "next", 1, 100.0, 8.0, 8.0), (1, "here", "open", 1, 100.0, None, None),
    ]  # fmt: skip
    boris = cast.boris.user_id
    by_owner = told(session, cast.vera, pipeline, "owner")
    assert [row[:5] for row in by_owner] == [(boris, 0, 1, "next", 1), (boris, 1, "here", "open", 1)]
    assert told(session, cast.vera, pipeline, owner_ids=(cast.anna.user_id,)) == []


def test_stay_counts_in_the_period_in_which_the_deal_came(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    # Handed over in February: the stay began in January all the same.
    add_history(session, pipeline, [Came(0, 20, cast.anna), Came(0, 40, cast.boris), Came(1, 50, cast.boris)])
    january = told(session, cast.vera, pipeline, until=date(2026, 1, 31))
    assert [row[:4] for row in january] == [(0, 1, "next", 1)]
    assert [row[:2] for row in told(session, cast.vera, pipeline, since=date(2026, 2, 1))] == [(1, "here")]
    quarter = {"since": date(2026, 1, 1), "until": date(2026, 3, 31)}
    by_month = told(session, cast.vera, pipeline, "month", **quarter)
    assert [row[:3] for row in by_month] == [(date(2026, 1, 1), 0, 1), (date(2026, 2, 1), 1, "here")]


def test_taken_up_again_after_a_loss_is_another_stay(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    deal_id = add_history(session, pipeline, [Came(0, 0, cast.anna), Came(0, 9, cast.anna), Came(1, 12, cast.anna)])
    first = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id)).first()
    assert first is not None
    first.outcome, first.left_at, first.next_stage_id = VisitOutcome.LOST, day(4), pipeline.lost
    retrace_deals(session, [deal_id])
    assert told(session, cast.vera, pipeline) == [
        (0, 1, "next", 1, 50.0, 3.0, 3.0), (0, "lost", "lost", 1, 50.0, 4.0, 4.0),
        (1, "here", "open", 1, 100.0, None, None),
    ]  # fmt: skip


def test_removed_merged_and_invalid_deals_have_no_stays(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    add_history(session, pipeline, [Came(0, 0, cast.anna)], lost=3, reason=2)
    for status in (DealStatus.REMOVED, DealStatus.MERGED):
        deal_id = add_history(session, pipeline, [Came(0, 0, cast.anna), Came(1, 3, cast.anna)])
        session.get_one(Deal, deal_id).status = status
        retrace_deals(session, [deal_id])
    add_history(session, pipeline, [Came(0, 0, cast.anna)], lost=3, loss_reason_id=None)  # nobody said why
    for actor in (cast.vera, cast.boris, cast.anna):
        assert told(session, actor, pipeline) == [(0, "lost", "lost", 1, 100.0, 3.0, 3.0)]
    assert told(session, cast.dina, pipeline) == []


def test_unknown_owner_has_no_credit(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    deal_id = add_history(session, pipeline, [Came(0, 0, cast.anna)], won=2)
    session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id)).one().owner_known = False
    session.flush()
    assert told(session, cast.vera, pipeline, "owner") == [(None, 0, "won", "won", 1, 100.0, 2.0, 2.0)]
    assert told(session, cast.vera, pipeline, owner_ids=(cast.anna.user_id,)) == []


def test_ways_are_told_by_the_order_of_today(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    add_history(session, pipeline, [Came(0, 0, cast.anna), Came(1, 1, cast.anna), Came(2, 2, cast.anna)], won=5)
    second, third = (session.get_one(Stage, pipeline.stages[one]) for one in (1, 2))
    second.position, third.position = third.position, second.position
    session.flush()
    assert [row[:3] for row in told(session, cast.vera, pipeline)] == [
        (0, 1, "skip"),
        (2, "won", "won"),
        (1, 2, "back"),
    ]
    third.retired_at = day(10)
    session.flush()
    assert [row[:3] for row in told(session, cast.vera, pipeline)] == [
        (0, 1, "next"),
        (1, 2, "aside"),
        (2, "won", "won"),
    ]


def marks(session: Session, actor: Actor) -> list[dict[str, Any]]:
    frame = CHART.frame(session, actor, Ask(whole_scope(session)))
    assert CHART.figure is not None
    found: list[dict[str, Any]] = next(iter(CHART.figure(frame, word).to_dict()["datasets"].values()))
    return found


def test_columns_of_the_map_stand_as_stages_then_ends(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    add_history(session, pipeline, [Came(0, 0, cast.anna)], lost=2)
    add_history(session, pipeline, [Came(0, 1, cast.anna), Came(3, 2, cast.anna)], won=3)
    add_history(session, pipeline, [Came(2, 1, cast.anna), Came(1, 2, cast.anna)])
    frame = CHART.frame(session, cast.vera, Ask(whole_scope(session)))
    assert CHART.figure is not None
    drawn = CHART.figure(frame, word).to_dict()["layer"][0]["encoding"]["x"]
    assert drawn["sort"] == ["Need found", "Invoice issued", "Win", "Loss", "Still there"]


def test_map_of_several_pipelines_is_by_way_and_opens_what_is_one_row(session: Session, cast: Cast) -> None:
    first, second = add_pipeline(session), add_pipeline(session, name="Care")
    add_history(session, first, [Came(0, 0, cast.anna), Came(2, 2, cast.anna)])
    add_history(session, first, [Came(0, 0, cast.anna), Came(3, 2, cast.anna)])
    add_history(session, second, [Came(0, 0, cast.anna), Came(1, 2, cast.anna)])
    cells = {(one["row_name"], one["column_name"]): (one["row"], one["value"]) for one in marks(session, cast.vera)}
    assert cells["First sales · Contact made", "Past stages"] == (-1, 100.0)
    assert cells["Care · Contact made", "To the next stage"][0] >= 0
