"""Russian taxpayer numbers: found in any field, told apart by their check digits."""

from __future__ import annotations

import re

_LABELLED = re.compile(r"\b(?:инн|inn)\b\s*(?:/\s*кпп)?\s*[:№]?\s*(\d(?:[ \-]?\d){8,11})(?!\d)", re.IGNORECASE)
_BARE_TRADER = re.compile(r"(?<![\d+])\d{12}(?!\d)")
_NOT_DIGITS = re.compile(r"\D")
_TEN = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_ELEVEN = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_TWELVE = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


def inn_of_field(typed: str) -> tuple[str, bool]:
    """Return the number of the field meant for it and whether its check digit is right; empty when there is none."""
    digits = _NOT_DIGITS.sub("", typed)
    if len(digits) in (9, 11) and is_valid("0" + digits):
        digits = "0" + digits  # a spreadsheet ate the zero
    if not 8 <= len(digits) <= 13 or len(set(digits)) == 1:
        return "", False
    return digits, is_valid(digits)


def inns_in_text(text: str) -> list[tuple[str, tuple[int, int]]]:
    """Return the numbers named as INN in a text, and bare ones of twelve digits whose check digits are right."""
    found = [(_NOT_DIGITS.sub("", match.group(1)), match.span()) for match in _LABELLED.finditer(text)]
    found += [
        (match.group(), match.span())
        for match in _BARE_TRADER.finditer(text)
        if is_valid(match.group()) and not any(start <= match.start() < end for _, (start, end) in found)
    ]
    return found


def is_valid(digits: str) -> bool:
    """Tell whether the check digits are right."""
    if len(digits) == 10:
        return _check(digits, _TEN) == digits[9]
    if len(digits) == 12:
        return _check(digits, _ELEVEN) == digits[10] and _check(digits, _TWELVE) == digits[11]
    return False


def _check(digits: str, weights: tuple[int, ...]) -> str:
    return str(sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % 11 % 10)
