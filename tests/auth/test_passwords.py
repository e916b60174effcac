"""Which passwords are refused, and how they are kept."""

from __future__ import annotations

from time import perf_counter

import pytest
from argon2 import PasswordHasher

from crm.auth import passwords
from crm.auth.passwords import hash_password, needs_rehash, password_violations, verify_password

WORDS = ("Anna Petrovna", "anna.sidorova@romashka.example", "ООО Ромашка")


def codes(password: str) -> list[str]:
    return [violation.code for violation in password_violations(password, words=WORDS)]


@pytest.mark.parametrize(
    "password",
    [
        "three wet boats",
        "  spaces at ends  ",
        "съешь ещё этих булок",
        "😀😃😄😁😆😅😂🤣🥲😊😇🙂",
        "correct horse battery staple",
        "x9$kQ2!vB7@p",
        "a" * 10 + "bcdefghijkl" + "m" * 235,
    ],
)
def test_long_password_of_own_words_is_taken(password: str) -> None:
    assert codes(password) == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "value_required"),
        ("elevenchars", "password_too_short"),
        ("q" * 5 + "wortu pzmxn" + "k" * 241, "password_too_long"),
        ("bad\ud800surrogate here", "text_unreadable"),
    ],
)
def test_password_of_wrong_shape_is_refused(password: str, code: str) -> None:
    assert codes(password) == [code]


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2026!",
        "p@ssw0rd2026",
        "passwordpassword",
        "qwerty123456",
        "йцукен123456",
        "gfhjkm123456",  # "пароль" on the Latin keyboard
        "ghbdtngfhjkm",  # "приветпароль"
        "зфыыцщкв2026",  # "password" on the Russian one
        "1234567890123",
        "000000000000",
        "121212121212",
        "ILoveYou2024!",
        "adminadmin2026",
        "2026-10-01-2026",
    ],
)
def test_common_password_is_refused_in_every_spelling(password: str) -> None:
    assert codes(password) == ["password_common"]


@pytest.mark.parametrize(
    "password", ["voronka2026!!", "Romashka-2026", "ромашка=99887", "sidorova.anna", "Petrovna#2026"]
)
def test_password_leaning_on_its_surroundings_is_refused(password: str) -> None:
    assert codes(password) == ["password_personal"]


def test_company_word_with_enough_of_ones_own_is_taken() -> None:
    assert codes("romashka with three wet boats") == []


def test_hash_has_the_named_parameters_and_never_the_password() -> None:
    stored = hash_password("three wet boats")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "boats" not in stored
    assert len(stored) <= 200


def test_password_counts_exactly_as_typed() -> None:
    stored = hash_password(" Three wet boats ")
    assert verify_password(stored, " Three wet boats ")
    assert not verify_password(stored, "Three wet boats")
    assert not verify_password(stored, " three wet boats ")


def test_one_letter_typed_on_two_systems_is_one_letter() -> None:
    stored = hash_password("мой йогурт ёлка")
    assert verify_password(stored, "мой йогурт ёлка".replace("й", "й").replace("ё", "ё"))


@pytest.mark.parametrize("stored", ["", "not a hash", "$argon2id$v=19$m=1", None])
def test_nothing_fits_a_missing_or_broken_hash(stored: str | None) -> None:
    assert not verify_password(stored, "no account has this password")


def test_hash_of_other_parameters_asks_for_a_new_one() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("three wet boats")
    assert needs_rehash(weaker)
    assert not needs_rehash(hash_password("three wet boats"))


def test_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    stored = hash_password("three wet boats")
    passwords.warm_up()
    pairs = [(timed(stored), timed(None)) for _ in range(9)]
    known, unknown = (min(times) for times in zip(*pairs, strict=True))  # the least disturbed of each
    assert unknown == pytest.approx(known, rel=0.5)
    assert unknown > 0.005


def timed(stored: str | None) -> float:
    started = perf_counter()
    assert not verify_password(stored, "wrong password here")
    return perf_counter() - started
