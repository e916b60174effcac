"""Keys: 64-bit hashes under which records that may be the same meet; stable between processes and versions."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations

from crm.matching.normalise.evidence import Evidence
from crm.matching.normalise.mailbox_names import surnames_in
from crm.matching.normalise.mailboxes import domain_stems
from crm.matching.normalise.skeleton import skeleton
from crm.models.codes import EntityType

NAME_ONLY = frozenset(
    {"name", "name_near", "street", "company_part", "born", "words", "mailbox_name", "mailbox_start", "mailbox_end"}
)  # weak alone: small blocks only
NAME_BLOCK, BLOCK = 12, 81  # records of one key that are still compared with one another

_MOST_NAMES = 3
_VOWELS = str.maketrans("", "", "aeiou")


def keys_of(evidence: Evidence, entity_type: EntityType = EntityType.CONTACT) -> tuple[int, ...]:
    """Return the keys of a record, each once."""
    return tuple({key for _, key in keyed(evidence, entity_type)})


def keyed(evidence: Evidence, entity_type: EntityType = EntityType.CONTACT) -> list[tuple[str, int]]:
    """Return the keys of a record with the kind that made each."""
    parts = _company_parts(evidence) if entity_type is EntityType.COMPANY else _person_parts(evidence)
    if entity_type is EntityType.DEAL:
        parts = [*parts, *(("client", key) for key in evidence.client_keys)]
    return list({(kind, _hash(f"{kind}\x1f{value}")): None for kind, value in parts})


def _person_parts(evidence: Evidence) -> list[tuple[str, str]]:
    parts = [*_identifiers(evidence), *_near_phones(evidence), *_near_mailboxes(evidence), *_organisation(evidence)]
    given, surname = evidence.given[:_MOST_NAMES], evidence.surname
    if surname:
        parts += [("name", " ".join(sorted((name, surname)))) for name in given]
        if evidence.patronymic:
            parts.append(("name", f"{surname} {evidence.patronymic}"))
        if not given and evidence.initials:
            parts.append(("name", f"{surname} {evidence.initials}"))
        parts += [("name", f"{surname} {name[:1]}{evidence.patronymic[:1]}") for name in given if evidence.patronymic]
        consonants = surname.translate(_VOWELS)
        if len(consonants) > 2:
            parts += [("name_near", f"{consonants} {name}") for name in given]
    else:
        boxed = {found for mailbox in evidence.mailboxes for found in surnames_in(mailbox)} - set(given)
        parts += [("name", " ".join(sorted((name, found)))) for found in sorted(boxed) for name in given]
    parts += [("name", " ".join(pair)) for pair in combinations(sorted(evidence.extra_names[:3]), 2)]
    parts += _place(evidence, (*given, surname))
    if evidence.address and evidence.city:
        parts += [("street", f"{evidence.city} {name}") for name in (*given, surname) if name]
        parts += [("street", " ".join(pair)) for pair in combinations(sorted(evidence.address[:4]), 2)]
    if not (evidence.mobiles or evidence.mailboxes or evidence.landlines):
        parts += _register(evidence, given)
    if evidence.born:
        parts += [("born", f"{evidence.born} {name[:2]}") for name in (*given, surname) if name]
        parts += [("born", f"{evidence.born[:4]} {name}") for name in (*given, surname) if name]
    return parts


def _register(evidence: Evidence, given: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield what persons of a register without phones meet by, a typing error in one field or another allowed."""
    surname, initials = evidence.surname, {name[:1] for name in given}
    day, year = evidence.born[4:], evidence.born[:4]
    for letter in initials:
        yield "register", f"{surname} {letter}"
        yield "register", f"{surname.translate(_VOWELS)} {letter} {evidence.city}"
    for name in given:
        yield "register", f"{name} {surname[:2]} {evidence.city}"
        yield "register", f"{name} {surname[:3]}"
    for name in (*given, surname):
        if name and day:
            yield "register", f"{day} {name}"
            yield "register", f"{year} {name[:3]} {evidence.city}"
        if name and evidence.city:
            yield "register", f"{evidence.city} {name}"


def _company_parts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    yield from _identifiers(evidence)
    for number in (*evidence.inns, *evidence.wrong_inns):
        yield "inn_start", number[:6]
        yield "inn_end", number[-6:]
    for domain in evidence.domains:
        yield "domain", domain
        yield from (("company", stem) for stem in domain_stems(domain))
    for company in evidence.companies:
        if company.startswith("~"):
            surname, *names = company.split()
            yield "company", surname
            yield from (("company", f"{surname} {name[0]}") for name in names[:1])
            continue
        whole = skeleton(company)
        yield "company", whole
        words = company.split()
        if len(words) > 1:
            yield "company", " ".join(sorted(words))
        if len(whole) > 6:
            half = max(6, len(whole) // 2)
            yield "company_part", whole[:half]
            yield "company_part", whole[-half:]
        for pair in combinations(sorted(words[:5]), 2):
            yield "words", " ".join(pair)
        for word in words[:6]:
            if len(word) > 2:
                yield from _word_places(evidence, word)
    yield from _place(evidence, ())


def _word_places(evidence: Evidence, word: str) -> Iterator[tuple[str, str]]:
    if evidence.zip_code:
        yield "words", f"{word} {evidence.zip_code}"
    if evidence.house:
        yield "words", f"{word} {evidence.house}"


def _identifiers(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for kind, values in (
        ("phone", evidence.mobiles),
        ("landline", evidence.landlines),
        ("email", evidence.mailboxes),
        ("email", evidence.role_mailboxes),
        ("inn", evidence.inns),
        ("inn", evidence.wrong_inns),
    ):
        for value in values:
            yield kind, value
    if evidence.identifier:
        yield "identifier", evidence.identifier


def _near_phones(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for phone in evidence.mobiles:
        digits = phone[1:]
        for name in (*evidence.given[:_MOST_NAMES], evidence.surname):
            if name:
                yield "phone_start", f"{name} {digits[1:6]}"
                yield "phone_end", f"{name} {digits[-5:]}"


def _near_mailboxes(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for mailbox in evidence.mailboxes:
        local, _, domain = mailbox.partition("@")
        if len(local) >= 6:
            yield "mailbox_name", local
        if len(local) >= 7:
            yield "mailbox_start", f"{local[:6]} {domain}"
            yield "mailbox_end", f"{local[-6:]} {domain}"


def _organisation(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for domain in evidence.domains:
        yield "domain", domain
    names = [name for name in (*evidence.given[:_MOST_NAMES], evidence.surname) if name]
    for name in names:
        for inn in evidence.inns:
            yield "name_inn", f"{name} {inn}"
        for company in evidence.companies[:2]:
            yield "name_company", f"{name} {_short(company)}"
        for domain in evidence.domains:
            yield from (("name_company", f"{name} {stem}") for stem in domain_stems(domain))


def _short(company: str) -> str:
    """Return a company's key without blanks; of a sole trader the surname, which all spellings have in common."""
    return company.partition(" ")[0] if company.startswith("~") else company.replace(" ", "")


def _place(evidence: Evidence, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if evidence.house:
        for word in evidence.address[:4]:
            yield "street", f"{evidence.house} {word}"
    if evidence.zip_code:
        for name in names:
            if name:
                yield "street", f"{evidence.zip_code} {name}"


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
