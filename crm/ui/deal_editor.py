"""The fields of a deal's page: typed values survive reruns and refusals; a concurrent save is told with both values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from crm.deals.commands import edit_deal
from crm.deals.reads import DealCard
from crm.errors import ChangedMeanwhile
from crm.i18n import _
from crm.i18n.formats import day, money
from crm.i18n.labels import label
from crm.models import FieldType, Priority
from crm.pipelines.values import FieldInfo
from crm.ui import act
from crm.ui.client_inputs import client_names
from crm.ui.deal_inputs import (
    FieldAsk,
    as_changes,
    changed_values,
    display_name,
    draw_field,
    keys_by_need,
    saved_values,
)
from crm.ui.markdown import md
from crm.ui.page import redraw
from crm.ui.step_inputs import step_input

FIELDS_SHOWN = 9


@dataclass(frozen=True, slots=True)
class Edited:
    """What the editor holds: values that differ from the saved ones, and whether one of them is wrong."""

    values: Mapping[str, Any]
    wrong: bool


def draw_editor(card: DealCard) -> Edited:
    """Draw the fields by need, and below them what can be saved; return what was typed."""
    base = _base(card)
    prefix = f"deal{base.id}v{base.version}"
    outcome: act.Outcome[int] | None = st.session_state.get(f"{prefix}_outcome")
    if outcome is not None and not outcome.ok:
        st.error(outcome.message, icon=":material/error:")
    edited = _draw_fields(base, prefix, outcome)
    if card.version != base.version:
        if not edited.values:
            _forget(base)
            redraw()
        _draw_conflict(base, card, edited)
        return edited
    _draw_save(base, prefix, edited, outcome)
    return edited


def forget_typed(deal_id: int) -> None:
    """Begin the editor anew from the saved values, as after a move that saved what was typed."""
    st.session_state.pop(f"deal_base_{deal_id}", None)


def _base(card: DealCard) -> DealCard:
    base: DealCard = st.session_state.setdefault(f"deal_base_{card.id}", card)
    return base


def _forget(base: DealCard) -> None:
    forget_typed(base.id)
    prefix = f"deal{base.id}v{base.version}_"
    for key in [name for name in st.session_state if str(name).startswith(prefix)]:
        del st.session_state[key]


def _draw_fields(base: DealCard, prefix: str, outcome: act.Outcome[int] | None) -> Edited:
    saved = saved_values(base)
    keys = keys_by_need(base)
    typed: dict[str, Any] = {}
    wrong = False
    needed = _needs(base, saved)
    first = [key for key in keys if key in needed] + [key for key in keys if key not in needed]
    count = max(FIELDS_SHOWN, len(needed))
    shown, folded = first[:count], first[count:]

    def draw(key: str) -> None:
        nonlocal wrong
        error = outcome.field_error(key) if outcome else None
        ask = FieldAsk(key, prefix, saved.get(key), error, needed.get(key, ""))
        field = draw_field(ask, base.pipeline, base.currency)
        typed[key], wrong = field.value, wrong or field.wrong

    def draw_grid(grid_keys: list[str]) -> None:
        for start in range(0, len(grid_keys), 2):
            for column, key in zip(st.columns(2), grid_keys[start : start + 2], strict=False):
                with column:
                    draw(key)

    draw_grid(shown)
    if folded:
        with st.expander(_("More fields"), expanded=False):
            draw_grid(folded)
    return Edited(changed_values(saved, typed), wrong)


def _needs(card: DealCard, saved: Mapping[str, Any]) -> dict[str, str]:
    """Return the marks of empty fields that this stage or the next one requires, in that order."""
    if not card.is_open:
        return {}
    following = card.pipeline.next_stage(card.stage)
    marks = {key: _("needed for “{stage}”", stage=md(following.name)) for key in following.required}
    marks |= {key: _("needed to go on") for key in card.stage.required_exit}
    marks |= {key: _("needed here") for key in card.stage.required}
    ordered = dict.fromkeys([*card.stage.required, *card.stage.required_exit, *following.required])
    return {key: marks[key] for key in ordered if saved.get(key) in (None, "", (), 0)}


def _draw_save(base: DealCard, prefix: str, edited: Edited, outcome: act.Outcome[int] | None) -> None:
    if not edited.values:
        return
    step = None
    if base.is_open and not base.steps:
        step = step_input(key=f"{prefix}_step", error=outcome.field_error("next_step") if outcome else None).plan
    names = ", ".join(display_name(key, base.pipeline) for key in edited.values)
    st.caption(_("Not saved yet: {fields}", fields=md(names)))
    with st.container(horizontal=True):
        if st.button(_("Save"), key=f"{prefix}_save", type="primary", icon=":material/save:") and not edited.wrong:
            saved = act.run(
                edit_deal,
                deal_id=base.id,
                expected_version=base.version,
                changes=as_changes(edited.values, base.pipeline),
                next_step=step,
            )
            _after_save(base, prefix, saved)
        if st.button(_("Discard"), key=f"{prefix}_discard", type="tertiary"):
            _forget(base)
            redraw()


def _after_save(base: DealCard, prefix: str, outcome: act.Outcome[int]) -> None:
    if outcome.ok:
        outcome.told(_("Saved"))
        _forget(base)
        st.rerun()  # the whole page: the timeline tells of the save too
    elif not isinstance(outcome.error, ChangedMeanwhile):
        st.session_state[f"{prefix}_outcome"] = outcome
    redraw()


def _draw_conflict(base: DealCard, card: DealCard, edited: Edited) -> None:
    """Show what somebody saved meanwhile beside what was typed, and save the choice on top of it."""
    before, now = saved_values(base), saved_values(card)
    disputed = [key for key in edited.values if now.get(key) != before.get(key)]
    st.warning(_("Somebody saved this deal while you were editing it."), icon=":material/group:")
    prefix = f"deal{base.id}v{base.version}"
    kept = dict(edited.values)
    for key in disputed:
        texts = {
            "mine": _("Yours: {value}", value=md(_words(key, edited.values[key], card))),
            "theirs": _("Saved now: {value}", value=md(_words(key, now.get(key), card))),
        }
        choice = st.radio(
            display_name(key, card.pipeline),
            ["mine", "theirs"],
            format_func=texts.__getitem__,
            key=f"{prefix}_choice{card.version}_{key.replace(':', '_')}",
        )
        if choice == "theirs":
            kept.pop(key)
    with st.container(horizontal=True):
        if st.button(_("Save my choice"), key=f"{prefix}_resolve", type="primary") and not edited.wrong:
            changes = as_changes(kept, card.pipeline)
            outcome = act.run(edit_deal, deal_id=card.id, expected_version=card.version, changes=changes)
            _after_save(base, prefix, outcome)
        if st.button(_("Take what is saved"), key=f"{prefix}_take", type="tertiary"):
            _forget(base)
            redraw()


def _words(key: str, value: Any, card: DealCard) -> str:
    """Return a field's value in words."""
    field = card.pipeline.fields.get(key)
    if value in (None, "", (), []):
        return "—"
    if key == "amount" or (field is not None and field.type is FieldType.MONEY):
        return money(value, card.currency)
    if field is not None:
        return _custom_words(field, value)
    return _builtin_words(key, value)


def _builtin_words(key: str, value: Any) -> str:
    if isinstance(value, Priority):
        return label(value)
    if key == "company":
        return client_names([value], [])[0]
    if key == "contact":
        return ", ".join(client_names([], [part.contact_id for part in value]))
    return day(value) if isinstance(value, date) else str(value)


def _custom_words(field: FieldInfo, value: Any) -> str:
    if field.type is FieldType.YES_NO:
        return _("Yes") if value else _("No")
    if field.type is FieldType.DATE:
        return day(date.fromisoformat(value))
    codes = value if isinstance(value, list) else [value]
    return ", ".join(field.option_name(str(code)) for code in codes)
