"""Transitions, times and cohorts of random histories equal what pandas makes of the same facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.cohorts import CHART as COHORTS
from crm.analytics.charts.time_on_stage import CHART as TIMES
from crm.analytics.charts.transitions import CHART as TRANSITIONS
from crm.analytics.scope import Scope, whole_scope
from crm.analytics.values import Ask
from crm.models import DealStatus, Stage
from tests.analytics.random_histories import NOW, Drawn, draw_histories
from tests.analytics.test_samples import time_when_left
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.stopped_clock import StopClock, stop_clock

__all__ = ["stop_clock"]

MOSCOW = ZoneInfo("Europe/Moscow")
NORM_HOURS = 60
SPLITS = (None, "owner", "month", "source")
KEYS = {"owner": "owner_id", "month": "month", "source": "source"}
each_seed = pytest.mark.parametrize("seed", [1, 2, 3])


@pytest.fixture(autouse=True)
def after_all(stop_clock: StopClock) -> None:
    stop_clock(NOW)


def scopes(session: Session) -> list[Scope]:
    whole = replace(whole_scope(session), since=date(2025, 12, 1), until=date(2026, 7, 31))
    return [whole, replace(whole, since=date(2026, 1, 20), until=date(2026, 4, 10))]


def seen(deals: Sequence[Drawn], actor: Actor) -> list[Drawn]:
    return [one for one in deals if one.counts and actor.sees_owner(one.owner_id)]


def stays_of(deals: Sequence[Drawn]) -> pd.DataFrame:
    """Join visits at hand-overs; the last one's owner, end and outcome are those of the stay."""
    rows = []
    for deal in deals:
        start = None
        for one in deal.visits:
            start = start or one.entered_at
            if one.outcome != "handover":
                rows.append(
                    (deal.id, one.stage, start, one.left_at, one.owner_id, one.outcome, one.next_stage, deal.source)
                )
                start = None
    return _table(rows)


def visits_of(deals: Sequence[Drawn]) -> pd.DataFrame:
    return _table([
        (deal.id, one.stage, one.entered_at, one.left_at, one.owner_id, one.outcome, one.next_stage, deal.source)
        for deal in deals for one in deal.visits
    ])  # fmt: skip


