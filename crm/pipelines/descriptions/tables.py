"""Taking typed values out of a TOML tree: each mistake is kept with its place, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from crm.errors import Param, Violation
from crm.i18n import LANGUAGES
from crm.i18n.formats import MAX_AMOUNT_MINOR
from crm.pipelines.descriptions.values import ANY_LANGUAGE, Text
from crm.typed_text import clean_block, clean_line, line_violations

E = TypeVar("E", bound=Enum)

MAX_SECONDS = 10 * 366 * 86400
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LENGTH = re.compile(r"(?:[0-9]{1,9}[dhms] ?)+")
_KEY = re.compile(r"[a-z0-9_]{1,50}")


class Table:
    """One table of the tree: knows its place and which of its keys were asked for."""

    def __init__(self, content: Mapping[str, Any], place: str, found: list[Violation]) -> None:
        self._content = content
        self._place = place
        self._asked: set[str] = set()
        self.found = found

    def at(self, key: str) -> str:
        """Return the place of a key: "pipelines[2].stages[0].name"."""
        return f"{self._place}.{key}" if self._place else key

    def wrong(self, key: str, code: str, **params: Param) -> None:
        """Keep what is wrong with a key's value."""
        self.found.append(Violation(code, self.at(key), params))

    def has(self, key: str) -> bool:
        """Tell whether a key was written."""
        return key in self._content

    def is_table_with(self, key: str, inner: str) -> bool:
        """Tell whether a key holds a table that has the inner key."""
        value = self._content.get(key)
        return isinstance(value, dict) and inner in value

    def finish(self) -> None:
        """Tell every key that nobody asked for."""
        for key in self._content:
            if key not in self._asked:
                self.found.append(Violation("key_unknown", self.at(clean_line(key)[:60])))

    def text(self, key: str, limit: int, *, required: bool = False, block: bool = False) -> Text:
        """Return a text: a plain one, or one by language."""
        return self._text(key, self._take(key), limit, required=required, block=block)

    def texts(self, key: str, limit: int, most: int) -> tuple[Text, ...]:
        """Return a list of texts."""
        values = self._list(key, most)
        return tuple(
            self._text(f"{key}[{at}]", value, limit, required=True, block=False) for at, value in enumerate(values)
        )

    def line(self, key: str, limit: int, *, required: bool = False) -> str:
        """Return a line that is the same in every language; empty where there is none."""
        value = self._take(key)
        if value is None:
            if required:
                self.wrong(key, "value_required")
            return ""
        if not isinstance(value, str):
            self.wrong(key, "text_expected")
            return ""
        return self._cleaned(key, value, limit, required=required, block=False)

    def key(self, default: str) -> str:
        """Return the name by which the rest of the file speaks of this table."""
        written = self.line("key", 50)
        if written and not _KEY.fullmatch(written):
            self.wrong("key", "key_invalid")
            return default
        return written or default

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self.wrong(key, "flag_expected")
            return default
        return value

    def number(self, key: str, low: int, high: int) -> int | None:
        """Return a whole number from low to high."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.wrong(key, "number_between", low=low, high=high)
            return None
        return value

    def minor_units(self, key: str) -> int | None:
        """Return a sum of money in minor units."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value * 100 <= MAX_AMOUNT_MINOR:
            self.wrong(key, "amount_invalid")
            return None
        return round(value * 100)

    def seconds(self, key: str, default: int | None = None) -> int | None:
        """Return a length of time written as "15m", "4h" or "1d 12h"."""
        value = self._take(key)
        if value is None:
            return default
        read = read_length(value) if isinstance(value, str) else None
        if read is None:
            self.wrong(key, "length_of_time_invalid")
            return default
        return read

    def code(self, key: str, codes: type[E], *, required: bool = False) -> E | None:
        """Return one of a closed list."""
        value = self._take(key)
        if value is None and required:
            self.wrong(key, "value_required")
        return None if value is None else self._code(key, value, codes)

    def codes(self, key: str, codes: type[E]) -> tuple[E, ...] | None:
        """Return several of a closed list, each once; None where nothing was written."""
        if self._take(key) is None:
            return None
        read = [self._code(f"{key}[{at}]", value, codes) for at, value in enumerate(self._list(key, 50))]
        return tuple(dict.fromkeys(one for one in read if one is not None))

    def lines(self, key: str, most: int) -> tuple[str, ...]:
        """Return a list of plain lines, each once."""
        values = self._list(key, most)
        for at, value in enumerate(values):
            if not isinstance(value, str):
                self.wrong(f"{key}[{at}]", "text_expected")
        return tuple(dict.fromkeys(clean_line(value) for value in values if isinstance(value, str)))

    def table(self, key: str) -> Table:
        """Return a table inside this one; an empty one where there is none."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "table_expected")
            value = {}
        return Table(value, self.at(key), self.found)

    def tables(self, key: str, most: int, *, required: bool = False) -> Iterator[Table]:
        """Yield the tables of a list."""
        values = self._list(key, most)
        if required and not values and not any(one.field == self.at(key) for one in self.found):
            self.wrong(key, "value_required")
        for at, value in enumerate(values):
            if isinstance(value, dict):
                yield Table(value, f"{self.at(key)}[{at}]", self.found)
            else:
                self.wrong(f"{key}[{at}]", "table_expected")

    def _take(self, key: str, default: Any = None) -> Any:
        self._asked.add(key)
        return self._content.get(key, default)

    def _list(self, key: str, most: int) -> Sequence[Any]:
        value = self._take(key, [])
        if not isinstance(value, list):
            self.wrong(key, "list_expected")
            return []
        if len(value) > most:
            self.wrong(key, "too_many_items", limit=most)
            return []
        return value

    def _code(self, key: str, value: Any, codes: type[E]) -> E | None:
        try:
            return codes(value)
        except ValueError:
            known = ", ".join(str(one.value) for one in codes)
            self.wrong(key, "code_unknown", known=known)
            return None

    def _text(self, key: str, value: Any, limit: int, *, required: bool, block: bool) -> Text:
        if value is None or value == {}:
            if required:
                self.wrong(key, "value_required")
            return Text()
        if isinstance(value, str):
            return Text({ANY_LANGUAGE: self._cleaned(key, value, limit, required=required, block=block)})
        if not isinstance(value, dict):
            self.wrong(key, "text_expected")
            return Text()
        inner = Table(value, self.at(key), self.found)
        written = {language: inner._take(language) for language in LANGUAGES if language in value}
        inner.finish()
        for language, text in written.items():
            if not isinstance(text, str):
                inner.wrong(language, "text_expected")
        return Text({
            language: inner._cleaned(language, text, limit, required=required, block=block)
            for language, text in written.items()
            if isinstance(text, str)
        })  # fmt: skip

    def _cleaned(self, key: str, value: str, limit: int, *, required: bool, block: bool) -> str:
        checked = value.replace("\n", " ") if block else value
        problems = line_violations(checked, self.at(key), limit, required=required)
        self.found += problems
        if problems:
            return ""
        return clean_block(value) if block else clean_line(value)


def read_length(text: str) -> int | None:
    """Return the seconds of "15m", "4h" or "1d 12h"; None for anything else."""
    if not _LENGTH.fullmatch(text):
        return None
    seconds = sum(int(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"\d+[dhms]", text))
    return seconds if seconds <= MAX_SECONDS else None


def written_length(seconds: int) -> str:
    """Return a length of time as `read_length` reads it."""
    parts = []
    for unit, size in _SECONDS.items():
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts) or "0s"
