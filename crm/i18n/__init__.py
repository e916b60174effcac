"""Languages: gettext catalogues through Babel, and the language and time zone of the present reader.

Texts are English in the code; `_` gives them in the reader's language. Values go in by name, so that text from
data never becomes a format.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES: dict[str, str] = {"ru": "Русский", "en": "English"}
LOCALES = Path(__file__).parent / "locales"


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom texts are made: language code and IANA time zone."""

    language: str = "en"
    timezone: str = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone."""
        return ZoneInfo(self.timezone)


_reader: ContextVar[Reader] = ContextVar("reader", default=Reader())  # noqa: B039 - Reader is frozen


def set_reader(language: str, timezone: str) -> None:
    """Make texts and times of this thread or task those of one reader."""
    _reader.set(Reader(known_language(language), timezone))


@contextmanager
def reader(language: str, timezone: str = "UTC") -> Iterator[None]:
    """Make texts and times those of one reader inside a block."""
    token = _reader.set(Reader(known_language(language), timezone))
    try:
        yield
    finally:
        _reader.reset(token)


def current_reader() -> Reader:
    """Return the present reader."""
    return _reader.get()


def known_language(wanted: str | None) -> str:
    """Return the language we have for a code such as "ru-RU"; English where we have none."""
    short = (wanted or "").replace("_", "-").split("-")[0].lower()
    return short if short in LANGUAGES else "en"


def _(text: str, /, **values: object) -> str:
    """Return the text in the reader's language, with the named values put in."""
    translated = _catalogue(_reader.get().language).gettext(text)
    return translated.format(**values) if values else translated


def ngettext(singular: str, plural: str, n: int, **values: object) -> str:
    """Return the form that fits the number, with `n` and the named values put in."""
    return _catalogue(_reader.get().language).ngettext(singular, plural, n).format(n=n, **values)


def N_(text: str) -> str:  # noqa: N802
    """Mark a text for the catalogue that is translated later."""
    return text


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    path = LOCALES / language / "LC_MESSAGES" / "voronka.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
