"""The link to a file that was made for the reader to fetch once."""

from __future__ import annotations

from html import escape

import streamlit as st

from crm.i18n import _


def draw_download_link(path: str, name: str) -> None:
    """Draw a link that saves the file; it works once, for five minutes, in this browser only."""
    label = _("Save {name}", name=name)
    st.html(f'<a href="{escape(path)}" download="{escape(name)}" target="_self">{escape(label)}</a>')
    st.caption(_("The link works once, for five minutes."))
