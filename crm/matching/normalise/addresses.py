"""Addresses: the house's number and the words of the street, in any order and with any abbreviations."""

from __future__ import annotations

import re
from functools import lru_cache

from crm.matching.normalise.skeleton import skeleton
from crm.matching.normalise.words import word_lists, words

_TOKEN = re.compile(r"\d+[^\W\d_]{0,2}(?![^\W\d_])|[^\W\d_]+|\d+")
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th|й|я|ая|ый|ой)$")
_NUMBER = re.compile(r"^\d+")
_ZIP = re.compile(r"[^0-9a-z]")


@lru_cache(maxsize=50_000)
def read_address(typed: str) -> tuple[str, tuple[str, ...]]:
    """Return the house's number, empty when there is none, and the other words that tell one place from another."""
    noise, spelled = words("address_noise"), word_lists()["address_words"]
    house, kept = "", []
    for token in _TOKEN.findall(typed.lower().replace("ё", "е")):
        ordinal = _ORDINAL.match(token)
        if ordinal is None and _NUMBER.match(token) and not house:
            house = skeleton(token)
            continue
        word = ordinal.group(1) if ordinal else spelled.get(token, token)
        if word in noise and token not in spelled:
            continue
        key = skeleton(word)
        if key and key not in kept:
            kept.append(key)
    return house, tuple(kept)


def read_zip(typed: str) -> str:
    """Return a postal code without blanks; the American extension is cut."""
    code = _ZIP.sub("", typed.strip().lower().partition("-")[0])
    return code[:5] if len(code) == 9 and code.isdigit() else code
