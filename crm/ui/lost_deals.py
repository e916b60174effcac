"""Lost deals worth another try: what was said, a comment on each, and the way back to work."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from crm.actor import Actor
from crm.analytics.lost_list import Following, LostDeal, list_lost
from crm.analytics.values import Ask
from crm.auth.permissions import Action, may
from crm.db import read_scope
from crm.deals.activities import add_activity
from crm.deals.reads import load_deal
from crm.i18n import _, current_reader
from crm.i18n.formats import day, moment, money
from crm.models import ActivityKind
from crm.ui import act
from crm.ui.deal_moves import ask_move, draw_pending_move
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import page_fragment, redraw

PAGE_ROWS = 5
_MOST = 5000


@page_fragment("losses")
def draw_lost_deals(actor: Actor, ask: Ask) -> None:
    """Draw the dearest lost deals of the scope with what can be done; a click here reruns only this."""
    shown = st.session_state.get(_shown_key(ask), PAGE_ROWS)
    with read_scope() as session:
        deals = list_lost(session, actor, ask, limit=shown + 1)
    if not deals:
        return
    st.markdown(f"#### {_('Which of them can be saved?')}")
    told = _("Lost deals, the dearest first. Write what to try; a head takes a deal up again with a next step.")
    st.caption(told)
    for deal in deals[:shown]:
        _draw_deal(actor, deal)
    if len(deals) > shown and st.button(_("More"), key="lost_more", type="tertiary"):
        st.session_state[_shown_key(ask)] = shown + PAGE_ROWS
        redraw()
    draw_pending_move()


def _draw_deal(actor: Actor, deal: LostDeal) -> None:
    with st.container(border=True, gap="xsmall", key=f"lost_{deal.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            page_link("deal", f"**\\#{deal.id} {md(deal.title)}**", deal=deal.id)
            st.markdown(f"**{md(money(deal.amount_minor, deal.currency))}**", width="content")
        about = (deal.client, deal.owner, deal.stage, deal.reason or _("Not stated"), _day(deal.closed_at))
        st.caption(" · ".join(md(one) for one in about if one))
        if deal.note:
            st.text(deal.note)
        if deal.remark is not None:
            author, at = md(deal.remark.author or _("System")), md(moment(deal.remark.at))
            st.markdown(f":material/sticky_note_2: **{author}** :gray[{at}]")
            st.text(deal.remark.text)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            for one in deal.following:
                _draw_following(one)
            _draw_comment(deal)
            if may(actor, Action.OVERRIDE_RULES):
                st.button(
                    _("Take up again"), key=f"lost_{deal.id}_save", icon=":material/restart_alt:", type="tertiary",
                    help=_("Makes the deal an open one again, with a next step and a reason that others will see."),
                    on_click=_take_up, args=(deal,),
                )  # fmt: skip


def _draw_following(one: Following) -> None:
    if not one.is_made:
        told = _("Comes by itself to “{pipeline}” on {day}", pipeline=md(one.pipeline), day=_day(one.due_at))
        st.markdown(f":material/event_upcoming: {told}", width="content")
    elif one.deal_id is None:
        told = _("Goes on in “{pipeline}”", pipeline=md(one.pipeline))
        st.markdown(f":material/account_tree: {told}", width="content")
    else:
        told = _("Goes on as deal {id} in “{pipeline}”", id=f"\\#{one.deal_id}", pipeline=md(one.pipeline))
        page_link("deal", told, icon=":material/account_tree:", deal=one.deal_id)


def _draw_comment(deal: LostDeal) -> None:
    key = f"lost_{deal.id}_comment"
    # Another key after each comment: the place closes, and is empty when it opens again.
    written = st.session_state.get(f"{key}_written", 0)
    with st.popover(_("Comment"), icon=":material/add_comment:", type="tertiary", key=f"{key}_{written}"):
        st.text_area(
            _("What should be tried?"), key=f"{key}_text_{written}", max_chars=_MOST, height=80,
            placeholder=_("The owner reads it on the deal's timeline."),
        )  # fmt: skip
        field_error(st.session_state.pop(f"{key}_error", None))
        st.button(_("Add"), key=f"{key}_add_{written}", type="primary", on_click=_comment, args=(deal, written))


def _comment(deal: LostDeal, written: int) -> None:
    key = f"lost_{deal.id}_comment"
    text = st.session_state.get(f"{key}_text_{written}") or ""
    outcome = act.run(add_activity, deal_id=deal.id, kind=ActivityKind.NOTE, text=text)
    if outcome.ok:
        st.session_state[f"{key}_written"] = written + 1
    else:
        st.session_state[f"{key}_error"] = outcome.full_message


def _take_up(deal: LostDeal) -> None:
    """Ask for the next step and the reason; the stage offered is the one the deal was lost from."""
    outcome = act.run(load_deal, deal.id)
    if outcome.value is None:
        outcome.told()
        return
    stages = outcome.value.pipeline.open_stages
    ask_move(deal.id, next((one.id for one in stages if one.id == deal.stage_id), stages[-1].id))


def _day(moment_: datetime) -> str:
    return day(moment_.astimezone(current_reader().zone).date())


def _shown_key(ask: Ask) -> str:
    return f"lost_shown_{hash(ask)}"
