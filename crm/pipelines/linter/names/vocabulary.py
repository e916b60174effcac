"""The words of funnels: what a misspelt word is taken for."""

from __future__ import annotations

from functools import cache

from crm.pipelines.linter.names.lists import whole_words, words
from crm.pipelines.linter.names.russian import analyser
from crm.pipelines.linter.names.spelling import is_cyrillic

_VERB_FORMS = frozenset(("VERB", "INFN", "PRTS"))
_DOUBLING = frozenset(("ship", "defer", "refer", "transfer", "commit", "submit", "upsel"))


@cache
def russian_words() -> frozenset[str]:
    """Return every form worth knowing of the Russian words, е for ё."""
    forms = set(words("vocabulary", "russian_words")) | {word for word in _listed() if is_cyrillic(word)}
    for lemma in words("vocabulary", "russian_verbs") | words("vocabulary", "russian_nouns"):
        first = analyser().parse(lemma)[0]
        # A verb's own participles have no place in names: «назначающий».
        forms |= {form.word for form in first.lexeme if form.tag.POS == first.tag.POS or form.tag.POS in _VERB_FORMS}
    return frozenset(form.replace("ё", "е") for form in forms)


@cache
def english_words() -> frozenset[str]:
    """Return the English words and the past forms of the verbs."""
    verbs = words("vocabulary", "english_verbs")
    listed = [word for word in _listed() if not is_cyrillic(word)]
    others = words("vocabulary", "english_words") | words("english", "states") | words("english", "irregular")
    return others.union(listed, verbs, map(past, verbs))


def _listed() -> frozenset[str]:
    """Return the words that other lists look for as they are."""
    return frozenset().union(*(whole_words(file) for file in ("swamps", "trash", "objections", "sources", "people")))


def past(verb: str) -> str:
    """Return the past participle of a regular English verb."""
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    return f"{verb}{verb[-1] if verb in _DOUBLING else ''}ed"
