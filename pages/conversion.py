"""Conversion: how many deals go on from stage to stage, and where they are lost."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from crm.analytics.charts import CHARTS
from crm.analytics.findings import back_finding, begin_later, conversion_finding, slowest_finding
from crm.analytics.values import Ask, Meaning
from crm.i18n import _
from crm.i18n.analytics_texts import MEANINGS, finding_sentence
from crm.ui.dashboard.address import addressed_choice
from crm.ui.dashboard.chart_block import chart_block
from crm.ui.dashboard.conversion_figures import draw_conversion_figures
from crm.ui.dashboard.loaders import choices, load_frame
from crm.ui.dashboard.nothing_yet import draw_nothing_yet
from crm.ui.dashboard.scope_bar import scope_bar
from crm.ui.dashboard.sources_block import draw_sources
from crm.ui.dashboard.splits import is_split_of, split_choice
from crm.ui.dashboard.survival_block import draw_survival
from crm.ui.page import open_page

# Of times the ones that heads ask for; owners' visits and sums stand in the export.
_SHOWN = {
    "time-on-stage": (
        "pipeline", "stage", "stays", "stays_open", "median_hours", "p90_hours", "median_with_open_hours",
        "norm_hours", "over_norm", "over_norm_share",
    ),
}  # fmt: skip
_FINDINGS = {"transitions": back_finding, "time-on-stage": slowest_finding}

actor = open_page("conversion")
st.markdown(f"### {_('Conversion')}")
charts = {one.name: one for one in CHARTS}
scope = scope_bar(actor, "conversion")
if draw_nothing_yet(actor, _("Here you will see how many deals go on from stage to stage, where they are lost, how "
                             "long it takes, and which sources bring those that buy.")):  # fmt: skip
    st.stop()
with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
    meaning = addressed_choice(
        _("What counts as conversion"), [one.value for one in Meaning], param="meaning", as_buttons=True,
        format_func=lambda one: _(MEANINGS[one][0]),
    )  # fmt: skip
    by = split_choice(actor, charts["conversion"], scope)
st.caption(_(MEANINGS[meaning][1]))
whole = Ask(scope, None, Meaning(meaning))
draw_conversion_figures(actor, whole)
frame = load_frame(actor, charts["conversion"], whole)
found = conversion_finding(frame)
note = _("Pale cells: fewer than ten decided deals.") if by else None
if not by and meaning == Meaning.REAL_PATH and begin_later(frame):
    note = _("Many deals begin on later stages: “Reached at least” counts them on the first ones, too.")
chart_block(
    actor,
    charts["conversion"],
    replace(whole, by=by),
    key="conversion",
    title=finding_sentence(found.code, found.params) if found else None,
    columns=[one.code for one in charts["conversion"].columns if one.code != "off_path" or meaning == Meaning.STRICT],
    note=note,
)
for name in ("transitions", "time-on-stage", "cohorts"):
    ask, finding = Ask(scope, by if is_split_of(charts[name], by) else None), _FINDINGS.get(name)
    found = finding(load_frame(actor, charts[name], Ask(scope))) if finding else None
    chart_block(
        actor, charts[name], ask, key=name, figure_ask=Ask(scope) if ask.by else None, columns=_SHOWN.get(name),
        title=finding_sentence(found.code, found.params) if found else None,
    )  # fmt: skip
draw_survival(actor, Ask(scope))
draw_sources(actor, scope, by)
if len(scope.pipeline_ids) != 1 and len(choices(actor).pipelines) > 1:
    chart_block(actor, charts["clients"], Ask(scope), key="clients")
