"""What a dashboard says before the first deal: what will stand there, and the way to it."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.analytics.choices import first_day
from crm.auth.permissions import Action, may
from crm.i18n import _, current_reader
from crm.ui.dashboard.loaders import choices, kept_while_nothing_happens
from crm.ui.nav import page_link


def draw_nothing_yet(actor: Actor, told: str) -> bool:
    """Tell what will stand on the page, and where deals come from, while the base has none; say whether it has none."""
    zone = current_reader().timezone
    first = kept_while_nothing_happens(actor, ("first ever",), lambda session: first_day(session, (), zone))
    if first is not None:
        return False
    with st.container(border=True, key="nothing_yet"):
        st.markdown(f"#### {_('Figures begin with the first deal')}")
        st.markdown(told)
        with st.container(horizontal=True):
            if not choices(actor).pipelines and may(actor, Action.DESIGN_PIPELINES):
                page_link("pipelines", _("Set up a pipeline"), icon=":material/filter_alt:")
            page_link("board", _("Open the board"), icon=":material/view_kanban:")
            if may(actor, Action.IMPORT_RECORDS):
                page_link("imports", _("Import deals with their history"), icon=":material/upload_file:")
    return True
