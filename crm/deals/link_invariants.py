"""What must always hold between links, their firings and the deals they made."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import aliased

from crm.models import Deal, LinkRun, LinkRunStatus


def _deal_of_a_link_without_its_firing() -> Select[int]:
    firing = exists().where(
        LinkRun.child_deal_id == Deal.id,
        LinkRun.status == LinkRunStatus.CREATED,
        LinkRun.deal_id == Deal.origin_deal_id,
        LinkRun.link_id == Deal.origin_link_id,
    )
    return select(Deal.id).where(Deal.origin_link_id.is_not(None), ~firing)


def _firing_not_that_of_its_status() -> Select[int]:
    waits = LinkRun.status == LinkRunStatus.WAITING
    skipped = LinkRun.status == LinkRunStatus.SKIPPED
    wrong = or_(
        waits != LinkRun.done_at.is_(None),
        skipped != LinkRun.reason.is_not(None),
        (waits | skipped) & LinkRun.child_deal_id.is_not(None),
    )
    return select(LinkRun.deal_id).where(wrong).distinct()


def _round_not_above_the_one_before() -> Select[int]:
    before = aliased(Deal)
    return (
        select(Deal.id)
        .join(before, before.id == Deal.origin_deal_id)
        .where(Deal.origin_link_id.is_not(None), Deal.pipeline_id == before.pipeline_id, Deal.round != before.round + 1)
    )


LINK_INVARIANTS: dict[str, Callable[[], Select[int]]] = {
    "deal of a link without its firing": _deal_of_a_link_without_its_firing,
    "firing not that of its status": _firing_not_that_of_its_status,
    "round not above the one before": _round_not_above_the_one_before,
}
