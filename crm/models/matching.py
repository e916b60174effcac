"""What matching knows: evidence and keys of each record, frequencies, the model, pairs that may be the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import EntityType, PairSource, PairState

_CHANGED = text("matched_at IS NULL")


class MatchEvidence(Base):
    """What the normaliser found in a record."""

    __tablename__ = "match_evidence"
    __table_args__ = (
        Index("ix_match_evidence_changed", "entity_type", "entity_id", sqlite_where=_CHANGED,
              postgresql_where=_CHANGED),
        Index("ix_match_evidence_norm_version", "norm_version", "entity_type", "entity_id"),
    )  # fmt: skip

    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType), primary_key=True)
    entity_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    evidence: Mapped[str] = mapped_column(Text)  # compact JSON, read by the matcher alone
    norm_version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    matched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: changed since it was last matched


class MatchKey(Base):
    """A 64-bit hash under which records that may be the same meet."""

    __tablename__ = "match_keys"
    __table_args__ = ({"sqlite_with_rowid": False},)

    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType), primary_key=True)
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entity_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)


class IdentifierStat(Base):
    """How many records and how many different given names share a phone, a mailbox or a taxpayer number."""

    __tablename__ = "identifier_stats"

    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(300), primary_key=True)
    records: Mapped[int]
    names: Mapped[int]
    is_shared: Mapped[bool]
    stop_reason: Mapped[str | None] = mapped_column(String(20))  # placeholder, own_user, hub


class TermFrequency(Base):
    """In how many records a surname, a given name, a company's or a city's name stands."""

    __tablename__ = "term_frequencies"

    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType), primary_key=True)
    field: Mapped[str] = mapped_column(String(20), primary_key=True)
    value: Mapped[str] = mapped_column(String(300), primary_key=True)
    records: Mapped[int]


class WrongField(Base):
    """A phone, a mailbox or a taxpayer number that stands in a field for something else."""

    __tablename__ = "wrong_fields"
    __table_args__ = (
        UniqueConstraint("entity_type", "entity_id", "field", "kind", "value"),
        Index("ix_wrong_fields_entity_type_id", "entity_type", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType))
    entity_id: Mapped[int] = mapped_column(Id)
    field: Mapped[str] = mapped_column(String(20))  # name, position, title
    kind: Mapped[str] = mapped_column(String(10))  # phone, email, inn
    value: Mapped[str] = mapped_column(String(300))  # normalised
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MatchModel(Base):
    """Weights, thresholds and calibration of one kind of record; the newest row is in use."""

    __tablename__ = "match_models"
    __table_args__ = (Index("ix_match_models_entity_type_id", "entity_type", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType))
    weights: Mapped[dict[str, Any]] = mapped_column(Json)
    calibration: Mapped[dict[str, Any]] = mapped_column(Json)
    auto_at: Mapped[float] = mapped_column(Float)  # log2 odds from which a pair may be merged in bulk
    review_at: Mapped[float] = mapped_column(Float)  # log2 odds from which a pair is shown
    trained_on: Mapped[int] = mapped_column(default=0)  # decisions of people it was fitted to
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MatchPair(Base):
    """Two records that may be the same, why, and what people decided about them."""

    __tablename__ = "match_pairs"
    __table_args__ = (
        CheckConstraint("left_id < right_id", name="ordered"),
        UniqueConstraint("entity_type", "left_id", "right_id"),
        Index("ix_match_pairs_right", "entity_type", "right_id"),
        Index("ix_match_pairs_state_rank", "state", "rank", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType))
    left_id: Mapped[int] = mapped_column(Id)
    right_id: Mapped[int] = mapped_column(Id)
    weight: Mapped[float] = mapped_column(Float)  # log2 odds
    probability: Mapped[float] = mapped_column(Float)
    lines: Mapped[list[Any]] = mapped_column(Json)  # the waterfall
    guards: Mapped[list[Any]] = mapped_column(Json)  # codes that forbid an automatic merge
    is_automatic: Mapped[bool]  # above the automatic threshold and no guard
    value_minor: Mapped[int] = mapped_column(BigInteger, default=0)  # open deals at stake, workspace's currency
    rank: Mapped[float] = mapped_column(Float)  # order of the queue, the greatest first
    model_id: Mapped[int | None] = mapped_column(ForeignKey("match_models.id"))
    state: Mapped[PairState] = mapped_column(Code(PairState))
    source: Mapped[PairSource] = mapped_column(Code(PairSource))
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    snoozed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
