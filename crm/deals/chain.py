"""The chain of a deal: the deals it came from and those that came of it, across pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import CTE, ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import deal_in_use, deal_visible
from crm.models import Deal, DealStatus, Pipeline, Stage

DEALS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ChainDeal:
    """A deal of a chain; `round` says how often the chain has come to this pipeline."""

    id: int
    title: str
    pipeline_name: str
    stage_name: str
    status: DealStatus
    round: int
    amount_minor: int | None
    currency: str
    origin_deal_id: int | None
    return_source: str | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The visible deals of a chain, the oldest first, and how many others it has."""

    deals: tuple[ChainDeal, ...]
    hidden: int

    @property
    def is_alone(self) -> bool:
        """Tell whether the deal came of none and none came of it."""
        return len(self.deals) + self.hidden <= 1


def load_chain(session: Session, actor: Actor, deal_id: int) -> Chain:
    """Return the deals that led to a deal, itself, and those that came of it, without side branches.

    Errors: NotFound, for a hidden deal too.
    """
    if not session.scalar(select(exists().where(Deal.id == deal_id, deal_visible(actor)))):
        raise not_found(session, actor, "deal", deal_id)
    up, down = chain_up(deal_id), _chain_down(deal_id)
    in_chain = Deal.id.in_(select(up.c.id).union(select(down.c.id)))
    query = (
        select(
            Deal.id, Deal.title, Pipeline.name, Stage.name, Deal.status, Deal.round, Deal.amount_minor, Deal.currency,
            Deal.origin_deal_id, Deal.return_source,
        )
        .join(Pipeline, Pipeline.id == Deal.pipeline_id)
        .join(Stage, Stage.id == Deal.stage_id)
        .where(in_chain, deal_visible(actor))
        .order_by(Deal.id)
    )  # fmt: skip
    deals = tuple(ChainDeal(*tuple(row)) for row in session.execute(query.limit(DEALS_SHOWN)))
    total = session.scalar(select(func.count()).select_from(Deal).where(in_chain, deal_in_use())) or 0
    return Chain(deals, total - len(deals))


def chain_roots(session: Session, actor: Actor, deal_ids: Sequence[int]) -> dict[int, int]:
    """Return the first deal of the chain of each visible deal of these; deals of one chain share it."""
    start = select(Deal.id.label("start_id"), Deal.id.label("id"), Deal.origin_deal_id)
    up = start.where(Deal.id.in_(deal_ids), deal_visible(actor)).cte("chains_up", recursive=True)
    up = up.union(select(up.c.start_id, Deal.id, Deal.origin_deal_id).where(Deal.id == up.c.origin_deal_id))
    # A deal is always younger than the one it came from.
    return dict(session.execute(select(up.c.start_id, func.min(up.c.id)).group_by(up.c.start_id)).all())


def chain_up(deal_id: int) -> CTE:
    """Return a recursive query of the ids of a deal and those it came from, by those merged into one of them too."""
    columns = (Deal.id, Deal.origin_deal_id, Deal.merged_into_id)
    chain = select(*columns).where(Deal.id == deal_id).cte("chain_up", recursive=True)
    before = or_(Deal.id == chain.c.origin_deal_id, Deal.id == chain.c.merged_into_id, _merged_into(chain))
    return chain.union(select(*columns).where(before))


def _chain_down(deal_id: int) -> CTE:
    chain = select(Deal.id, Deal.merged_into_id).where(Deal.id == deal_id).cte("chain_down", recursive=True)
    after = or_(Deal.origin_deal_id == chain.c.id, Deal.id == chain.c.merged_into_id, _merged_into(chain))
    return chain.union(select(Deal.id, Deal.merged_into_id).where(after))


def _merged_into(chain: CTE) -> ColumnElement[bool]:
    return Deal.merged_into_id == chain.c.id
