"""Key figures worked out by hand: of days and months, first and repeat sales, credit, plan and fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.kpi import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.targets import set_target
from crm.analytics.values import Ask
from crm.deals.commands import reassign_deal
from crm.models import Deal, DealContact, DealStatus, StageVisit, TargetMetric, Workspace
from tests.analytics.histories import FIRST_DAY, Came, add_history
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.factories import PipelineRows, add_company, add_contact, add_pipeline


@pytest.fixture
def sample(session: Session, cast: Cast) -> Sample:
    """Return the small base."""
    return add_sample(session, cast)


def ask_of(session: Session, by: str | None = None, **narrowing: Any) -> Ask:
    """Return what the chart is asked for: the first half of 2026, but for what narrows it."""
    half = {"since": date(2026, 1, 1), "until": date(2026, 6, 30)}
    return Ask(replace(whole_scope(session), **(half | narrowing)), by)


def rows(session: Session, actor: Actor, ask: Ask, *columns: str) -> list[tuple[Any, ...]]:
    """Return the values of some columns, row by row."""
    frame = CHART.frame(session, actor, ask)
    return [tuple(row[one] for one in columns) for row in frame.to_dict("records")]


def day_of(instant: datetime) -> float:
    """Return an instant as the number of a day of histories."""
    return (instant - FIRST_DAY).total_seconds() / 86400


def test_figures_of_all_pipelines(session: Session, cast: Cast, sample: Sample) -> None:
    row: Mapping[str, Any] = CHART.frame(session, cast.vera, ask_of(session)).to_dict("records")[0]
    # Thirteen deals, of which one was none. Won: 5,000, 7,000, the two without a word of an amount 1,000 each.
    assert (row["new"], row["invalid"], row["won"], row["won_sum"]) == (12, 1, 4, 1_400_000)
    # The company's second sale, in another pipeline.
    assert (row["first"], row["first_sum"], row["repeat"], row["repeat_sum"]) == (3, 1_300_000, 1, 100_000)
    # The one in dollars and the one without an amount add no money.
    assert (row["lost"], row["lost_sum"]) == (4, 400_000)
    assert (row["win_rate"], row["mean_won"]) == (50, 350_000)
    assert row["median_days"] == 25  # of 20, 30, 40 and 9
    assert (row["plan_sum"], row["plan_percent"]) == (None, None)


def test_deal_lost_for_a_reason_nobody_stated_is_a_loss(session: Session, cast: Cast, sample: Sample) -> None:
    deal_id = add_history(session, sample.sales, [Came(0, 0, cast.anna)], lost=5)
    session.execute(update(Deal).where(Deal.id == deal_id).values(loss_reason_id=None))
    assert rows(session, cast.vera, ask_of(session), "new", "invalid", "lost") == [(13, 1, 5)]


def test_months_count_by_their_own_moments_and_empty_ones_stand(session: Session, cast: Cast, sample: Sample) -> None:
    sales = ask_of(session, "month", pipeline_ids=(sample.sales.id,), until=date(2026, 5, 31))
    assert rows(session, cast.vera, sales, "month", "new", "won", "lost", "win_rate") == [
        (date(2026, 1, 1), 8, 1, 1, 50),
        (date(2026, 2, 1), 2, 2, 2, 50),
        (date(2026, 3, 1), 0, 0, 1, 0),
        (date(2026, 4, 1), 0, 0, 0, None),
        (date(2026, 5, 1), 0, 0, 0, None),
    ]


def test_months_of_an_open_period_begin_and_end_with_deals(session: Session, cast: Cast, sample: Sample) -> None:
    whole = rows(session, cast.vera, Ask(whole_scope(session), "month"), "month")
    assert whole == [(date(2026, month, 1),) for month in (1, 2, 3)]
    since = Ask(replace(whole_scope(session), since=date(2025, 12, 1)), "month")
    assert len(rows(session, cast.vera, since, "month")) == 4


@pytest.mark.parametrize(
    ("zone", "months", "weeks"),
    [
        ("UTC", {date(2026, 1, 1): 2}, {date(2026, 1, 19): 1, date(2026, 1, 26): 1}),
        ("Europe/Moscow", {date(2026, 1, 1): 1, date(2026, 2, 1): 1}, {date(2026, 1, 26): 2}),
    ],
)
def test_months_and_weeks_are_those_of_the_workspace(
    session: Session, cast: Cast, zone: str, months: dict[date, int], weeks: dict[date, int]
) -> None:
    sales = add_pipeline(session)
    session.execute(update(Workspace).values(timezone=zone))
    # The last hour of January and of a Sunday in UTC: in Moscow it is February and Monday.
    for hour in (datetime(2026, 1, 31, 22, tzinfo=UTC), datetime(2026, 1, 25, 22, tzinfo=UTC)):
        add_history(session, sales, [Came(0, 0, cast.anna)], won=day_of(hour))
    for by, expected in (("month", months), ("week", weeks)):
        found = rows(session, cast.vera, ask_of(session, by), by, "won")
        assert {day: won for day, won in found if won} == expected


def test_sale_is_its_owners_at_the_win_and_not_of_who_looks_after_it_now(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    deal_id = add_history(session, sales, [Came(0, 0, cast.anna)], won=5)
    reassign_deal(
        session, cast.vera, deal_id=deal_id, owner_id=cast.anton.user_id or 0,
        expected_version=session.get_one(Deal, deal_id).version,
    )  # fmt: skip
    session.flush()
    handed = [Came(0, 0, cast.anna), Came(0, 2, cast.anton)]
    add_history(session, sales, handed, lost=4)
    figures = rows(session, cast.vera, ask_of(session, "owner"), "owner_id", "new", "won", "lost")
    assert figures == [(cast.anna.user_id, 1, 1, 0), (cast.anton.user_id, 1, 0, 1)]
    narrowed = ask_of(session, owner_ids=(cast.anton.user_id,))
    assert rows(session, cast.vera, narrowed, "new", "won", "lost") == [(1, 0, 1)]


def test_sale_of_an_owner_nobody_knows_is_nobodys(session: Session, cast: Cast) -> None:
    deal_id = add_history(session, add_pipeline(session), [Came(0, 0, cast.anna)], won=5)
    session.execute(update(StageVisit).where(StageVisit.deal_id == deal_id).values(owner_known=False))
    assert rows(session, cast.vera, ask_of(session, "owner"), "owner_id", "owner", "won") == [(None, None, 1)]


def test_sale_of_a_misspelt_year_is_still_its_owners(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    deal_id = add_history(session, sales, [Came(0, 0, cast.anna)], won=4)
    created_at = datetime(202, 1, 1, tzinfo=UTC)
    session.execute(update(Deal).where(Deal.id == deal_id).values(created_at=created_at))
    closed_at = session.get_one(Deal, deal_id, populate_existing=True).closed_at
    assert closed_at is not None
    days = (closed_at - created_at).total_seconds() / 86400
    assert rows(session, cast.vera, ask_of(session, "owner"), "owner_id", "won", "median_days") == [
        (cast.anna.user_id, 1, days)
    ]


@pytest.mark.parametrize("is_person", [False, True], ids=["company", "person"])
def test_later_sales_to_a_client_are_repeat_ones(session: Session, cast: Cast, *, is_person: bool) -> None:
    sales = add_pipeline(session)
    company = None if is_person else add_company(session, cast.anna)
    person = add_contact(session, cast.anna) if is_person else None

    def sold(at: float, **how: Any) -> int:
        deal_id = add_history(session, sales, [Came(0, 0, cast.anna)], company_id=company, **({"won": at} | how))
        if person is not None:
            session.add(DealContact(deal_id=deal_id, contact_id=person))
            session.flush()
        return deal_id

    sold(5, won=None, lost=1)  # a loss is no sale before
    first, again = sold(10), sold(20)
    assert rows(session, cast.vera, ask_of(session), "first", "repeat") == [(1, 1)]
    ask = ask_of(session)
    for door, deal_id in (("first", first), ("repeat", again)):
        assert session.scalars(CHART.behind(session, cast.vera, ask, {}, door)).all() == [deal_id]
    session.get_one(Deal, first).status = DealStatus.REMOVED
    session.flush()
    assert rows(session, cast.vera, ask_of(session), "first", "repeat") == [(1, 0)]


def test_two_sales_closed_in_the_same_second_are_one_first(session: Session, cast: Cast) -> None:
    sales, company = add_pipeline(session), add_company(session, cast.anna)
    for _number in range(2):
        add_history(session, sales, [Came(0, 0, cast.anna)], won=5, company_id=company)
    assert rows(session, cast.vera, ask_of(session), "first", "repeat") == [(1, 1)]


def test_each_sees_figures_of_deals_in_sight(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    for owner in (cast.anna, cast.anton, cast.dina):
        add_history(session, sales, [Came(0, 0, owner)], won=5)
    seen = [rows(session, one, ask_of(session), "won")[0][0] for one in (cast.vera, cast.boris, cast.anna, cast.dina)]
    assert seen == [3, 2, 1, 1]


def test_facts_stand_beside_their_plans(session: Session, cast: Cast, sample: Sample) -> None:
    for month, value in ((1, 1_000_000), (2, 1_600_000)):
        set_target(
            session, cast.vera, month=date(2026, month, 1), metric=TargetMetric.WON_SUM, value=value,
            pipeline_id=sample.sales.id,
        )  # fmt: skip
    for metric, value in ((TargetMetric.WON_DEALS, 4), (TargetMetric.NEW_DEALS, 10)):
        set_target(session, cast.vera, month=date(2026, 1, 1), metric=metric, value=value)
        set_target(
            session, cast.vera, month=date(2026, 1, 1), metric=metric, value=value, pipeline_id=sample.sales.id
        )  # fmt: skip
    sales = ask_of(session, "month", pipeline_ids=(sample.sales.id,), until=date(2026, 3, 31))
    columns = ("plan_sum", "plan_percent", "plan_won", "plan_won_percent", "plan_new", "plan_new_percent")
    assert rows(session, cast.vera, sales, *columns) == [
        (1_000_000, 50, 4, 25, 10, 80),
        (1_600_000, 50, None, None, None, None),
        (None, None, None, None, None, None),
    ]


def test_base_without_a_first_sale_still_has_a_row(session: Session, cast: Cast) -> None:
    pipelines: list[PipelineRows] = [add_pipeline(session)]
    assert rows(session, cast.vera, ask_of(session), "new", "won", "win_rate") == [(0, 0, None)]
    assert session.scalars(select(Deal.id).where(Deal.pipeline_id == pipelines[0].id)).all() == []
