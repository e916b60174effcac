"""Which deals of one client become a pair: of one pipeline, one of them open, none made from the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.duplicates.deal_pairs import fitting
from crm.duplicates.intake import match_saved
from crm.duplicates.scanning import scan_base
from crm.jobs import LooseRun
from crm.models import Channel, Deal, DealContact, DealStatus, EntityType, MatchEvidence, MatchPair, PairState
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_contact, add_deal, add_pipeline

DEAL = EntityType.DEAL
ONE = {"processes": 1}
Second = Callable[[Session, Cast, PipelineRows, int], int]


def same(session: Session, cast: Cast, pipeline: PipelineRows, first: int) -> int:
    return add_deal(session, cast.anton, pipeline, title="Лист 2 мм")


def closed(session: Session, cast: Cast, pipeline: PipelineRows, first: int) -> int:
    return add_closed_deal(session, cast.anton, pipeline, title="Лист 2 мм")


def elsewhere(session: Session, cast: Cast, pipeline: PipelineRows, first: int) -> int:
    return add_deal(session, cast.anton, add_pipeline(session, "Repeat"), title="Лист 2 мм")


def made_from(session: Session, cast: Cast, pipeline: PipelineRows, first: int) -> int:
    return add_deal(session, cast.anton, pipeline, title="Лист 2 мм", origin_deal_id=first)


def grandchild(session: Session, cast: Cast, pipeline: PipelineRows, first: int) -> int:
    between = add_closed_deal(session, cast.anton, add_pipeline(session, "Repeat"), origin_deal_id=first)
    return add_deal(session, cast.anton, pipeline, title="Лист 2 мм", origin_deal_id=between)


def removed(session: Session, cast: Cast, pipeline: PipelineRows, first: int) -> int:
    deal = same(session, cast, pipeline, first)
    session.get_one(Deal, deal).status = DealStatus.REMOVED
    session.flush()
    return deal


CASES = pytest.mark.parametrize(
    ("second", "fits"),
    [(same, True), (closed, True), (elsewhere, False), (made_from, False), (grandchild, False), (removed, False)],
)


@CASES
def test_deals_of_one_client_are_a_pair_only_where_they_may_be_one(
    session: Session, cast: Cast, second: Second, fits: bool
) -> None:
    left, right = two_deals(session, cast, second)
    assert bool(fitting(session, DEAL, [(left, right)])) is fits
    match_saved(session, DEAL, [left, right])
    known = session.scalars(select(MatchPair).filter_by(entity_type=DEAL, left_id=left, right_id=right)).all()
    assert bool(known) is fits


@CASES
def test_scan_goes_by_the_same_rule(database: Database, cast: Cast, second: Second, fits: bool) -> None:
    with database.session_scope() as session:
        left, right = two_deals(session, cast, second)
    told = scan_base(database, system_actor(Channel.SYSTEM), LooseRun(), ONE)
    assert told["deal"]["pairs"] == fits
    assert (states(database).get((left, right)) is PairState.OPEN) is fits


def test_two_closed_deals_are_over(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    left, right = (add_closed_deal(session, cast.anna, pipeline) for _ in range(2))
    assert fitting(session, DEAL, [(left, right)]) == frozenset()
    assert fitting(session, EntityType.CONTACT, [(left, right)]) == {(left, right)}


def test_pair_that_no_longer_fits_is_closed_when_matched_again(session: Session, cast: Cast) -> None:
    left, right = two_deals(session, cast, same)
    match_saved(session, DEAL, [left])
    close(session, left, right)
    match_saved(session, DEAL, [left])
    (pair,) = session.scalars(select(MatchPair).execution_options(populate_existing=True)).all()
    assert pair.state is PairState.GONE


def test_scan_closes_what_no_longer_fits(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        left, right = two_deals(session, cast, same)
    scan_base(database, system_actor(Channel.SYSTEM), LooseRun(), ONE)
    with database.session_scope() as session:
        close(session, left, right)
        before = utc_now() - timedelta(minutes=1)
        session.execute(update(MatchPair).values(found_at=before))
        session.execute(update(MatchEvidence).values(updated_at=before))
    told = scan_base(database, system_actor(Channel.SYSTEM), LooseRun(), ONE)
    assert told["deal"]["closed"] == 1
    assert states(database) == {(left, right): PairState.GONE}


def two_deals(session: Session, cast: Cast, second: Second) -> tuple[int, int]:
    """Add an open deal and a second one of the same person."""
    pipeline = add_pipeline(session)
    client = add_contact(session, cast.anna, "Александра Павлова", phone="+79162401735")
    left = add_deal(session, cast.anna, pipeline, title="Лист 2 мм")
    right = second(session, cast, pipeline, left)
    session.add_all(DealContact(deal_id=deal, contact_id=client) for deal in (left, right))
    index_records(session, "deal", [left, right])
    return left, right


def close(session: Session, *deals: int) -> None:
    values = {"status": DealStatus.LOST, "closed_at": utc_now()}
    session.execute(update(Deal).where(Deal.id.in_(deals)).values(**values))


def states(database: Database) -> dict[tuple[int, int], PairState]:
    with database.read_scope() as session:
        query = select(MatchPair.left_id, MatchPair.right_id, MatchPair.state).filter_by(entity_type=DEAL)
        return {(row.left_id, row.right_id): row.state for row in session.execute(query)}
