"""Moving and closing deals from pages: at once where nothing lacks, else a dialog that asks only for what does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.db import read_scope
from crm.deals.moves import Move, move_deal
from crm.deals.reads import load_deal
from crm.errors import CrmError, StageRulesBroken, Violation
from crm.i18n.texts import error_sentence
from crm.models import StageKind
from crm.ui import act
from crm.ui.continuations import continuations
from crm.ui.deal_inputs import as_changes
from crm.ui.markdown import md
from crm.ui.move_dialog import ASKABLE, BARRIERS, PendingMove, open_move_dialog, tell_moved
from crm.ui.notices import NoticeKind, flash
from crm.ui.page import signed_in_actor
from crm.ui.refusals import refused_move

_PENDING = "_pending_move"


def try_move(deal_id: int, to_stage_id: int, *, values: Mapping[str, Any] | None = None) -> bool:
    """Move a deal with the typed values; True when it went.

    Otherwise either keep what lacks for `draw_pending_move`, or keep a notice that says why the deal stays.
    """
    went, refusal = attempt_move(deal_id, to_stage_id, values=values)
    if refusal:
        flash(md(refusal), kind=NoticeKind.REFUSED)
    return went


def attempt_move(deal_id: int, to_stage_id: int, *, values: Mapping[str, Any] | None = None) -> tuple[bool, str]:
    """Move a deal as `try_move`; return whether it went, and in plain words why it stays unless a dialog will ask."""
    given = dict(values or {})
    actor = signed_in_actor()
    if actor is None:
        return False, error_sentence(act.SignedOut())
    try:
        with read_scope() as session:
            card = load_deal(session, actor, deal_id)
            before = continuations(session, actor, deal_id)
    except CrmError as error:
        return False, error_sentence(error)
    stage = card.pipeline.stage(to_stage_id)
    move = Move(to_stage_id, expected_stage_id=card.stage.id, changes=as_changes(given, card.pipeline))
    if stage is not None and stage.kind is StageKind.LOST and card.is_open:
        _keep(PendingMove(deal_id, to_stage_id, given))
        return False, ""
    outcome = act.run(move_deal, deal_id=deal_id, move=move)
    if outcome.ok and stage is not None:
        tell_moved(actor, card, stage, before)
        return True, ""
    if isinstance(outcome.error, StageRulesBroken) and _can_be_asked(actor, outcome.violations):
        _keep(PendingMove(deal_id, to_stage_id, given))
        return False, ""
    return False, f"{outcome.message} {refused_move(outcome.violations, card.pipeline)}".strip()


def draw_pending_move() -> None:
    """Open the dialog of a move that lacks something; call it once per run, after everything else is drawn.

    The dialog is drawn anew by every rerun until it is saved or dismissed: the board's component may report once
    more after its drop, and that rerun must not close what the drop has opened.
    """
    pending: PendingMove | None = st.session_state.get(_PENDING)
    if pending is not None:
        open_move_dialog(pending, forget_pending_move)


def forget_pending_move() -> None:
    """Drop the dialog that another page left open; call it when a page is opened, before its fragments."""
    st.session_state.pop(_PENDING, None)


def ask_move(deal_id: int, to_stage_id: int, values: Mapping[str, Any] | None = None) -> None:
    """Keep the dialog of a move that is to be asked for in any case: a loss, a closed deal taken up again."""
    _keep(PendingMove(deal_id, to_stage_id, dict(values or {})))


def _keep(pending: PendingMove) -> None:
    st.session_state[_PENDING] = pending
    for key in [name for name in st.session_state if str(name).startswith("move_")]:
        del st.session_state[key]


def _can_be_asked(actor: Actor, violations: tuple[Violation, ...]) -> bool:
    known = ASKABLE | BARRIERS if may(actor, Action.OVERRIDE_RULES) else ASKABLE
    return bool(violations) and all(one.code in known for one in violations)
