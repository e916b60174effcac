"""The frame of every page: sign-in gate, language, navigation, sidebar; never a page itself."""

from __future__ import annotations

import streamlit as st

from crm.ui import nav
from crm.ui.component import page_style
from crm.ui.notices import show_flash
from crm.ui.page import note_page, signed_in_actor, tell_signed_out, told_errors
from crm.ui.sidebar import draw_sidebar

st.set_page_config(page_icon=nav.MARK, layout="wide", initial_sidebar_state=240, menu_items={})

with told_errors():
    actor = signed_in_actor()
    if actor is None:
        tell_signed_out()
        st.stop()
    page_style()
    navigation = st.navigation(nav.registered_pages(), position="hidden")
    note_page(navigation.url_path)
    draw_sidebar(actor, navigation.url_path)
    show_flash()
    navigation.run()
    show_flash()
