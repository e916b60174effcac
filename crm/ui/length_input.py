"""A length of time as a number and a unit."""

from __future__ import annotations

import streamlit as st

from crm.i18n import N_, _

UNITS = {"minutes": (60, N_("minutes")), "hours": (3600, N_("hours")), "days": (86400, N_("days"))}


def length_input(label: str, *, key: str, seconds: int, placeholder: str) -> int:
    """Draw a number with its unit; return seconds, 0 for an empty number."""
    unit = next((code for code in ("days", "hours") if seconds % UNITS[code][0] == 0), "minutes")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        amount = st.number_input(
            label,
            min_value=0,
            max_value=100_000,
            value=seconds // UNITS[unit][0] or None,
            step=1,
            key=key,
            placeholder=placeholder,
            width="stretch",
        )
        chosen = st.selectbox(
            _("Unit"),
            list(UNITS),
            index=list(UNITS).index(unit),
            format_func=lambda code: _(UNITS[code][1]),
            key=f"{key}_unit",
            label_visibility="collapsed",
            width=110,
        )
    return int(amount or 0) * UNITS[chosen or "days"][0]
