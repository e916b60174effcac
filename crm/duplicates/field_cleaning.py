"""A text without the phone, mailbox or taxpayer number that got into it; pure."""

from __future__ import annotations

import re

from crm.matching.normalise.inns import inns_in_text
from crm.matching.normalise.mailboxes import mailboxes_in
from crm.matching.normalise.phones import phones_in_text

_LABEL = re.compile(
    r"(?:^|(?<=[\s,;:(\[|/–—-]))(?:тел(?:ефон)?|моб(?:ильный)?|сот(?:овый)?|т|м|phone|tel|mob(?:ile)?|cell|e-?mail|"
    r"mail|почта|эл\.?\s*почта|инн|inn|whatsapp|ватсап)\s*[.:№]*\s*$",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"^\s*[,(]?\s*(?:доб(?:авочный)?|вн(?:утр)?|ext)\.?\s*:?\s*\d{1,6}\)?", re.IGNORECASE)
_EMPTY_BRACKETS = re.compile(r"[(\[]\s*[)\]]")
_LOOSE = " \t,;:|/–—-+"  # what may be left hanging at an end


def take_out(text: str, kind: str, value: str) -> tuple[str, str] | None:
    """Return a value as it was typed and the text without it; None where it doesn't stand there."""
    span = _span(text, kind, value)
    if span is None:
        return None
    start, end = span
    before = _LABEL.sub("", text[:start].rstrip())
    extension = _EXTENSION.match(text[end:]) if kind == "phone" else None
    end += extension.end() if extension else 0
    after = text[end:]
    left = _EMPTY_BRACKETS.sub(" ", f"{before.rstrip(_LOOSE)} {after.lstrip(_LOOSE)}")
    return text[start:end].strip(" ,;"), " ".join(left.split()).strip(_LOOSE)


def _span(text: str, kind: str, value: str) -> tuple[int, int] | None:
    if kind == "email":
        return next((span for box, span in mailboxes_in(text) if box.value == value), None)
    # Each kind is looked for where the matcher does: phones after mailboxes and taxpayer numbers are taken out.
    rest = text
    for _, (start, end) in mailboxes_in(text):
        rest = rest[:start] + " " * (end - start) + rest[end:]
    numbers = inns_in_text(rest)
    if kind == "inn":
        return next((span for inn, span in numbers if inn == value), None)
    for _, (start, end) in numbers:
        rest = rest[:start] + " " * (end - start) + rest[end:]
    return next((span for phone, span in phones_in_text(rest) if phone.value == value), None)
