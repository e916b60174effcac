"""What frames of losses say: where, why, how much; numbers instead of shares where there are few."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from sqlalchemy.orm import Session

from crm.analytics.charts.losses import CHART as LOSSES
from crm.analytics.charts.lost_money import CHART as LOST_MONEY
from crm.analytics.findings import Finding
from crm.analytics.loss_findings import losses_finding, months_finding, objections_finding
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from tests.analytics.histories import Came, add_history
from tests.analytics.sample import add_sample
from tests.conftest import Cast
from tests.factories import add_pipeline


def losses_of(session: Session, cast: Cast) -> Finding | None:
    return losses_finding(LOSSES.frame(session, cast.vera, Ask(whole_scope(session))))


def test_few_losses_are_told_by_their_numbers(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    for at in (70, 71):
        add_history(session, sample.sales, [Came(2, at, cast.anna)], lost=at + 1, reason=1)
    expected = {"stage": "Offer sent", "reason": "Other", "lost": 4, "all": 6}
    assert losses_of(session, cast) == Finding("few_losses", expected)


def test_stage_of_several_pipelines_is_named_with_its_own(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    for at in (60, 62, 64):
        add_history(session, sample.care, [Came(1, at, cast.boris)], lost=at + 1, reason=0)
    found = losses_of(session, cast)
    assert found is not None
    assert (found.params["stage"], found.params["lost"]) == ("Care · Answered", 3)


def test_ten_losses_are_enough_for_a_share(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    for number in range(10):
        stage, reason = (3, 0) if number < 7 else (1, 1)
        add_history(session, sales, [Came(stage, number, cast.anna)], lost=number + 1, reason=reason)
    add_history(session, sales, [Came(0, 20, cast.anna)], lost=21, reason=2)  # invalid: no loss, in no share
    assert losses_of(session, cast) == Finding(
        "most_losses", {"stage": "Invoice issued", "reason": "Price", "percent": 70}
    )


def test_stage_and_reason_that_nobody_told_are_named_so(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    add_history(session, sales, [Came(1, 0, cast.anna)], lost=4, loss_reason_id=None, loss_stage_id=None)
    found = losses_of(session, cast)
    assert found is not None
    assert (found.params["stage"], found.params["reason"]) == ("not_stated", "not_stated")


def test_no_losses_say_nothing(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    add_history(session, sales, [Came(0, 0, cast.anna)], lost=4, reason=2)
    assert losses_of(session, cast) is None


def test_dearest_month(session: Session, cast: Cast) -> None:
    add_sample(session, cast)
    ask = Ask(whole_scope(session))
    found = months_finding(LOST_MONEY.frame(session, cast.vera, ask))
    assert found == Finding("dearest_month", {"month": date(2026, 1, 1), "money": 300_000})
    march = Ask(replace(ask.scope, since=date(2026, 3, 1)))
    assert months_finding(LOST_MONEY.frame(session, cast.vera, march)) is None


@pytest.mark.parametrize(
    ("overcome", "expected"), [(8, Finding("most_objections", {"stage": "Offer sent", "percent": 80.0})), (7, None)]
)
def test_stage_with_most_objections(overcome: int, expected: Finding | None) -> None:
    rows = [
        {"stage": "Offer sent", "objections": 12, "overcome": overcome, "not_overcome": 2, "overcome_share": 80.0},
        {"stage": "Need found", "objections": 30, "overcome": 5, "not_overcome": 4, "overcome_share": 55.6},
    ]
    assert objections_finding(pd.DataFrame(rows)) == expected
