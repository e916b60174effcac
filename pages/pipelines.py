"""Pipelines: stages in order with what each needs, reasons of loss, custom fields."""

from __future__ import annotations

import streamlit as st

from crm.db import read_scope
from crm.i18n import _
from crm.pipelines.reads import list_pipelines, load_pipeline
from crm.ui.link_view import draw_links
from crm.ui.lint_view import draw_health
from crm.ui.map_view import draw_map_tab
from crm.ui.page import open_page
from crm.ui.pipeline_view import draw_fields, draw_reasons, draw_settings
from crm.ui.rules_view import draw_rules
from crm.ui.stage_view import draw_stages
from crm.ui.template_view import draw_making, draw_new_button, is_making

actor = open_page("pipelines")

with read_scope() as session:
    pipelines = list_pipelines(session, with_archived=True)
if is_making() or not pipelines:
    draw_making(is_first=not pipelines)
    st.stop()
names = {
    pipeline.id: f"{pipeline.name} ({_('archive')})" if pipeline.is_archived else pipeline.name
    for pipeline in pipelines
}
with st.container(horizontal=True, vertical_alignment="bottom"):
    if st.session_state.get("pipeline_chosen") not in names:
        st.session_state["pipeline_chosen"] = next(iter(names))
    chosen = st.selectbox(
        _("Pipeline"),
        list(names),
        format_func=lambda one: names[one],
        key="pipeline_chosen",
        label_visibility="collapsed",
        width=320,
    )
    with read_scope() as session:
        pipeline = load_pipeline(session, chosen)
    draw_settings(pipeline)
    draw_new_button()
health, stages, rules, reasons, fields, links, flow = st.tabs(
    [_("Health"), _("Stages"), _("Rules"), _("Reasons of loss"), _("Deal fields"), _("Links"), _("Map")],
    key="pipeline_tabs",
    on_change="rerun",
)
if health.open:
    with health:
        draw_health(actor, pipeline)
with stages:
    draw_stages(pipeline)
if rules.open:
    with rules:
        draw_rules(pipeline)
with reasons:
    draw_reasons(pipeline)
with fields:
    draw_fields(pipeline)
if links.open:
    with links:
        draw_links(actor, pipeline)
if flow.open:
    with flow:
        draw_map_tab(actor)