def _table(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    table = pd.DataFrame(
        rows, columns=["deal", "stage", "start", "end", "owner", "outcome", "next", "source"], dtype=object
    )
    table["seconds"] = [
        ((end or NOW) - start).total_seconds() for start, end in zip(table["start"], table["end"], strict=True)
    ]
    table["is_open"] = table["end"].isna()
    table["month"] = [month_of(one) for one in table["start"]]
    return table


def month_of(moment: datetime) -> date:
    return moment.astimezone(MOSCOW).date().replace(day=1)


def within(table: pd.DataFrame, scope: Scope) -> pd.DataFrame:
    days = [one.astimezone(MOSCOW).date() for one in table["start"]]
    return table[[scope.since <= one <= scope.until for one in days]]


def parts(table: pd.DataFrame, keys: list[str]) -> dict[tuple[Any, ...], pd.DataFrame]:
    """Group by keys, nothing as None."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for number, row in enumerate(table[keys].itertuples(index=False)):
        found.setdefault(tuple(None if pd.isna(one) else one for one in row), []).append(number)
    return {key: table.iloc[numbers] for key, numbers in found.items()}


def hours(seconds: Any) -> tuple[Any, Any]:
    if not len(seconds):
        return (None, None)
    return tuple(pytest.approx(one / 3600) for one in np.percentile(seconds.astype(float), [50, 90]))  # type: ignore[return-value]


def asked(session: Session, actor: Actor, chart: Any, scope: Scope, by: str | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = chart.frame(session, actor, Ask(scope, by)).to_dict("records")
    return rows


def add(session: Session, cast: Cast, seed: int) -> tuple[PipelineRows, list[Drawn]]:
    pipeline = add_pipeline(session)
    session.get_one(Stage, pipeline.stages[1]).norm_seconds = NORM_HOURS * 3600
    return pipeline, draw_histories(session, pipeline, cast, 70, seed)


@each_seed
def test_transitions(session: Session, cast: Cast, seed: int) -> None:
    pipeline, deals = add(session, cast, seed)
    for actor in (cast.vera, cast.anna):
        table = stays_of(seen(deals, actor))
        for scope in scopes(session):
            for by in SPLITS:
                own = within(table, scope)
                grouped = parts(own, [*([by] if by else []), "stage", "outcome", "next"])
                expected: dict[Any, Any] = {}
                for (*key, outcome, to), rows in grouped.items():
                    of_stage = parts(own, [*([by] if by else []), "stage"])[tuple(key)]
                    to_id = {"won": pipeline.won, "lost": pipeline.lost}.get(outcome)
                    to_id = to_id if to is None else pipeline.stages[to]
                    times = hours(rows["seconds"][~rows["is_open"].astype(bool)])
                    expected[*key[:-1], pipeline.stages[key[-1]], to_id] = (
                        len(rows), pytest.approx(100 * len(rows) / len(of_stage)), *times
                    )  # fmt: skip
                got = {
                    (*([row[KEYS[by]]] if by else []), row["stage_id"], row["to_stage_id"]): (
                        row["stays"], row["share"], row["median_hours"], row["p90_hours"]
                    )
                    for row in asked(session, actor, TRANSITIONS, scope, by)
                }  # fmt: skip
                assert got == expected


@each_seed
def test_times(session: Session, cast: Cast, seed: int) -> None:
    pipeline, deals = add(session, cast, seed)
    for actor in (cast.vera, cast.anna):
        stays, visits = stays_of(seen(deals, actor)), visits_of(seen(deals, actor))
        for scope in scopes(session):
            for by in SPLITS:
                keys = [*([by] if by else []), "stage"]
                of_stays, of_visits = parts(within(stays, scope), keys), parts(within(visits, scope), keys)
                rows = {
                    (*([row[KEYS[by]]] if by else []), pipeline.stages.index(row["stage_id"])): row
                    for row in asked(session, actor, TIMES, scope, by)
                }
                assert {key for key, row in rows.items() if row["stays"]} == set(of_stays)
                assert {key for key, row in rows.items() if row["visits"]} == set(of_visits)
                for key, own in of_stays.items():
                    check_stays(rows[key], own)
                for key, own in of_visits.items():
                    closed = own[~own["is_open"].astype(bool)]
                    row = rows[key]
                    assert (row["visits"], row["visits_closed"]) == (len(own), len(closed))
                    assert (row["visit_median_hours"], row["visit_p90_hours"]) == hours(closed["seconds"])


def check_stays(row: dict[str, Any], own: pd.DataFrame) -> None:
    is_open = own["is_open"].astype(bool)
    closed = own[~is_open]
    assert (row["stays"], row["stays_closed"], row["stays_open"]) == (len(own), len(closed), len(own) - len(closed))
    assert (row["median_hours"], row["p90_hours"]) == hours(closed["seconds"])
    times = own["seconds"].to_numpy(dtype=float)
    left = [time_when_left(times, is_open.to_numpy(), share) for share in (0.5, 0.1)]
    expected = [None if one is None else pytest.approx(one / 3600) for one in left]
    assert [row["median_with_open_hours"], row["p90_with_open_hours"]] == expected
    over = int((own["seconds"] > NORM_HOURS * 3600).sum()) if row["norm_hours"] else 0
    assert row["over_norm"] == over
    assert row["over_norm_share"] == (pytest.approx(100 * over / len(own)) if row["norm_hours"] else None)
    assert row["total_hours"] == pytest.approx(closed["seconds"].sum() / 3600)
    assert row["open_hours"] == pytest.approx(own[is_open]["seconds"].sum() / 3600)


@each_seed
def test_cohorts(session: Session, cast: Cast, seed: int) -> None:
    pipeline, deals = add(session, cast, seed)
    for actor in (cast.vera, cast.anna):
        for scope in scopes(session):
            for by in (None, "owner", "source"):
                cohorts: dict[tuple[Any, ...], list[Drawn]] = {}
                for one in seen(deals, actor):
                    if scope.since <= one.visits[0].entered_at.astimezone(MOSCOW).date() <= scope.until:
                        part = {None: (), "owner": (one.owner_id,), "source": (one.source,)}[by]
                        cohorts.setdefault((*part, month_of(one.visits[0].entered_at)), []).append(one)
                expected = {
                    (*key, *row[:2]): row[2:] for key, own in cohorts.items() for row in cohort_rows(pipeline, own)
                }
                got = {
                    (*([row[KEYS[by]]] if by else []), row["month"], row["step"], row["stage_id"]): (
                        row["size"], row["deals"], row["share"], row["median_hours"]
                    )
                    for row in asked(session, actor, COHORTS, scope, by)
                }  # fmt: skip
                assert got == expected


def cohort_rows(pipeline: PipelineRows, own: list[Drawn]) -> list[tuple[Any, ...]]:
    won = [one for one in own if one.status is DealStatus.WON]
    lost = [one for one in own if one.status is DealStatus.LOST]
    furthest = [len(pipeline.stages) if one in won else max(visit.stage for visit in one.visits) for one in own]
    steps = [
        ("stage", stage_id, sum(far >= at for far in furthest), None) for at, stage_id in enumerate(pipeline.stages)
    ]
    steps += [("won", pipeline.won, len(won), days_taken(won)), ("lost", None, len(lost), days_taken(lost)),
              ("open", None, len(own) - len(won) - len(lost), None)]  # fmt: skip
    return [
        (step, stage_id, len(own), count, pytest.approx(100 * count / len(own)), taken)
        for step, stage_id, count, taken in steps
    ]


def days_taken(ended: list[Drawn]) -> Any:
    taken = [
        (one.closed_at.replace(microsecond=0) - one.visits[0].entered_at).total_seconds()
        for one in ended
        if one.closed_at is not None
    ]
    return pytest.approx(np.median(taken) / 3600) if taken else None
