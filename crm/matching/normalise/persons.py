"""Person's names: which word is the given name, the surname, the patronymic, an initial, or noise."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from crm.matching.normalise.skeleton import (
    has_cyrillic,
    has_latin,
    one_script,
    skeleton,
    to_cyrillic_layout,
    to_latin_layout,
)
from crm.matching.normalise.words import given_names, russian_given_names, word_skeletons

_BRACKETS = re.compile(r"\(([^)]*)\)|\[([^\]]*)\]")
_INITIALS = re.compile(r"(?<![\w])([^\W\d_])\s*\.\s*(?:([^\W\d_])\s*\.?)?(?![\w])")
_WORD = re.compile(r"[^\W\d_]+(?:['’`\-][^\W\d_]+)*['’`]?")
_PATRONYMIC = re.compile(r"(?:oviq|eviq|^iliq|kuzmiq|lukiq|fomiq|nikitiq|saviq|ovna|evna|iqna|ogli|kizi|oglu)$")
_SURNAME = re.compile(
    r"(?:[oe]va?|ina?|skii?|skoi|skaa?|ckii?|ckaa?|enko|uk|ko|an|anc|dze|wvili|ih|oi|aia|aa|ec|ev|ov)$"
)
_FEMALE = (
    ("ova", "ov"),
    ("eva", "ev"),
    ("ina", "in"),
    ("skaa", "ski"),
    ("ckaa", "cki"),
    ("ska", "ski"),
    ("cka", "cki"),
    ("naa", "ni"),
)
_LAYOUT_PUNCTUATION = re.compile(r"[\[\];',.`{}<>:\"]")
_PARTICLES = frozenset(
    {"de", "la", "le", "da", "di", "del", "der", "den", "van", "von", "ter", "bin", "al", "el", "st", "mac", "mc"}
)
_VOWELS = frozenset("aeiouy")


class PersonName(NamedTuple):
    """A name read: `given` holds every full name a short form may stand for."""

    given: tuple[str, ...]
    given_typed: str
    surname: str
    surname_typed: str
    patronymic: str
    initials: str
    extra: tuple[str, ...]
    in_brackets: tuple[str, ...]


EMPTY_NAME = PersonName((), "", "", "", "", "", (), ())


@lru_cache(maxsize=50_000)
def read_name(typed: str) -> PersonName:
    """Read a full name in any order, script and keyboard layout, with noise in it."""
    brackets = tuple(part for pair in _BRACKETS.findall(typed) for part in pair if part)
    text = _right_layout(_BRACKETS.sub(" ", typed))
    text, letters = _take_initials(text)
    kept = [word for word in _WORD.findall(text) if not _is_noise(word)]
    letters += "".join(skeleton(word)[:1] for word in kept if len(word) == 1)
    kept = [word for word in kept if len(word) > 1]
    return _roles(kept, letters)._replace(in_brackets=brackets)


def read_parts(given_typed: str, surname_typed: str) -> PersonName:
    """Read a name that came in two fields; a patronymic may stand beside the given name."""
    name = read_name(given_typed) if given_typed else EMPTY_NAME
    first = [word for word in _WORD.findall(given_typed) if len(word) > 1]
    surname = " ".join(_WORD.findall(surname_typed))
    if not first:
        letters = "".join(skeleton(word)[:1] for word in _WORD.findall(given_typed))
        return EMPTY_NAME._replace(
            surname=surname_skeleton(surname), surname_typed=surname_typed.strip(), initials=letters
        )
    if any(word.lower() in _PARTICLES for word in first):
        first = ["".join(first)]  # de la Cruz is one word of a name
    given = skeleton(first[0])
    return PersonName(
        given_names().get(given, (given,)),
        first[0],
        surname_skeleton(surname),
        surname_typed.strip(),
        name.patronymic,
        given[:1] + name.patronymic[:1],
        tuple(skeleton(word) for word in first[1:] if skeleton(word) != name.patronymic),
        (),
    )


@lru_cache(maxsize=100_000)
def surname_skeleton(typed: str) -> str:
    """Return the surname's skeleton in its masculine form: Иванова and Иванов are one family."""
    text = "".join(skeleton(word) for word in re.split(r"[\s\-]+", typed) if word)
    for female, male in _FEMALE:
        if text.endswith(female) and len(text) > len(female) + 1:
            return text[: -len(female)] + male
    return text


def is_given(word: str) -> bool:
    """Tell whether a word is a known given name or a short form of one."""
    return skeleton(word) in given_names()


def _is_noise(word: str) -> bool:
    if has_cyrillic(word) and has_latin(word):
        word = one_script(word)
    key = skeleton(word)
    return (key in word_skeletons("name_noise") or key in word_skeletons("positions")) and key not in _NAMES_LIKE_NOISE


_NAMES_LIKE_NOISE = frozenset({"mark", "lev"})


def _take_initials(text: str) -> tuple[str, str]:
    letters = ""
    for match in _INITIALS.finditer(text):
        letters += "".join(skeleton(letter)[:1] or "e" for letter in match.groups() if letter)
    return _INITIALS.sub(" ", text), letters[:2]


