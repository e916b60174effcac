"""From a name as people type it to plain words: no numbers in front, no emoji, no markup, one alphabet per word."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

from crm.pipelines.linter.names.lists import table

LONGEST = 300  # a name is judged by its beginning; nobody reads further either

_TAGS = re.compile(r"<[^<>]{0,200}>")
_STEP = r"(?:этап|стадия|шаг|статус|stage|step|phase|status)"
_NUMBER = r"(?:\d{1,3}(?:\.\d{1,3})*|[ivx]{1,5}|[a-zа-я])"
_NUMBERED = re.compile(
    rf"^\W*(?:{_STEP}\s*(?:№|#|no\.?)?\s*(?:{_NUMBER}\b)?\s*[.):\-–—/]*\s*"
    rf"|{_NUMBER}\s*[.):]+\s*|\d{{1,3}}\s+[-–—]?\s*|\d{{1,3}}\s*[-–—]\s+)",
    re.IGNORECASE,
)
_STEP_FIRST = re.compile(rf"^\W*{_STEP}\s*(?:№|#|no\.?)?\s*\d", re.IGNORECASE)
_BREAKS = re.compile(r"\s*(?:[/\\|;,:!?()\[\]{}<>«»“”„\"+=→⇒•·…]|\s[-–—]+\s|[–—]|->|=>)+\s*")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_TWINS = str.maketrans("aceopxykmthbAB3", "асеорхукмтнвАВз")
_LAYOUT = str.maketrans(
    "qwertyuiop[]asdfghjkl;'zxcvbnm,.`",
    "йцукенгшщзхъфывапролджэячсмитьбюе",
)
_SHORT = tuple(
    (re.compile(pattern, re.IGNORECASE), full)
    for pattern, full in (
        (r"\bк\s?/\s?п\b", "кп"),
        (r"\bт\s?/\s?з\b", "тз"),
        (r"\bн\s?/\s?о\b", "не отвечает"),
        (r"\bн\s?/\s?д\b", "недозвон"),
        (r"\bw\s?/\s?", "with "),
        (r"\be-mail", "email"),
    )
)
_WRITTEN_OUT = table("abbreviations", "written_out")
_BEHIND_NA = table("abbreviations", "behind_na")


@dataclass(frozen=True, slots=True)
class Words:
    """A name as segments of lower-case words, е for ё; `written` keeps the same words with their capitals."""

    segments: tuple[tuple[str, ...], ...]
    written: tuple[tuple[str, ...], ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Return the words of all segments."""
        return tuple(word for segment in self.segments for word in segment)


def split_name(name: str) -> Words:
    """Return the words of a name, segment by segment."""
    plain = _without_number(plain_text(name))
    for pattern, full in _SHORT:
        plain = pattern.sub(full, plain)
    segments, written = [], []
    for part in _BREAKS.split(plain):
        found = [_one_alphabet(word) for word in _WORD.findall(part)]
        if found:
            written.append(tuple(found))
            segments.append(_written_out([word.lower().replace("ё", "е").replace("’", "'") for word in found]))
    return Words(tuple(segments), tuple(written))


def plain_text(name: str) -> str:
    """Return the name without markup, emoji, control and invisible characters, spaces single."""
    text = unicodedata.normalize("NFKC", html.unescape(_TAGS.sub(" ", name[: 4 * LONGEST])))
    kept = "".join(_kept(character) for character in text)
    return " ".join(kept.split())[:LONGEST]


def other_layout(text: str) -> str:
    """Return what the same keys give in the Russian keyboard layout, in lower case."""
    return text.lower().translate(_LAYOUT)


def is_cyrillic(word: str) -> bool:
    """Tell whether a word is written in Cyrillic letters."""
    return any("а" <= letter <= "я" or letter == "ё" for letter in word.lower())


def guess_language(name: str) -> str:
    """Return "ru" where a name has more Cyrillic letters than Latin ones, else "en"."""
    letters = [letter for letter in plain_text(name).lower() if letter.isalpha()]
    cyrillic = sum("а" <= letter <= "я" or letter == "ё" for letter in letters)
    return "ru" if 2 * cyrillic >= len(letters) and cyrillic else "en"


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cf", "Mn", "Me"}:
        return ""
    return " " if category[0] == "C" or category in {"So", "Sk", "Zl", "Zp"} else character


def _without_number(text: str) -> str:
    """Take "1.", "3)", "Stage 2:" away; a word such as "Stage" alone stays unless a number follows it."""
    if re.match(rf"^\W*{_STEP}\b", text, re.IGNORECASE) and not _STEP_FIRST.match(text):
        return text
    return _NUMBERED.sub("", text, count=1)


def _one_alphabet(word: str) -> str:
    """Turn Latin twins of Cyrillic letters back where a word mixes the two alphabets."""
    latin = sum("a" <= letter <= "z" for letter in word.lower())
    if not latin or not is_cyrillic(word):
        return word
    turned = word.translate(_TWINS) if word.islower() else word.lower().translate(_TWINS).capitalize()
    return turned if not re.search("[a-z]", turned.lower()) else word


def _written_out(words: list[str]) -> tuple[str, ...]:
    """Write abbreviations out; one of a participle only behind a noun, where it can be nothing else."""
    full: list[str] = []
    for place, word in enumerate(words):
        meant = _WRITTEN_OUT.get(word, word)
        if place and words[place - 1] == "на":
            meant = _BEHIND_NA.get(word, meant)
        elif meant.endswith("но") and len(words) == 1:
            meant = word
        full.append(meant)
    return tuple(full)
