"""Settings: one's own account and keys; for administrators, the company."""

from __future__ import annotations

import streamlit as st

from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.ui.account_view import draw_account, present_session
from crm.ui.company_view import draw_company
from crm.ui.keys_view import draw_keys
from crm.ui.page import open_page, tell_signed_out

actor = open_page("settings")

here = present_session()
if here is None:
    tell_signed_out()
    st.stop()
st.markdown(f"### {_('Settings')}")
names = [_("My account"), _("API keys")] + ([_("Company")] if may(actor, Action.MANAGE_WORKSPACE) else [])
account, keys, *company = st.tabs(names)
with account:
    draw_account(actor, here)
with keys:
    draw_keys(actor, here)
for tab in company:
    with tab:
        draw_company(actor)
