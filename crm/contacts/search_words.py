"""The words under which deals, contacts and companies are found; pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

import phonenumbers

WORD_LENGTH = 60  # longer words are cut, here and in queries
_RUSSIAN_FORMS = "ооо оао зао пао нао ао ип тоо чп гк гуп муп фгуп ано нко снт тсж"
_LATIN_FORMS = "llc llp ltd limited inc corp plc gmbh ag jsc pjsc cjsc ojsc ooo oao zao pao ao ip"
LEGAL_FORMS = frozenset(f"{_RUSSIAN_FORMS} {_LATIN_FORMS}".split())


def words_in(text: str) -> list[str]:
    """Split a text into folded words: lower case, no accents, ё as е; letters and digits only."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return [word[:WORD_LENGTH] for word in "".join(map(_folded, decomposed)).split()]


def without_legal_forms(words: list[str]) -> list[str]:
    """Leave out words such as ООО and Ltd, unless nothing else remains."""
    return [word for word in words if word not in LEGAL_FORMS] or words


def words_of_deal(deal_id: int, title: str) -> str:
    """Return the words of a deal: its number and its title."""
    return _joined([str(deal_id)], without_legal_forms(words_in(title)))


def words_of_contact(
    name: str, position: str | None = None, *, phones: Iterable[str] = (), emails: Iterable[str] = (),
    others: Iterable[str] = (),
) -> str:  # fmt: skip
    """Return the words of a person; phones in E.164, `others` are messenger names and web addresses."""
    return _joined(without_legal_forms(words_in(name)), words_in(position or ""), *_point_words(phones, emails, others))


def words_of_company(
    name: str, inn: str | None = None, website: str | None = None, *, phones: Iterable[str] = (),
    emails: Iterable[str] = (), others: Iterable[str] = (),
) -> str:  # fmt: skip
    """Return the words of a company; phones in E.164, `others` are messenger names and web addresses."""
    addresses = [*([website] if website else []), *others]
    return _joined(without_legal_forms(words_in(name)), words_in(inn or ""), *_point_words(phones, emails, addresses))


def phone_words(e164: str) -> list[str]:
    """Return the forms a phone is typed in: with the country, as dialled inside it, the last 10 and 7 digits."""
    digits = e164.lstrip("+")
    forms = [digits, digits[-10:], digits[-7:]]
    try:
        parsed = phonenumbers.parse(e164)
        national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
        forms.insert(1, "".join(char for char in national if char.isdecimal()))
    except phonenumbers.NumberParseException:
        pass
    return forms


def email_words(address: str) -> list[str]:
    """Return the whole address and its domain as one word each, and their parts but for the top domain."""
    local, _at, domain = address.rpartition("@")
    return [_squeezed(address), _squeezed(domain), *words_in(local), *_host_words(domain)]


def address_words(address: str) -> list[str]:
    """Return the words of a web address or a messenger name."""
    if "://" not in address:
        return [_squeezed(address), *words_in(address)]
    parts = urlsplit(address)
    host = (parts.hostname or "").removeprefix("www.")
    return [_squeezed(host), *_host_words(host), *words_in(parts.path)]


def _point_words(phones: Iterable[str], emails: Iterable[str], others: Iterable[str]) -> list[list[str]]:
    return [
        *(phone_words(phone) for phone in phones),
        *(email_words(email) for email in emails),
        *(address_words(address) for address in others),
    ]


def _host_words(host: str) -> list[str]:
    # The top domain stands in half of all addresses; as a word it would find everything.
    return words_in(host.rpartition(".")[0])


def _squeezed(text: str) -> str:
    return "".join(words_in(text))[:WORD_LENGTH]


def _joined(*lists: list[str]) -> str:
    return " ".join(dict.fromkeys(word for words in lists for word in words if word))


def _folded(char: str) -> str:
    if char.isalnum():
        return char
    return "" if unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"} else " "
