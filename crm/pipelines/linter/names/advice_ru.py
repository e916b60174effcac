"""Better names in Russian: the thing or the action that a name speaks of, and a participle that agrees with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pymorphy3.analyzer import Parse

from crm.pipelines.linter.names.lists import table
from crm.pipelines.linter.names.russian import parses
from crm.pipelines.linter.names.spelling import is_cyrillic

_THINGS = table("advice_ru", "things")
_ACTIONS = table("advice_ru", "actions")
_VERBS = table("advice_ru", "verbs")
_NAMES = table("advice_ru", "names")
_SWAMPS = [(re.compile(rf"\b(?:{pattern})"), name) for pattern, name in table("advice_ru", "swamps").items()]
_AGREEING = ("ADJF", "PRTF")
_OF_ANY_FUNNEL = frozenset(("лид", "заявка", "клиент", "обращение", "сделка"))
_OF_ANY_NEW = frozenset(("новый", "входящий"))
_MEN = frozenset(("клиент", "заказчик", "покупатель", "менеджер", "лид", "кандидат", "пациент"))


def suggest(segment: Sequence[str], shown: Sequence[str], is_swamp: bool) -> Iterator[str]:
    """Yield finished names for a segment, the nearest to its words first; `shown` are its words as people read them."""
    built = _of_verb(segment, shown) or _of_action(segment, shown) or _of_thing(segment, shown, is_swamp)
    if built:
        yield built
    ways_out = [name for pattern, name in _SWAMPS if pattern.search(" ".join(segment))] if is_swamp else []
    yield from ways_out
    for word in () if ways_out else sorted(segment, key=_generality):
        for lemma in sorted(_lemmas(word)):
            yield from _NAMES.get(lemma, "").split("; ")


def _generality(word: str) -> int:
    """Order words by how little they tell: «горячий клиент» is about interest, «новый лид» about a lead."""
    lemmas = _lemmas(word)
    return 2 * bool(lemmas & _OF_ANY_NEW) or int(bool(lemmas & _OF_ANY_FUNNEL))


def _of_action(segment: Sequence[str], shown: Sequence[str]) -> str:
    """«Согласование договора поставки» becomes «договор поставки согласован»."""
    for place, word in enumerate(segment[:-1]):
        verb = next((_ACTIONS[lemma] for lemma in _lemmas(word) if lemma in _ACTIONS), "")
        if verb:
            return _done_with(segment, shown, place + 1, verb, ("gent",))
        if not _is_pos(word, _AGREEING):
            return ""
    return ""


def _of_verb(segment: Sequence[str], shown: Sequence[str]) -> str:
    """«Отправить КП» becomes «КП отправлено», «документы готовятся» becomes «документы подготовлены»."""
    for place, word in enumerate(segment):
        lemma = next((parse.normal_form for parse in parses(word) if parse.tag.POS in {"VERB", "INFN"}), "")
        if lemma.replace("ё", "е") in _VERBS:
            verb = _VERBS[lemma.replace("ё", "е")]
            behind = _done_with(segment, shown, place + 1, verb, ("accs", "gent"))
            return behind or _done_with(segment[:place], shown[:place], 0, verb, ("nomn",))
    return ""


def _of_thing(segment: Sequence[str], shown: Sequence[str], is_swamp: bool) -> str:
    """«Коммерческое предложение» becomes «коммерческое предложение отправлено»."""
    for place, word in enumerate(segment):
        if is_swamp and _lemmas(word) & _OF_ANY_FUNNEL:
            return ""  # «Сделка отложена» is no deal that was made
        head = _noun(word, ("nomn",))
        lemma = _lemma_of_thing(word, head)
        if lemma:
            last = place + 1 if is_swamp else _end_of_phrase(segment, place + 1)
            phrase = [shown[at] for at in range(last) if not segment[at].isdigit()]
            return " ".join([*phrase, _participle(*_verb_and_form(lemma, head))])
        if not (word.isdigit() or _is_pos(word, _AGREEING)):
            return ""
    return ""


def _done_with(segment: Sequence[str], shown: Sequence[str], start: int, verb: str, cases: Sequence[str]) -> str:
    """Put the words from `start` into the nominative and what is done with them behind."""
    place = start
    while place < len(segment) and _is_pos(segment[place], _AGREEING):
        place += 1
    head = _noun(segment[place], cases) if place < len(segment) else None
    lemma = _lemma_of_thing(segment[place], head) if place < len(segment) else ""
    if (head is None and not lemma) or _lemmas(segment[place]) & _MEN:
        return ""
    of_thing, form = _verb_and_form(lemma, head)
    if not (verb or of_thing):
        return ""
    before = [_nominative(word, _AGREEING, cases, form) or word for word in segment[start:place]]
    is_fixed = head is None or "Fixd" in head.tag
    noun = shown[place] if is_fixed else _nominative(segment[place], ("NOUN",), cases, form) or shown[place]
    behind = shown[place + 1 : _end_of_phrase(segment, place + 1)]
    return " ".join([*before, noun, *behind, _participle(verb or of_thing, form)])


def _end_of_phrase(segment: Sequence[str], start: int) -> int:
    """Return where a verb or the like begins behind a thing."""
    outside = (
        at for at in range(start, len(segment)) if _is_pos(segment[at], ("VERB", "INFN", "PRTS", "ADJS", "PRED"))
    )
    return next(outside, len(segment))


def _verb_and_form(lemma: str, head: Parse | None) -> tuple[str, str]:
    """Return the verb of a thing and the gender, or the plural, its participle takes."""
    verb, _, gender = _THINGS.get(lemma, "").partition(" ")
    if gender:
        return verb, gender
    if head is None:
        return verb, "masc"
    return verb, "plur" if head.tag.number == "plur" else str(head.tag.gender or "masc")


@lru_cache(maxsize=2_000)
def _participle(verb: str, form: str) -> str:
    infinitive = next(parse for parse in parses(verb) if "INFN" in parse.tag and "perf" in parse.tag)
    number = {"plur"} if form == "plur" else {"sing", form}
    # Some verbs have no passive: the call «состоялся».
    inflected = infinitive.inflect({"PRTS", "pssv", "past"} | number) or infinitive.inflect({"VERB", "past"} | number)
    return str(inflected.word) if inflected else ""


def _nominative(word: str, kinds: Sequence[str], cases: Sequence[str], form: str) -> str:
    """Return the word in the nominative; an adjective takes the gender of its noun, a noun has its own."""
    agreeing = {"plur"} if form == "plur" else {"sing", form}
    for parse in parses(word):
        if parse.tag.POS in kinds and parse.tag.case in cases:
            inflected = parse.inflect({"nomn"} if parse.tag.POS == "NOUN" else {"nomn"} | agreeing)
            return str(inflected.word) if inflected else ""
    return ""


def _noun(word: str, cases: Sequence[str]) -> Parse | None:
    fitting = (parse for parse in parses(word) if parse.tag.POS == "NOUN" and parse.tag.case in cases)
    return next(fitting, None)


def _lemma_of_thing(word: str, head: Parse | None) -> str:
    """Return the thing a word names; abbreviations and Latin words name themselves."""
    if word in _THINGS and (not is_cyrillic(word) or " " in _THINGS[word]):
        return word
    lemma = str(head.normal_form).replace("ё", "е") if head else ""
    return lemma if lemma in _THINGS else ""


def _lemmas(word: str) -> set[str]:
    return {str(parse.normal_form).replace("ё", "е") for parse in parses(word)}


def _is_pos(word: str, kinds: Sequence[str]) -> bool:
    return parses(word)[0].tag.POS in kinds
