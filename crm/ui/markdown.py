"""Putting users' text into markdown and labels so that it is shown as typed."""

from __future__ import annotations

import re

# Splits what Streamlit replaces after parsing, where no backslash helps: icons, emoji names, bare addresses.
_JOINER = "\N{WORD JOINER}"
_SHORTCODE = re.compile(r"(?<!\d):(?=[\w+-]+:)|:(?=[\w+-]*[^\W\d][\w+-]*:)|:(?=material[/_])")
_ADDRESS = re.compile(r"(https?)(?=://)|(www)(?=\.)", re.IGNORECASE)
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~$:&]")
_LINE_START = re.compile(r"^(?:[#+\-=!]|\d+(?=[.)](?:\s|$)))")
# No-break spaces stay: a sum of money is never torn at the end of a line.
_BLANKS = re.compile(r"(?:[^\S\xa0\u202f]|[\x00-\x1f\x7f])+")


def md(value: object) -> str:
    """Return the text on one line, escaped for markdown, labels, captions, toasts and help texts.

    Typed arrows such as "->" are still drawn as arrows, and an e-mail address stays a link.
    """
    text = _BLANKS.sub(" ", str(value)).strip()
    text = _ADDRESS.sub(rf"\g<0>{_JOINER}", text)
    text = _SHORTCODE.sub(f":{_JOINER}", text)
    text = _SPECIAL.sub(r"\\\g<0>", text)
    return _LINE_START.sub(_escape_line_start, text)


def _escape_line_start(match: re.Match[str]) -> str:
    found = match.group()
    return f"{found[:-1]}{found[-1]}\\" if found.isdigit() else f"\\{found}"
