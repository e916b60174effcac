"""The chain of a deal on its page, and what is still to come of it by links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.deals.chain import ChainDeal, load_chain
from crm.deals.link_runs import WaitingRun, cancel_link_run, postpone_link_run, waiting_runs
from crm.deals.reads import DealCard
from crm.i18n import _, current_reader, ngettext
from crm.i18n.formats import day, days_away
from crm.ui import act
from crm.ui.deal_view import STATUS_BADGES
from crm.ui.forms import MORNING, due_at
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import redraw

AROUND_SHOWN = 3


def draw_chain(actor: Actor, card: DealCard) -> None:
    """Draw the deals before and after this one, the oldest first; nothing for a deal that stands alone."""
    with read_scope() as session:
        chain = load_chain(session, actor, card.id)
        coming = waiting_runs(session, actor, card.id)
    if not chain.is_alone:
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="deal_chain"):
            st.markdown(f":material/account_tree: {_('Chain')}:", width="content")
            for number, deal in enumerate(shortened(chain.deals, card.id)):
                if number:
                    st.markdown(":gray[:material/chevron_right:]", width="content")
                if deal is None:
                    st.markdown("…", width="content")
                else:
                    _draw_deal(deal, is_here=deal.id == card.id)
            if chain.hidden:
                told = ngettext("and {n} deal of colleagues", "and {n} deals of colleagues", chain.hidden)
                st.markdown(f":gray[{told}]", width="content")
    for run in coming:
        _draw_coming(run)


def shortened(deals: Sequence[ChainDeal], here: int) -> list[ChainDeal | None]:
    """Return the first and the last deal of a chain with those around a deal; None stands for what is left out."""
    place = next((number for number, deal in enumerate(deals) if deal.id == here), 0)
    shown = [
        number for number in range(len(deals)) if number in {0, len(deals) - 1} or abs(number - place) <= AROUND_SHOWN
    ]
    found: list[ChainDeal | None] = []
    for before, number in pairwise([-1, *shown]):
        found += [None] if number - before > 1 else []
        found.append(deals[number])
    return found


def round_badge(number: int) -> str:
    """Return the round of a deal, in markdown; nothing for the first one."""
    return "" if number <= 1 else f":orange-badge[{_('round {n}', n=number)}]"


def _draw_deal(deal: ChainDeal, *, is_here: bool) -> None:
    stage = STATUS_BADGES[deal.status].format(word=md(deal.stage_name))
    told = f"{stage} {round_badge(deal.round)}"
    if is_here:
        st.markdown(f"**\\#{deal.id}** {md(deal.pipeline_name)} {told}", width="content")
        return
    # The badge stands outside the link, which is cut where it does not fit.
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        page_link("deal", f"\\#{deal.id} {md(deal.pipeline_name)}", deal=deal.id)
        st.markdown(told, width="content")


def _draw_coming(run: WaitingRun) -> None:
    zone = current_reader().zone
    present = run.due_at.astimezone(zone)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"coming_{run.id}"):
        told = _(
            "New deal in “{pipeline}” on {day} ({away})",
            pipeline=md(run.pipeline), day=day(present.date()), away=days_away(run.due_at),
        )  # fmt: skip
        st.markdown(f":material/event_upcoming: {told}", width="content")
        with st.popover(_("Change the date"), icon=":material/edit_calendar:", type="tertiary"):
            chosen = st.date_input(
                _("The new deal comes on"), value=present.date(), format="DD.MM.YYYY", key=f"coming_{run.id}_day"
            )
            if st.button(_("Save"), key=f"coming_{run.id}_save", type="primary") and chosen:
                _postpone(run, due_at(chosen, MORNING, zone))
        st.button(
            _("Call off"), key=f"coming_{run.id}_cancel", type="tertiary", on_click=_cancel, args=(run,),
        )  # fmt: skip


def _postpone(run: WaitingRun, when: datetime) -> None:
    act.run(postpone_link_run, run_id=run.id, due_at=when).told(_("The date is changed"))
    redraw()


def _cancel(run: WaitingRun) -> None:
    act.run(cancel_link_run, run_id=run.id).told(_("The new deal will not come"))
