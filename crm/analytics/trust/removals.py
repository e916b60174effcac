"""Deals taken out in the period: nobody can open them here, the page of exceptions shows them."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.population import owned, pipelines, within
from crm.analytics.scope import Scope
from crm.auth.permissions import Action, require
from crm.auth.visibility import owner_visible
from crm.models import Deal, DealRemoval


def count_removals(session: Session, actor: Actor, scope: Scope) -> int:
    """Return how many removals of deals there were in the period, those taken back included.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    query = (
        select(func.count())
        .select_from(DealRemoval)
        .join(Deal, Deal.id == DealRemoval.deal_id)
        .where(
            within(scope, DealRemoval.at), pipelines(scope, Deal.pipeline_id), owned(scope, Deal.owner_id),
            owner_visible(actor, Deal.owner_id),
        )
    )  # fmt: skip
    return session.scalar(query) or 0
