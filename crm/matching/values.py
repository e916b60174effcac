"""Values of matching: a record as typed, and what comparing two of them says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """A record as people typed it; an organisation's own name stands in `company`, a person's in `name`."""

    record_id: str
    name: str = ""
    given_name: str = ""
    surname: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    company: str = ""
    inn: str = ""
    city: str = ""
    address: str = ""
    zip_code: str = ""
    position: str = ""
    comment: str = ""
    deal_title: str = ""
    date_of_birth: str = ""
    identifier: str = ""
    source: str = ""
    created_at: datetime | None = None
    client_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnIdentifiers:
    """What belongs to our own users: it never says that two clients are the same."""

    phones: frozenset[str] = frozenset()
    mailboxes: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    phone_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchLine:
    """One line of the waterfall: what was found, its weight in log2 odds, and the two texts a person reads."""

    code: str
    weight: float
    left: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """How likely two records are one; `guards` forbid an automatic merge whatever the weight."""

    weight: float
    probability: float
    lines: tuple[MatchLine, ...]
    guards: tuple[str, ...]
