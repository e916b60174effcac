"""Pipelines of ours as a description: to keep, to change in an editor, to take to another installation."""

from __future__ import annotations

import streamlit as st

from crm.db import read_scope
from crm.i18n import _
from crm.pipelines.descriptions import describe_pipelines
from crm.pipelines.reads import list_pipelines


def draw_description_export() -> None:
    """Draw the description of chosen pipelines, ready to be copied; nothing while there are none."""
    with read_scope() as session:
        names = {one.id: one.name for one in list_pipelines(session)}
    if not names:
        return
    place = st.expander(
        _("Our pipelines as a description"), icon=":material/data_object:", key="description_export", on_change="rerun"
    )
    if not place.open:
        return
    with place:
        chosen = st.multiselect(
            _("Pipelines"),
            list(names),
            default=list(names),
            format_func=lambda one: names[one],
            key="description_exported",
        )
        if chosen:
            with read_scope() as session:
                st.code(describe_pipelines(session, chosen), language="toml", height=360)
