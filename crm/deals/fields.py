"""Checking and writing the values of a deal's fields, built-in and custom."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible
from crm.deals.values import CustomValue, DealChanges, DealPart
from crm.errors import Violation
from crm.i18n.formats import MAX_AMOUNT_MINOR
from crm.models import Company, Contact, Deal, DealContact, Priority
from crm.models.codes import FieldType
from crm.pipelines.values import FieldInfo, custom_key
from crm.typed_text import clean_line, line_violations

TEXT_LIMITS = {
    "title": 300,
    "source": 100,
    "utm_source": 200,
    "utm_medium": 200,
    "utm_campaign": 200,
    "utm_content": 200,
    "utm_term": 200,
}
CUSTOM_TEXT_LIMIT = 2000
MAX_CONTACTS = 50
_COLUMN_KEYS = {"amount_minor": "amount", "company_id": "company", "contacts": "contact"}
_CURRENCY = re.compile(r"[A-Z]{3}")


def value_violations(
    session: Session,
    actor: Actor,
    given: Mapping[str, Any],
    fields: Mapping[str, FieldInfo],
    present: Mapping[str, Any] = MappingProxyType({}),
) -> list[Violation]:
    """Return what is wrong with the given values by themselves; stage rules are judged elsewhere.

    `present` are the custom values as stored: a choice that is no longer offered may stay where it is.
    """
    found: list[Violation] = []
    for name, limit in TEXT_LIMITS.items():
        if given.get(name) is not None:
            found += line_violations(given[name], name, limit, required=name == "title")
    found += _amount_violations(given)
    if "currency" in given and not _CURRENCY.fullmatch(given["currency"]):
        found.append(Violation("choice_unknown", "currency"))
    if "priority" in given and not isinstance(given["priority"], Priority):
        found.append(Violation("choice_unknown", "priority"))
    if given.get("company_id") is not None and not _company_exists(session, actor, given["company_id"]):
        found.append(Violation("choice_unknown", "company"))
    if given.get("contacts"):
        found += _contact_violations(session, actor, given["contacts"])
    for field_id, value in (given.get("custom") or {}).items():
        field = fields.get(custom_key(field_id))
        offered = _offering(field, present.get(str(field_id))) if field else None
        found += custom_violations(offered, field_id, value)
    return found


def custom_violations(field: FieldInfo | None, field_id: int, value: CustomValue) -> list[Violation]:
    """Return what is wrong with the value of a custom field; None is always fine, it empties the field."""
    key = custom_key(field_id)
    if field is None or not field.is_active:
        return [Violation("choice_unknown", key)]
    if value is None:
        return []
    return _CUSTOM_CHECKS[field.type](field, key, value)


def stored_custom(current: Mapping[str, Any], given: Mapping[int, CustomValue]) -> dict[str, Any]:
    """Return the custom values as stored, after the given ones: text cleaned, empty ones left out."""
    merged = dict(current)
    for field_id, value in given.items():
        stored = clean_line(value) if isinstance(value, str) else value
        merged[str(field_id)] = stored
    return {key: value for key, value in merged.items() if value not in (None, "", [])}


def filled_keys(deal: Deal, contact_count: int) -> frozenset[str]:
    """Return the keys of a deal's filled fields as stage requirements name them."""
    builtin = {
        "amount": bool(deal.amount_minor),
        "company": deal.company_id is not None,
        "contact": contact_count > 0,
        "source": bool(deal.source),
        "expected_close_on": deal.expected_close_on is not None,
    }
    filled = {key for key, is_filled in builtin.items() if is_filled}
    return frozenset(filled | {custom_key(int(field_id)) for field_id in deal.custom})


def keys_after(present: frozenset[str], changes: DealChanges) -> frozenset[str]:
    """Return the keys of the fields filled after the changes, before anything is written."""
    given = changes.given()
    touched = {_COLUMN_KEYS.get(name, name) for name in given} | {custom_key(one) for one in given.get("custom") or {}}
    deal = Deal(
        amount_minor=given.get("amount_minor"),
        company_id=given.get("company_id"),
        source=clean_line(given.get("source") or ""),
        expected_close_on=given.get("expected_close_on"),
        custom=stored_custom({}, given.get("custom") or {}),
    )
    return (present - touched) | filled_keys(deal, len(given.get("contacts") or ()))


