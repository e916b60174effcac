"""Dates of birth in the spellings people use, as YYYYMMDD."""

from __future__ import annotations

import re
from functools import lru_cache

_PARTS = re.compile(r"\d+")


@lru_cache(maxsize=50_000)
def read_birth_date(typed: str) -> str:
    """Return YYYYMMDD, the digits as they are when they make no date, or nothing."""
    parts = _PARTS.findall(typed)
    digits = "".join(parts)
    if len(parts) >= 3:
        first, second, third = parts[:3]
        if len(first) == 4:
            return f"{first}{second:0>2}{third:0>2}"
        year = third if len(third) == 4 else f"19{third:0>2}"
        day, month = (second, first) if int(second) > 12 else (first, second)
        return f"{year}{month:0>2}{day:0>2}"
    return digits if 4 <= len(digits) <= 8 else ""
