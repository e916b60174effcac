"""A deal's next steps on its page and on Today: done with a result and a following step, postponed, planned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

import streamlit as st

from crm.clock import utc_now
from crm.deals.next_steps import complete_next_step, plan_next_step, postpone_next_step
from crm.deals.reads import DealCard, StepCard
from crm.deals.values import StepDone
from crm.i18n import _
from crm.i18n.formats import days_away, moment
from crm.i18n.labels import label
from crm.models import StepKind, StepResult
from crm.ui import act
from crm.ui.forms import due_input, field_error
from crm.ui.markdown import md
from crm.ui.page import page_dialog, redraw
from crm.ui.step_inputs import STEP_ICONS, step_input, step_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepToClose:
    """The step a dialog is about."""

    id: int
    kind: StepKind
    text: str
    due_at: datetime


def due_words(due_at: datetime) -> str:
    """Return when a step is due as coloured words: red late, amber today, grey later; markdown."""
    now = utc_now()
    words = md(moment(due_at))
    if due_at < now:
        return f":red[:material/alarm: {words} · {md(days_away(due_at))}]"
    if days_away(due_at) == _("today"):
        return f":orange[:material/today: {words}]"
    return f":gray[:material/event_upcoming: {words}]"


def draw_steps(card: DealCard, *, is_main: bool = True) -> None:
    """Draw the open steps of a deal with what can be done about each.

    `is_main` tells that the next action is the page's loudest button, as it is while nothing waits to be saved.
    """
    if not card.is_open:
        return
    if not card.steps:
        st.warning(_("No next step. Agree on one, so that the deal is not forgotten."), icon=":material/event_busy:")
    nearest = min(card.steps, key=lambda step: step.due_at, default=None)
    for step in card.steps:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key=f"step_{step.id}"):
            st.markdown(
                f"{STEP_ICONS[step.kind]} **{md(step_text(step.kind, step.text))}**  \n{due_words(step.due_at)}"
                + (f" · {md(step.owner_name)}" if step.owner_id != card.owner_id else ""),
                width="stretch",
            )
            draw_step_buttons(_to_close(step), is_main=is_main and step is nearest)
    if st.button(
        _("Plan a step"), key="plan_step", icon=":material/add:",
        type="tertiary" if card.steps else "primary" if is_main else "secondary",
    ):  # fmt: skip
        ask_plan(card.id)


def draw_step_buttons(step: StepToClose, *, is_main: bool = False) -> None:
    """Draw "Done, next..." and "Postpone" of a step; the first is loud where it `is_main` on the page."""
    loudness: Literal["primary", "secondary"] = "primary" if is_main else "secondary"
    if st.button(_("Done, next..."), key=f"done_{step.id}", icon=":material/check:", type=loudness):
        ask_done(step)
    if st.button(_("Postpone"), key=f"postpone_{step.id}", icon=":material/schedule:", type="tertiary"):
        ask_postpone(step)


def ask_done(step: StepToClose) -> None:
    """Open the dialog that closes a step with its result and plans the following one."""
    _forget("done_step_")

    @page_dialog(_("What came of it?"), width="medium")
    def ask() -> None:
        outcome: act.Outcome[int | None] | None = st.session_state.get("done_step_outcome")
        st.markdown(f"{STEP_ICONS[step.kind]} {md(step_text(step.kind, step.text))} · {md(moment(step.due_at))}")
        if outcome is not None and not outcome.ok:
            st.error(outcome.message, icon=":material/error:")
        result = st.pills(
            _("Result"), list(StepResult), format_func=label, default=StepResult.DONE, required=True,
            key="done_step_result",
        )  # fmt: skip
        text = st.text_area(_("Notes on the result"), key="done_step_note", max_chars=5000, height=80)
        st.divider()
        following = step_input(key="done_step_next", error=outcome.field_error("next_step") if outcome else None)
        if st.button(_("Save"), key="done_step_save", type="primary"):
            done = StepDone(result or StepResult.DONE, text or "")
            saved = act.run(complete_next_step, step_id=step.id, done=done, following=following.plan)
            _finish(saved, "done_step_outcome", _("Saved"))

    ask()


def ask_postpone(step: StepToClose) -> None:
    """Open the dialog that gives a step another date."""
    _forget("postpone_step_")

    @page_dialog(_("Postpone to"), width="medium")
    def ask() -> None:
        outcome: act.Outcome[None] | None = st.session_state.get("postpone_step_outcome")
        due_at = due_input(_("When"), key="postpone_step_due")
        if outcome is not None and not outcome.ok:
            field_error(outcome.full_message)
        if st.button(_("Postpone"), key="postpone_step_save", type="primary", disabled=due_at is None) and due_at:
            saved = act.run(postpone_next_step, step_id=step.id, due_at=due_at)
            _finish(saved, "postpone_step_outcome", _("Postponed to {when}", when=md(moment(due_at))))

    ask()


def ask_plan(deal_id: int) -> None:
    """Open the dialog that plans a step."""
    _forget("plan_step_")

    @page_dialog(_("Plan a step"), width="medium")
    def ask() -> None:
        outcome: act.Outcome[int] | None = st.session_state.get("plan_step_outcome")
        typed = step_input(key="plan_step_new", error=outcome.full_message if outcome else None)
        if st.button(_("Save"), key="plan_step_save", type="primary", disabled=typed.plan is None) and typed.plan:
            saved = act.run(plan_next_step, deal_id=deal_id, plan=typed.plan)
            _finish(saved, "plan_step_outcome", _("Planned for {when}", when=md(moment(typed.plan.due_at))))

    ask()


def _finish(outcome: act.Outcome[T], key: str, success: str) -> None:
    if outcome.ok:
        outcome.told(success)
        st.rerun()
    st.session_state[key] = outcome
    redraw()


def _forget(prefix: str) -> None:
    for key in [name for name in st.session_state if str(name).startswith(prefix)]:
        del st.session_state[key]


def _to_close(step: StepCard) -> StepToClose:
    return StepToClose(step.id, step.kind, step.text, step.due_at)
