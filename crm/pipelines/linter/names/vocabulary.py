"""The words of funnels: what a misspelt word is taken for."""

from __future__ import annotations

from functools import cache

from crm.pipelines.linter.names.lists import words
from crm.pipelines.linter.names.russian import analyser

_DOUBLING = frozenset(("ship", "defer", "refer", "transfer", "commit", "submit", "upsel"))


@cache
def russian_words() -> frozenset[str]:
    """Return every form worth knowing of the Russian words, е for ё."""
    forms = set(words("vocabulary", "russian_words"))
    for lemma in words("vocabulary", "russian_verbs") | words("vocabulary", "russian_nouns"):
        for form in analyser().parse(lemma)[0].lexeme:
            tag = str(form.tag)
            if not tag.startswith(("PRTF", "GRND", "COMP")) and "Supr" not in tag:
                forms.add(form.word.replace("ё", "е"))
    return frozenset(forms)


@cache
def english_words() -> frozenset[str]:
    """Return the English words and the past forms of the verbs."""
    verbs = words("vocabulary", "english_verbs")
    return words("vocabulary", "english_words") | verbs | {past(verb) for verb in verbs}


def past(verb: str) -> str:
    """Return the past participle of a regular English verb."""
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    return f"{verb}{verb[-1] if verb in _DOUBLING else ''}ed"
