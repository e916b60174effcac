"""Drawing a deal's fields, built-in and custom, and telling what was typed into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from crm.deals.reads import UTM_FIELDS, DealCard
from crm.deals.values import CustomValue, DealChanges, DealPart
from crm.i18n import _
from crm.i18n.texts import FIELD_NAMES, field_name
from crm.models import FieldType
from crm.pipelines.values import FieldInfo, PipelineInfo
from crm.ui.client_inputs import company_input, contacts_input
from crm.ui.forms import field_error, money_input, priority_input
from crm.ui.markdown import md

TEXT_FIELDS = ("title", "source", *UTM_FIELDS)
MAIN_FIELDS = ("title", "amount", "priority", "company", "contact", "source", "expected_close_on")


@dataclass(frozen=True, slots=True)
class FieldAsk:
    """How one field is to be drawn: its key among a deal's fields, its value now, its error, its mark of need."""

    key: str
    prefix: str
    value: Any
    error: str | None = None
    need: str = ""

    @property
    def widget_key(self) -> str:
        """Return the key of the field's widget."""
        return f"{self.prefix}_{self.key.replace(':', '_')}"


@dataclass(frozen=True, slots=True)
class Typed:
    """What a field holds now; a wrong one has told so itself and must not be saved."""

    value: Any
    wrong: bool = False


def saved_values(card: DealCard) -> dict[str, Any]:
    """Return the values of a deal's fields by key, as the inputs take and give them."""
    values: dict[str, Any] = {
        "title": card.title,
        "amount": card.amount_minor,
        "priority": card.priority,
        "company": card.company_id,
        "contact": tuple(DealPart(part.contact_id, part.role or "") for part in card.contacts),
        "source": card.source,
        "expected_close_on": card.expected_close_on,
        **card.utm,
    }
    return values | {key: card.custom.get(str(field.id)) for key, field in card.pipeline.fields.items()}


def display_name(key: str, pipeline: PipelineInfo) -> str:
    """Return the reader's name of a field."""
    field = pipeline.fields.get(key)
    return field.name if field else field_name(key) if key in FIELD_NAMES else key


def draw_field(ask: FieldAsk, pipeline: PipelineInfo, currency: str) -> Typed:
    """Draw the input of a field and return what it holds."""
    custom = pipeline.fields.get(ask.key)
    label = md(display_name(ask.key, pipeline)) + (f" :orange[· {ask.need}]" if ask.need else "")
    if custom is not None:
        return _draw_custom(ask, custom, label, currency)
    return _draw_builtin(ask, label, currency)


