"""The list behind a number: counted, summed, paged, exported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.listing import Listed, count_behind, export_behind, list_behind
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.errors import Forbidden
from crm.models import DealContact
from tests.analytics.histories import Came, add_history, day
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.factories import add_contact, add_pipeline


def asked(session: Session, sample: Sample) -> Ask:
    return Ask(replace(whole_scope(session), pipeline_ids=(sample.sales.id,)))


def offer_sent(sample: Sample) -> dict[str, Any]:
    return {"stage_id": sample.sales.stages[2]}


def test_count_and_sum_leave_other_currencies_out_of_the_sum(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    first = {"stage_id": sample.sales.stages[0]}
    listed = count_behind(session, cast.vera, CONVERSION, asked(session, sample), first, "came")
    rows = list_behind(session, cast.vera, CONVERSION, asked(session, sample), first, "came", limit=50)
    assert listed.rows == listed.deals == len(rows)
    assert sample.deals["another currency"] in {one.id for one in rows}
    assert listed.amount_minor == sum(one.amount_minor or 0 for one in rows if one.currency == "RUB")


def test_pages_follow_each_other_from_the_latest_moment_on(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    ask, row = asked(session, sample), {"stage_id": sample.sales.stages[0]}
    whole = list_behind(session, cast.vera, CONVERSION, ask, row, "came", limit=50)
    pages = [
        list_behind(session, cast.vera, CONVERSION, ask, row, "came", offset=at, limit=3) for at in range(0, 12, 3)
    ]
    assert [one for page in pages for one in page] == whole
    assert [one.at for one in whole] == sorted((one.at for one in whole), reverse=True)


def test_row_names_client_owner_and_the_moment_that_counts(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    found = list_behind(session, cast.vera, CONVERSION, asked(session, sample), offer_sent(sample), "passed")
    won = next(one for one in found if one.id == sample.deals["won"])
    assert (won.client, won.owner, won.stage, won.amount_minor, won.at) == ("Mir LLC", "Anna", "Paid", 500_000, day(9))


def test_client_of_a_deal_without_a_company_is_its_main_contact(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    deal_id = add_history(session, pipeline, [Came(0, 0, cast.anna)])
    for position, name in ((1, "Second"), (0, "Main")):
        contact = add_contact(session, cast.anna, name)
        session.add(DealContact(deal_id=deal_id, contact_id=contact, position=position))
    session.flush()
    ask, row = Ask(whole_scope(session)), {"stage_id": pipeline.stages[0]}
    assert [one.client for one in list_behind(session, cast.anna, CONVERSION, ask, row, "came")] == ["Main"]


def test_actor_finds_only_deals_in_sight(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    listed = {
        name: count_behind(session, getattr(cast, name), CONVERSION, asked(session, sample), offer_sent(sample), "came")
        for name in ("anna", "boris", "dina", "vera")
    }
    assert listed["dina"] == Listed(0, 0, 0)
    assert 0 < listed["anna"].rows < listed["boris"].rows == listed["vera"].rows


def test_export_holds_every_row_and_is_not_for_managers(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    ask, row = asked(session, sample), {"stage_id": sample.sales.stages[0]}
    rows = list(export_behind(session, cast.boris, CONVERSION, ask, row, "came"))
    assert rows == list_behind(session, cast.boris, CONVERSION, ask, row, "came", limit=50)
    assert list(export_behind(session, cast.boris, CONVERSION, ask, row, "came", limit=2)) == rows[:2]
    with pytest.raises(Forbidden):
        export_behind(session, cast.anna, CONVERSION, ask, row, "came")
