"""Evidence: what a record says about whose it is, normalised, and its plain JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

NORM_VERSION = 2


@dataclass(frozen=True, slots=True)
class Misplaced:
    """An identifier found outside its own field: kind phone, email or inn; field name, comment, title, company..."""

    kind: str
    value: str
    field: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A normalised record. Words are script-free skeletons; texts that end in `_typed` are as people wrote them."""

    record_id: str
    given: tuple[str, ...] = ()  # every full name a short one may stand for: Саша is Александр or Александра
    given_typed: str = ""
    surname: str = ""
    surname_typed: str = ""
    patronymic: str = ""
    initials: str = ""  # of given name and patronymic
    extra_names: tuple[str, ...] = ()  # words of the name with no known role
    mobiles: tuple[str, ...] = ()  # E.164: numbers that belong to one person
    landlines: tuple[str, ...] = ()  # E.164, or "x" and digits where the area code is not known
    mailboxes: tuple[str, ...] = ()  # of a person, by its name
    role_mailboxes: tuple[str, ...] = ()  # info@ and the like
    domains: tuple[str, ...] = ()  # of a company's own mail
    inns: tuple[str, ...] = ()
    wrong_inns: tuple[str, ...] = ()  # the check digit is wrong
    companies: tuple[str, ...] = ()  # words without legal form; a sole trader is "~surname given patronymic"
    company_form: str = ""  # legal form and the like of the first company
    company_typed: str = ""
    city: str = ""
    address_typed: str = ""
    house: str = ""
    address: tuple[str, ...] = ()
    zip_code: str = ""
    born: str = ""  # YYYYMMDD
    identifier: str = ""
    created: int = 0  # minutes since 1970; 0 is unknown
    goods: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()  # of the title of a deal whose client the base knows: amounts and sizes
    client_keys: tuple[str, ...] = ()
    stopped: tuple[tuple[str, str, str], ...] = ()  # (kind, value, placeholder or own_user)
    misplaced: tuple[Misplaced, ...] = ()

    def field_of(self, kind: str, value: str) -> str:
        """Return the field an identifier was found in; its own when it stood there."""
        return next((found.field for found in self.misplaced if found.kind == kind and found.value == value), kind)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON; what is empty is left out."""
        stored: dict[str, Any] = {}
        for name in _NAMES:
            value = getattr(self, name)
            if not value or name == "misplaced":
                continue
            stored[name] = [list(part) if isinstance(part, tuple) else part for part in value] if isinstance(
                value, tuple
            ) else value  # fmt: skip
        if self.misplaced:
            stored["misplaced"] = [[found.kind, found.value, found.field] for found in self.misplaced]
        return stored


_NAMES = tuple(field.name for field in fields(Evidence))


def evidence_from_json(stored: Mapping[str, Any]) -> Evidence:
    """Return the evidence that `Evidence.to_json` wrote; a field of another version is left out."""
    values = {name: _frozen(value) for name, value in stored.items() if name in _NAMES}
    if "misplaced" in stored:
        values["misplaced"] = tuple(Misplaced(*found) for found in stored["misplaced"])
    return Evidence(**values)


def _frozen(value: Any) -> Any:
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, list):
        return tuple(_frozen(part) for part in value)
    return value
