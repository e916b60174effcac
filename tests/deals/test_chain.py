"""The chain of deals: who came of whom, what is shown to whom."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.deals.chain import ChainDeal, chain_roots, load_chain
from crm.errors import NotFound
from crm.models import Deal, DealStatus, LinkOwner, LinkTrigger
from tests.conftest import Cast
from tests.deals.linking import add_link, lose, only_child
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.refusals import refused


@pytest.fixture
def base(session: Session) -> PipelineRows:
    return add_pipeline(session, "Refusals", ["Reason checked"])


@pytest.fixture
def chain(session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows) -> tuple[int, int, int]:
    """Lose a deal of Anna's, and the one that Dina got of it; a third one came back to Anna."""
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, owner_rule=LinkOwner.USER, owner_id=cast.dina.user_id)
    add_link(session, base, pipeline, trigger=LinkTrigger.LOST, max_rounds=2, owner_rule=LinkOwner.USER,
             owner_id=cast.anna.user_id)  # fmt: skip
    first = add_deal(session, cast.anna, pipeline)
    lose(session, cast.anna, first, pipeline)
    second = only_child(session, first).id
    lose(session, cast.dina, second, base)
    return first, second, only_child(session, second).id


def test_a_chain_is_the_same_from_each_of_its_deals(session: Session, cast: Cast, chain: tuple[int, int, int]) -> None:
    first, second, third = chain
    found = load_chain(session, cast.vera, second)
    assert found.deals == (
        ChainDeal(first, "Metal sheet", "First sales", "Lost", DealStatus.LOST, 1, 32_000_000, "RUB", None, None),
        ChainDeal(second, "Metal sheet", "Refusals", "Lost", DealStatus.LOST, 1, 32_000_000, "RUB", first, None),
        ChainDeal(
            third, "Metal sheet", "First sales", "Contact made", DealStatus.OPEN, 2, 32_000_000, "RUB", second, None
        ),
    )
    assert (found.hidden, found.is_alone) == (0, False)
    assert load_chain(session, cast.vera, first) == load_chain(session, cast.vera, third) == found


def test_deals_of_others_are_only_counted(session: Session, cast: Cast, chain: tuple[int, int, int]) -> None:
    first, second, third = chain
    found = load_chain(session, cast.anna, first)
    assert ([deal.id for deal in found.deals], found.hidden) == ([first, third], 1)
    with refused(session, NotFound):
        load_chain(session, cast.anna, second)


def test_a_removed_deal_is_not_counted(session: Session, cast: Cast, chain: tuple[int, int, int]) -> None:
    first, second, third = chain
    session.get_one(Deal, second).status = DealStatus.REMOVED
    session.flush()
    found = load_chain(session, cast.vera, third)
    assert ([deal.id for deal in found.deals], found.hidden) == ([first, third], 0)


def test_a_deal_without_links_is_alone(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    found = load_chain(session, cast.anna, deal_id)
    assert ([deal.id for deal in found.deals], found.hidden, found.is_alone) == ([deal_id], 0, True)


def test_side_branches_are_left_out(
    session: Session, cast: Cast, chain: tuple[int, int, int], pipeline: PipelineRows
) -> None:
    first, second, third = chain
    branch = add_deal(session, cast.anna, pipeline, origin_deal_id=first)
    assert [deal.id for deal in load_chain(session, cast.vera, third).deals] == [first, second, third]
    assert [deal.id for deal in load_chain(session, cast.vera, first).deals] == [first, second, third, branch]


def test_deals_of_one_chain_share_their_root(
    session: Session, cast: Cast, chain: tuple[int, int, int], pipeline: PipelineRows
) -> None:
    first, second, third = chain
    alone = add_deal(session, cast.anna, pipeline)
    ids = [first, second, third, alone]
    assert chain_roots(session, cast.vera, ids) == {first: first, second: first, third: first, alone: alone}
    assert chain_roots(session, cast.anna, ids) == {first: first, third: first, alone: alone}
    assert chain_roots(session, cast.anna, []) == {}
