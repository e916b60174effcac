"""Company's names without legal form, quotes, city and number; a sole trader is a person's name."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from crm.matching.normalise.persons import read_name
from crm.matching.normalise.skeleton import one_script, skeleton
from crm.matching.normalise.words import cities, city_key, word_lists, words

_INN = re.compile(r"\bинн\b\D{0,3}[\d \-]{9,14}", re.IGNORECASE)
_CITY_TAIL = re.compile(
    r"(?:,\s*|\s)\b(?:г|гор)\.\s*([\w\- ]+)$|\(\s*(?:г\.\s*)?([\w\- .]+)\s*\)\s*$|,\s*([\w\- ]+)$", re.IGNORECASE
)
_QUOTES = re.compile("[«»\"“”„'`’]")
_WORD = re.compile(r"[^\W_]+")
_IN_TEXT = re.compile(
    r"(?:(?<=[\s,(])|^)(?:(?:ООО|ЗАО|ОАО|ПАО|АО|ИП|ГК|LLC|LTD)\b\s*(?:(?:ТД|ПКФ|НПО|ПК|ТК)\b\s*)?"
    r"(?:[«\"“][^»\"”]{2,60}[»\"”]|[А-ЯЁA-Z][^\s,.;]*(?:[ \-][А-ЯЁA-Z0-9][^\s,;]*){0,3})"
    r"|(?:Общество с ограниченной ответственностью|Индивидуальный предприниматель|Акционерное общество)\s+[^,;]{3,60})"
)
_FORMS = {
    "ооо": "ooo",
    "тоо": "too",
    "оао": "oao",
    "зао": "zao",
    "пао": "pao",
    "ао": "ao",
    "нао": "nao",
    "гк": "gk",
    "тд": "td",
    "пкф": "pkf",
    "нпо": "npo",
    "нпп": "npp",
    "тпк": "tpk",
    "гуп": "gup",
    "муп": "mup",
    "фгуп": "fgup",
}


class CompanyName(NamedTuple):
    """A company read: its words, or "~surname given patronymic" of a sole trader, and the city that stood in it."""

    key: str
    city: str
    form: str = ""  # "ooo", "zao td": forms that one company does not change


@lru_cache(maxsize=50_000)
def read_company(typed: str) -> CompanyName:
    """Read a company's name as typed."""
    text = _QUOTES.sub(" ", _INN.sub(" ", typed)).strip(" ,.;-")
    text, city = _without_city(text)
    lowered = " ".join(one_script(word) for word in text.split()).lower().replace("ё", "е")
    person = _trader(lowered)
    trader = _trader_key(person) if person else ""
    if trader:
        return CompanyName(trader, city)
    lowered = person or lowered
    for phrase, form in word_lists()["legal_phrases"].items():
        lowered = lowered.replace(phrase, f" {form} ")
    lowered = re.sub(r"(?<=\b[^\W\d_])[./]\s?(?=[^\W\d_]\b)", "", lowered)  # l.l.c. is llc
    found = _WORD.findall(lowered.replace("&", " and "))
    plain = [word for word in found if word not in words("legal_forms")] or found
    form = " ".join(sorted({_FORMS[word] for word in found if word in _FORMS}))
    return CompanyName(" ".join(part for part in (skeleton(word) for word in plain) if part), city, form)


@lru_cache(maxsize=20_000)
def companies_in_text(text: str) -> tuple[str, ...]:
    """Return the company's names a text holds, as typed; only those with a legal form are told from other words."""
    return tuple(match.group().strip() for match in _IN_TEXT.finditer(text))


def joined(key: str) -> str:
    """Return the words of a company's key without blanks between them."""
    return key.replace(" ", "")


def _trader_key(person: str) -> str:
    name = read_name(person)
    names = (*name.given[:1], name.patronymic) if name.given else tuple(name.initials)
    if name.surname and (any(names) or not name.extra):
        return " ".join(part for part in (f"~{name.surname}", *names) if part)
    return f"~{name.given[0]}" if name.given and not name.surname else ""


def _without_city(text: str) -> tuple[str, str]:
    match = _CITY_TAIL.search(text)
    if match is None:
        return text, ""
    name = next(group for group in match.groups() if group)
    known = cities().get(city_key(name), "")
    if known or match.group(1):
        return text[: match.start()].strip(" ,"), known or city_key(name)
    return text, ""


@cache
def _trader_pattern() -> re.Pattern[str]:
    phrases = sorted(word_lists()["trader_phrases"], key=len, reverse=True)
    return re.compile(rf"(?:^|(?<=\s))(?:{'|'.join(phrases)})(?=[\s.,]|$)")


def _trader(lowered: str) -> str:
    match = _trader_pattern().search(lowered)
    if match is None:
        return ""
    return " ".join(f"{lowered[: match.start()]} {lowered[match.end() :]}".split())
