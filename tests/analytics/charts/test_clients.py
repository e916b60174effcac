"""Clients counted once across pipelines, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from crm.analytics.charts.clients import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.models import DealContact
from tests.analytics.histories import Came, add_history
from tests.conftest import Cast
from tests.factories import add_company, add_contact, add_pipeline


def test_client_with_deals_in_two_pipelines_is_counted_once(session: Session, cast: Cast) -> None:
    sales, care = add_pipeline(session), add_pipeline(session, name="Care")
    mir, olga = add_company(session, cast.anna), add_contact(session, cast.anna, "Olga Serova")
    anna = [Came(0, 1, cast.anna)]
    add_history(session, sales, anna, won=3, company_id=mir)
    add_history(session, care, [Came(0, 4, cast.anna)], company_id=mir)  # the copy that a link made
    for pipeline in (sales, care):
        deal_id = add_history(session, pipeline, anna)
        session.add(DealContact(deal_id=deal_id, contact_id=olga, position=0))
    add_history(session, sales, anna)  # of nobody
    add_history(session, sales, anna, lost=2, reason=2, company_id=add_company(session, cast.anna, "Not one"))
    session.flush()
    scope = replace(whole_scope(session), since=date(2026, 1, 1), until=date(2026, 3, 1))
    rows = CHART.frame(session, cast.vera, Ask(scope)).to_dict("records")
    told = [(one["pipeline"], one["deals"], one["clients"], one["bought"], one["open"]) for one in rows]
    assert told == [("First sales", 3, 3, 1, 2), ("Care", 2, 2, 0, 2), (None, 5, 3, 1, 2)]
    assert rows[-1]["conversion"] == 100 / 3


def test_period_holds_deals_created_in_it(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    add_history(session, sales, [Came(0, 1, cast.anna)])
    scope = replace(whole_scope(session), since=date(2025, 1, 1), until=date(2025, 12, 31))
    rows = CHART.frame(session, cast.vera, Ask(scope)).to_dict("records")
    assert [one["deals"] for one in rows] == [0, 0]
    assert rows[-1]["conversion"] is None
