"""The dialog of a move that lacks something: asks for just that, or lets a head pass a rule with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.clock import utc_now
from crm.db import read_scope
from crm.deals.chain import ChainDeal
from crm.deals.moves import Move, check_deal_move, move_deal
from crm.deals.overrides import REASON_LIMIT
from crm.deals.reads import DealCard, load_deal
from crm.deals.values import LossAnswer, StepDone
from crm.errors import StageRulesBroken, Violation
from crm.i18n import _
from crm.i18n.labels import label
from crm.i18n.texts import violation_sentence
from crm.models import StageKind, StepResult
from crm.pipelines.values import StageInfo
from crm.ui import act
from crm.ui.continuations import continuations, new_ones, warn_of_open
from crm.ui.deal_inputs import FieldAsk, as_changes, draw_field, saved_values
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.notices import NoticeKind, flash
from crm.ui.page import page_dialog, redraw, signed_in_actor
from crm.ui.step_inputs import step_input, step_text

_FIELDS = frozenset({"field_missing", "field_missing_on_exit", "amount_not_positive"})
# What the dialog asks for; any other violation is told and the deal stays.
ASKABLE = _FIELDS | {
    "next_step_missing",
    "next_step_past",
    "next_step_kind_wrong",
    "loss_reason_missing",
    "loss_reason_unknown",
    "loss_note_missing",
}
# What nothing but a head's reason passes.
BARRIERS = frozenset({"back_not_allowed", "skip_not_allowed", "move_forbidden", "deal_closed"})


@dataclass(frozen=True, slots=True)
class PendingMove:
    """A move that lacks something: the dialog is still to be opened."""

    deal_id: int
    to_stage_id: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Situation:
    """What the dialog is about: the deal as it is and what came of it, where to, what lacks, the last answer."""

    actor: Actor
    card: DealCard
    stage: StageInfo
    lacking: tuple[Violation, ...]
    before: tuple[ChainDeal, ...]
    outcome: act.Outcome[int] | None

    @property
    def barriers(self) -> tuple[Violation, ...]:
        """Return the violations that only a reason passes."""
        return tuple(one for one in self.lacking if one.code in BARRIERS)

    def error(self, field: str) -> str | None:
        """Return what the last try said about a field."""
        return self.outcome.field_error(field) if self.outcome else None


def open_move_dialog(pending: PendingMove, forget: Callable[[], None]) -> None:
    """Open the dialog of a pending move; `forget` drops it."""
    actor = signed_in_actor()
    if actor is None:
        return
    with read_scope() as session:
        card = load_deal(session, actor, pending.deal_id)
    stage = card.pipeline.stage(pending.to_stage_id)
    if stage is None:
        return
    titles = {
        StageKind.OPEN: _("Move to “{stage}”", stage=md(stage.name)) if card.is_open else _("Take the deal up again"),
        StageKind.WON: _("Close as won"),
        StageKind.LOST: _("Close as lost"),
    }

    @page_dialog(titles[stage.kind], width="medium", on_dismiss=forget)
    def ask() -> None:
        _draw(pending, stage, forget)

    ask()


def tell_moved(actor: Actor, card: DealCard, stage: StageInfo, before: Sequence[ChainDeal]) -> None:
    """Keep the notice that a deal went, and what links made of it; `before` is what had come of it earlier."""
    with read_scope() as session:
        made = new_ones(continuations(session, actor, card.id), before)
    flash(_("Deal {id}: “{stage}”", id=f"\\#{card.id}", stage=md(stage.name)))
    if made:  # on its own: a toast folds what is longer than three lines
        flash(made, kind=NoticeKind.INFO)


def _draw(pending: PendingMove, stage: StageInfo, forget: Callable[[], None]) -> None:
    actor = signed_in_actor()
    if actor is None:
        st.rerun()
    with read_scope() as session:
        card = load_deal(session, actor, pending.deal_id)
        before = continuations(session, actor, card.id)
    st.markdown(f"**\\#{card.id} {md(card.title)}**")
    if not card.is_open:
        warn_of_open(before)
        stage = _stage_input(card, stage)
    with read_scope() as session:
        lacking = check_deal_move(session, actor, deal_id=card.id, to_stage_id=stage.id)
    now = _Situation(actor, card, stage, tuple(lacking), tuple(before), st.session_state.get("move_outcome"))
    if now.outcome is not None and not now.outcome.ok:
        st.error(now.outcome.message, icon=":material/error:")
    for barrier in now.barriers if card.is_open else ():
        st.warning(md(violation_sentence(barrier)), icon=":material/block:")
    move, wrong = _ask(now, pending)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="move_cancel", type="tertiary"):
            forget()
            st.rerun()
        if st.button(_verb(now, move), key="move_save", type="primary") and not wrong:
            _save(now, move, forget)


def _verb(now: _Situation, move: Move) -> str:
    if not now.card.is_open:
        return _("Take up again")
    if move.override_reason is not None:
        return _("Move anyway")
    closing = {StageKind.WON: _("Close as won"), StageKind.LOST: _("Close as lost")}
    return closing.get(now.stage.kind) or _("Save and move")


def _stage_input(card: DealCard, stage: StageInfo) -> StageInfo:
    offered = {one.id: one for one in card.pipeline.open_stages}
    chosen = st.selectbox(
        _("Goes on from the stage"),
        list(offered),
        index=list(offered).index(stage.id) if stage.id in offered else 0,
        format_func=lambda one: offered[one].name,
        key="move_stage",
    )
    return offered.get(chosen or 0, stage)


def _ask(now: _Situation, pending: PendingMove) -> tuple[Move, bool]:
    """Draw the inputs and return the move they make, and whether something typed is wrong."""
    saved = saved_values(now.card)
    typed = dict(pending.values)
    wrong = False
    asked = dict.fromkeys(one.field for one in now.lacking if one.code in _FIELDS)
    for key in [one for one in asked if one is not None and one not in pending.values]:
        ask = FieldAsk(key, "move", saved.get(key), now.error(key))
        field = draw_field(ask, now.card.pipeline, now.card.currency)
        typed[key], wrong = field.value, wrong or field.wrong
    due_done = _ask_due(now)
    step = None
    if any(one.field == "next_step" for one in now.lacking):
        step = step_input(key="move_step", error=now.error("next_step"), kinds=now.stage.step_kinds).plan
    loss = _ask_loss(now) if now.stage.kind is StageKind.LOST else None
    move = Move(
        to_stage_id=now.stage.id,
        expected_stage_id=now.card.stage.id,
        changes=as_changes(typed, now.card.pipeline),
        next_step=step,
        due_done=due_done,
        loss=loss,
    )
    return replace(move, override_reason=_ask_reason(now)), wrong


def _ask_due(now: _Situation) -> StepDone | None:
    """Ask how what was due has ended, so that no step stays late behind a deal that went on."""
    due = [step for step in now.card.steps if step.due_at <= utc_now()]
    if not due:
        return None
    names = ", ".join(md(step_text(step.kind, step.text)) for step in due)
    result = st.pills(
        _("What came of it: {step}", step=names), list(StepResult), format_func=label, required=True,
        default=StepResult.CANCELLED if now.stage.kind is StageKind.LOST else StepResult.DONE, key="move_due_done",
    )  # fmt: skip
    return StepDone(result or StepResult.DONE)


def _ask_reason(now: _Situation) -> str | None:
    """Ask a head why a rule is passed: at once where nothing else helps, else where the head wants to."""
    softer = any(one.code in _FIELDS or one.code == "next_step_kind_wrong" for one in now.lacking)
    if not may(now.actor, Action.OVERRIDE_RULES) or not (now.barriers or softer):
        return None
    if not now.barriers and not st.toggle(
        _("Move anyway..."), key="move_anyway", help=_("Passes the rule with a written reason that others will see.")
    ):
        return None
    reason = st.text_area(
        _("Why is the rule passed?") if now.card.is_open else _("Why is the deal taken up again?"),
        key="move_reason",
        max_chars=REASON_LIMIT,
        height=80,
        help=_("The reason stands on the deal's timeline and on the page “Exceptions”."),
    )
    field_error(now.error("override_reason"))
    return reason or ""


def _ask_loss(now: _Situation) -> LossAnswer:
    reasons = {reason.id: reason for reason in now.card.pipeline.active_reasons()}
    reason_id = st.radio(
        _("Why was the deal lost?"),
        list(reasons),
        format_func=lambda one: md(reasons[one].name),
        index=None,
        key="move_loss_reason",
    )
    field_error(now.error("loss_reason"))
    needed = reason_id is not None and reasons[reason_id].note_required
    note = st.text_area(
        _("What exactly happened? (needed)") if needed else _("Note"), key="move_loss_note", max_chars=5000, height=80
    )
    field_error(now.error("loss_note"))
    return LossAnswer(reason_id, note or "")


def _save(now: _Situation, move: Move, forget: Callable[[], None]) -> None:
    outcome = act.run(move_deal, deal_id=now.card.id, move=move)
    if not isinstance(outcome.error, StageRulesBroken):
        forget()
    if outcome.ok:
        st.session_state.pop("move_outcome", None)
        tell_moved(now.actor, now.card, now.stage, now.before)
        st.rerun()
    if isinstance(outcome.error, StageRulesBroken):
        st.session_state["move_outcome"] = outcome
        redraw()
    outcome.told()
    st.rerun()
