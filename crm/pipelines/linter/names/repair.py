"""Misspelt words: the one word of funnels that a single slip of the fingers away from what stands there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from string import ascii_lowercase

from crm.pipelines.linter.names import english
from crm.pipelines.linter.names.lists import single_words
from crm.pipelines.linter.names.russian import is_finished_form, is_known
from crm.pipelines.linter.names.spelling import is_cyrillic
from crm.pipelines.linter.names.vocabulary import english_words, russian_words

SHORTEST = 4
# "signd", "dispatchde", "funedd": an "-ed" that came out wrong.
_LIKE_PAST = re.compile(r"[^e]d$|de$|edd$")
# Words of their own that in funnels are nothing but slips.
_SLIPS = frozenset(("snet", "sned", "singed"))
# Names of channels are in no dictionary.
_CHANNEL = single_words("sources", "russian")
# Mistakes of the ear and of the rule-book, which may come on top of a slip.
_MISTAKES = ((re.compile("нн"), "н"), (re.compile("(?<=[жшц])ы"), "и"), (re.compile("(?<=[чщц])я"), "а"))


@lru_cache(maxsize=20_000)
def repaired(word: str) -> str:
    """Return the word meant; the word itself where it is known or nothing is near."""
    if len(word) < SHORTEST or not word.isalpha():
        return word
    return _repaired_russian(word) if is_cyrillic(word) else _repaired_english(word)


def _repaired_russian(word: str) -> str:
    if is_known(word) or _CHANNEL.fullmatch(word) or (word.startswith("не") and is_known(word[2:])):
        return word
    near = _nearest(word, _russian_index(), russian_words())
    if near:
        return near
    plain = word
    for pattern, right in _MISTAKES:
        plain = pattern.sub(right, plain)
    if plain != word and is_known(plain):
        return plain
    near = _nearest(plain, _russian_index(), russian_words()) if plain != word else ""
    if near or not word.startswith("не") or len(word) < SHORTEST + 2:
        return near or word
    return f"не{near}" if (near := _nearest(word[2:], _russian_index(), russian_words())) else word


def _repaired_english(word: str) -> str:
    if word in english_words() or (english.is_known(word) and word not in _SLIPS):
        return word
    near = _nearest(word, _english_index(), english_words())
    # A last letter tells "approves" from "approved": it is not a slip unless two letters changed places.
    if near and ((len(word) > SHORTEST and near[-1] == word[-1]) or sorted(near) == sorted(word)):
        return near
    return _past_meant(word) if _LIKE_PAST.search(word) else word


def _past_meant(word: str) -> str:
    """Return the past tense, of any verb there is, that a word ending like one was meant to be."""
    swapped = (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))
    longer = (word[:at] + letter + word[at:] for at in range(1, len(word)) for letter in ascii_lowercase)
    meant = (one for one in (*swapped, *_cuts(word), *longer) if one.endswith("ed"))
    return next((one for one in meant if english.is_known(one) and english.is_participle(one)), word)


def _nearest(word: str, index: Mapping[str, tuple[str, ...]], words: frozenset[str]) -> str:
    if word in words:
        return word
    found = {one for cut in {word, *_cuts(word)} for one in index.get(cut, ()) if _is_one_slip(word, one)}
    found = found or set(index.get(_without_doubles(word), ()))
    return min(found, key=lambda one: _distance(word, one), default="")


def _distance(typed: str, meant: str) -> tuple[bool, bool, bool, bool, bool, str]:
    """Order what may be meant: swapped letters first, then alike ends, then a letter left out."""
    return (
        sorted(meant) != sorted(typed),
        meant[0] != typed[0],
        meant[-1] != typed[-1],
        len(meant) <= len(typed),
        not is_finished_form(meant),
        meant,
    )


@cache
def _russian_index() -> Mapping[str, tuple[str, ...]]:
    return _index(russian_words())


@cache
def _english_index() -> Mapping[str, tuple[str, ...]]:
    return _index(english_words())


def _index(words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return every word under itself and under each spelling of it that lacks one letter."""
    index: dict[str, list[str]] = defaultdict(list)
    for word in words:
        if len(word) >= SHORTEST:
            for cut in {word, _without_doubles(word), *_cuts(word)}:
                index[cut].append(word)
    return {cut: tuple(found) for cut, found in index.items()}


def _without_doubles(word: str) -> str:
    return re.sub(r"(.)\1", r"\1", word)


def _cuts(word: str) -> Iterator[str]:
    return (word[:place] + word[place + 1 :] for place in range(len(word)))


def _is_one_slip(typed: str, meant: str) -> bool:
    """Tell whether one letter is missing, extra, wrong, or two neighbours changed places."""
    if abs(len(typed) - len(meant)) == 1:
        return True  # they share a spelling that lacks a letter, or one is that spelling
    differing = [place for place, (a, b) in enumerate(zip(typed, meant, strict=True)) if a != b]
    if len(differing) == 1:
        return True
    first, *rest = differing or [0]
    return rest == [first + 1] and typed[first] == meant[first + 1] and typed[first + 1] == meant[first]
