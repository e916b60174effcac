"""How long until a deal comes so far: curves of Kaplan and Meier, worked out when the reader opens them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from crm.actor import Actor
from crm.analytics.population import PIPELINE
from crm.analytics.survival import CURVES, STAGE_COLUMNS, by_stage, time_finding
from crm.analytics.values import Ask
from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.i18n.analytics_texts import chart_tells, chart_title, finding_sentence
from crm.ui.dashboard.address import changed_address
from crm.ui.dashboard.blocks import Block
from crm.ui.dashboard.figures import specification
from crm.ui.dashboard.frame_export import draw_frame_export
from crm.ui.dashboard.loaders import choices, load_frame
from crm.ui.dashboard.tables import draw_table
from crm.ui.markdown import md

_KEY, _PARAM = "survival", "more"


def draw_survival(actor: Actor, ask: Ask) -> None:
    """Draw the folded block; the address says whether it is open, so a link shows it as it was seen."""
    st.session_state[_KEY] = st.query_params.get(_PARAM) == _KEY

    def fold() -> None:
        changed_address({_PARAM: _KEY if st.session_state[_KEY] else None})

    place = st.expander(chart_title(CURVES.name), key=_KEY, icon=":material/hourglass_bottom:", on_change=fold)
    if place.open:
        with place:
            _draw(actor, ask)


def _draw(actor: Actor, ask: Ask) -> None:
    frame, fields = load_frame(actor, CURVES, ask), choices(actor).fields
    found = time_finding(frame) if len(frame) else None
    title = finding_sentence(found.code, found.params) if found else chart_title(CURVES.name)
    if found:
        st.markdown(f"#### {md(title)}")
    st.caption(chart_tells(CURVES.name), help="  \n".join(_told()))
    if frame.empty:
        st.info(
            _("No deal that came in this period has gone on yet. Choose a longer one, or fewer conditions."),
            icon=":material/query_stats:",
        )  # fmt: skip
        return
    spec = specification(actor, CURVES, ask, fields)
    st.vega_lite_chart(spec, key="survival_figure", alt=title)
    block = Block(_KEY, replace(CURVES, columns=STAGE_COLUMNS), ask, by_stage(frame), fields)
    draw_table(block, [one for one in STAGE_COLUMNS if block.with_pipeline or one.code != PIPELINE])
    if may(actor, Action.EXPORT_RECORDS):
        with st.container(horizontal=True, horizontal_alignment="right"):
            draw_frame_export(actor, block)


def _told() -> Sequence[str]:
    """Return how the estimate is made."""
    return (
        _("Each deal is followed from its coming to the pipeline until now; a young one counts only as long as it was "
          "followed (the estimate of Kaplan and Meier)."),
        _("A lost deal is followed on, as not come: the curve is of all deals, and levels out below 100%."),
        _("In the band the true share of wins lies, 95 times of 100."),
    )  # fmt: skip
