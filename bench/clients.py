"""Generated companies and people, with their contact points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import words
from bench.entries import CHUNK, Gathered, paired
from bench.facts import Block, Ints
from crm.contacts.search_words import words_of_company, words_of_contact

PEOPLE_PER_COMPANY = 2
_INN_WEIGHTS = np.array([2, 4, 10, 3, 5, 9, 4, 6, 8])
_TRANSLIT = str.maketrans(
    dict(
        zip(
            "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
            "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh sch - y - e yu ya".replace("-", "").split(" "),
            strict=True,
        )
    )
)


@dataclass(frozen=True, slots=True)
class Clients:
    """How many clients there are and who owns them: companies first come with two people each, then private persons.

    Ids begin with 1; `owner_of_company[i]` belongs to id i + 1, and so for private persons after the companies' people.
    """

    companies: int
    contacts: int
    owner_of_company: Ints
    owner_of_private: Ints

    @property
    def employed(self) -> int:
        """Return how many contacts work at a company: their ids come first."""
        return self.companies * PEOPLE_PER_COMPANY


def plan_clients(deals: int, owners: Ints, rng: np.random.Generator) -> Clients:
    """Decide how many clients a base of so many deals has: a company to five deals, three contacts."""
    companies, contacts = max(3, deals // 5), max(10, deals * 3 // 5)
    return Clients(
        companies,
        contacts,
        rng.choice(owners, companies),
        rng.choice(owners, contacts - companies * PEOPLE_PER_COMPANY),
    )


def company_blocks(clients: Clients, gathered: Gathered, now: int, rng: np.random.Generator) -> Iterator[Block]:
    """Yield companies and the phones of half of them; their words and owners are gathered."""
    gathered.company_owners.append(paired(np.arange(1, clients.companies + 1), clients.owner_of_company))
    for first in range(0, clients.companies, CHUNK):
        count = min(CHUNK, clients.companies - first)
        ids = list(range(first + 1, first + count + 1))
        names, inns, phones = _company_names(count, rng), _inns(count, rng), _phones(count, rng)
        with_phone = rng.random(count) < 0.5
        yield Block(
            "companies",
            {
                "id": ids,
                "name": names,
                "inn": inns,
                "address": [f"г. {city}" for city in _picks(words.CITIES, count, rng)],
                "industry": _picks(words.INDUSTRIES, count, rng),
                "owner_id": clients.owner_of_company[first : first + count].tolist(),
                "created_at": (now - rng.integers(0, 1100 * 86400, count)).tolist(),
                "version": [1] * count,
            },
        )
        kept = [at for at in range(count) if with_phone[at]]
        yield _points("company_id", "phone", [ids[at] for at in kept], [phones[at] for at in kept], rng)
        gathered.company_words.extend(
            words_of_company(name, inn, phones=[phone] if has else [])
            for name, inn, phone, has in zip(names, inns, phones, with_phone, strict=True)
        )


def contact_blocks(clients: Clients, gathered: Gathered, now: int, rng: np.random.Generator) -> Iterator[Block]:
    """Yield people, a phone for each, an e-mail for most; their words and owners are gathered."""
    for first in range(0, clients.contacts, CHUNK):
        count = min(CHUNK, clients.contacts - first)
        ids = np.arange(first + 1, first + count + 1)
        names, phones, positions = _people(count, rng), _phones(count, rng), _picks(words.POSITIONS, count, rng)
        emails = _emails(names, ids, rng)
        yield Block(
            "contacts",
            {
                "id": ids.tolist(),
                "name": names,
                "position": positions,
                "company_id": [
                    (one - 1) // PEOPLE_PER_COMPANY + 1 if one <= clients.employed else None for one in ids.tolist()
                ],
                "owner_id": _owners(clients, ids).tolist(),
                "created_at": (now - rng.integers(0, 1100 * 86400, count)).tolist(),
                "version": [1] * count,
            },
        )
        yield _points("contact_id", "phone", ids.tolist(), phones, rng)
        with_email = [(one, email) for one, email in zip(ids.tolist(), emails, strict=True) if email]
        yield _points("contact_id", "email", [one for one, _ in with_email], [email for _, email in with_email], rng)
        gathered.contact_owners.append(paired(ids, _owners(clients, ids)))
        gathered.contact_words.extend(
            words_of_contact(name, position, phones=[phone], emails=[email] if email else [])
            for name, position, phone, email in zip(names, positions, phones, emails, strict=True)
        )


def _owners(clients: Clients, ids: Ints) -> Ints:
    employed = ids <= clients.employed
    company = np.where(employed, (ids - 1) // PEOPLE_PER_COMPANY, 0)
    private = np.where(employed, 0, ids - 1 - clients.employed)
    return np.where(employed, clients.owner_of_company[company], clients.owner_of_private[private])


def _points(holder: str, kind: str, holders: list[int], values: list[str], rng: np.random.Generator) -> Block:
    other = "company_id" if holder == "contact_id" else "contact_id"
    count = len(holders)
    as_typed = [_typed_phone(one, style) for one, style in zip(values, rng.integers(0, 3, count), strict=True)]
    return Block(
        "contact_points",
        {
            holder: holders,
            other: [None] * count,
            "kind": [kind] * count,
            "value": as_typed if kind == "phone" else values,
            "normalised": values,
            "position": [int(kind == "email")] * count,
        },
    )


def _picks(among: Any, count: int, rng: np.random.Generator) -> list[Any]:
    return [among[at] for at in rng.integers(0, len(among), count).tolist()]


def _people(count: int, rng: np.random.Generator) -> list[str]:
    weights = 1 / (np.arange(len(words.SURNAMES)) + 12)
    surnames = rng.choice(len(words.SURNAMES), count, p=weights / weights.sum()).tolist()
    firsts, fathers = rng.integers(0, 40, count).tolist(), _picks(words.PATRONYMICS, count, rng)
    women = (rng.random(count) < 0.45).tolist()
    return [
        f"{words.SURNAMES[surname]}а {words.FEMALE_NAMES[first]} {father}на"
        if woman
        else f"{words.SURNAMES[surname]} {words.MALE_NAMES[first]} {father}ич"
        for surname, first, father, woman in zip(surnames, firsts, fathers, women, strict=True)
    ]


def _company_names(count: int, rng: np.random.Generator) -> list[str]:
    forms, begins, ends, cities = (
        _picks(among, count, rng)
        for among in (words.LEGAL_FORMS, words.COMPANY_BEGINNINGS, words.COMPANY_ENDINGS, words.CITIES)
    )
    return [f"{form} «{begin}{end}-{city}»" for form, begin, end, city in zip(forms, begins, ends, cities, strict=True)]


def _inns(count: int, rng: np.random.Generator) -> list[str]:
    digits = rng.integers(0, 10, (count, 9))
    digits[:, 0] = rng.integers(1, 10, count)
    last = (digits * _INN_WEIGHTS).sum(axis=1) % 11 % 10
    whole = np.column_stack([digits, last]) @ (10 ** np.arange(9, -1, -1))
    return [str(number) for number in whole.tolist()]


def _phones(count: int, rng: np.random.Generator) -> list[str]:
    return [f"+79{number:09}" for number in rng.integers(0, 10**9, count).tolist()]


def _typed_phone(e164: str, style: int) -> str:
    code, first, second, third = e164[2:5], e164[5:8], e164[8:10], e164[10:12]
    return (e164, f"8 ({code}) {first}-{second}-{third}", f"+7 {code} {first} {second} {third}")[style]


def _emails(names: list[str], ids: Ints, rng: np.random.Generator) -> list[str | None]:
    domains = _picks(words.EMAIL_DOMAINS, len(names), rng)
    has = (rng.random(len(names)) < 0.6).tolist()
    return [
        f"{name.split(' ', 1)[0].lower().translate(_TRANSLIT)}.{number}@{domain}" if given else None
        for name, number, domain, given in zip(names, ids.tolist(), domains, has, strict=True)
    ]
