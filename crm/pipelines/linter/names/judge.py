"""The judge: what a stage name says, put together from its words, its form and the lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from crm.models.codes import StageKind
from crm.pipelines.linter.names import english, russian
from crm.pipelines.linter.names.advice import suggest
from crm.pipelines.linter.names.lists import words
from crm.pipelines.linter.names.objections import is_objections
from crm.pipelines.linter.names.people import is_person
from crm.pipelines.linter.names.repair import repaired
from crm.pipelines.linter.names.sources import is_source
from crm.pipelines.linter.names.spelling import (
    Words,
    guess_language,
    is_cyrillic,
    other_layout,
    plain_text,
    split_name,
)
from crm.pipelines.linter.names.swamps import is_swamp
from crm.pipelines.linter.names.trash import is_trash
from crm.pipelines.linter.names.verdict import OBJECTIONS, PERSON, SOURCE, SWAMP, TRASH, UNFINISHED, NameVerdict

MOST = 3
# What to do with these is no question of the name: the stage itself goes.
_NO_ADVICE = frozenset((OBJECTIONS, TRASH, PERSON))
_NOTHING = frozenset(("no", "not", "не", "нет", "без"))
# Outcomes that need no verb on a closing stage.
_OUTCOMES = words("russian", "outcomes") | words("english", "outcomes")


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen in a name, segment by segment and as a whole."""

    name: Words
    is_done: tuple[bool, ...]
    is_swamp: tuple[bool, ...]
    finished: bool
    findings: tuple[str, ...]


@lru_cache(maxsize=20_000)
def judge_name(name: str, language: str | None = None, kind: StageKind = StageKind.OPEN) -> NameVerdict:
    """Judge a stage name; language None means that its letters decide."""
    look = _look(name, kind)
    spoken = language or guess_language(name)
    return NameVerdict(look.finished, look.findings, tuple(_better_names(look, spoken, kind)))


def _look(name: str, kind: StageKind) -> _Look:
    typed = _right_layout(name, split_name(name))
    mended = Words(tuple(tuple(repaired(word) for word in segment) for segment in typed.segments), typed.written)
    texts = [" ".join(segment) for segment in mended.segments]
    is_done = tuple(_has_finished(segment) for segment in mended.segments)
    is_open = kind is StageKind.OPEN
    swamps = tuple(is_open and is_swamp(text, done) for text, done in zip(texts, is_done, strict=True))
    finished = any(is_done) or (not is_open and _is_outcome(mended.segments))
    found = {
        UNFINISHED: not finished,
        SWAMP: any(swamps),
        OBJECTIONS: any(is_objections(text) for text in texts),
        SOURCE: is_source(mended.segments),
        TRASH: any(is_trash(text, done, kind) for text, done in zip(texts, is_done, strict=True)),
        PERSON: is_person(mended),
    }
    return _Look(mended, is_done, swamps, finished, tuple(code for code, is_found in found.items() if is_found))


def _better_names(look: _Look, language: str, kind: StageKind) -> list[str]:
    """Return the names of open stages that would be judged clean themselves; none for people, trash and objections."""
    if kind is not StageKind.OPEN or not look.findings or _NO_ADVICE.intersection(look.findings):
        return []
    names = suggest(look.name, language, look.is_done, look.is_swamp, SOURCE in look.findings)
    better: list[str] = []
    for name in names:
        if name and name not in better and _is_clean(name):
            better.append(name)
    return better[:MOST]


def _is_clean(name: str) -> bool:
    look = _look(name, StageKind.OPEN)
    return look.finished and not look.findings


def _has_finished(segment: Sequence[str]) -> bool:
    """Each word is judged in its own language: «Demo проведено», «КП sent»."""
    cyrillic = any(is_cyrillic(word) for word in segment)
    latin = any(not is_cyrillic(word) for word in segment)
    return (cyrillic and russian.has_finished(segment)) or (latin and english.has_finished(segment))


def _is_outcome(segments: Sequence[Sequence[str]]) -> bool:
    """Tell whether a closing stage says how deals end: an outcome, or what did not happen."""
    return any(
        segment[0] in _NOTHING
        or russian.is_negated(segment)
        or english.is_negated(segment)
        or any(word in _OUTCOMES for word in segment)
        for segment in segments
    )


def _right_layout(name: str, typed: Words) -> Words:
    """Return the words as meant where a Russian name was typed in the Latin layout."""
    text = plain_text(name)
    if any(is_cyrillic(word) for word in typed.all) or sum(letter.isalpha() for letter in text) < 5:
        return typed
    turned = split_name(other_layout(text))
    meant = bool(turned.all) and all(is_cyrillic(word) and russian.is_known(word) for word in turned.all)
    return turned if meant else typed
