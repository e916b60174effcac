"""What reads of pairs give: rows of the queue, two records side by side, hints while one types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crm.matching.values import MatchLine
from crm.models import EntityType, PairSource, PairState, PointKind

Place = tuple[float, int]  # rank and id of a row: where the next page goes on


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which pairs a queue holds; None does not narrow. `owner_id` owns at least one of the two."""

    entity_type: EntityType | None = None
    state: PairState = PairState.OPEN
    source: PairSource | None = None
    owner_id: int | None = None
    least_probability: float | None = None
    automatic: bool | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class RecordBrief:
    """One of the two in a row; `detail` is a person's company, a company's taxpayer number, a deal's stage."""

    id: int
    name: str
    detail: str | None
    owner_id: int
    owner_name: str
    phones: tuple[str, ...]  # normalised; of a deal: of its main contact
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair in the queue; `value_minor` is what its open deals that the reader sees are worth.

    In the workspace's currency.
    """

    id: int
    version: int
    entity_type: EntityType
    left: RecordBrief
    right: RecordBrief
    weight: float
    probability: float
    lines: tuple[MatchLine, ...]
    guards: tuple[str, ...]
    is_automatic: bool
    value_minor: int
    source: PairSource
    state: PairState
    found_at: datetime
    snoozed_until: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    rank: float

    @property
    def place(self) -> Place:
        """Return the row's place in the order of the queue."""
        return self.rank, self.id


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Pairs of the queue, the most worth a look first; `next_page` goes into the next call, None on the last."""

    rows: tuple[PairRow, ...]
    next_page: Place | None
    currency: str


@dataclass(frozen=True, slots=True)
class PairCount:
    """How many open pairs of a kind the actor may review; at the limit there may be more."""

    entity_type: EntityType
    count: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class SidePoint:
    """A contact point; `in_both` where the other record has it too."""

    id: int
    kind: PointKind
    value: str
    normalised: str
    in_both: bool


@dataclass(frozen=True, slots=True)
class PairSide:
    """One record of a pair; deals are those the actor sees, their sum is of the open ones."""

    id: int
    version: int
    name: str
    owner_id: int
    owner_name: str
    created_at: datetime
    points: tuple[SidePoint, ...]
    deals: int
    open_deals: int
    open_minor: int


@dataclass(frozen=True, slots=True)
class BandRecord:
    """What people decided about pairs of about this probability."""

    least: float
    most: float
    decided: int
    merged: int


@dataclass(frozen=True, slots=True)
class PairCard:
    """A pair with everything a decision needs; `others` are open pairs that share a record with it.

    `apart` says which two of all these records are no duplicates, as people decided, each by its lower id first.
    """

    row: PairRow
    left: PairSide
    right: PairSide
    others: tuple[PairRow, ...]
    apart: frozenset[tuple[int, int]]
    band: BandRecord | None  # None until enough pairs were decided
    currency: str


@dataclass(frozen=True, slots=True)
class Hint:
    """A record like the one being typed; one the actor may not see has neither id, name, probability nor lines."""

    entity_type: EntityType
    record_id: int | None
    name: str | None
    owner_name: str
    probability: float | None
    matched: str | None  # the typed phone, mailbox or taxpayer number both have
    lines: tuple[MatchLine, ...]
