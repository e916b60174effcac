"""Today: what to do now, overdue first, hot ones before others."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.db import read_scope
from crm.deals.my_day import DayItem, load_my_day
from crm.i18n import _
from crm.i18n.formats import money
from crm.models import Role
from crm.ui.deal_steps import StepToClose, ask_plan, draw_step_buttons, due_words
from crm.ui.device import is_phone
from crm.ui.forms import owner_input, priority_text
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import open_page, page_fragment
from crm.ui.step_inputs import STEP_ICONS, step_text

actor = open_page("today")


@page_fragment("today")
def draw_day(actor: Actor, owner_id: int) -> None:
    """Draw the figures, then the groups that have anything in them."""
    with read_scope() as session:
        day = load_my_day(session, actor, owner_id=owner_id)
    with st.container(horizontal=True, gap="small"):
        st.metric(_("Overdue"), day.overdue_count, border=True)
        st.metric(_("Today"), day.today_count, border=True)
        st.metric(_("No next step"), day.without_step_count, border=True)
        st.metric(_("Later"), day.later_count, border=True)
    groups = (
        (_("Overdue"), ":material/alarm:", day.overdue, day.overdue_count),
        (_("No next step"), ":material/event_busy:", day.without_step, day.without_step_count),
        (_("Today"), ":material/today:", day.today, day.today_count),
    )
    if not any(items for _title, _icon, items, _count in groups):
        st.success(_("Nothing is late and nothing is due today. The board shows what can go forward."))
        page_link("board", _("To the board"), icon=":material/view_kanban:")
    for title, icon, items, count in groups:
        if items:
            st.markdown(f"#### {icon} {title} · {count}")
        for item in items:
            draw_item(item)
        if count > len(items) > 0:
            st.caption(_("The first {shown} of {count}.", shown=len(items), count=count))


def draw_item(item: DayItem) -> None:
    """Draw one deal with its step and what can be done about it."""
    key, in_row = f"day_{item.deal_id}_{item.step_id}", not is_phone()
    with st.container(border=True, horizontal=in_row, vertical_alignment="center", key=key):
        with st.container(gap=None):
            page_link("deal", f"**\\#{item.deal_id} {md(item.title)}**", deal=item.deal_id)
            about = [md(part) for part in (item.client, item.stage_name) if part]
            worth = md(money(item.amount_minor, item.currency))
            st.markdown(" · ".join([*about, worth, priority_text(item.priority)]))
            if item.step_kind is not None and item.due_at is not None:
                what = md(step_text(item.step_kind, item.step_text))
                st.markdown(f"{STEP_ICONS[item.step_kind]} **{what}** · {due_words(item.due_at)}")
        if item.step_id is not None and item.step_kind is not None and item.due_at is not None:
            with st.container(horizontal=True, width="content" if in_row else "stretch"):
                draw_step_buttons(StepToClose(item.step_id, item.step_kind, item.step_text or "", item.due_at))
        elif st.button(_("Plan a step"), key=f"plan_{item.deal_id}", icon=":material/add:"):
            ask_plan(item.deal_id)


with st.container(horizontal=True, vertical_alignment="bottom"):
    st.markdown(f"### {_('Good day, {name}', name=md(actor.name.split(' ')[0]))}")
    owner_id = actor.user_id or 0
    if actor.role is not Role.MANAGER:
        with read_scope() as session:
            owners = list_owners(session, actor)
        owner_id = owner_input(_("Whose day"), key="day_owner", names=owners, value=owner_id) or owner_id
draw_day(owner_id)
