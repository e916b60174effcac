"""Planning a next step: its kind, words and date, typed once and used in every dialog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from crm.deals.values import StepPlan
from crm.i18n import _
from crm.i18n.labels import label
from crm.models import StepKind
from crm.ui.forms import due_input, field_error

STEP_ICONS = {
    StepKind.CALL: ":material/call:",
    StepKind.MEETING: ":material/event:",
    StepKind.EMAIL: ":material/mail:",
    StepKind.OFFER: ":material/description:",
    StepKind.REVIEW: ":material/fact_check:",
    StepKind.OTHER: ":material/task_alt:",
}


@dataclass(frozen=True, slots=True)
class TypedStep:
    """A step as typed; `plan` is None while no date is chosen."""

    plan: StepPlan | None


def step_text(kind: StepKind, text: str | None) -> str:
    """Return a step in words: what was typed, else its kind."""
    return text or label(kind)


def step_input(*, key: str, error: str | None = None, kinds: Sequence[StepKind] = ()) -> TypedStep:
    """Draw the inputs of a next step of these kinds, any where none is named; nothing is planned without a date."""
    offered = list(kinds or StepKind)
    if st.session_state.get(f"{key}_kind", offered[0]) not in offered:  # the stage was changed beside it
        del st.session_state[f"{key}_kind"]
    kind = st.segmented_control(
        _("Next step"),
        offered,
        format_func=lambda code: f"{STEP_ICONS[code]} {label(code)}",
        default=offered[0],
        required=True,
        key=f"{key}_kind",
    )
    text = st.text_input(
        _("What to do"), key=f"{key}_text", max_chars=500, placeholder=_("For example: call about the offer")
    )
    due_at = due_input(_("When"), key=f"{key}_due")
    field_error(error)
    if due_at is None:
        return TypedStep(None)
    return TypedStep(StepPlan(kind or offered[0], due_at, text or ""))
