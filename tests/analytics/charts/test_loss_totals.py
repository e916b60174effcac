"""Losses in all, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.loss_totals import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
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


def test_lost_of_all_that_was_decided(session: Session, cast: Cast, sample: Sample) -> None:
    found = rows(
        session, cast.vera, Ask(whole_scope(session)), "lost", "lost_sum", "mean_lost", "won", "loss_share", "invalid"
    )
    # Won: three sales and one of care. Lost: four, two of them with an amount in roubles, 300 000 and 100 000.
    assert found == [(4, 400_000, 200_000, 4, 50, 1)]


def test_by_owner_they_are_of_who_had_them_last(session: Session, cast: Cast, sample: Sample) -> None:
    found = rows(session, cast.vera, Ask(whole_scope(session), "owner"), "owner", "lost", "won", "invalid")
    assert found == [("Anna", 2, 2, 1), ("Boris", 2, 2, 0)]


def test_nothing_decided_has_no_share(session: Session, cast: Cast, sample: Sample) -> None:
    ask = Ask(replace(whole_scope(session), since=date(2025, 1, 1), until=date(2025, 2, 1)))
    assert rows(session, cast.vera, ask, "lost", "lost_sum", "mean_lost", "loss_share") == [(0, 0, None, None)]


@pytest.mark.parametrize("by", sorted(CHART.splits))
def test_parts_of_a_split_add_up_to_the_whole(session: Session, cast: Cast, sample: Sample, by: str) -> None:
    ask = Ask(replace(whole_scope(session), since=date(2026, 1, 1), until=date(2026, 6, 30)), by)
    parts = rows(session, cast.vera, ask, "lost", "lost_sum", "won", "invalid")
    assert len(parts) > 1 or by == "team"
    assert tuple(map(sum, zip(*parts, strict=True))) == (4, 400_000, 4, 1)
