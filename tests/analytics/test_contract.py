"""Every number of every chart opens as many deals, or deals of that sum: walked cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts import CHARTS
from crm.analytics.frames import choice_keys
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask, Chart, Kind, Meaning
from crm.models import Deal
from tests.analytics.sample import add_sample
from tests.conftest import Cast

each_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)


def asks(session: Session, chart: Chart, splits: frozenset[str | None] | None = None) -> list[Ask]:
    """Return the ways to ask a chart: every split in every meaning, and a month without a split."""
    whole = replace(whole_scope(session), since=date(2025, 12, 1), until=date(2026, 6, 30))
    month = replace(whole, since=date(2026, 1, 1), until=date(2026, 1, 31))
    meanings = tuple(Meaning) if chart.has_meanings else (Meaning.REAL_PATH,)
    fields = choice_keys(session) if chart.has_fields else frozenset()
    ways = [(whole, by) for by in (None, *sorted(chart.splits | fields)) if splits is None or by in splits]
    return [Ask(scope, by, one) for scope, by in [*ways, (month, None)] for one in meanings]


def wrong_cells(session: Session, actor: Actor, chart: Chart, ways: Sequence[Ask]) -> tuple[list[str], int]:
    """Return the cells whose list is not their number, and how many cells were looked at."""
    wrong, seen = [], 0
    for ask in ways:
        frame = chart.frame(session, actor, ask)
        for row in frame.to_dict("records"):
            for door in (one for one in chart.columns if one.is_door):
                behind = chart.behind(session, actor, ask, row, door.code).subquery()
                counted = func.coalesce(func.sum(Deal.amount_minor), 0) if door.kind is Kind.MONEY else func.count()
                query = select(counted).select_from(behind).join(Deal, Deal.id == behind.c.deal_id)
                if door.kind is Kind.MONEY:
                    query = query.where(Deal.currency == ask.scope.currency)
                listed, seen = session.scalar(query), seen + 1
                if listed != row[door.code]:
                    wrong.append(f"{ask.by} {ask.meaning} {row} {door.code}: {listed} behind {row[door.code]}")
    return wrong, seen


@each_chart
def test_every_number_opens_its_deals(session: Session, cast: Cast, chart: Chart) -> None:
    add_sample(session, cast)
    wrong, seen = wrong_cells(session, cast.vera, chart, asks(session, chart))
    assert wrong == []
    assert seen > 0


@each_chart
@pytest.mark.parametrize("who", ["anna", "boris"])
def test_every_number_opens_its_deals_to_who_sees_few(session: Session, cast: Cast, chart: Chart, who: str) -> None:
    add_sample(session, cast)
    wrong, seen = wrong_cells(session, getattr(cast, who), chart, asks(session, chart, frozenset({None, "owner"})))
    assert wrong == []
    assert seen > 0


@each_chart
def test_empty_base_gives_a_frame_with_the_columns(session: Session, cast: Cast, chart: Chart) -> None:
    for ask in asks(session, chart):
        frame = chart.frame(session, cast.vera, ask)
        assert {one.code for one in chart.columns} <= set(frame.columns)
