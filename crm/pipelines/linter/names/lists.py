"""The lists of data/linter/*.toml: words between blanks, and patterns over plain words."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

from crm.settings import ROOT

# Between ends, blanks and the bars of an alternative.
_WHOLE_WORD = re.compile(r"(?:(?<=[\s|(^])|^)[а-яa-z]{4,}(?=[\s|)$]|$)(?!\)\?)")
FOLDER = ROOT / "data" / "linter"


def words(file: str, key: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(_text(file, key).split())


def single_words(file: str, *keys: str) -> re.Pattern[str]:
    """Return a pattern for any one word of the lists, whose entries may be patterns themselves."""
    return re.compile("|".join(alternatives(file, *keys)))


def alternatives(file: str, *keys: str) -> list[str]:
    """Return the entries of the lists, in their order."""
    return [entry for key in keys for entry in _text(file, key).split()]


def phrases(file: str, key: str) -> re.Pattern[str]:
    """Return a pattern for any of the listed phrases, from a word's beginning to a word's end."""
    return re.compile(rf"(?:^|(?<=\s))(?:{'|'.join(_lists(file)[key])})(?=\s|$)")


def whole_words(file: str) -> frozenset[str]:
    """Return the words that stand in a file's lists as they are, without anything of a pattern about them."""
    lists = [
        entry for value in _lists(file).values() for entry in (value if isinstance(value, list) else value.split())
    ]
    return frozenset(word for entry in lists for word in _WHOLE_WORD.findall(entry))


def table(file: str, key: str) -> dict[str, str]:
    """Return a table of the file."""
    return dict(_lists(file)[key])


def _text(file: str, key: str) -> str:
    return str(_lists(file)[key])


@cache
def _lists(file: str) -> dict[str, Any]:
    with (FOLDER / f"{file}.toml").open("rb") as stream:
        return tomllib.load(stream)
