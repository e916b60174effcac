"""What a deal is about: the words of its title and comment that name goods."""

from __future__ import annotations

import re
from functools import lru_cache

from crm.matching.normalise.skeleton import skeleton

_TOKEN = re.compile(r"[^\W_]+")
_PHRASES = re.compile(
    r"заявка с сайта|входящ\w+ звон\w+|исходящ\w+ звон\w+|сделка\s*№?\s*\d+|обратный звонок|просил\w* кп( на)?"
    r"|добрый день|здравствуйте|с уважением.*|договор на подписи|перезвонить\w*( завтра)?|звонить на|whatsapp|telegram"
    r"|почта|дума\w+|нуж\w+|заявка",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_AMOUNT = re.compile(r"\b\d+\s*(?:т|тн|тонн\w*|шт|кг|м)\b", re.IGNORECASE)


@lru_cache(maxsize=50_000)
def read_goods(text: str) -> tuple[str, ...]:
    """Return the skeletons of the words that may name goods, each once, in order."""
    cleaned = _AMOUNT.sub(" ", _PHRASES.sub(" ", text))
    found = (skeleton(word) for word in _TOKEN.findall(cleaned) if len(word) > 2 and not word.isdigit())
    return tuple(dict.fromkeys(word for word in found if len(word) > 2))[:12]


@lru_cache(maxsize=50_000)
def read_numbers(title: str) -> tuple[str, ...]:
    """Return the numbers of a title, amounts and sizes, in order of value."""
    return tuple(sorted({number.replace(",", ".") for number in _NUMBER.findall(_PHRASES.sub(" ", title))}))