def changed_values(saved: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed values that differ from the saved ones; empty text and none are one."""
    return {key: value for key, value in typed.items() if _or_none(value) != _or_none(saved.get(key))}


def as_changes(values: Mapping[str, Any], pipeline: PipelineInfo) -> DealChanges:
    """Return typed values by key as changes for the commands."""
    names = {"amount": "amount_minor", "company": "company_id", "contact": "contacts"}
    given: dict[str, Any] = {names.get(key, key): value for key, value in values.items() if key not in pipeline.fields}
    custom: dict[int, CustomValue] = {field.id: values[key] for key, field in pipeline.fields.items() if key in values}
    if "title" in given:
        given["title"] = given["title"] or ""
    if custom:
        given["custom"] = custom
    return DealChanges(**given)


def keys_by_need(card: DealCard) -> list[str]:
    """Return the keys of all fields of the editor: the main ones, those stages ask for, filled ones, the rest."""
    active = [field.key for field in card.pipeline.fields.values() if field.is_active]
    filled = [key for key in active if key.removeprefix("field:") in card.custom]
    required_anywhere = [key for stage in card.pipeline.open_stages for key in (*stage.required, *stage.required_exit)]
    wanted = [*MAIN_FIELDS, *required_anywhere, *filled, *active]
    known = {*MAIN_FIELDS, *active}
    return [key for key in dict.fromkeys(wanted) if key in known]


def _or_none(value: Any) -> Any:
    return None if value in ("", (), []) else value


def _draw_builtin(ask: FieldAsk, label: str, currency: str) -> Typed:
    if ask.key == "amount":
        typed = money_input(label, key=ask.widget_key, currency=currency, value_minor=ask.value, error=ask.error)
        return Typed(typed.minor, typed.error is not None)
    if ask.key == "priority":
        return Typed(priority_input(label, key=ask.widget_key, value=ask.value))
    if ask.key == "company":
        return Typed(company_input(label, key=ask.widget_key, value=ask.value, error=ask.error))
    if ask.key == "contact":
        return Typed(contacts_input(label, key=ask.widget_key, value=ask.value or (), error=ask.error))
    if ask.key == "expected_close_on":
        return Typed(_date(ask, label))
    return Typed(_text(ask, label))


def _draw_custom(ask: FieldAsk, field: FieldInfo, label: str, currency: str) -> Typed:
    if field.type is FieldType.MONEY:
        typed = money_input(label, key=ask.widget_key, currency=currency, value_minor=ask.value, error=ask.error)
        return Typed(typed.minor, typed.error is not None)
    return Typed(_CUSTOM[field.type](ask, label, field))


def _text(ask: FieldAsk, label: str, field: FieldInfo | None = None) -> str | None:
    typed = st.text_input(label, value=ask.value or "", key=ask.widget_key, help=field.hint if field else None)
    field_error(ask.error)
    return typed.strip() or None


def _number(ask: FieldAsk, label: str, field: FieldInfo) -> float | int | None:
    typed = st.number_input(label, value=ask.value, key=ask.widget_key, help=field.hint, step=None, placeholder="")
    field_error(ask.error)
    if typed is None:
        return None
    return int(typed) if float(typed).is_integer() else float(typed)


def _date(ask: FieldAsk, label: str) -> date | None:
    typed = st.date_input(label, value=ask.value, key=ask.widget_key, format="DD.MM.YYYY")
    field_error(ask.error)
    return typed if isinstance(typed, date) else None


def _custom_date(ask: FieldAsk, label: str, _field: FieldInfo) -> str | None:
    value = date.fromisoformat(ask.value) if ask.value else None
    typed = _date(FieldAsk(ask.key, ask.prefix, value, ask.error, ask.need), label)
    return typed.isoformat() if typed else None


def _choice(ask: FieldAsk, label: str, field: FieldInfo) -> str | None:
    codes = _codes(field, [ask.value] if ask.value else [])
    index = codes.index(ask.value) if ask.value in codes else None
    typed = st.selectbox(
        label, codes, index=index, format_func=field.option_name, key=ask.widget_key, help=field.hint,
        placeholder=_("Choose a value"),
    )  # fmt: skip
    field_error(ask.error)
    return typed


def _choices(ask: FieldAsk, label: str, field: FieldInfo) -> list[str] | None:
    codes = _codes(field, ask.value or [])
    typed = st.multiselect(
        label, codes, default=ask.value or [], format_func=field.option_name, key=ask.widget_key, help=field.hint,
        placeholder=_("Choose values"),
    )  # fmt: skip
    field_error(ask.error)
    return list(typed) or None


def _yes_no(ask: FieldAsk, label: str, field: FieldInfo) -> bool | None:
    typed = st.segmented_control(
        label, [True, False], default=ask.value, format_func=lambda value: _("Yes") if value else _("No"),
        key=ask.widget_key, help=field.hint,
    )  # fmt: skip
    field_error(ask.error)
    return typed


def _codes(field: FieldInfo, kept: list[str]) -> list[str]:
    offered = [option.code for option in field.offered()]
    return [*offered, *(code for code in kept if code not in offered)]


_CUSTOM: dict[FieldType, Callable[[FieldAsk, str, FieldInfo], Any]] = {
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.DATE: _custom_date,
    FieldType.CHOICE: _choice,
    FieldType.MULTI_CHOICE: _choices,
    FieldType.YES_NO: _yes_no,
}
