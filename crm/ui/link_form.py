"""The form of a link between pipelines: what sets it off, what it creates, whose that is and when it comes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.auth.teams import list_teams
from crm.db import read_scope
from crm.i18n import _
from crm.i18n.labels import label
from crm.models import LinkKind, LinkOwner, LinkTrigger, StepKind
from crm.pipelines.link_values import COPYABLE_FIELDS, LinkInfo, LinkPlan
from crm.pipelines.links import create_link, edit_link
from crm.pipelines.reads import list_pipelines, load_loss_reasons, load_pipeline
from crm.pipelines.values import PipelineInfo
from crm.ui import act
from crm.ui.forms import field_error, owner_input
from crm.ui.length_input import length_input
from crm.ui.link_condition_inputs import ConditionChoices, draw_conditions, remember_conditions
from crm.ui.link_words import field_title
from crm.ui.markdown import md
from crm.ui.page import page_dialog, redraw, signed_in_actor

Refusal = act.Outcome[Any] | None


def ask_link(pipeline: PipelineInfo, link: LinkInfo | None) -> None:
    """Open the dialog that adds a link from a pipeline, or changes one; what was typed survives a refusal."""
    for key in [name for name in st.session_state if str(name).startswith("link_form_")]:
        del st.session_state[key]
    start = link.plan if link else LinkPlan(pipeline.id, LinkTrigger.WON, 0)
    remember_conditions(start.conditions)

    @page_dialog(_("Change the link") if link else _("Add a link"), width="large")
    def ask() -> None:
        actor = signed_in_actor()
        if actor is None:
            st.rerun()
        refusal: Refusal = st.session_state.get("link_form_outcome")
        if refusal is not None:
            st.error(md(" ".join([refusal.message, *refusal.other_errors])), icon=":material/error:")
        plan = _inputs(actor, pipeline, start, refusal)
        if st.button(_("Save"), key="link_form_save", type="primary"):
            _save(link, plan)

    ask()


def _save(link: LinkInfo | None, plan: LinkPlan) -> None:
    saved: act.Outcome[Any]
    if link is None:
        saved = act.run(create_link, plan=plan)
    else:
        saved = act.run(edit_link, link_id=link.id, expected_version=link.version, plan=plan)
    if saved.ok:
        saved.told(_("Saved"))
        st.rerun()
    st.session_state["link_form_outcome"] = saved
    redraw()


def _inputs(actor: Actor, pipeline: PipelineInfo, start: LinkPlan, refusal: Refusal) -> LinkPlan:
    trigger, from_stage_id = _trigger_inputs(pipeline, start, refusal)
    st.divider()
    to_pipeline_id, to_stage_id = _target_inputs(start, refusal)
    left, right = st.columns(2)
    with left:
        kind = _choice(_("What for"), LinkKind, start.kind, "kind")
        delay = length_input(_("Comes after"), key="link_form_delay", seconds=start.delay_seconds,
                             placeholder=_("At once"))  # fmt: skip
        _tell(refusal, "delay")
    with right:
        owner_rule, owner_id = _owner_inputs(actor, start, refusal)
    st.markdown(f"**{_('First next step of the new deal')}**")
    step_kind, step_text, step_due = _step_inputs(start, refusal)
    copyable = [*COPYABLE_FIELDS, *(one.key for one in pipeline.fields.values() if one.is_active)]
    copied = st.multiselect(
        _("Goes along besides title, client and contacts"),
        copyable,
        default=[key for key in start.copied if key in copyable],
        format_func=lambda one: field_title(one, pipeline.fields),
        key="link_form_copied",
        placeholder=_("Nothing"),
    )
    _tell(refusal, "copied")
    st.markdown(f"**{_('Only if all of this holds')}**")
    conditions = draw_conditions(_choices(actor, pipeline), refusal.field_error("conditions") if refusal else None)
    skip_if_open = st.checkbox(
        _("Not while the client has an open deal"), value=start.skip_if_open, key="link_form_skip_if_open"
    )
    cooldown, max_rounds = _brake_inputs(start, refusal)
    return LinkPlan(
        pipeline.id, trigger, to_pipeline_id, kind, from_stage_id, to_stage_id, tuple(copied), owner_rule, owner_id,
        delay, conditions, cooldown, max_rounds, skip_if_open, step_kind, step_text, step_due, start.is_active,
    )  # fmt: skip


def _trigger_inputs(pipeline: PipelineInfo, start: LinkPlan, refusal: Refusal) -> tuple[LinkTrigger, int | None]:
    trigger = st.segmented_control(
        _("A deal of “{pipeline}” is", pipeline=md(pipeline.name)),
        list(LinkTrigger),
        format_func=label,
        default=start.trigger,
        required=True,
        key="link_form_trigger",
    )
    if trigger is not LinkTrigger.STAGE:
        return trigger or LinkTrigger.WON, None
    stages = {stage.id: stage.name for stage in pipeline.open_stages}
    chosen = _pick(_("Stage"), stages, start.from_stage_id, "from_stage", _("Choose a stage"))
    _tell(refusal, "from_stage")
    return trigger, chosen


def _target_inputs(start: LinkPlan, refusal: Refusal) -> tuple[int, int | None]:
    with read_scope() as session:
        names = {one.id: one.name for one in list_pipelines(session) if one.open_stage_count}
    left, right = st.columns(2)
    with left:
        pipeline_id = _pick(
            _("Create a deal in"), names, start.to_pipeline_id or None, "to_pipeline", _("Choose a pipeline")
        )
        _tell(refusal, "to_pipeline")
    if pipeline_id is None:
        return 0, None
    with read_scope() as session:
        stages = {stage.id: stage.name for stage in load_pipeline(session, pipeline_id).open_stages}
    with right:
        first = _("First stage: {stage}", stage=next(iter(stages.values()), "—"))
        stage_id = _pick(_("On the stage"), stages, start.to_stage_id, f"to_stage_{pipeline_id}", first)
        _tell(refusal, "to_stage")
    return pipeline_id, stage_id


def _owner_inputs(actor: Actor, start: LinkPlan, refusal: Refusal) -> tuple[LinkOwner, int | None]:
    rule = _choice(_("Owner of the new deal"), LinkOwner, start.owner_rule, "owner_rule")
    if rule is not LinkOwner.USER:
        return rule, None
    with read_scope() as session:
        people = list_owners(session, actor)
    error = refusal.field_error("owner") if refusal else None
    return rule, owner_input(_("Who"), key="link_form_owner", names=people, value=start.owner_id, error=error)


def _step_inputs(start: LinkPlan, refusal: Refusal) -> tuple[StepKind, str, int]:
    left, right = st.columns(2)
    with left:
        kind = _choice(_("Kind"), StepKind, start.step_kind, "step_kind")
        _tell(refusal, "step_kind")
    with right:
        due = length_input(_("Due after"), key="link_form_step_due", seconds=start.step_due_seconds, placeholder="0")
        _tell(refusal, "step_due")
    text = st.text_input(_("What to do"), value=start.step_text, key="link_form_step_text", max_chars=500)
    _tell(refusal, "step_text")
    return kind, text or "", due


def _brake_inputs(start: LinkPlan, refusal: Refusal) -> tuple[int, int | None]:
    st.markdown(f"**{_('Where links make a loop')}**")
    left, right = st.columns(2)
    with left:
        cooldown = length_input(
            _("Pause between two rounds"), key="link_form_cooldown", seconds=start.cooldown_seconds,
            placeholder=_("No pause"),
        )  # fmt: skip
        _tell(refusal, "cooldown")
    with right:
        rounds = st.number_input(
            _("Rounds at most"), min_value=1, max_value=1000, value=start.max_rounds, step=1,
            key="link_form_max_rounds", placeholder=_("No limit"),
        )  # fmt: skip
        _tell(refusal, "max_rounds")
    return cooldown, int(rounds) if rounds else None


def _choices(actor: Actor, pipeline: PipelineInfo) -> ConditionChoices:
    with read_scope() as session:
        reasons = {one.id: one.name for one in load_loss_reasons(session, pipeline.id)}
        teams = {one.id: one.name for one in list_teams(session, actor)}
    return ConditionChoices(pipeline.fields, {"loss_reason": reasons, "team": teams})


def _pick(text: str, names: dict[int, str], present: int | None, key: str, placeholder: str) -> int | None:
    ids = list(names)
    return st.selectbox(
        text,
        ids,
        index=ids.index(present) if present in ids else None,
        format_func=lambda one: names[one],
        key=f"link_form_{key}",
        placeholder=placeholder,
    )


def _choice(text: str, codes: Any, present: Any, key: str) -> Any:
    offered = list(codes)
    return st.selectbox(text, offered, index=offered.index(present), format_func=label, key=f"link_form_{key}")


def _tell(refusal: Refusal, field: str) -> None:
    field_error(refusal.field_error(field) if refusal else None)
