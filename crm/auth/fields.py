"""Cleaning of what people type about themselves: e-mail addresses, languages, time zones."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from crm.errors import Violation
from crm.i18n import LANGUAGES

MAX_NAME = 200
MAX_EMAIL = 254


def clean_email(text: str) -> str:
    """Return an address as accounts are found by: trimmed, lower case, its domain in one spelling; "" if it is none."""
    try:
        checked = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except (EmailNotValidError, UnicodeError):
        return ""
    address = checked.normalized.lower()
    return address if len(address) <= MAX_EMAIL else ""


def email_violations(cleaned: str, field: str = "email") -> list[Violation]:
    """Return what keeps a cleaned address from being stored."""
    return [] if cleaned else [Violation("email_invalid", field)]


def language_violations(language: str | None, field: str = "language") -> list[Violation]:
    """Return a violation for a language we have no texts in; None is "as the company"."""
    return [] if language is None or language in LANGUAGES else [Violation("choice_unknown", field)]


def timezone_violations(timezone: str | None, field: str = "timezone") -> list[Violation]:
    """Return a violation for a name that is no time zone; None is "as the company"."""
    return [] if timezone is None or timezone in known_timezones() else [Violation("choice_unknown", field)]


@cache
def known_timezones() -> frozenset[str]:
    """Return the IANA time zones people choose from: areas with a city, and UTC."""
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return frozenset(name for name in available_timezones() if name.startswith(areas) or name == "UTC")
