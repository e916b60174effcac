"""Text that people type or send, made fit to store: trimmed, without invisible tricks, within its length."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from crm.errors import Violation

# Direction marks, zero-width characters and the byte order mark: they only serve to deceive the eye.
_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x061C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)]
)
# The joiner is kept: emoji families fall apart without it.
del _INVISIBLE[0x200D]


def clean_line(value: str) -> str:
    """Return one line: control and invisible characters gone, blanks folded, ends trimmed."""
    without_controls = "".join(" " if unicodedata.category(char) == "Cc" else char for char in value)
    return " ".join(without_controls.translate(_INVISIBLE).split())


def clean_block(value: str) -> str:
    """Return a longer text: line breaks kept, other control and invisible characters gone, ends trimmed."""
    unified = value.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(char for char in unified if char in "\n\t" or unicodedata.category(char) != "Cc")
    return kept.translate(_INVISIBLE).strip()


def line_violations(value: str, field: str, limit: int, *, required: bool = False) -> list[Violation]:
    """Return what is wrong with a text as typed: unreadable characters, too long, or empty where it is required."""
    return _violations(value, clean_line, field, limit, required)


def block_violations(value: str, field: str, limit: int, *, required: bool = False) -> list[Violation]:
    """Return what is wrong with a longer text as typed, as `line_violations` does."""
    return _violations(value, clean_block, field, limit, required)


def _violations(value: str, clean: Callable[[str], str], field: str, limit: int, required: bool) -> list[Violation]:
    if "\x00" in value or any(unicodedata.category(char) == "Cs" for char in value):
        return [Violation("text_unreadable", field)]
    cleaned = clean(value)
    if required and not cleaned:
        return [Violation("value_required", field)]
    if len(cleaned) > limit:
        return [Violation("text_too_long", field, {"length": len(cleaned), "limit": limit})]
    return []
