"""Companies, contacts and their contact points."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, UtcDateTime
from crm.models.base import Base
from crm.models.codes import PointKind

_MERGED = text("merged_into_id IS NOT NULL")


class Company(Base):
    """A client organisation."""

    __tablename__ = "companies"
    __table_args__ = (
        Index("ix_companies_merged_into_id", "merged_into_id", sqlite_where=_MERGED, postgresql_where=_MERGED),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    inn: Mapped[str | None] = mapped_column(String(20), index=True)  # taxpayer number, digits only
    website: Mapped[str | None] = mapped_column(String(300))
    address: Mapped[str | None] = mapped_column(String(500))
    industry: Mapped[str | None] = mapped_column(String(200))
    note: Mapped[str | None] = mapped_column(Text)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"), index=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))  # hidden since
    version: Mapped[int] = mapped_column(default=1)


class Contact(Base):
    """A person at a client, or a client who is a person."""

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_merged_into_id", "merged_into_id", sqlite_where=_MERGED, postgresql_where=_MERGED),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    position: Mapped[str | None] = mapped_column(String(200))
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"), index=True)
    note: Mapped[str | None] = mapped_column(Text)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))  # hidden since
    version: Mapped[int] = mapped_column(default=1)


class ContactPoint(Base):
    """A phone, an e-mail, a messenger name: of one contact or of one company."""

    __tablename__ = "contact_points"
    __table_args__ = (
        CheckConstraint("(contact_id IS NULL) <> (company_id IS NULL)", name="one_holder"),
        Index("ix_contact_points_kind_normalised", "kind", "normalised"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id", ondelete="CASCADE"), index=True)
    kind: Mapped[PointKind] = mapped_column(Code(PointKind))
    value: Mapped[str] = mapped_column(String(300))  # as typed
    normalised: Mapped[str] = mapped_column(String(300))  # E.164 phone, lower-case e-mail
    position: Mapped[int] = mapped_column(default=0)


class SearchEntry(Base):
    """The words under which a deal, a contact or a company is found; commands keep it, the engine indexes it."""

    __tablename__ = "search_entries"
    __table_args__ = (Index("uq_search_entries_kind_record_id", "kind", "record_id", unique=True),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))  # deal, contact, company
    record_id: Mapped[int] = mapped_column(Id)
    words: Mapped[str] = mapped_column(Text)  # normalised, blank-separated
