"""Passwords: what may be one, how it is kept, how it is checked in the same time for everybody."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crm.errors import Violation

MIN_LENGTH = 12
MAX_LENGTH = 256
# What must be left of a password once names and words around its owner are taken out.
MIN_OWN_LENGTH = 8
MIN_DIFFERENT = 5
COMMON_WORDS = Path(__file__).with_name("common_passwords.txt")

# 19 MiB, two passes: 27 ms here; four at once keep memory under 80 MiB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_TURNS = BoundedSemaphore(4)
_LATIN_KEYS = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_RUSSIAN_KEYS = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_SIGNS = string.digits + string.punctuation + string.whitespace
_LOOK_ALIKES = str.maketrans("0134578@$", "oieastbas")


def hash_password(password: str) -> str:
    """Return the argon2id hash to store."""
    with _TURNS:
        return _HASHER.hash(_composed(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Tell whether the password fits; without a stored hash the same work is done in vain."""
    with _TURNS:
        try:
            fits = _HASHER.verify(stored or _hash_of_nobody(), _composed(password))
        except (VerificationError, InvalidHashError):
            return False
    return fits and bool(stored)


def needs_rehash(stored: str) -> bool:
    """Tell whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def password_violations(password: str, *, words: Iterable[str], field: str = "password") -> list[Violation]:
    """Return why a new password is refused; `words` are the owner's name, e-mail and company."""
    composed = _composed(password)
    if not password:
        return [Violation("value_required", field)]
    if any(unicodedata.category(char) == "Cs" for char in password):
        return [Violation("text_unreadable", field)]
    if len(composed) < MIN_LENGTH:
        return [Violation("password_too_short", field, {"limit": MIN_LENGTH})]
    if len(composed) > MAX_LENGTH:
        return [Violation("password_too_long", field, {"limit": MAX_LENGTH})]
    weakness = _weakness(composed.casefold(), words)
    return [Violation(weakness, field)] if weakness else []


def warm_up() -> None:
    """Do once what the first sign-in would otherwise wait for."""
    _hash_of_nobody()
    _common_words()


def _composed(password: str) -> str:
    # One letter typed on two systems must be one letter; nothing else is changed.
    return unicodedata.normalize("NFC", password)


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash("no account has this password")


@cache
def _common_words() -> frozenset[str]:
    lines = COMMON_WORDS.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _weakness(lowered: str, words: Iterable[str]) -> str | None:
    if _is_common(lowered):
        return "password_common"
    return "password_personal" if _leans_on(lowered, words) else None


def _is_common(lowered: str) -> bool:
    if len(set(lowered)) < MIN_DIFFERENT:
        return True
    core = lowered.strip(_SIGNS)
    return any(_is_common_spelling(spelling) for spelling in (lowered, core.translate(_LOOK_ALIKES)))


def _is_common_spelling(lowered: str) -> bool:
    for typed in (lowered, _other_layout(lowered)):
        letters = typed.translate(dict.fromkeys(map(ord, _SIGNS)))
        if not letters or typed in _common_words() or _is_made_of_common_words(letters):
            return True
    return False


def _is_made_of_common_words(letters: str) -> bool:
    """Tell whether the letters are one or several listed words and nothing else: "passwordpassword"."""
    reachable = {0}
    for end in range(1, len(letters) + 1):
        if any(letters[start:end] in _common_words() for start in reachable):
            reachable.add(end)
    return len(letters) in reachable


def _other_layout(text: str) -> str:
    """Return what the same keys give on the other of the two keyboards: "gfhjkm" is "пароль"."""
    return text.translate(str.maketrans(_LATIN_KEYS + _RUSSIAN_KEYS, _RUSSIAN_KEYS + _LATIN_KEYS))


def _leans_on(lowered: str, words: Iterable[str]) -> bool:
    rest = lowered
    for word in sorted(_context_words(words), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != lowered and len(rest) < MIN_OWN_LENGTH


def _context_words(words: Iterable[str]) -> set[str]:
    split = {"voronka", "воронка"}
    for word in words:
        spaced = "".join(char if char.isalnum() else " " for char in word.casefold())
        split.update(spaced.split())
    return {word for word in split if len(word) >= 4}
