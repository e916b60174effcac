"""Phones in any field: found, told apart from other numbers, one spelling each."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MOBILE, LANDLINE = "mobile", "landline"
_DIGIT = re.compile(r"\d")
_EXTENSION = re.compile(
    r"[(,]?\s*\b(?:доб(?:авочный)?|вн(?:утр(?:енний)?)?|ext(?:ension)?|добав)\b\s*[.:№#]?\s*\d{1,6}\s*\)?"
    r"|(?<=\d)\s*[xх#]\s*\d{1,5}\b",
    re.IGNORECASE,
)
_LETTER_O = re.compile(r"(?<=[\d)\- ])[OОoо](?=[\d\-) ]*\d)|(?<=\d)[OОoо](?=\b)")
_RUSSIAN = re.compile(
    r"(?<![0-9A-Za-z+_@])(?:\+?[78][\s\-–—.()]{0,3})(?:\d[\s\-–—.()]{0,3}){9}\d(?!\d)|(?<![0-9A-Za-z+_@])9(?:[\s\-–—.()]{0,2}\d){9}(?!\d)"
)
_FOREIGN = re.compile(r"(?<![\w])\+\s?(?!7)(?:\d[\s\-–—.()]{0,3}){8,13}\d(?!\d)")
_BROKEN = re.compile(r"(?<![0-9A-Za-z+_@])(?:\+7|8)[\s\-–—.(]{0,3}9(?:[\s\-–—.()]{0,3}\d){8}(?!\d)")
_FORMATTED = re.compile(r"(?<![0-9A-Za-z+_@])\(?[348]\d{2,4}\)?[\s\-]\s?\d{2,3}[\s\-]\d{2}[\s\-]?\d{2}(?!\d)")
_PARTS = re.compile(r"[,;|\n]|\s/\s|/|\s+и\s+")
_NEIGHBOURS = frozenset({"380", "375", "998", "996", "992", "994", "995", "374"})
_NOT_DIGITS = re.compile(r"\D")
_SEQUENCES = ("1234567890", "0123456789", "9876543210", "0987654321")
_FOREIGN_MOBILE = re.compile(
    r"\+(?:380(?:39|50|6[3678]|73|9\d)|375(?:25|29|33|44)|7(?:9|7[047])|998|996|992|994|995|374)"
)

# Where numbers don't tell mobiles from landlines they are taken for a person's; who shares one shows in the base.
_TOLL_FREE = re.compile(r"\+18(?:00|33|44|55|66|77|88)")


class Phone(NamedTuple):
    """A number: E.164, or "x" and its digits where the area is not known."""

    value: str
    kind: str
    is_placeholder: bool


@lru_cache(maxsize=20_000)
def phones_of_field(typed: str) -> tuple[Phone, ...]:
    """Return the numbers of a field that is meant for phones."""
    text = _letters_to_zero(_EXTENSION.sub(" ", typed))
    parts = _PARTS.split(text)
    if len(parts) > 1 and any(0 < len(_NOT_DIGITS.sub("", part)) < 6 for part in parts):
        parts = [part for part in re.split(r"[;|\n]|,\s", text) if part.strip()]
    found: list[Phone] = []
    for part in parts:
        several = _RUSSIAN.findall(part)
        for number in several if len(several) > 1 else [part]:
            phone = _phone(number.strip().startswith(("+", "00")), _NOT_DIGITS.sub("", number))
            if phone is not None and phone not in found:
                found.append(phone)
    return tuple(found)


def phones_in_text(text: str) -> list[tuple[Phone, tuple[int, int]]]:
    """Return the numbers written inside a text, each with its place; INNs and mailboxes should be gone from it."""
    if len(_DIGIT.findall(text)) < 9:
        return []
    cleaned = _letters_to_zero(text)
    found: list[tuple[Phone, tuple[int, int]]] = []
    for pattern in (_RUSSIAN, _FOREIGN, _BROKEN, _FORMATTED):
        for match in pattern.finditer(cleaned):
            if any(start < match.end() and match.start() < end for _, (start, end) in found):
                continue
            phone = _phone(match.group().strip().startswith("+"), _NOT_DIGITS.sub("", match.group()))
            if phone is not None:
                found.append((phone, match.span()))
    return found


def without_extensions(text: str) -> str:
    """Return the text with extensions blanked, at the same length."""
    return _EXTENSION.sub(lambda found: " " * len(found.group()), text)


def _letters_to_zero(text: str) -> str:
    if not any(letter in text for letter in "OОoо"):
        return text
    return _LETTER_O.sub("0", _LETTER_O.sub("0", text))


def _phone(has_plus: bool, digits: str) -> Phone | None:
    if digits.startswith("00") and len(digits) > 11:
        digits, has_plus = digits[2:], True
    value = _russian(has_plus, digits) or _foreign(has_plus, digits)
    if value:
        return _national(value)
    if 5 <= len(digits) <= 9:
        return Phone("x" + digits, LANDLINE, _is_placeholder(digits, digits[-5:]))
    return None


def _russian(has_plus: bool, digits: str) -> str:
    """Return +7 and the number where it is one, a digit missing or too many included; else nothing."""
    count, first = len(digits), digits[:1]
    if (count == 11 and first in {"7", "8"}) or (count == 10 and digits.startswith("89")):
        return "+7" + digits[1:]
    if count == 10 and has_plus and first == "7":
        return "+" + digits
    if count == 10 and first in {"3", "4", "7", "8", "9"}:
        return "+7" + digits
    return "+7" + digits[1:] if count in {12, 13} and first in {"7", "8"} and not has_plus else ""


def _foreign(has_plus: bool, digits: str) -> str:
    count = len(digits)
    if count == 10:
        return "+1" + digits
    known = (count == 11 and digits[0] == "1") or (count == 12 and digits[:3] in _NEIGHBOURS)
    return "+" + digits if known or (has_plus and 8 <= count <= 15) else ""


def _national(value: str) -> Phone:
    national = value[2:]
    is_mobile = bool(_FOREIGN_MOBILE.match(value)) or not (value.startswith("+7") or _TOLL_FREE.match(value))
    return Phone(value, MOBILE if is_mobile else LANDLINE, _is_placeholder(national, national[3:]))


def _is_placeholder(national: str, subscriber: str) -> bool:
    return (
        len(set(subscriber)) == 1
        or len(set(national)) <= 2
        or national in _SEQUENCES
        or subscriber in {"1234567", "0123456", "7654321", "2345678"}
    )
