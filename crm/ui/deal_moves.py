"""Moving and closing deals from pages: at once where nothing lacks, else a dialog that asks only for what does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from crm.db import read_scope
from crm.deals.moves import Move, check_deal_move, move_deal
from crm.deals.reads import DealCard, load_deal
from crm.deals.values import LossAnswer
from crm.errors import CrmError, StageRulesBroken, Violation
from crm.i18n import _
from crm.i18n.texts import error_sentence
from crm.models import StageKind
from crm.pipelines.values import StageInfo
from crm.ui import act
from crm.ui.deal_inputs import FieldAsk, as_changes, draw_field, saved_values
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.notices import NoticeKind, flash
from crm.ui.page import page_dialog, redraw, signed_in_actor
from crm.ui.step_inputs import step_input

_PENDING = "_pending_move"
# What a dialog can ask for; any other violation is told and the deal stays.
_ASKABLE = frozenset(
    {
        "field_missing",
        "amount_not_positive",
        "next_step_missing",
        "next_step_past",
        "loss_reason_missing",
        "loss_reason_unknown",
        "loss_note_missing",
    }
)


@dataclass(frozen=True, slots=True)
class PendingMove:
    """A move that lacks something: the dialog is still to be opened."""

    deal_id: int
    to_stage_id: int
    values: Mapping[str, Any]


def try_move(deal_id: int, to_stage_id: int, *, values: Mapping[str, Any] | None = None) -> bool:
    """Move a deal with the typed values; True when it went.

    Otherwise either keep what lacks for `draw_pending_move`, or keep a notice that says why the deal stays.
    """
    given = dict(values or {})
    actor = signed_in_actor()
    if actor is None:
        return False
    try:
        with read_scope() as session:
            card = load_deal(session, actor, deal_id)
    except CrmError as error:
        flash(md(error_sentence(error)), kind=NoticeKind.REFUSED)
        return False
    stage = card.pipeline.stage(to_stage_id)
    move = Move(to_stage_id, expected_stage_id=card.stage.id, changes=as_changes(given, card.pipeline))
    if stage is not None and stage.kind is StageKind.LOST and card.is_open:
        _keep(PendingMove(deal_id, to_stage_id, given))
        return False
    outcome = act.run(move_deal, deal_id=deal_id, move=move)
    if outcome.ok and stage is not None:
        _tell_moved(card, stage)
        return True
    if isinstance(outcome.error, StageRulesBroken) and _all_askable(outcome.violations):
        _keep(PendingMove(deal_id, to_stage_id, given))
        return False
    outcome.told()
    return False


def draw_pending_move() -> None:
    """Open the dialog of a move that lacks something; call it once per run, after everything else is drawn.

    The dialog is drawn anew by every rerun until it is saved or dismissed: the board's component may report once
    more after its drop, and that rerun must not close what the drop has opened.
    """
    pending: PendingMove | None = st.session_state.get(_PENDING)
    if pending is not None:
        _move_dialog(pending)


def forget_pending_move() -> None:
    """Drop the dialog that another page left open; call it when a page is opened, before its fragments."""
    st.session_state.pop(_PENDING, None)


def ask_loss(deal_id: int, lost_stage_id: int, values: Mapping[str, Any] | None = None) -> None:
    """Keep the dialog that closes a deal as lost for `draw_pending_move`."""
    _keep(PendingMove(deal_id, lost_stage_id, dict(values or {})))


def _keep(pending: PendingMove) -> None:
    st.session_state[_PENDING] = pending
    for key in [name for name in st.session_state if str(name).startswith("move_")]:
        del st.session_state[key]


def _all_askable(violations: tuple[Violation, ...]) -> bool:
    return bool(violations) and all(one.code in _ASKABLE for one in violations)


def _tell_moved(card: DealCard, stage: StageInfo) -> None:
    flash(_("Deal {id}: “{stage}”", id=f"\\#{card.id}", stage=md(stage.name)))


def _move_dialog(pending: PendingMove) -> None:
    actor = signed_in_actor()
    if actor is None:
        return
    with read_scope() as session:
        card = load_deal(session, actor, pending.deal_id)
    stage = card.pipeline.stage(pending.to_stage_id)
    if stage is None:
        return
    titles = {
        StageKind.OPEN: _("Move to “{stage}”", stage=md(stage.name)),
        StageKind.WON: _("Close as won"),
        StageKind.LOST: _("Close as lost"),
    }

    @page_dialog(titles[stage.kind], width="medium", on_dismiss=forget_pending_move)
    def ask() -> None:
        _draw_dialog(pending, stage)

    ask()


def _draw_dialog(pending: PendingMove, stage: StageInfo) -> None:
    actor = signed_in_actor()
    if actor is None:
        st.rerun()
    with read_scope() as session:
        card = load_deal(session, actor, pending.deal_id)
        lacking = check_deal_move(session, actor, deal_id=card.id, to_stage_id=stage.id)
    outcome: act.Outcome[int] | None = st.session_state.get("move_outcome")
    st.markdown(f"**\\#{card.id} {md(card.title)}**")
    if outcome is not None and not outcome.ok:
        st.error(outcome.message, icon=":material/error:")
    move, wrong = _ask(card, stage, lacking, pending, outcome)
    verb = {StageKind.OPEN: _("Save and move"), StageKind.WON: _("Close as won"), StageKind.LOST: _("Close as lost")}
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="move_cancel", type="tertiary"):
            forget_pending_move()
            st.rerun()
        if st.button(verb[stage.kind], key="move_save", type="primary") and not wrong:
            _save(card, stage, move)


def _ask(
    card: DealCard,
    stage: StageInfo,
    lacking: list[Violation],
    pending: PendingMove,
    outcome: act.Outcome[int] | None,
) -> tuple[Move, bool]:
    """Draw the inputs and return the move they make, and whether something typed is wrong."""
    saved = saved_values(card)
    typed = dict(pending.values)
    wrong = False
    asked = dict.fromkeys(one.field for one in lacking if one.code in {"field_missing", "amount_not_positive"})
    for key in [one for one in asked if one is not None and one not in pending.values]:
        error = outcome.field_error(key) if outcome else None
        field = draw_field(FieldAsk(key, "move", saved.get(key), error), card.pipeline, card.currency)
        typed[key], wrong = field.value, wrong or field.wrong
    step = None
    if any(one.field == "next_step" for one in lacking):
        error = outcome.field_error("next_step") if outcome else None
        step = step_input(key="move_step", error=error).plan
    loss = _ask_loss(card, outcome) if stage.kind is StageKind.LOST else None
    move = Move(
        to_stage_id=stage.id,
        expected_stage_id=card.stage.id,
        changes=as_changes(typed, card.pipeline),
        next_step=step,
        loss=loss,
    )
    return move, wrong


def _ask_loss(card: DealCard, outcome: act.Outcome[int] | None) -> LossAnswer:
    reasons = {reason.id: reason for reason in card.pipeline.active_reasons()}
    reason_id = st.radio(
        _("Why was the deal lost?"),
        list(reasons),
        format_func=lambda one: md(reasons[one].name),
        index=None,
        key="move_loss_reason",
    )
    field_error(outcome.field_error("loss_reason") if outcome else None)
    needed = reason_id is not None and reasons[reason_id].note_required
    note = st.text_area(
        _("What exactly happened? (needed)") if needed else _("Note"), key="move_loss_note", max_chars=5000, height=80
    )
    field_error(outcome.field_error("loss_note") if outcome else None)
    return LossAnswer(reason_id, note or "")


def _save(card: DealCard, stage: StageInfo, move: Move) -> None:
    outcome = act.run(move_deal, deal_id=card.id, move=move)
    if not isinstance(outcome.error, StageRulesBroken):
        forget_pending_move()
    if outcome.ok:
        st.session_state.pop("move_outcome", None)
        _tell_moved(card, stage)
        st.rerun()
    if isinstance(outcome.error, StageRulesBroken):
        st.session_state["move_outcome"] = outcome
        redraw()
    outcome.told()
    st.rerun()