def replace_contacts(session: Session, deal_id: int, parts: tuple[DealPart, ...]) -> None:
    """Make these contacts, in this order, the deal's."""
    present = {row.contact_id: row for row in session.scalars(select(DealContact).filter_by(deal_id=deal_id))}
    for position, part in enumerate(parts):
        row = present.pop(part.contact_id, None) or DealContact(deal_id=deal_id, contact_id=part.contact_id)
        row.role, row.position = clean_line(part.role) or None, position
        session.add(row)
    for row in present.values():
        session.delete(row)
    session.flush()


def _offering(field: FieldInfo, present: Any) -> FieldInfo:
    codes = present if isinstance(present, list) else [present]
    return replace(
        field,
        options=tuple(replace(one, is_retired=one.is_retired and one.code not in codes) for one in field.options),
    )


def _amount_violations(given: Mapping[str, Any]) -> list[Violation]:
    amount = given.get("amount_minor")
    if amount is None:
        return []
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        return [Violation("amount_invalid", "amount")]
    return [Violation("amount_too_large", "amount")] if amount > MAX_AMOUNT_MINOR else []


def _company_exists(session: Session, actor: Actor, company_id: int) -> bool:
    # Held, as the contacts are: neither can be merged into another while the deal is being pointed to it.
    query = select(Company.id).where(Company.id == company_id, company_visible(actor))
    return session.scalar(query.with_for_update(read=True, key_share=True)) is not None


def _contact_violations(session: Session, actor: Actor, parts: tuple[DealPart, ...]) -> list[Violation]:
    wanted = [part.contact_id for part in parts]
    if len(set(wanted)) != len(wanted) or len(wanted) > MAX_CONTACTS:
        return [Violation("choice_unknown", "contact")]
    held = select(Contact.id).where(Contact.id.in_(wanted), contact_visible(actor)).order_by(Contact.id)
    seen = set(session.scalars(held.with_for_update(read=True, key_share=True)))
    found = [Violation("choice_unknown", "contact") for contact_id in wanted if contact_id not in seen][:1]
    return found + [problem for part in parts for problem in line_violations(part.role, "contact", 100)]


def _check_text(_field: FieldInfo, key: str, value: CustomValue) -> list[Violation]:
    if not isinstance(value, str):
        return [Violation("choice_unknown", key)]
    return line_violations(value, key, CUSTOM_TEXT_LIMIT)


def _check_number(_field: FieldInfo, key: str, value: CustomValue) -> list[Violation]:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    # Compared as it is: a whole number may be too large to become a float, and NaN is never within limits.
    good = good and -MAX_AMOUNT_MINOR <= value <= MAX_AMOUNT_MINOR  # type: ignore[operator]
    return [] if good else [Violation("number_invalid", key)]


def _check_money(_field: FieldInfo, key: str, value: CustomValue) -> list[Violation]:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_AMOUNT_MINOR
    return [] if good else [Violation("amount_invalid", key)]


def _check_date(_field: FieldInfo, key: str, value: CustomValue) -> list[Violation]:
    try:
        day = date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return [Violation("date_invalid", key)]
    # Other spellings of ISO 8601, "20260302" or "2026-W10-1", would not sort beside "2026-03-02".
    return [] if day.isoformat() == value else [Violation("date_invalid", key)]


def _check_choice(field: FieldInfo, key: str, value: CustomValue) -> list[Violation]:
    good = isinstance(value, str) and value in {option.code for option in field.offered()}
    return [] if good else [Violation("choice_unknown", key)]


def _check_choices(field: FieldInfo, key: str, value: CustomValue) -> list[Violation]:
    codes = {option.code for option in field.offered()}
    good = isinstance(value, list) and all(isinstance(one, str) and one in codes for one in value)
    return [] if good and len(set(value)) == len(value) else [Violation("choice_unknown", key)]  # type: ignore[arg-type]


def _check_yes_no(_field: FieldInfo, key: str, value: CustomValue) -> list[Violation]:
    return [] if isinstance(value, bool) else [Violation("choice_unknown", key)]


_CUSTOM_CHECKS: dict[FieldType, Callable[[FieldInfo, str, CustomValue], list[Violation]]] = {
    FieldType.TEXT: _check_text,
    FieldType.NUMBER: _check_number,
    FieldType.MONEY: _check_money,
    FieldType.DATE: _check_date,
    FieldType.CHOICE: _check_choice,
    FieldType.MULTI_CHOICE: _check_choices,
    FieldType.YES_NO: _check_yes_no,
}
