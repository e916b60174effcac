"""Inputs of a client's fields, and their values as commands take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.normalise import NOTE_LENGTH, kind_of_point
from crm.contacts.reads import CompanyCard, ContactCard, PointLine
from crm.i18n import N_, _
from crm.i18n.texts import field_name
from crm.models import PointKind
from crm.ui import act
from crm.ui.client_inputs import client_names, company_input
from crm.ui.forms import field_error

COMPANY_KEYS = ("name", "points", "inn", "website", "industry", "address", "parent", "note")
CONTACT_KEYS = ("name", "position", "company", "points", "note")
POINT_FIELDS = ("phone", "email", "telegram", "website")
POINTS_LABEL = N_("Phones, e-mails, messengers: one in a line")
_CHOICES = {"company", "parent"}
_TOLD_LIVE = {"name", "inn"}  # who looks like the typed client is told while one types


def saved_values(card: CompanyCard | ContactCard) -> dict[str, Any]:
    """Return the values of a client's fields by key, as the inputs take and give them."""
    fields = card.fields
    values: dict[str, Any] = {"name": fields.name, "note": fields.note or "", "points": lines_of(card.points)}
    if isinstance(fields, CompanyFields):
        texts = {key: getattr(fields, key) or "" for key in ("inn", "website", "industry", "address")}
        return {**values, **texts, "parent": fields.parent_id}
    return {**values, "position": fields.position or "", "company": fields.company_id}


def company_fields(values: Mapping[str, Any]) -> CompanyFields:
    """Return typed values as the fields of a company."""
    return CompanyFields(
        name=values["name"],
        inn=values["inn"],
        website=values["website"],
        address=values.get("address"),
        industry=values.get("industry"),
        note=values.get("note"),
        parent_id=values.get("parent"),
    )


def contact_fields(values: Mapping[str, Any]) -> ContactFields:
    """Return typed values as the fields of a contact."""
    return ContactFields(values["name"], values.get("position"), values.get("company"), values.get("note"))


def typed_points(text: str, present: tuple[PointLine, ...] = ()) -> list[tuple[PointKind, str]]:
    """Return the points of a typed list; a line that stood there before keeps its kind."""
    known = {point.value: point.kind for point in present}
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [(known.get(line) or kind_of_point(line), line) for line in lines]


def lines_of(points: tuple[PointLine, ...]) -> str:
    """Return points as the list in which they are edited."""
    return "\n".join(point.value for point in points)


def client_label(kind: str, key: str) -> str | None:
    """Return the label a person's field has and a company's has not."""
    return _("Full name") if (kind, key) == ("contact", "name") else None


def draw_field(key: str, prefix: str, value: Any, outcome: act.Outcome[Any] | None, label: str | None = None) -> Any:
    """Draw the input of one field with what is wrong under it; return what it holds."""
    widget_key = f"{prefix}_{key}"
    error = outcome.field_error(key) if outcome else None
    if key in _CHOICES:
        return company_input(label or field_name(key), key=widget_key, value=value, error=error)
    if key == "points":
        typed = st.text_area(
            label or _(POINTS_LABEL), value=value or "", key=widget_key, height=110,
            placeholder="+7 916 123-45-67\nname@company.com\n@telegram",
        )  # fmt: skip
        error = " ".join(filter(None, (outcome.field_error(one) for one in POINT_FIELDS))) if outcome else None
    elif key == "note":
        typed = st.text_area(label or field_name(key), value=value or "", key=widget_key, height=110,
                             max_chars=NOTE_LENGTH)  # fmt: skip
    else:
        typed = st.text_input(
            label or field_name(key), value=value or "", key=widget_key, autocomplete="off",
            live="400ms" if key in _TOLD_LIVE else False,
        )  # fmt: skip
    field_error(error)
    return typed or ""


def value_words(key: str, value: Any) -> str:
    """Return a field's value in words, for telling two of them apart."""
    if key in _CHOICES:
        return client_names([value], [])[0] if value else "—"
    return str(value).replace("\n", ", ") or "—"
