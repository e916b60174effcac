"""The judge: what a stage name says, put together from its words, its form and the lists."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from crm.models.codes import StageKind
from crm.pipelines.linter.names import english, russian
from crm.pipelines.linter.names.lists import words
from crm.pipelines.linter.names.objections import is_objections
from crm.pipelines.linter.names.people import is_person
from crm.pipelines.linter.names.repair import repaired
from crm.pipelines.linter.names.sources import is_source
from crm.pipelines.linter.names.spelling import (
    Words,
    is_cyrillic,
    other_layout,
    plain_text,
    split_name,
)
from crm.pipelines.linter.names.swamps import is_swamp
from crm.pipelines.linter.names.trash import is_trash
from crm.pipelines.linter.names.verdict import OBJECTIONS, PERSON, SOURCE, SWAMP, TRASH, UNFINISHED, NameVerdict

# Outcomes that need no verb on a closing stage.
_OUTCOMES = words("russian", "outcomes") | words("english", "outcomes")


@lru_cache(maxsize=20_000)
def judge_name(name: str, language: str | None = None, kind: StageKind = StageKind.OPEN) -> NameVerdict:
    """Judge a stage name; language None means that its letters decide."""
    typed = _right_layout(name, split_name(name))
    mended = tuple(tuple(repaired(word) for word in segment) for segment in typed.segments)
    is_done = [_has_finished(segment) for segment in mended]
    finished = any(is_done) or (kind is not StageKind.OPEN and _is_outcome(mended))
    findings = [] if finished else [UNFINISHED]
    findings += _listed(Words(mended, typed.written), is_done, kind)
    return NameVerdict(finished, tuple(findings), ())


def _listed(name: Words, is_done: Sequence[bool], kind: StageKind) -> list[str]:
    texts = [" ".join(segment) for segment in name.segments]
    is_open = kind is StageKind.OPEN
    found = {
        SWAMP: is_open and any(is_swamp(text, done) for text, done in zip(texts, is_done, strict=True)),
        OBJECTIONS: any(is_objections(text) for text in texts),
        SOURCE: is_source(name.segments),
        TRASH: any(is_trash(text, kind) for text in texts),
        PERSON: is_person(name),
    }
    return [code for code, is_found in found.items() if is_found]


def _has_finished(segment: Sequence[str]) -> bool:
    """Each word is judged in its own language: «Demo проведено», «КП sent»."""
    cyrillic = any(is_cyrillic(word) for word in segment)
    latin = any(not is_cyrillic(word) for word in segment)
    return (cyrillic and russian.has_finished(segment)) or (latin and english.has_finished(segment))


def _is_outcome(segments: Sequence[Sequence[str]]) -> bool:
    """Tell whether a closing stage says how deals end: an outcome, or what did not happen."""
    return any(
        russian.is_negated(segment) or english.is_negated(segment) or any(word in _OUTCOMES for word in segment)
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
