"""A deal that was removed and put back: the stay that the removal cut short is in no figure of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from crm.analytics.charts import CHARTS
from crm.analytics.charts.time_on_stage import CHART as TIME_ON_STAGE
from crm.analytics.charts.transitions import CHART as TRANSITIONS
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask, Chart
from crm.clock import utc_now
from crm.deals.removal import remove_deal, restore_deal
from crm.deals.values import StepPlan
from crm.models import Deal, StepKind
from tests.analytics.histories import Came, add_history
from tests.analytics.test_contract import wrong_cells
from tests.conftest import Cast
from tests.factories import add_pipeline


@pytest.fixture(autouse=True)
def restored(session: Session, cast: Cast) -> int:
    """Insert a deal that was taken out on its second stage and put back there."""
    deal_id = add_history(session, add_pipeline(session), [Came(0, 0, cast.anna), Came(1, 2, cast.anna)])
    version = session.get_one(Deal, deal_id).version
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=version, reason="Taken for a duplicate")
    step = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Call")
    restore_deal(session, cast.vera, deal_id=deal_id, step=step)
    session.expire_all()
    return deal_id


def ask(session: Session, by: str | None = None) -> Ask:
    """Return the question about everything until tomorrow."""
    tomorrow = utc_now().date() + timedelta(days=1)
    return Ask(replace(whole_scope(session), since=date(2025, 12, 1), until=tomorrow), by)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_every_number_opens_its_deals(session: Session, cast: Cast, chart: Chart) -> None:
    splits = [None, *sorted(chart.splits & {"owner", "month"})]
    wrong, _seen = wrong_cells(session, cast.vera, chart, [ask(session, by) for by in splits])
    assert wrong == []


def test_stay_cut_short_by_the_removal_is_none(session: Session, cast: Cast) -> None:
    ways = TRANSITIONS.frame(session, cast.vera, ask(session)).to_dict("records")
    assert [(row["stage"], row["way"], row["stays"]) for row in ways] == [
        ("Contact made", "next", 1), ("Need found", "open", 1),
    ]  # fmt: skip
    times = TIME_ON_STAGE.frame(session, cast.vera, ask(session)).to_dict("records")[1]
    assert (times["stays"], times["stays_open"], times["visits"], times["visits_closed"]) == (1, 1, 1, 0)
