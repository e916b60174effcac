"""Words without script: one spelling for what is written in Cyrillic, in any transliteration, or in a wrong layout."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

from anyascii import anyascii

# One letter per sound: q is ч, w is ш and щ, j is ж, h is х, c is ц; soft and hard signs are silent.
_LETTERS = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўәғқңөұүһђјљњћџ"
_SOUNDS = "abvgdeejziiklmnoprstufhcqww_i_euaiieguagknouuhdilnqq"
_FROM_CYRILLIC = str.maketrans({letter: sound.strip("_") for letter, sound in zip(_LETTERS, _SOUNDS, strict=True)})
_FIRST = {"я": "i", "ю": "i"}
_MARKED_LATIN = str.maketrans({"ž": "zh", "č": "ch", "š": "sh", "ŝ": "sh", "â": "a", "û": "u", "ß": "ss", "ø": "o"})
_LATIN_SOUNDS = (
    ("shch|sch|sh", "w"),
    ("zh", "j"),
    ("kh", "h"),
    ("ph", "f"),
    ("ch", "q"),
    ("ts|tz", "c"),
    ("ck", "k"),
    ("c(?=[bdfgklmnpqrstvxz]|$)", "k"),
    ("^(?:[yj](?=[au])|j(?=o))", "i"),
    ("yo|(?<=.)jo", "e"),
    ("x", "ks"),
    ("[jy](?=[aeou])", ""),
    ("j|y", "i"),
)
_SOUND = re.compile("|".join(f"(?P<s{number}>{pattern})" for number, (pattern, _) in enumerate(_LATIN_SOUNDS)))
_DOUBLES = re.compile(r"([a-z])\1+")
_GLIDE = re.compile(r"(?<=.)i(?=[aeou])|^i(?=e)")  # Юлия keeps its first sound: Яна is not Анна
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")

_TO_CYRILLIC = str.maketrans("aceopxyABEKMHOPCTX", "асеорхуАВЕКМНОРСТХ")
_TO_LATIN = str.maketrans("асеорхуАВЕКМНОРСТХіІ", "aceopxyABEKMHOPCTXiI")
_HAS_CYRILLIC = re.compile("[а-яёА-ЯЁіїєґў]")
_HAS_LATIN = re.compile("[a-zA-Z]")
_ONLY_LATIN = re.compile(r"[bdfghijlnqrstuvwzDFGIJLNQRSUVWYZ]")  # letters without a Cyrillic twin

_KEYS_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>~"
_KEYS_CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбюёЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮЁ"
_LAYOUT_TO_CYRILLIC = str.maketrans(_KEYS_LATIN, _KEYS_CYRILLIC)
_LAYOUT_TO_LATIN = str.maketrans(_KEYS_CYRILLIC, _KEYS_LATIN)


@lru_cache(maxsize=100_000)
def skeleton(word: str) -> str:
    """Return the script-free skeleton of a word: Щербаков, Shcherbakov and Щeрбаков (with a Latin e) are one."""
    text = one_script(word).lower()
    if _HAS_CYRILLIC.search(text):
        text = _FIRST.get(text[:1], "") + text.translate(_FROM_CYRILLIC)
    if not text.isascii():
        text = text.translate(_MARKED_LATIN)
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
        text = text if text.isascii() else anyascii(text).lower()
    if not _HAS_CYRILLIC.search(one_script(word)):
        text = _latin_sounds(_NOT_LETTERS.sub("", text))
    text = _GLIDE.sub("", _DOUBLES.sub(r"\1", _NOT_LETTERS.sub("", text)))
    return sys.intern(_DOUBLES.sub(r"\1", text))


def one_script(word: str) -> str:
    """Return the word in one script where look-alike letters of another are mixed in."""
    if not (_HAS_CYRILLIC.search(word) and _HAS_LATIN.search(word)):
        return word
    if _ONLY_LATIN.search(word):
        return word.translate(_TO_LATIN)
    return word.translate(_TO_CYRILLIC)


def to_cyrillic_layout(text: str) -> str:
    """Return what the same keys give in the Russian layout."""
    return text.translate(_LAYOUT_TO_CYRILLIC)


def to_latin_layout(text: str) -> str:
    """Return what the same keys give in the Latin layout."""
    return text.translate(_LAYOUT_TO_LATIN)


def has_cyrillic(text: str) -> bool:
    """Tell whether there is a Cyrillic letter."""
    return bool(_HAS_CYRILLIC.search(text))


def has_latin(text: str) -> bool:
    """Tell whether there is a Latin letter."""
    return bool(_HAS_LATIN.search(text))


def _latin_sounds(text: str) -> str:
    text = text.replace("w", "v").replace("q", "k")
    return _SOUND.sub(lambda found: _LATIN_SOUNDS[int((found.lastgroup or "s0")[1:])][1], text)
