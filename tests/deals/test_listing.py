"""Flat records of deals: hidden ones are not there, and an order has one place for each deal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.listing import DealFilter, DealOrder, list_deals, load_deal_record, place_in
from crm.errors import NotFound
from tests import factories
from tests.conftest import Cast


def test_load_deal_record_hides_deals_of_others(session: Session, cast: Cast) -> None:
    deal = factories.add_deal(session, cast.anna, factories.add_pipeline(session), title="Rebar", custom={"7": "x"})
    record = load_deal_record(session, cast.boris, deal)
    assert (record.id, record.title, record.custom, record.owner_id) == (deal, "Rebar", {"7": "x"}, cast.anna.user_id)
    for stranger in (cast.anton, cast.dina):
        with pytest.raises(NotFound):
            load_deal_record(session, stranger, deal)
    with pytest.raises(NotFound):
        load_deal_record(session, cast.vera, deal + 1)


def test_list_deals_of_nobody_is_empty(session: Session, cast: Cast) -> None:
    assert list_deals(session, cast.vera, DealFilter()) == []


@pytest.mark.parametrize("order", DealOrder)
def test_list_deals_goes_on_behind_the_place_of_the_last_one(session: Session, cast: Cast, order: DealOrder) -> None:
    pipeline, now = factories.add_pipeline(session), utc_now()
    for minutes in (5, 3, 3, 3, 1):  # several deals changed in one second
        factories.add_deal(session, cast.anna, pipeline, updated_at=now - timedelta(minutes=minutes))
    whole = list_deals(session, cast.anna, DealFilter(), order=order)
    assert len(whole) == 5
    for position, deal in enumerate(whole):
        rest = list_deals(session, cast.anna, DealFilter(), order=order, after=place_in(order, deal))
        assert rest == whole[position + 1 :]


def test_updated_order_follows_any_change_of_the_row(session: Session, cast: Cast) -> None:
    from crm.deals.commands import edit_deal
    from crm.deals.values import DealChanges

    pipeline, long_ago = factories.add_pipeline(session), utc_now() - timedelta(days=9)
    deals = [factories.add_deal(session, cast.anna, pipeline, updated_at=long_ago) for _ in range(2)]
    edit_deal(session, cast.anna, deal_id=deals[0], expected_version=1, changes=DealChanges(source="Fair"))
    listed = list_deals(session, cast.anna, DealFilter(), order=DealOrder.UPDATED)
    assert [deal.id for deal in listed] == [deals[1], deals[0]]
    since = DealFilter(updated_from=long_ago + timedelta(seconds=1))
    assert [deal.id for deal in list_deals(session, cast.anna, since)] == [deals[0]]


def test_ranges_hold_their_beginning_and_not_their_end(session: Session, cast: Cast) -> None:
    moment = utc_now() - timedelta(days=3)
    deal = factories.add_deal(session, cast.anna, factories.add_pipeline(session), created_at=moment)

    def ids(**range_: object) -> list[int]:
        return [one.id for one in list_deals(session, cast.anna, DealFilter(**range_))]  # type: ignore[arg-type]

    assert ids(created_from=moment) == [deal]
    assert ids(created_from=moment + timedelta(seconds=1)) == []
    assert ids(created_to=moment) == []
    assert ids(created_to=moment + timedelta(seconds=1)) == [deal]