def _right_layout(text: str) -> str:
    """Return the text typed anew in the other layout where only that gives a name."""
    pieces = text.split()
    if not pieces:
        return text
    latin = [piece for piece in pieces if has_latin(piece) and not has_cyrillic(piece)]
    turned = {piece: to_cyrillic_layout(piece) for piece in latin}
    if any(_is_turned(piece, other) for piece, other in turned.items()):
        return " ".join(turned.get(piece, piece) for piece in pieces)
    cyrillic = [piece for piece in pieces if has_cyrillic(piece) and not has_latin(piece)]
    if any(
        skeleton(to_latin_layout(piece)) in given_names() and not is_given(piece) and len(piece) > 3
        for piece in cyrillic
    ):
        return " ".join(to_latin_layout(piece) if piece in cyrillic else piece for piece in pieces)
    return text


def _is_turned(latin: str, turned: str) -> bool:
    if is_given(latin) or len(latin) < 3:
        return False
    key = skeleton(turned)
    if key in given_names():
        return True
    letters = [char for char in latin.lower() if char.isalpha()]
    vowels = sum(char in _VOWELS for char in letters)
    unlikely = bool(_LAYOUT_PUNCTUATION.search(latin[:-1])) or vowels * 4 < len(letters)
    return unlikely and len(key) > 4 and bool(_PATRONYMIC.search(key) or _SURNAME.search(key))


def _roles(kept: list[str], letters: str) -> PersonName:
    keys = [skeleton(word) for word in kept]
    known = given_names()
    like = [at for at in range(len(keys)) if _is_patronymic(keys, at, letters)]
    patronymic_at = next((at for at in like if len(like) > 1 and _is_of_a_name(keys[at])), like[0] if like else None)
    given_at = _given_place(keys, patronymic_at, letters)
    rest = [at for at in range(len(keys)) if at not in (patronymic_at, given_at)]
    surname_at = _surname_place(keys, rest)
    given = () if given_at is None else known.get(keys[given_at], (keys[given_at],))
    patronymic = "" if patronymic_at is None else keys[patronymic_at]
    initials = letters or ("" if given_at is None else keys[given_at][:1] + patronymic[:1])
    return PersonName(
        given,
        "" if given_at is None else kept[given_at],
        "" if surname_at is None else surname_skeleton(kept[surname_at]),
        "" if surname_at is None else kept[surname_at],
        patronymic,
        initials,
        tuple(keys[at] for at in rest if at != surname_at),
        (),
    )


def _is_patronymic(keys: list[str], at: int, letters: str) -> bool:
    """Tell whether a word is a patronymic; of two words, Гуревич and Царевна are surnames, Сергеевич is not."""
    key = keys[at]
    found = _PATRONYMIC.search(key)
    if found is None or len(key) < 4 or key in given_names() or (len(keys) == 1 and letters):
        return False
    if len(keys) != 2 or not found.group().endswith(("viq", "vna")):
        return len(keys) > 1 and (at > 0 or not found.group().endswith("viq"))
    if key in word_skeletons("surnames_like_patronymics") or not _is_of_a_name(key):
        return False
    return at > 0 or found.group().endswith("vna")


def _is_of_a_name(key: str) -> bool:
    """Tell whether a patronymic, or a word that ends like one, begins like a father's given name."""
    found = _PATRONYMIC.search(key)
    return found is not None and key[: found.start()] in _patronymic_stems()


@cache
def _patronymic_stems() -> frozenset[str]:
    """Return what stands before -ович and -евич: the given name with or without its ending."""
    stems = {"pavl", "lv"}
    for name in russian_given_names():
        stems |= {name, name.removesuffix("i"), name.removesuffix("ei"), name[:-1] if name[-1] in "ao" else name}
    return frozenset(stems)


def _given_place(keys: list[str], patronymic_at: int | None, letters: str) -> int | None:
    known = given_names()
    places = [at for at in range(len(keys)) if at != patronymic_at]
    named = [at for at in places if keys[at] in known]
    if letters and len(places) == 1:
        return None  # "Иванов А.С.": the one word is the surname, even where it is also a name
    if patronymic_at is not None and patronymic_at > 0 and (not named or patronymic_at - 1 in named):
        return patronymic_at - 1
    if named:
        plain = [at for at in named if not _SURNAME.search(keys[at]) or len(keys[at]) < 5]
        return (plain or named)[0]
    if not places or letters:
        return None
    if len(places) == 1:
        return None if _looks_like_surname(keys[places[0]]) else places[0]
    unlike = [at for at in places if not _looks_like_surname(keys[at])]
    return (unlike or places)[0]


def _surname_place(keys: list[str], rest: list[int]) -> int | None:
    if not rest:
        return None
    likely = [at for at in rest if _looks_like_surname(keys[at])]
    return likely[0] if likely else rest[-1]


def _looks_like_surname(key: str) -> bool:
    return len(key) > 4 and bool(_SURNAME.search(key))
