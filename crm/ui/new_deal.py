"""The button "Deal" and the dialog behind it: a deal begins on a stage that takes new ones, with its next step."""

from __future__ import annotations

from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.auth.permissions import Action, may
from crm.auth.workspace import load_workspace
from crm.db import read_scope
from crm.deals.commands import NewDeal, create_deal
from crm.deals.creation import creation_violations
from crm.i18n import _
from crm.i18n.texts import violation_sentence
from crm.models import Priority
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.ui import act
from crm.ui.deal_inputs import FieldAsk, as_changes, draw_field
from crm.ui.device import is_phone
from crm.ui.forms import field_error, owner_input
from crm.ui.markdown import md
from crm.ui.nav import go_to
from crm.ui.page import page_dialog, redraw, signed_in_actor
from crm.ui.step_inputs import step_input

_FIRST = ("title", "company", "contact", "amount", "priority", "source")


def draw_new_deal(actor: Actor, pipeline_id: int) -> None:
    """Draw the button; the dialog asks for the pipeline's own needs. Who may not create deals is told who does."""
    with read_scope() as session:
        pipeline = load_pipeline(session, pipeline_id)
        refused = creation_violations(session, actor, pipeline, None)
    told = md(" ".join(map(violation_sentence, refused)))
    if st.button(
        _("Deal"), key="new_deal", icon=":material/add:", type="primary", disabled=bool(told), help=told or None
    ):
        for key in [name for name in st.session_state if str(name).startswith("new_deal_")]:
            del st.session_state[key]
        _dialog(pipeline_id)
    if told and is_phone():  # where nothing hovers
        st.caption(told)


def _dialog(pipeline_id: int) -> None:
    @page_dialog(_("New deal"), width="large")
    def ask() -> None:
        actor = signed_in_actor()
        if actor is None:
            st.rerun()
        with read_scope() as session:
            pipeline = load_pipeline(session, pipeline_id)
            owners = list_owners(session, actor)
            currency = load_workspace(session, actor).values.currency
        _draw(actor, pipeline, owners, currency)

    ask()


def _draw(actor: Actor, pipeline: PipelineInfo, owners: dict[int, str], currency: str) -> None:
    outcome: act.Outcome[int] | None = st.session_state.get("new_deal_outcome")
    stage = _stage_input(pipeline, outcome)
    if outcome is not None and not outcome.ok:
        st.error(outcome.message, icon=":material/error:")
    typed: dict[str, Any] = {}
    wrong = False
    for key in dict.fromkeys([*_FIRST, *stage.required]):
        start = Priority.WARM if key == "priority" else None
        error = outcome.field_error(key) if outcome else None
        field = draw_field(FieldAsk(key, "new_deal", start, error), pipeline, currency)
        typed[key], wrong = field.value, wrong or field.wrong
    owner_id = actor.user_id
    if may(actor, Action.REASSIGN_DEALS):
        error = outcome.field_error("owner") if outcome else None
        owner_id = owner_input(_("Owner"), key="new_deal_owner", names=owners, value=actor.user_id, error=error)
    error = outcome.field_error("next_step") if outcome else None
    step = step_input(key="new_deal_step", error=error, kinds=stage.step_kinds)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="new_deal_cancel", type="tertiary"):
            st.rerun()
        if st.button(_("Create deal"), key="new_deal_save", type="primary") and not wrong:
            given = {key: value for key, value in typed.items() if value not in (None, ())} | {
                "title": typed["title"] or ""
            }
            _create(NewDeal(pipeline.id, as_changes(given, pipeline), step.plan, owner_id, stage.id))


def _stage_input(pipeline: PipelineInfo, outcome: act.Outcome[int] | None) -> StageInfo:
    """Tell on which stage the deal begins, or ask where several accept new ones."""
    first = pipeline.open_stages[0]
    offered = {stage.id: stage for stage in pipeline.starting_stages}
    if len(offered) == 1:
        st.caption(_("Begins on “{stage}” of “{pipeline}”", stage=md(first.name), pipeline=md(pipeline.name)))
        return first
    chosen = st.selectbox(
        _("Begins on the stage"),
        list(offered),
        format_func=lambda one: offered[one].name,
        key="new_deal_stage",
    )
    field_error(outcome.field_error("stage") if outcome else None)
    return offered.get(chosen or 0, first)


def _create(new: NewDeal) -> None:
    outcome = act.run(create_deal, new)
    if not outcome.ok or outcome.value is None:
        st.session_state["new_deal_outcome"] = outcome
        redraw()
    outcome.told(_("Deal created"))
    go_to("deal", deal=outcome.value or 0)
