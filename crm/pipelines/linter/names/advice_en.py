"""Better names in English: the thing or the action that a name speaks of, and the participle that ends it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from crm.pipelines.linter.names.english import lemma
from crm.pipelines.linter.names.lists import table

_THINGS = table("advice_en", "things")
_ACTIONS = table("advice_en", "actions")
_VERBS = table("advice_en", "verbs")
_NAMES = table("advice_en", "names")
_SWAMPS = [(re.compile(rf"\b(?:{pattern})"), name) for pattern, name in table("advice_en", "swamps").items()]
_LEADING = frozenset(("in", "under", "at", "on", "no", "not", "for"))
_FILLERS = frozenset(("a", "the", "for", "on", "of", "to", "client", "customer", "up", "with"))


def suggest(segment: Sequence[str], shown: Sequence[str], is_swamp: bool) -> Iterator[str]:
    """Yield finished names for a segment, the nearest to its words first; `shown` are its words as people read them."""
    built = _of_verb(segment, shown) or _of_action(segment, shown) or ("" if is_swamp else _of_thing(segment, shown))
    if built:
        yield built
    ways_out = [name for pattern, name in _SWAMPS if pattern.search(" ".join(segment))] if is_swamp else []
    yield from ways_out
    for word in () if ways_out else segment:
        yield from _NAMES.get(word, "").split("; ")


def _of_verb(segment: Sequence[str], shown: Sequence[str]) -> str:
    """Turn "sending proposal" into "proposal sent", "awaiting payment" into "payment received"."""
    first = segment[0]
    verb = next((one for one in (first, lemma(first), first.removesuffix("ing")) if one in _VERBS), "")
    start = 1
    while start < len(segment) and segment[start] in _FILLERS:
        start += 1
    if not verb or start == len(segment) or (verb == first and first in _THINGS):
        return ""
    done = _VERBS[verb] or _THINGS.get(segment[-1], "")
    return f"{' '.join(shown[start:])} {done}" if done else ""


def _of_action(segment: Sequence[str], shown: Sequence[str]) -> str:
    """Turn "contract signing" into "contract signed"."""
    done = _ACTIONS.get(segment[-1], "") if len(segment) > 1 else ""
    return f"{' '.join(shown[:-1])} {done}" if done and segment[-2] in _THINGS else ""


def _of_thing(segment: Sequence[str], shown: Sequence[str]) -> str:
    """Turn "price quote" into "price quote sent"."""
    done = _THINGS.get(segment[-1], "")
    start = int(segment[0] in _LEADING)
    return f"{' '.join(shown[start:])} {done}" if done else ""
