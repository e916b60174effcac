"""Better names for a stage, in the language of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crm.pipelines.linter.names import advice_en, advice_ru
from crm.pipelines.linter.names.spelling import Words, is_cyrillic

_REQUEST = {"ru": "Заявка получена", "en": "Request received"}
_LONGEST_ABBREVIATION = 4


def suggest(
    name: Words, language: str, is_done: Sequence[bool], is_swamp: Sequence[bool], is_source: bool
) -> Iterator[str]:
    """Yield names to choose from, the best first; some may be no better: the judge looks at each."""
    if is_source:
        yield _REQUEST[language]
        return
    advisor = advice_ru if language == "ru" else advice_en
    for segment, written, done, swamp in zip(name.segments, _shown(name), is_done, is_swamp, strict=True):
        if done and not swamp:
            yield _capitalised(" ".join(written))
        else:
            yield from map(_capitalised, advisor.suggest(segment, written, swamp))


def _shown(name: Words) -> list[list[str]]:
    """Return the words in the case they are shown in: small, but for abbreviations; mended where misspelt."""
    words = [word for segment in name.written for word in segment]
    shouted = len(words) > 1 and all(word.isupper() for word in words)
    return [
        [_word(plain, typed, shouted) for plain, typed in zip(plains, typed_words, strict=True)]
        for plains, typed_words in zip(name.segments, name.written, strict=True)
    ]


def _word(plain: str, typed: str, shouted: bool) -> str:
    is_abbreviation = typed.isupper() and 1 < len(typed) <= _LONGEST_ABBREVIATION
    if is_abbreviation and not (shouted and any(vowel in plain for vowel in "аеиоуыэюя" if is_cyrillic(plain))):
        return typed if typed.lower() == plain else plain
    small = typed.lower()
    return small if small.replace("ё", "е").replace("’", "'") == plain else plain


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
