"""Bodies of duplicates: pairs that may be the same, decisions, clients like a typed one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

from crm.api.v1.schemas.points import PointIn
from crm.api.v1.values import Input, Line, Moment, Output, Text300, Text2000
from crm.contacts.fields import POINTS_AT_MOST
from crm.duplicates.pair_values import Hint, PairCard, PairRow, PairSide, RecordBrief
from crm.errors import Violation, refuse_if_any
from crm.i18n import N_
from crm.matching.values import MatchLine, RawRecord
from crm.models import EntityType, PairSource, PairState, PointKind

KindName: TypeAlias = Literal["contact", "company", "deal"]
ClientKindName: TypeAlias = Literal["contact", "company"]
LONGEST_TEXT = 300  # as the type of the texts documents it: here no command judges


class LineOut(Output):
    """One reason for or against, its weight in log2 odds."""

    code: str
    weight: float
    left: str
    right: str

    @classmethod
    def of(cls, line: MatchLine) -> LineOut:
        """Return the line as it is told."""
        return cls(code=line.code, weight=round(line.weight, 3), left=line.left, right=line.right)


class BriefOut(Output):
    """One of two records that may be the same."""

    id: int
    name: str
    detail: str | None
    owner_id: int

    @classmethod
    def of(cls, brief: RecordBrief) -> BriefOut:
        """Return the record as it is told."""
        return cls(id=brief.id, name=brief.name, detail=brief.detail, owner_id=brief.owner_id)


class PairOut(Output):
    """Two records that may be the same, and why."""

    id: int
    version: int
    kind: EntityType
    state: PairState
    source: PairSource
    left: BriefOut
    right: BriefOut
    probability: float
    weight: float = Field(description=N_("Log2 odds: the sum of the lines"))
    lines: list[LineOut]
    guards: list[str] = Field(description=N_("Why the pair is never merged in bulk"))
    is_automatic: bool = Field(description=N_("Sure enough to be merged in bulk"))
    value_minor: int = Field(description=N_("What the open deals of both are worth"))
    found_at: datetime
    snoozed_until: datetime | None
    decided_by: str | None
    decided_at: datetime | None

    @classmethod
    def of(cls, row: PairRow) -> PairOut:
        """Return the pair as it is told."""
        return cls(**_pair_members(row))


class SideOut(BriefOut):
    """A record of a pair with what hangs on it."""

    version: int
    created_at: datetime
    deals: int
    open_deals: int

    @classmethod
    def of_side(cls, side: PairSide, brief: RecordBrief) -> SideOut:
        """Return the record as it is told."""
        return cls(
            id=side.id,
            name=side.name,
            detail=brief.detail,
            owner_id=side.owner_id,
            version=side.version,
            created_at=side.created_at,
            deals=side.deals,
            open_deals=side.open_deals,
        )


class PairDetail(PairOut):
    """A pair with both records, and the open pairs that share one of them."""

    left_record: SideOut
    right_record: SideOut
    others: list[PairOut]
    better_survivor_id: int | None = Field(description=N_("Which of the two should remain; null for a decided pair"))

    @classmethod
    def whole(cls, card: PairCard, better_survivor_id: int | None) -> PairDetail:
        """Return the pair as it is told."""
        return cls(
            **_pair_members(card.row),
            left_record=SideOut.of_side(card.left, card.row.left),
            right_record=SideOut.of_side(card.right, card.row.right),
            others=[PairOut.of(row) for row in card.others],
            better_survivor_id=better_survivor_id,
        )


class PairReopen(Input):
    """Nothing: a pair goes back as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class PairDismiss(Input):
    """Why two records are not the same."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "Father and son"}]})
    note: Text2000 | None = None


class PairSnooze(Input):
    """Until when a pair stays out of the queue."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"until": "2027-03-01T06:00:00Z"}]})

    until: Moment


class TypedClient(Input):
    """A client as typed, to be compared with those there are."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Ivan Petrov", "points": [{"kind": "phone", "value": "8 916 240-17-35"}]}]
        }
    )

    kind: ClientKindName = "contact"
    name: Text300 = ""
    company: Text300 = Field(default="", description=N_("Where a person works"))
    inn: Line = Field(default="", description=N_("Taxpayer number"))
    points: list[PointIn] = Field(default_factory=list, max_length=POINTS_AT_MOST)

    def raw(self) -> RawRecord:
        """Return the client as the matcher takes it. Errors: InvalidInput for texts longer than documented."""
        texts = [("name", self.name), ("company", self.company), *((one.kind, one.value) for one in self.points)]
        refuse_if_any([
            Violation("text_too_long", field, {"length": len(text), "limit": LONGEST_TEXT})
            for field, text in texts
            if len(text) > LONGEST_TEXT
        ])  # fmt: skip
        is_company = self.kind == "company"
        return RawRecord(
            record_id="",
            name="" if is_company else self.name,
            company=self.name if is_company else self.company,
            inn=self.inn,
            phones=tuple(one.value for one in self.points if one.kind == PointKind.PHONE.value),
            emails=tuple(one.value for one in self.points if one.kind == PointKind.EMAIL.value),
        )


class MatchOut(Output):
    """A client like the typed one; one out of view has neither id, name, probability nor lines."""

    kind: EntityType
    id: int | None
    name: str | None
    owner: str
    probability: float | None
    matched: str | None = Field(description=N_("The typed phone, e-mail or taxpayer number that both have"))
    lines: list[LineOut]

    @classmethod
    def of(cls, hint: Hint) -> MatchOut:
        """Return the client as it is told."""
        return cls(
            kind=hint.entity_type,
            id=hint.record_id,
            name=hint.name,
            owner=hint.owner_name,
            probability=hint.probability,
            matched=hint.matched,
            lines=[LineOut.of(line) for line in hint.lines],
        )


class MatchList(Output):
    """Clients like the typed one, those in view first, the likeliest first; five at most."""

    items: list[MatchOut]


def _pair_members(row: PairRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "kind": row.entity_type,
        "state": row.state,
        "source": row.source,
        "left": BriefOut.of(row.left),
        "right": BriefOut.of(row.right),
        "probability": round(row.probability, 6),
        "weight": round(row.weight, 3),
        "lines": [LineOut.of(line) for line in row.lines],
        "guards": list(row.guards),
        "is_automatic": row.is_automatic,
        "value_minor": row.value_minor,
        "found_at": row.found_at,
        "snoozed_until": row.snoozed_until,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
    }
