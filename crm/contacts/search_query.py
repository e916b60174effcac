"""Reading what was typed into the search: words, phones, addresses and deal numbers as index expressions; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from crm.contacts.normalise import parse_phone
from crm.contacts.search_words import LEGAL_FORMS, words_in

TEXT_LENGTH = 200
GROUPS_AT_MOST = 8
SHORTEST_DIGIT_BEGINNING = 4  # "10" means ten, not every phone that begins with it

_NUMBER = re.compile(r"^\s*[#№]?\s*(\d{1,9})\s*$")
_DIGITS_AND_MARKS = re.compile(r"(?<![\w@.])[+(]?\d[\d\s()./\-‐-―]*\d(?![\w@])")
_ADDRESS_START = re.compile(r"^(?:https?://)?(?:www\.)?", re.IGNORECASE)

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What to find: of each group one alternative, of an alternative every word; `initials` begin some word."""

    groups: tuple[tuple[Words, ...], ...] = ()
    initials: Words = ()
    deal_number: int | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether the index has nothing to look for."""
        return not self.groups


def parse_query(text: str, region: str) -> Query:
    """Read a query; text past the first 200 characters and the first eight groups is not looked at."""
    text = text[:TEXT_LENGTH]
    number = _NUMBER.match(text)
    alternatives: list[list[Words]] = []
    rest = _DIGITS_AND_MARKS.sub(lambda found: _take_digits(found.group(), region, alternatives), text)
    for token in rest.split():
        alternatives.extend(_of_token(token))
    alternatives = _without_legal_forms(alternatives)
    initials = tuple(words[0][0] for words in alternatives if _is_initial(words))
    groups = (tuple(dict.fromkeys(_long_enough(words))) for words in alternatives if not _is_initial(words))
    return Query(
        groups=tuple(dict.fromkeys(groups))[:GROUPS_AT_MOST],
        initials=initials[:GROUPS_AT_MOST],
        deal_number=int(number[1]) if number else None,
    )


def fts5_expression(query: Query, marks: Iterable[Words]) -> str:
    """Return the MATCH expression of SQLite; of each tuple of marks one must be there."""
    return _expression(query, marks, " AND ", " OR ", _fts5_word, _fts5_beginning)


def tsquery_expression(query: Query, marks: Iterable[Words]) -> str:
    """Return the tsquery of PostgreSQL; of each tuple of marks one must be there."""
    return _expression(query, marks, " & ", " | ", _tsquery_word, _tsquery_beginning)


def _take_digits(typed: str, region: str, alternatives: list[list[Words]]) -> str:
    parts = tuple(words_in(typed))
    joined = "".join(parts)
    if len(joined) < SHORTEST_DIGIT_BEGINNING or (len(parts) == 1 and not typed.startswith("+") and len(joined) < 7):
        return typed
    phone = parse_phone(typed, region)
    forms = [(phone.e164.lstrip("+"),)] if phone else []
    alternatives.append([*forms, (joined,), parts])
    return " "


def _of_token(token: str) -> list[list[Words]]:
    parts = tuple(words_in(token))
    if not parts:
        return []
    if "@" in token:
        local, _at, domain = token.rpartition("@")
        return [[("".join(words_in(local) + words_in(domain)),)]]
    address = _ADDRESS_START.sub("", token)
    if len(parts) > 1 and ("." in address or address != token):
        host = "".join(words_in(address.partition("/")[0]))
        return [[(host,), parts]] if host else [[parts]]
    return [[(part,)] for part in parts]


def _without_legal_forms(alternatives: list[list[Words]]) -> list[list[Words]]:
    return [words for words in alternatives if not (words[0][0] in LEGAL_FORMS and len(words[0]) == 1)] or alternatives


def _is_initial(alternatives: list[Words]) -> bool:
    return all(len(words) == 1 and len(words[0]) == 1 and not words[0].isdigit() for words in alternatives)


def _long_enough(alternatives: list[Words]) -> list[Words]:
    return [tuple(word for word in words if len(word) > 1 or word.isdigit()) or words for words in alternatives]


def _expression(
    query: Query,
    marks: Iterable[Words],
    both: str,
    either: str,
    word: Callable[[str], str],
    beginning: Callable[[str], str],
) -> str:
    def term(text: str) -> str:
        return word(text) if text.isdigit() and len(text) < SHORTEST_DIGIT_BEGINNING else beginning(text)

    groups = [either.join("(" + both.join(map(term, words)) + ")" for words in group) for group in query.groups]
    groups += [either.join(map(word, of_one)) for of_one in marks]
    return both.join(f"({group})" for group in groups)


def _fts5_word(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _fts5_beginning(word: str) -> str:
    return _fts5_word(word) + "*"


def _tsquery_word(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _tsquery_beginning(word: str) -> str:
    return _tsquery_word(word) + ":*"
