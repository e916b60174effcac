"""The stages of a pipeline on its page: order by dragging, adding, changing, retiring with a target."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.orm import Session
from streamlit_sortables import sort_items

from crm.actor import Actor
from crm.db import read_scope
from crm.deals.retiring import retire_stage
from crm.i18n import N_, _, ngettext
from crm.i18n.formats import duration
from crm.i18n.texts import field_name
from crm.pipelines.commands import StagePlan, add_stage, edit_stage, open_deal_count, reorder_stages
from crm.pipelines.values import BUILTIN_FIELDS, PipelineInfo, StageInfo
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.page import page_dialog, redraw

UNITS = {"minutes": (60, N_("minutes")), "hours": (3600, N_("hours")), "days": (86400, N_("days"))}
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
    for stage in pipeline.open_stages:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"stage_{stage.id}"):
            st.markdown(_described(stage, pipeline), width="stretch")
            if st.button(_("Change"), key=f"edit_stage_{stage.id}", icon=":material/edit:"):
                _ask_stage(pipeline, stage)
            if st.button(_("Retire"), key=f"retire_stage_{stage.id}", icon=":material/archive:", type="tertiary"):
                _ask_retire(pipeline, stage)
    ends = [pipeline.won_stage.name, pipeline.lost_stage.name]
    st.caption(_("Ends: {won} (won), {lost} (lost)", won=md(ends[0]), lost=md(ends[1])))
    with st.container(horizontal=True):
        if st.button(_("Add a stage"), key="add_stage", icon=":material/add:"):
            _ask_stage(pipeline, None)
        with st.popover(_("Order"), icon=":material/swap_vert:", width="content"):
            _draw_order(pipeline)


def _described(stage: StageInfo, pipeline: PipelineInfo) -> str:
    lines = [f"**{md(stage.name)}**"]
    if stage.exit_criterion:
        lines.append(_("Done when: {criterion}", criterion=md(stage.exit_criterion)))
    needs = [_field_title(key, pipeline) for key in stage.required]
    parts = [_("Norm: {norm}", norm=duration(stage.norm_seconds))] if stage.norm_seconds else []
    parts += [_("Needs: {fields}", fields=md(", ".join(needs)))] if needs else []
    return "  \n".join([*lines, f":gray[{' · '.join(parts)}]"] if parts else lines)


def _field_title(key: str, pipeline: PipelineInfo) -> str:
    field = pipeline.fields.get(key)
    return field.name if field else field_name(key)


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


def _ask_stage(pipeline: PipelineInfo, stage: StageInfo | None) -> None:
    for key in [name for name in st.session_state if str(name).startswith("stage_form_")]:
        del st.session_state[key]

    @page_dialog(_("Change the stage") if stage else _("Add a stage"), width="medium")
    def ask() -> None:
        outcome: act.Outcome[int] | None = st.session_state.get("stage_form_outcome")
        if outcome is not None and not outcome.ok:
            st.error(outcome.message, icon=":material/error:")
        plan = _stage_inputs(pipeline, stage, outcome)
        if st.button(_("Save"), key="stage_form_save", type="primary"):
            if stage is None:
                saved = act.run(add_stage, pipeline_id=pipeline.id, expected_version=pipeline.version, plan=plan)
            else:
                saved = act.run(_edit, stage_id=stage.id, expected_version=pipeline.version, plan=plan)
            if saved.ok:
                saved.told(_("Saved"))
                st.rerun()
            st.session_state["stage_form_outcome"] = saved
            redraw()

    ask()


def _edit(session: Session, actor: Actor, *, stage_id: int, expected_version: int, plan: StagePlan) -> int:
    edit_stage(session, actor, stage_id=stage_id, expected_version=expected_version, plan=plan)
    return stage_id


def _stage_inputs(pipeline: PipelineInfo, stage: StageInfo | None, outcome: act.Outcome[int] | None) -> StagePlan:
    name = st.text_input(
        _("Name: a finished action, such as “Proposal sent”"),
        value=stage.name if stage else "",
        key="stage_form_name",
        max_chars=100,
    )
    field_error(outcome.field_error("name") if outcome else None)
    criterion = st.text_area(
        _("Done when"),
        value=(stage.exit_criterion or "") if stage else "",
        key="stage_form_criterion",
        placeholder=_("What must be true before the deal goes on?"),
        height=80,
    )
    field_error(outcome.field_error("exit_criterion") if outcome else None)
    norm = _norm_input(stage)
    field_error(outcome.field_error("norm_seconds") if outcome else None)
    keys = [*BUILTIN_FIELDS, *(field.key for field in pipeline.fields.values() if field.is_active)]
    required = st.multiselect(
        _("Fields needed to enter"),
        keys,
        default=[key for key in stage.required if key in keys] if stage else [],
        format_func=lambda key: _field_title(key, pipeline),
        key="stage_form_required",
        placeholder=_("No field is needed"),
    )
    return StagePlan(name or "", criterion or "", norm, tuple(required))


def _norm_input(stage: StageInfo | None) -> int | None:
    seconds = stage.norm_seconds if stage else None
    unit = next((code for code in ("days", "hours") if seconds and seconds % UNITS[code][0] == 0), "minutes")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        amount = st.number_input(
            _("Norm: the longest healthy stay"),
            min_value=0,
            max_value=100_000,
            value=seconds // UNITS[unit][0] if seconds else None,
            step=1,
            key="stage_form_norm",
            placeholder=_("No norm"),
        )
        chosen = st.selectbox(
            _("Unit"),
            list(UNITS),
            index=list(UNITS).index(unit if seconds else "hours"),
            format_func=lambda code: _(UNITS[code][1]),
            key="stage_form_unit",
            label_visibility="collapsed",
            width=130,
        )
    return int(amount) * UNITS[chosen][0] if amount else None


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
