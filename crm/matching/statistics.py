"""What is counted in the data at hand: how rare a word is, and who shares an identifier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from rapidfuzz.distance import JaroWinkler

from crm.matching.normalise.evidence import Evidence
from crm.models.codes import EntityType

PHONE, LANDLINE, EMAIL, ROLE_EMAIL, DOMAIN, INN = "phone", "landline", "email", "role_email", "domain", "inn"
HOLDERS = "company_holders"  # how many different companies bear a name; told apart by INN
ADDRESS = "address_holders"  # how many different companies or people stand at an address
PHONE_BLOCK, MAILBOX_BLOCK = "phone_block", "mailbox_block"
_SAME_NAME = 0.87
_ALWAYS_SHARED = frozenset({LANDLINE, ROLE_EMAIL, DOMAIN, INN})


class IdentifierFacts(NamedTuple):
    """How many records and how many different given names have an identifier; shared says it is nobody's own."""

    records: int
    names: int
    is_shared: bool
    is_hub: bool


UNSEEN = IdentifierFacts(1, 1, is_shared=False, is_hub=False)


class Statistics(Protocol):
    """What the scorer asks about the data."""

    @property
    def record_count(self) -> int:
        """Return how many records there are."""
        ...

    def frequency(self, field: str, value: str) -> int:
        """Return in how many records a word stands: field given, surname, patronymic, company, city, zip..."""
        ...

    def identifier(self, kind: str, value: str) -> IdentifierFacts:
        """Return what is known of a phone, mailbox, domain or INN."""
        ...


class CountedStatistics:
    """Statistics counted in memory over the evidence of a file or a batch."""

    def __init__(self, record_count: int, terms: Mapping[tuple[str, str], int],
                 facts: Mapping[tuple[str, str], IdentifierFacts]) -> None:  # fmt: skip
        self._record_count = record_count
        self._terms = terms
        self._facts = facts

    @classmethod
    def of(cls, evidences: Iterable[Evidence], entity_type: EntityType = EntityType.CONTACT) -> CountedStatistics:
        """Count the evidence."""
        label = label_of(entity_type)
        marks: dict[tuple[str, str], set[str]] = {}
        terms: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], Evidence] = {}
        names: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        count = 0
        for evidence in evidences:
            count += 1
            terms.update(terms_of(evidence))
            for identifier in identifiers_of(evidence):
                if identifier in names:
                    names[identifier].append(label(evidence))
                elif identifier in first:
                    names[identifier] = [label(first[identifier]), label(evidence)]
                else:
                    first[identifier] = evidence
            for term, mark in holders_of(evidence, entity_type):
                marks.setdefault(term, set()).add(mark)
        facts = {identifier: facts_of(identifier[0], given) for identifier, given in names.items()}
        terms.update({term: len(found) for term, found in marks.items() if len(found) > 1})
        return cls(count, terms, facts)

    @property
    def record_count(self) -> int:
        """Return how many records were counted."""
        return self._record_count

    def frequency(self, field: str, value: str) -> int:
        """Return in how many records a word stands, one at least."""
        return self._terms.get((field, value), 1)

    def identifier(self, kind: str, value: str) -> IdentifierFacts:
        """Return what is known of an identifier."""
        return self._facts.get((kind, value)) or facts_of(kind, ())

    def repeated_terms(self) -> Iterator[tuple[tuple[str, str], int]]:
        """Yield the words that stand in two records or more, in no order."""
        return ((term, count) for term, count in self._terms.items() if count > 1)

    def repeated_identifiers(self) -> Iterator[tuple[tuple[str, str], IdentifierFacts]]:
        """Yield the identifiers that two records or more have, in no order."""
        return iter(self._facts.items())


def label_of(entity_type: EntityType) -> Callable[[Evidence], tuple[str, ...]]:
    """Return what tells the owners of a shared identifier apart: people's given names, or companies' names."""
    if entity_type is EntityType.COMPANY:
        return lambda evidence: evidence.companies[:1]
    return lambda evidence: evidence.given


