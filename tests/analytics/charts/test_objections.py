"""Objections by stage and outcome, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.objections import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.models import Objection
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast


@pytest.fixture
def sample(session: Session, cast: Cast) -> Sample:
    """Return the small base."""
    return add_sample(session, cast)


def rows(session: Session, actor: Actor, ask: Ask, *columns: str) -> list[tuple[object, ...]]:
    """Return the values of some columns, row by row."""
    frame = CHART.frame(session, actor, ask)
    return [tuple(row[one] for one in columns) for row in frame.to_dict("records")]


def ask_of(session: Session, by: str | None = None, **narrowing: object) -> Ask:
    """Return what the chart is asked for: everything, but for what narrows it."""
    return Ask(replace(whole_scope(session), **narrowing), by)  # type: ignore[arg-type]


def test_objections_by_stage_and_outcome(session: Session, cast: Cast, sample: Sample) -> None:
    columns = ("stage", "objections", "overcome", "not_overcome", "unsettled", "overcome_share")
    # What was said on an invalid deal's stage, "Contact made", is no objection of a client.
    assert rows(session, cast.vera, ask_of(session), *columns) == [
        ("Need found", 4, 2, 1, 1, 100 * 2 / 3),
        ("Offer sent", 3, 2, 1, 0, 100 * 2 / 3),
    ]


def test_kinds_of_objections(session: Session, cast: Cast, sample: Sample) -> None:
    assert rows(session, cast.vera, ask_of(session), "stage", "real", "pretended", "unclear") == [
        ("Need found", 2, 0, 2),
        ("Offer sent", 2, 1, 0),
    ]


def test_deal_counts_once_a_stage_and_by_what_it_is_now(session: Session, cast: Cast, sample: Sample) -> None:
    columns = ("stage", "deals", "deals_won", "deals_lost", "deals_open")
    # "won" has two objections on its stage; "lost for another" stands among the deals of both stages.
    assert rows(session, cast.vera, ask_of(session), *columns) == [
        ("Need found", 4, 1, 2, 1),
        ("Offer sent", 2, 1, 1, 0),
    ]


def test_objection_belongs_to_the_day_it_was_said(session: Session, cast: Cast, sample: Sample) -> None:
    february = ask_of(session, since=date(2026, 2, 1), until=date(2026, 2, 28))
    assert rows(session, cast.vera, february, "stage", "objections") == [("Need found", 1), ("Offer sent", 1)]


def test_objection_is_of_who_had_the_deal_then(session: Session, cast: Cast, sample: Sample) -> None:
    by_owner = rows(session, cast.vera, ask_of(session, "owner"), "owner", "stage", "objections")
    # The deal handed over on the 20th day was Anna's on the 15th.
    assert by_owner == [
        ("Anna", "Need found", 2), ("Anna", "Offer sent", 2), ("Boris", "Need found", 2), ("Boris", "Offer sent", 1),
    ]  # fmt: skip


def test_manager_sees_objections_of_own_deals_alone(session: Session, cast: Cast, sample: Sample) -> None:
    assert rows(session, cast.anna, ask_of(session), "stage", "objections") == [("Need found", 1), ("Offer sent", 2)]


def test_only_open_objections_have_no_share(session: Session, cast: Cast, sample: Sample) -> None:
    ask = ask_of(session, since=date(2026, 3, 1), until=date(2026, 3, 5))
    assert rows(session, cast.vera, ask, "objections", "unsettled", "overcome_share") == [(1, 1, None)]
    behind = CHART.behind(session, cast.vera, ask, {"stage_id": sample.sales.stages[1]}, "unsettled")
    assert session.execute(behind).scalars().all() == [sample.deals["no amount"]]
    assert session.scalar(select(Objection.id).where(Objection.deal_id == sample.deals["no amount"])) is not None


def test_stages_of_one_name_in_two_pipelines_have_bars_of_their_own(
    session: Session, cast: Cast, sample: Sample
) -> None:
    frame = CHART.frame(session, cast.vera, ask_of(session))
    twice = pd.concat([frame, frame.assign(pipeline="Other")], ignore_index=True)
    assert CHART.figure is not None
    marks = next(iter(CHART.figure(twice, str).to_dict()["datasets"].values()))
    assert len({one["stage"] for one in marks}) == len({one["row"] for one in marks}) == len(twice)
    marks = next(iter(CHART.figure(frame, str).to_dict()["datasets"].values()))
    assert {one["stage"] for one in marks} == {"Need found", "Offer sent"}
