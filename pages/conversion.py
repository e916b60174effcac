"""Conversion: how many deals go on from stage to stage, and where they are lost."""

from __future__ import annotations

import streamlit as st

from crm.analytics.charts import CHARTS
from crm.analytics.values import Ask, Meaning
from crm.i18n import _
from crm.ui.dashboard.chart_block import chart_block
from crm.ui.dashboard.scope_bar import scope_bar
from crm.ui.page import open_page

actor = open_page("conversion")
st.markdown(f"### {_('Conversion')}")
scope = scope_bar(actor, "conversion")
chart_block(actor, CHARTS[0], Ask(scope, None, Meaning.REAL_PATH), key="conversion")
