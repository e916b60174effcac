"""The stages of a pipeline on its page: order by dragging, adding, changing, retiring with a target."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit_sortables import sort_items

from crm.db import read_scope
from crm.deals.retiring import retire_stage
from crm.i18n import _, ngettext
from crm.i18n.analytics_formats import percent_text
from crm.i18n.formats import duration
from crm.i18n.labels import label
from crm.pipelines.commands import open_deal_count, reorder_stages
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.ui import act
from crm.ui.markdown import md
from crm.ui.page import page_dialog
from crm.ui.stage_form import COLOR_SIGNS, ask_stage, field_title

_ORDER_STYLE = """
.sortable-component{background:transparent;padding:0}
.sortable-container{background:transparent}
.sortable-container-body{background:transparent;padding:0}
.sortable-item,.sortable-item:hover{background:var(--secondary-background-color);color:var(--text-color);
border-radius:6px;font-size:14px;text-align:left;height:auto;padding:8px 12px;margin:3px 0}
.sortable-item::before{content:"\\2261";margin-right:10px;opacity:.6}
"""


def draw_stages(pipeline: PipelineInfo) -> None:
    """Draw each open stage with what it asks for, then the two ends."""
    for number, stage in enumerate(pipeline.open_stages, 1):
        with st.container(border=True, key=f"stage_{stage.id}"):
            described, buttons = st.columns([7, 3], vertical_alignment="center")
            described.markdown(_described(number, stage, pipeline))
            row = buttons.container(horizontal=True, horizontal_alignment="right", gap="small")
            if row.button(_("Change"), key=f"edit_stage_{stage.id}", icon=":material/edit:"):
                ask_stage(pipeline, stage)
            if row.button(_("Retire"), key=f"retire_stage_{stage.id}", icon=":material/archive:", type="tertiary"):
                _ask_retire(pipeline, stage)
    with st.container(horizontal=True):
        if st.button(_("Add a stage"), key="add_stage", icon=":material/add:"):
            ask_stage(pipeline, None)
        with st.popover(_("Order"), icon=":material/swap_vert:", width="content"):
            _draw_order(pipeline)
    for end, sign in ((pipeline.won_stage, _("won")), (pipeline.lost_stage, _("lost"))):
        with st.container(horizontal=True, vertical_alignment="center", key=f"stage_{end.id}"):
            needs = _names(end.required, pipeline)
            told = f" · {_('Needs: {fields}', fields=md(needs))}" if needs else ""
            st.markdown(f"{md(end.name)} :gray[· {sign}{told}]", width="stretch")
            if st.button(_("Change"), key=f"edit_stage_{end.id}", icon=":material/edit:", type="tertiary"):
                ask_stage(pipeline, end)


def _described(number: int, stage: StageInfo, pipeline: PipelineInfo) -> str:
    dot = f" {COLOR_SIGNS[stage.color]}" if stage.color else ""
    lines = [f"**{number}. {md(stage.name)}**{dot}"]
    if stage.exit_criterion:
        lines.append(_("Done when: {criterion}", criterion=md(stage.exit_criterion)))
    parts = [_("Norm: {norm}", norm=duration(stage.norm_seconds))] if stage.norm_seconds else []
    chance = stage.win_percent
    parts += [_("Chance of a win: {percent}", percent=percent_text(chance))] if chance is not None else []
    needs, on_exit = _names(stage.required, pipeline), _names(stage.required_exit, pipeline)
    parts += [_("Needs: {fields}", fields=md(needs))] if needs else []
    parts += [_("To go on: {fields}", fields=md(on_exit))] if on_exit else []
    kinds = ", ".join(label(kind).lower() for kind in stage.step_kinds)
    parts += [_("Next steps: {kinds}", kinds=md(kinds))] if kinds else []
    parts += [_("New deals begin here")] if stage.accepts_new else []
    return "  \n".join([*lines, f":gray[{' · '.join(parts)}]"] if parts else lines)


def _names(keys: Sequence[str], pipeline: PipelineInfo) -> str:
    return ", ".join(field_title(key, pipeline) for key in keys)


def _draw_order(pipeline: PipelineInfo) -> None:
    st.caption(_("Drag the stages into the order of work, then save. Deals and history stay as they are."))
    # The component takes labels for ids: a number keeps equal names apart.
    labels = {f"{number}. {stage.name}": stage.id for number, stage in enumerate(pipeline.open_stages, 1)}
    ordered = sort_items(
        list(labels), direction="vertical", custom_style=_ORDER_STYLE, key=f"order_{pipeline.id}_{pipeline.version}"
    )
    new_order = [labels[one] for one in ordered if one in labels]
    changed = new_order != list(labels.values())
    if st.button(_("Save the order"), key="save_order", type="primary", disabled=not changed):
        act.run(reorder_stages, pipeline_id=pipeline.id, expected_version=pipeline.version, stage_ids=new_order).told(
            _("The order is saved")
        )
        st.rerun()


def _ask_retire(pipeline: PipelineInfo, stage: StageInfo) -> None:
    @page_dialog(_("Retire the stage “{stage}”", stage=md(stage.name)), width="medium")
    def ask() -> None:
        with read_scope() as session:
            count = open_deal_count(session, stage.id)
        others = {one.id: one.name for one in pipeline.open_stages if one.id != stage.id}
        st.markdown(_("The stage is no longer offered. Its history and reports stay whole."))
        target = None
        if count:
            st.markdown(ngettext("{n} open deal stands on it.", "{n} open deals stand on it.", count))
            target = st.selectbox(
                _("Send the deals to"), list(others), index=None, format_func=lambda one: others[one],
                key="retire_target", placeholder=_("Choose a stage"),
            )  # fmt: skip
        if st.button(_("Retire the stage"), key="retire_go", type="primary"):
            act.run(retire_stage, stage_id=stage.id, expected_version=pipeline.version, target_stage_id=target).told(
                _("The stage is retired")
            )
            st.rerun()

    ask()
