"""The conditions of a link in its form: a short list of field, comparison and value, with adding and taking away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from crm.i18n import _
from crm.models import FieldType, Priority
from crm.pipelines.link_values import CONDITION_FIELDS, ConditionOp, LinkCondition
from crm.pipelines.values import FieldInfo
from crm.ui.forms import field_error, read_amount, typed_form
from crm.ui.link_words import OP_TEXTS, field_title, value_title

ROWS = "link_form_condition_rows"
_LIMITS = (ConditionOp.AT_LEAST, ConditionOp.AT_MOST)
_PRESENCE = (ConditionOp.FILLED, ConditionOp.EMPTY)
_CHOICES = {FieldType.CHOICE, FieldType.MULTI_CHOICE}


@dataclass(frozen=True, slots=True)
class ConditionChoices:
    """What conditions can be about: custom fields by key, names of reasons of loss and of teams by id."""

    fields: Mapping[str, FieldInfo]
    names: Mapping[str, Mapping[int, str]]


def remember_conditions(conditions: tuple[LinkCondition, ...]) -> None:
    """Put the conditions of a link into the form before it opens."""
    st.session_state[ROWS] = list(range(len(conditions)))
    for number, condition in enumerate(conditions):
        key, value = _key(number), condition.value
        st.session_state[f"{key}_field"] = condition.field
        st.session_state[f"{key}_op"] = condition.op
        if isinstance(value, tuple):
            st.session_state[f"{key}_{condition.field}_values"] = list(value)
        elif value is not None:
            st.session_state[f"{key}_number"] = typed_form(value)


def draw_conditions(choices: ConditionChoices, error: str | None) -> tuple[LinkCondition, ...]:
    """Draw the conditions and return them as they are typed."""
    rows: list[int] = st.session_state.setdefault(ROWS, [])
    typed = []
    for number in rows:
        with st.container(horizontal=True, vertical_alignment="top", key=f"{_key(number)}_row"):
            typed.append(_draw_condition(number, choices))
            st.button(
                _("Take away"),
                key=f"{_key(number)}_drop",
                icon=":material/close:",
                type="tertiary",
                on_click=rows.remove,
                args=(number,),
            )
    field_error(error)
    st.button(
        _("Add a condition"),
        key="link_form_condition_add",
        icon=":material/add:",
        type="tertiary",
        on_click=lambda: rows.append(max(rows, default=-1) + 1),
    )
    return tuple(typed)


def _draw_condition(number: int, choices: ConditionChoices) -> LinkCondition:
    key = _key(number)
    offered = [*CONDITION_FIELDS, *(one.key for one in choices.fields.values() if one.is_active)]
    field = st.selectbox(
        _("Field"),
        offered,
        format_func=lambda one: field_title(one, choices.fields),
        key=f"{key}_field",
        label_visibility="collapsed",
        width=190,
    )
    ops = _ops(field or offered[0], choices)
    if st.session_state.get(f"{key}_op") not in ops:
        st.session_state[f"{key}_op"] = ops[0]
    op = st.selectbox(
        _("Comparison"),
        ops,
        format_func=lambda one: _(OP_TEXTS[one]),
        key=f"{key}_op",
        label_visibility="collapsed",
        width=130,
    )
    return LinkCondition(field, op, _draw_value(key, field, op, choices))


def _draw_value(key: str, field: str, op: ConditionOp, choices: ConditionChoices) -> int | tuple[str | int, ...] | None:
    if op in _PRESENCE:
        return None
    if op in _LIMITS:
        text = st.text_input(_("Value"), key=f"{key}_number", label_visibility="collapsed", width=160, max_chars=40)
        amount = read_amount(text or "")
        field_error(amount.error)
        return -1 if amount.error or amount.minor is None else amount.minor
    values_key = f"{key}_{field}_values"
    known = _known_values(field, choices)
    chosen = st.multiselect(
        _("Values"),
        list(dict.fromkeys([*known, *st.session_state.get(values_key, [])])),
        format_func=lambda one: value_title(field, one, choices.fields, choices.names),
        key=values_key,
        label_visibility="collapsed",
        placeholder=_("Type and press Enter") if field == "source" else _("Choose values"),
        accept_new_options=field == "source",
        width="stretch",
    )
    return tuple(chosen)


def _ops(field: str, choices: ConditionChoices) -> list[ConditionOp]:
    custom = choices.fields.get(field)
    if field == "amount" or (custom is not None and custom.type is FieldType.MONEY):
        return [*_LIMITS, *_PRESENCE]
    if field in {"priority", "team"}:
        return [ConditionOp.IS_ONE_OF]
    listed = field in {"source", "loss_reason"} or (custom is not None and custom.type in _CHOICES)
    return [ConditionOp.IS_ONE_OF, *_PRESENCE] if listed else list(_PRESENCE)


def _known_values(field: str, choices: ConditionChoices) -> list[str | int]:
    if field == "priority":
        return [one.name.lower() for one in Priority]
    if field in choices.names:
        return list(choices.names[field])
    custom = choices.fields.get(field)
    return [option.code for option in custom.offered()] if custom is not None else []


def _key(number: int) -> str:
    return f"link_form_condition_{number}"
