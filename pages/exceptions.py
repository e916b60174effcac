"""What went past the rules: moves with a head's reason, and removed deals."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.i18n import _
from crm.ui.exceptions_view import draw_overrides, draw_removals, period_input
from crm.ui.page import open_page, page_fragment

open_page("exceptions")
st.markdown(f"### {_('Exceptions')}")


@page_fragment("exceptions")
def draw_exceptions(actor: Actor) -> None:
    """Draw the period and both lists; a click here reruns only this."""
    period = period_input()
    overrides, removals = st.tabs([_("Rules passed"), _("Removed deals")])
    with overrides:
        draw_overrides(actor, period)
    with removals:
        draw_removals(actor, period)


draw_exceptions()
