"""What came of a deal by links, told where the deal is closed or taken up again."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.deals.chain import ChainDeal, load_chain
from crm.i18n import _
from crm.models import DealStatus
from crm.ui.markdown import md
from crm.ui.nav import page_link


def continuations(session: Session, actor: Actor, deal_id: int) -> list[ChainDeal]:
    """Return the visible deals that came of a deal, the oldest first.

    Errors: NotFound, for a hidden deal too.
    """
    # A deal is always younger than the one it came of.
    return [deal for deal in load_chain(session, actor, deal_id).deals if deal.id > deal_id]


def new_ones(deals: Collection[ChainDeal], before: Collection[ChainDeal]) -> str:
    """Return a sentence for each deal that was not there before, in markdown; empty without any."""
    known = {deal.id for deal in before}
    return " ".join(
        _("A link has made deal {id} in “{pipeline}”.", id=f"\\#{deal.id}", pipeline=md(deal.pipeline_name))
        for deal in deals
        if deal.id not in known
    )


def warn_of_open(deals: Collection[ChainDeal]) -> None:
    """Warn that work goes on in deals that came of this one, with the way there."""
    for deal in deals:
        if deal.status is not DealStatus.OPEN:
            continue
        told = _("Its continuation is open: deal {id} in “{pipeline}”. Decide which of the two goes on.",
                 id=f"\\#{deal.id}", pipeline=md(deal.pipeline_name))  # fmt: skip
        st.warning(told, icon=":material/account_tree:")
        page_link("deal", f"\\#{deal.id} {md(deal.title)}", icon=":material/open_in_new:", deal=deal.id)
