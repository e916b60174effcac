"""Sources as stages (L05): where a request came from is a field, not a step of the sale."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crm.pipelines.linter.names.lists import alternatives, single_words

_SOURCE = single_words("sources", "russian", "english")
_WEAK = single_words("sources", "weak_russian", "weak_english")
_BESIDE = single_words("sources", "beside")
_CAME = single_words("sources", "came")
_ANY_SOURCE = "|".join(alternatives("sources", "russian", "english"))
_COMING = "|".join(alternatives("sources", "came", "coming"))
_CAME_FROM = re.compile(
    rf"(?:^|\s)(?:{_COMING})(?:\s\w+){{0,2}}\s(?:из|с|со|от|через|по|from|via|through|by)\s(?:\w+\s){{0,2}}?(?:{_ANY_SOURCE})(?=\s|$)"
)
_FROM_ONLY = re.compile(rf"(?:из|с|со|от|from|via)\s(?:\w+\s)?(?:{_ANY_SOURCE})")
_COLD = re.compile(r"cold|холодн\w+")
_COLD_CONTACTS = re.compile(r"calls?|calling|звонк\w+|звонок|баз[аы]|обзвон\w*|outreach|email")
_CALLS = re.compile(r"(входящ\w+|исходящ\w+|incoming|outgoing|inbound|outbound) (звон\w+|calls?)")


def is_source(segments: Sequence[Sequence[str]]) -> bool:
    """Tell whether a name, given as segments of plain words, names where requests come from."""
    words = [word for segment in segments for word in segment]
    return _is_nothing_else(words) or any(_says_from(" ".join(segment)) for segment in segments)


def _is_nothing_else(words: Sequence[str]) -> bool:
    sources = [word for word in words if _SOURCE.fullmatch(word)]
    if not sources or not all(_SOURCE.fullmatch(word) or _BESIDE.fullmatch(word) for word in words):
        return False
    if all(_WEAK.fullmatch(word) for word in sources):
        return any(_CAME.fullmatch(word) for word in words) and not _is_temperature(words)
    return True


def _says_from(text: str) -> bool:
    return bool(_CAME_FROM.search(text) or _FROM_ONLY.fullmatch(text) or _CALLS.fullmatch(text))


def _is_temperature(words: Sequence[str]) -> bool:
    """«Холодные клиенты» and "cold leads" tell how near a client is, "cold calls" where they come from."""
    return any(_COLD.fullmatch(word) for word in words) and not any(_COLD_CONTACTS.fullmatch(word) for word in words)