def holders_of(evidence: Evidence, entity_type: EntityType) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what different ones may have in common, with what tells them apart: an INN, a number, a name."""
    for company in evidence.companies[:1]:
        for inn in evidence.inns[:1]:
            yield (HOLDERS, company), inn
    address = whole_address(evidence)
    if address and entity_type is EntityType.COMPANY:
        own = (*evidence.inns, *evidence.landlines, *evidence.mobiles, *evidence.companies, "")
        yield (ADDRESS, address), own[0]
    elif address:
        yield (ADDRESS, address), f"{' '.join(evidence.given)} {evidence.surname}"


def terms_of(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Return the words of a record whose rarity counts, each with its field."""
    for field, word in (
        ("surname", evidence.surname),
        ("patronymic", evidence.patronymic),
        ("city", evidence.city),
        ("zip", evidence.zip_code),
        ("born", evidence.born),
    ):
        if word:
            yield field, word
    for name in evidence.given:
        yield "given", name
    for word in evidence.address:
        yield "address", word
    yield from _blocks_of(evidence)
    for company in evidence.companies:
        yield "company", company
        if not company.startswith("~"):
            for word in set(company.split()):
                yield "company_word", word


def _blocks_of(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for phone in evidence.mobiles:
        yield PHONE_BLOCK, phone_block(phone)
    for mailbox in evidence.mailboxes:
        block = mailbox_block(mailbox)
        if block:
            yield MAILBOX_BLOCK, block


def whole_address(evidence: Evidence) -> str:
    """Return house and street as one term; empty without either."""
    if not evidence.house or not evidence.address:
        return ""
    return f"{evidence.house} {' '.join(sorted(evidence.address))}"


def phone_block(phone: str) -> str:
    """Return what the numbers of a firm or of SIM cards bought together begin with."""
    return phone[:-4]


def mailbox_block(mailbox: str) -> str:
    """Return a mailbox without its digits, where it has some: what numbered mailboxes have in common."""
    local, _, domain = mailbox.partition("@")
    letters = "".join(char for char in local if not char.isdigit())
    return f"{letters}@{domain}" if letters != local else ""


def identifiers_of(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Return the identifiers of a record, each with its kind."""
    for kind, values in (
        (PHONE, evidence.mobiles),
        (LANDLINE, evidence.landlines),
        (EMAIL, evidence.mailboxes),
        (ROLE_EMAIL, evidence.role_mailboxes),
        (DOMAIN, evidence.domains),
        (INN, evidence.inns),
    ):
        for value in values:
            yield kind, value


def facts_of(kind: str, given_names: Iterable[tuple[str, ...]]) -> IdentifierFacts:
    """Judge an identifier by the given names of the records that have it: the one rule of what is shared.

    Three different names share it, or two that stand twice each; landlines and role mailboxes are shared always.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    records = 0
    for names in given_names:
        records += 1
        if names:
            counts[names] += 1
    groups = _different(counts)
    is_hub = len(groups) >= 3 or (len(groups) == 2 and min(groups) >= 2)
    return IdentifierFacts(max(records, 1), max(len(groups), 1), is_hub or kind in _ALWAYS_SHARED, is_hub)


def _different(counts: Counter[tuple[str, ...]]) -> list[int]:
    """Return how often each different name stands; a typo or a short form is not another name."""
    groups: list[tuple[set[str], int]] = []
    for names, number in counts.most_common():
        for at, (known, total) in enumerate(groups):
            if known & set(names) or _alike(known, names):
                groups[at] = (known, total + number)
                break
        else:
            groups.append((set(names), number))
    return [total for _, total in groups]


def _alike(known: set[str], names: tuple[str, ...]) -> bool:
    return any(JaroWinkler.similarity(left, right) >= _SAME_NAME for left in known for right in names)
