"""Finished actions in English: a past participle or a past tense that is neither denied, ahead, nor an attribute."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import simplemma

from crm.pipelines.linter.names.lists import words

_IRREGULAR = words("english", "irregular")
_SAME_AS_VERB = words("english", "same_as_verb")
_STATES = words("english", "states")
_DENYING = words("english", "denying")
_AHEAD = words("english", "ahead")
_PREPOSITIONS_BEFORE = words("english", "prepositions_before")
_COMPOUND_HEADS = words("english", "compound_heads")
_LINKS = words("english", "links")
_BUCKETS = words("english", "buckets")
_SINGLE_BUCKETS = words("english", "single_buckets")
_BUCKET_QUALITIES = words("english", "bucket_qualities")
_ADJECTIVES = words("english", "adjectives")
_PAID_FOR = words("english", "paid_for")
_AUXILIARIES = frozenset(("been", "was", "were", "has", "have", "had", "is", "are"))
SHORTEST = 4
_NO_OBJECTS = frozenset(("data", "skill", "trial", "test", "the", "a"))
_UN = re.compile(r"un(?!lock|subscrib|block|load|pack|veil|der|freez|frozen|it|til|park)")


@lru_cache(maxsize=20_000)
def is_known(word: str) -> bool:
    """Tell whether the dictionary has the word."""
    return simplemma.is_known(word, lang="en")


@lru_cache(maxsize=20_000)
def lemma(word: str) -> str:
    """Return the word that a form belongs to."""
    return simplemma.lemmatize(word, lang="en")


def has_finished(segment: Sequence[str]) -> bool:
    """Tell whether a run of lower-case words says that something has happened."""
    if segment and segment[-1] == "complete" and not _is_denied(segment, len(segment) - 1):
        return True
    return any(_tells_done(segment, place) for place in range(len(segment)))


def is_negated(segment: Sequence[str]) -> bool:
    """Tell whether the words say that something has not happened: "Not bought", "Unqualified"."""
    return any(
        _is_undone(word) or (is_participle(word) and _is_denied(segment, place)) for place, word in enumerate(segment)
    )


def is_participle(word: str) -> bool:
    """Tell whether a word is a past participle or a past tense by itself."""
    if word in _IRREGULAR:
        return True
    if word in _STATES or word in _SAME_AS_VERB or len(word) < SHORTEST:
        return False
    # The dictionary tells "agreed" from "need": only the first comes from another word.
    return word.endswith("'d") or (word.endswith("ed") and (not is_known(word) or lemma(word) != word))


def _tells_done(segment: Sequence[str], place: int) -> bool:
    word = segment[place]
    if _is_denied(segment, place):
        return False
    if word in _SAME_AS_VERB:
        return _is_set_down(segment, place)
    return is_participle(word) and not _is_undone(word) and not _is_attribute(segment, place)


def _is_set_down(segment: Sequence[str], place: int) -> bool:
    """Tell "meeting set" and "put on hold" from "set meeting": the form is the verb's own."""
    follower = _word_behind(segment, place)
    if segment[place] == "put":
        return follower in {"", "on", "off"}
    return place > 0 and segment[place - 1] not in _NO_OBJECTS and (not follower or follower in _LINKS)


def _is_undone(word: str) -> bool:
    """Tell "unqualified" from "unlocked"."""
    return bool(_UN.match(word)) and is_participle(word[2:])


def _is_denied(segment: Sequence[str], place: int) -> bool:
    before = segment[max(0, place - 3) : place]
    if _DENYING.intersection(before):
        return True
    # "Will be sent" is ahead, "has been sent" is not.
    return bool(_AHEAD.intersection(before)) and before[-1] not in _AUXILIARIES


def _is_attribute(segment: Sequence[str], place: int) -> bool:
    """Tell "qualified lead" and "paid search" from "contacted lead" and "sent proposal"."""
    if place and segment[place - 1] in _PREPOSITIONS_BEFORE:
        return place == 1 or segment[place - 2] not in _COMPOUND_HEADS
    follower = _word_behind(segment, place)
    if not follower or follower in _LINKS:
        return False
    if segment[place] == "paid":
        return follower in _PAID_FOR
    is_group = segment[-1] in _BUCKETS
    if segment[place] in _BUCKET_QUALITIES and (is_group or segment[-1] in _SINGLE_BUCKETS):
        return True
    return segment[place] in _ADJECTIVES or (is_group and place == 0 and len(segment) == 2)


def _word_behind(segment: Sequence[str], place: int) -> str:
    return segment[place + 1] if place + 1 < len(segment) else ""
