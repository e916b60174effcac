"""Managers by stage, worked out by hand: credit, intervals, verdicts, times, sight."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.charts.managers import CHART, time_figure
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.deals.paths import retrace_deals
from crm.models import Deal, DealStatus, StageVisit, User
from tests.analytics.histories import Came, add_history
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline

COUNTS = ("came", "passed", "lost", "open")


def words(code: str) -> str:
    return code


@pytest.fixture
def sales(session: Session, cast: Cast) -> PipelineRows:
    """Return a pipeline with four stages."""
    return add_pipeline(session)


def ask_of(session: Session, **narrowing: Any) -> Ask:
    """Return what the chart is asked for: everything, but for what narrows it."""
    return Ask(replace(whole_scope(session), **narrowing))


def cells(
    session: Session, actor: Actor, sales: PipelineRows, **narrowing: Any
) -> dict[tuple[int | None, int], Mapping[str, Any]]:
    """Return the rows by owner and number of the stage."""
    rows: list[dict[str, Any]] = CHART.frame(session, actor, ask_of(session, **narrowing)).to_dict("records")  # type: ignore[assignment]
    return {(row["owner_id"], sales.stages.index(row["stage_id"])): row for row in rows}


def counts(cell: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(cell[one] for one in COUNTS)


def add_decided(session: Session, sales: PipelineRows, owner: Actor, *, passed: int, lost: int, stage: int = 0) -> None:
    """Insert deals of an owner that came to a stage and went on to the next, or were lost there, a day later."""
    for _number in range(passed):
        add_history(session, sales, [Came(stage, 0, owner), Came(stage + 1, 1, owner)])
    for _number in range(lost):
        add_history(session, sales, [Came(stage, 0, owner)], lost=1)


def test_share_stands_with_its_interval_against_all_others(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_decided(session, sales, cast.anna, passed=8, lost=2)
    add_decided(session, sales, cast.anton, passed=2, lost=10)
    found = cells(session, cast.vera, sales)
    anna, anton = found[cast.anna.user_id, 0], found[cast.anton.user_id, 0]
    assert counts(anna) == (10, 8, 2, 0)
    assert (anna["conversion_decided"], anna["others"], anna["verdict"]) == (80, pytest.approx(100 / 6), "better")
    assert (anna["low"], anna["high"]) == (pytest.approx(49.02, abs=0.01), pytest.approx(94.33, abs=0.01))
    assert anna["difference"] == pytest.approx(80 - 100 / 6)
    assert (anton["others"], anton["verdict"]) == (80, "worse")
    # The deals that went on wait on the next stage: nobody has decided anything there.
    assert counts(found[cast.anna.user_id, 1]) == (8, 0, 0, 8)
    assert found[cast.anna.user_id, 1]["conversion_decided"] is None
    assert found[cast.anna.user_id, 1]["verdict"] == "few"


def test_difference_that_chance_explains_is_no_verdict(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_decided(session, sales, cast.anna, passed=7, lost=3)
    add_decided(session, sales, cast.anton, passed=5, lost=5)
    found = cells(session, cast.vera, sales)
    assert [found[one.user_id, 0]["verdict"] for one in (cast.anna, cast.anton)] == ["alike", "alike"]


@pytest.mark.parametrize(("own", "others"), [(9, 10), (10, 9)])
def test_few_decisions_on_either_side_are_no_verdict(
    session: Session, cast: Cast, sales: PipelineRows, own: int, others: int
) -> None:
    add_decided(session, sales, cast.anna, passed=own, lost=0)
    add_decided(session, sales, cast.anton, passed=0, lost=others)
    assert cells(session, cast.vera, sales)[cast.anna.user_id, 0]["verdict"] == "few"


def test_credit_is_the_owners_at_that_moment(session: Session, cast: Cast, sales: PipelineRows) -> None:
    anna, boris = cast.anna, cast.boris
    add_history(session, sales, [Came(0, 10, anna), Came(1, 12, anna), Came(1, 20, boris), Came(2, 22, boris)], lost=30)
    found = cells(session, cast.vera, sales)
    assert counts(found[anna.user_id, 0]) == (1, 1, 0, 0)
    assert counts(found[boris.user_id, 1]) == (1, 1, 0, 0)  # took it over there and brought it further
    assert counts(found[boris.user_id, 2]) == (1, 0, 1, 0)
    # Anna has no decision on the second stage, but a visit of eight days; Boris one of two.
    assert counts(found[anna.user_id, 1]) == (0, 0, 0, 0)
    assert (found[anna.user_id, 1]["visits"], found[anna.user_id, 1]["median_hours"]) == (1, 8 * 24)
    assert (found[boris.user_id, 1]["visits"], found[boris.user_id, 1]["median_hours"]) == (1, 2 * 24)
    assert found[anna.user_id, 1]["team_median_hours"] == 5 * 24


def test_owner_whom_a_history_does_not_say_has_no_credit(session: Session, cast: Cast, sales: PipelineRows) -> None:
    deal_id = add_history(session, sales, [Came(0, 0, cast.anna), Came(1, 2, cast.anna)], lost=5)
    session.execute(update(StageVisit).where(StageVisit.deal_id == deal_id).values(owner_known=False))
    retrace_deals(session, [deal_id])
    found = cells(session, cast.vera, sales)
    assert list(found) == [(None, 0), (None, 1)]
    assert counts(found[None, 0]) == (1, 1, 0, 0)
    assert (found[None, 0]["owner"], found[None, 0]["visits"]) == (None, 1)


def test_return_counts_once_and_each_visit_lasts(session: Session, cast: Cast, sales: PipelineRows) -> None:
    came = [(0, 0), (1, 2), (2, 3), (1, 5), (2, 11)]
    add_history(session, sales, [Came(stage, at, cast.anna) for stage, at in came])
    found = cells(session, cast.vera, sales)
    assert counts(found[cast.anna.user_id, 1]) == (1, 1, 0, 0)
    # Two visits, of one and of six days; the second on the third stage isn't over.
    assert (found[cast.anna.user_id, 1]["visits"], found[cast.anna.user_id, 1]["median_hours"]) == (2, 3.5 * 24)
    assert found[cast.anna.user_id, 2]["visits"] == 1
    assert found[cast.anna.user_id, 1]["team_median_hours"] is None  # nobody else was there


def test_invalid_removed_and_skipped_are_in_no_row(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_history(session, sales, [Came(0, 0, cast.anna)], lost=1, reason=2)
    removed = add_history(session, sales, [Came(0, 0, cast.anna)], lost=1)
    session.get_one(Deal, removed).status = DealStatus.REMOVED
    retrace_deals(session, [removed])
    assert cells(session, cast.vera, sales) == {}
    add_history(session, sales, [Came(0, 0, cast.anna), Came(3, 1, cast.anna)])
    assert [stage for _owner, stage in cells(session, cast.vera, sales)] == [0, 3]


def test_period_takes_deals_by_their_reaching_and_visits_by_their_begin(
    session: Session, cast: Cast, sales: PipelineRows
) -> None:
    add_history(session, sales, [Came(0, 20, cast.anna), Came(1, 30, cast.anna)], lost=60)
    january = cells(session, cast.vera, sales, since=date(2026, 1, 1), until=date(2026, 1, 31))
    february = cells(session, cast.vera, sales, since=date(2026, 2, 1), until=date(2026, 2, 28))
    assert [stage for _owner, stage in january] == [0]
    assert counts(january[cast.anna.user_id, 0]) == (1, 1, 0, 0)
    assert [stage for _owner, stage in february] == [1]


def test_narrowed_to_one_the_others_stay_the_others(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_decided(session, sales, cast.anna, passed=8, lost=2)
    add_decided(session, sales, cast.dina, passed=2, lost=10)
    one = cells(session, cast.vera, sales, owner_ids=(cast.anna.user_id,))
    assert {owner for owner, _stage in one} == {cast.anna.user_id}
    assert one[cast.anna.user_id, 0]["verdict"] == "better"
    dina = session.get_one(User, cast.dina.user_id)
    team = cells(session, cast.vera, sales, team_ids=(dina.team_id,))
    assert {owner for owner, _stage in team} == {cast.dina.user_id}


def test_each_sees_rows_of_people_in_sight(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_decided(session, sales, cast.anna, passed=8, lost=2)
    add_decided(session, sales, cast.anton, passed=2, lost=10)
    # Dina of another team brought it on, then Anna took it over: its past is not Dina's page for others.
    add_history(session, sales, [Came(0, 0, cast.dina), Came(1, 3, cast.dina), Came(1, 4, cast.anna)])
    everybody = {owner for owner, _stage in cells(session, cast.vera, sales)}
    assert everybody == {cast.anna.user_id, cast.anton.user_id, cast.dina.user_id}
    of_head = cells(session, cast.boris, sales)
    assert {owner for owner, _stage in of_head} == {cast.anna.user_id, cast.anton.user_id}
    assert of_head[cast.anna.user_id, 0]["verdict"] == "better"
    own = cells(session, cast.anna, sales)
    assert {owner for owner, _stage in own} == {cast.anna.user_id}
    mine = own[cast.anna.user_id, 0]
    assert (mine["others"], mine["difference"], mine["verdict"]) == (None, None, "few")
    assert (mine["team_median_hours"], mine["time_verdict"]) == (None, "few")


def test_times_are_judged_by_how_many_visits_are_longer(session: Session, cast: Cast, sales: PipelineRows) -> None:
    for number in range(12):
        add_history(session, sales, [Came(0, number, cast.anna), Came(1, number + 1, cast.anna)])
        add_history(session, sales, [Came(0, number, cast.anton), Came(1, number + 3, cast.anton)])
    found = cells(session, cast.vera, sales)
    anna, anton = found[cast.anna.user_id, 0], found[cast.anton.user_id, 0]
    assert (anna["median_hours"], anna["team_median_hours"], anna["longer"]) == (24, 48, 0)
    assert (anna["time_verdict"], anton["time_verdict"], anton["longer"]) == ("faster", "slower", 100)


@pytest.mark.parametrize("seed", range(4))
def test_sums_over_managers_equal_the_team(session: Session, cast: Cast, sales: PipelineRows, seed: int) -> None:
    chance = random.Random(seed)
    people = [cast.anna, cast.anton, cast.boris, cast.dina]
    for _number in range(30):
        came, at = [Came(chance.randrange(3), 0, chance.choice(people))], 0.0
        for _step in range(chance.randrange(5)):
            at += chance.randint(1, 9)
            came.append(Came(chance.randrange(4), at, chance.choice(people)))
        ends = chance.choice(({}, {"won": at + 1}, {"lost": at + 2}, {"lost": at + 1, "reason": 2}))
        add_history(session, sales, came, **ends)  # type: ignore[arg-type]
    for narrowing in ({}, {"since": date(2026, 1, 8), "until": date(2026, 1, 14)}):
        ask = ask_of(session, **narrowing)
        sums = CHART.frame(session, cast.vera, ask).groupby("stage_id")[list(COUNTS)].sum()
        team = CONVERSION.frame(session, cast.vera, ask).set_index("stage_id")
        for stage_id in sales.stages:
            own = sums.loc[stage_id].tolist() if stage_id in sums.index else [0, 0, 0, 0]
            assert own == [team.loc[stage_id, one] for one in COUNTS]


def test_maps_tell_namesakes_and_pipelines_apart(session: Session, cast: Cast, sales: PipelineRows) -> None:
    other = add_pipeline(session, name="Care")
    session.get_one(User, cast.anton.user_id).name = session.get_one(User, cast.anna.user_id).name
    for owner in (cast.anna, cast.anton):
        add_history(session, sales, [Came(0, 0, owner), Came(1, 1, owner)], lost=3)
        add_history(session, other, [Came(0, 0, owner)], lost=3)
    frame = CHART.frame(session, cast.vera, ask_of(session))
    for draw in (CHART.figure, time_figure):
        assert draw is not None
        spec = draw(frame, words).to_dict()
        marks = next(iter(spec["datasets"].values()))
        assert len({(one["row_name"], one["column_name"]) for one in marks}) == len(marks) == 6
        assert f"#{cast.anna.user_id}" in marks[0]["row_name"]
