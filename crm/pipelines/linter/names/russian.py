"""Finished actions in Russian: a short passive participle, or the past tense of a perfective verb."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from pymorphy3 import MorphAnalyzer
from pymorphy3.analyzer import Parse

from crm.pipelines.linter.names.lists import words

_NO_RESULTS = words("russian", "nouns_first") | words("russian", "ongoing")
_RESULTS = words("russian", "results")
_DENYING = words("russian", "denying")
_BETWEEN = words("russian", "between")
_AHEAD = words("russian", "ahead")
_RELATIVE = re.compile(r"котор(ый|ая|ое|ые|ого|ых|ой|ую|ым|ыми)$")
_GONE_BY = re.compile(
    r"(за|от|по|про|вы|на|при|с|под|до|об|о|у|пере|раз|рас|из|ис|в)[а-я]{2,}(ал|ил|ел|ул|ял|ыл|ол)([аои]?)(сь|ся)?$"
)
# Verbs in «-ировать» have one form for both aspects, whatever the dictionary says.
_BOTH_ASPECTS = re.compile(r"[а-я]{3,}ирован(а|о|ы)?$")
_SURE_PARTICIPLE = re.compile(r"[а-я]{3,}[оеи]ван(а|о|ы)?$")
_PARTICIPLE = re.compile(r"[а-я]{3,}(ен|ан|ян|ыт|ут)(а|о|ы)?$")


@cache
def analyser() -> MorphAnalyzer:
    """Return the one analyser of this process; it holds its dictionary in memory."""
    return MorphAnalyzer(lang="ru")


@lru_cache(maxsize=20_000)
def parses(word: str) -> tuple[Parse, ...]:
    """Return the readings of a word, the likeliest first."""
    return tuple(analyser().parse(word))


@lru_cache(maxsize=20_000)
def is_known(word: str) -> bool:
    """Tell whether the dictionary has the word."""
    return bool(analyser().word_is_known(word))


def has_finished(segment: Sequence[str]) -> bool:
    """Tell whether a run of lower-case words says that something has happened."""
    return any(_tells_done(segment, place) for place in range(len(segment)))


def is_negated(segment: Sequence[str]) -> bool:
    """Tell whether the words say that something has not happened: «Не купил», «Не реализовано»."""
    return any(is_finished_form(word) and _is_denied(segment, place) for place, word in enumerate(segment)) or any(
        word.startswith("не") and is_finished_form(word[2:]) and not is_known(word) for word in segment
    )


@lru_cache(maxsize=20_000)
def is_finished_form(word: str) -> bool:
    """Tell whether a word by itself has the form of a finished action."""
    if word in _NO_RESULTS:
        return False
    if _BOTH_ASPECTS.match(word):
        return True
    if is_known(word):
        return any(_is_finished_tag(str(parse.tag)) for parse in parses(word) if parse.is_known)
    return _looks_finished(word)


def _tells_done(segment: Sequence[str], place: int) -> bool:
    word = segment[place]
    if word in _RESULTS:
        return not _leads_on(segment[place + 1 :]) and not _is_denied(segment, place)
    return is_finished_form(word) and not _is_denied(segment, place)


def _is_denied(segment: Sequence[str], place: int) -> bool:
    """Tell whether the form is negated, hypothetical, still ahead, or describes who is meant."""
    if place + 1 < len(segment) and segment[place + 1] in {"ли", "бы"}:
        return True
    before = place - 1
    while before >= 0 and segment[before] in _BETWEEN:
        before -= 1
    if before >= 0 and segment[before] in _DENYING:
        return True
    return any(word in _AHEAD or _RELATIVE.match(word) for word in segment[:place])


def _leads_on(rest: Sequence[str]) -> bool:
    """«Готов купить», «готов к сделке» is a state, «договор готов» a result."""
    return bool(rest) and (rest[0] in {"к", "на"} or any("INFN" in parse.tag for parse in parses(rest[0])[:1]))


def _is_finished_tag(tag: str) -> bool:
    if tag.startswith("PRTS"):
        return "pssv" in tag and "past" in tag and "perf" in tag
    return tag.startswith("VERB") and "perf" in tag and "past" in tag


def _looks_finished(word: str) -> bool:
    """Judge a word the dictionary lacks by its shape: «забрифовали», «заапрувлен», «отквалифицирован»."""
    if len(word) < 5 or (word.startswith("не") and is_finished_form(word[2:])):
        return False
    if _GONE_BY.match(word):
        return True
    if _SURE_PARTICIPLE.match(word):
        return True
    return bool(_PARTICIPLE.match(word)) and str(parses(word)[0].tag).startswith(("PRTS", "ADJS"))
