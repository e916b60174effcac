"""Sources as stages (L05): where a request came from is a field, not a step of the sale."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crm.pipelines.linter.names.lists import alternatives, phrases, single_words

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
_COLD_CONTACTS = re.compile(
    r"calls?|calling|звонк\w+|звонок|баз[аы]|обзвон\w*|контакт\w*|contacts|outreach|emails?|traffic|трафик\w*"
)
_TWO_IN_ONE = phrases("sources", "two_in_one")
_WHOLE = phrases("sources", "whole")


def is_source(segments: Sequence[Sequence[str]]) -> bool:
    """Tell whether a name, given as segments of plain words, names where requests come from."""
    joined = [_joined(" ".join(segment)) for segment in segments]
    return _is_nothing_else(" ".join(joined).split()) or any(_says_from(text) for text in joined)


def _joined(text: str) -> str:
    """Write "trade show" and the like as the one word they are."""
    return _TWO_IN_ONE.sub(lambda found: found.group().replace(" ", ""), text)


def _is_nothing_else(words: Sequence[str]) -> bool:
    sources = [word for word in words if _SOURCE.fullmatch(word)]
    if not sources or not all(_SOURCE.fullmatch(word) or _BESIDE.fullmatch(word) for word in words):
        return False
    if any(_COLD.fullmatch(word) for word in words):
        # «Холодные клиенты» and "cold leads" tell how near a client is, "cold calls" where they come from.
        return any(_COLD_CONTACTS.fullmatch(word) for word in words)
    # Two weak words make a channel together: «чат-бот», "email campaign".
    is_told = len(sources) > 1 or not _WEAK.fullmatch(sources[0])
    return is_told or any(_CAME.fullmatch(word) for word in words)


def _says_from(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text) or _FROM_ONLY.fullmatch(text) or _CAME_FROM.search(text))
