"""Bodies of companies and contacts."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from pydantic import ConfigDict, Field

from crm.api.v1.schemas.points import PointIn, PointOut, typed_points
from crm.api.v1.values import (
    Id,
    Input,
    Line,
    Output,
    Text200,
    Text300,
    Text500,
    Text20000,
    Version,
    optional,
)
from crm.contacts.commands import TypedPoints
from crm.contacts.fields import POINTS_AT_MOST, CompanyFields, ContactFields
from crm.contacts.records import CompanyRecord, ContactRecord
from crm.i18n import N_

_VERSION_HELP = N_("The version you have seen; or send it as If-Match")


class _Values(Input):
    name: Text300 = optional()
    points: list[PointIn] = Field(
        default_factory=list, max_length=POINTS_AT_MOST, description=N_("All of them, in order")
    )

    def typed_points(self) -> TypedPoints | None:
        """Return the points as the commands take them, None where they were left out."""
        return typed_points(self.points) if "points" in self.model_fields_set else None


class CompanyValues(_Values):
    """Values of a company; those left out stay as they are, null empties a value."""

    inn: Line | None = Field(default=None, description=N_("Taxpayer number"))
    website: Text300 | None = None
    address: Text500 | None = None
    industry: Text200 | None = None
    note: Text20000 | None = None
    parent_id: Id | None = None

    def over(self, present: CompanyFields) -> CompanyFields:
        """Return the present fields with the given values put over them."""
        names = {field.name for field in dataclasses.fields(CompanyFields)} & self.model_fields_set
        return dataclasses.replace(present, **{name: getattr(self, name) for name in names})


class CompanyNew(CompanyValues):
    """A company to be created, for the key's owner unless another is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "required": ["name"],
            "examples": [
                {"name": "Mir LLC", "inn": "7707083893", "points": [{"kind": "phone", "value": "8 (495) 123-45-67"}]}
            ],
        }
    )

    owner_id: Id | None = None


class CompanyEdit(CompanyValues):
    """Values to be saved on a company."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expected_version": 2, "industry": "Building"}]})

    expected_version: Version | None = Field(default=None, description=_VERSION_HELP)


class CompanyOut(Output):
    """A company."""

    id: int
    version: int
    name: str
    inn: str | None
    website: str | None
    address: str | None
    industry: str | None
    note: str | None
    parent_id: int | None
    owner_id: int
    created_at: datetime
    points: list[PointOut]

    @classmethod
    def of(cls, record: CompanyRecord) -> CompanyOut:
        """Return the record as it is told."""
        return cls(
            id=record.id,
            version=record.version,
            **dataclasses.asdict(record.fields),
            owner_id=record.owner_id,
            created_at=record.created_at,
            points=[PointOut.of(point) for point in record.points],
        )


class ContactValues(_Values):
    """Values of a contact; those left out stay as they are, null empties a value."""

    position: Text200 | None = None
    company_id: Id | None = None
    note: Text20000 | None = None

    def over(self, present: ContactFields) -> ContactFields:
        """Return the present fields with the given values put over them."""
        names = {field.name for field in dataclasses.fields(ContactFields)} & self.model_fields_set
        return dataclasses.replace(present, **{name: getattr(self, name) for name in names})


class ContactNew(ContactValues):
    """A contact to be created, for the key's owner unless another is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "required": ["name"],
            "examples": [
                {
                    "name": "Ivan Petrov",
                    "position": "Buyer",
                    "company_id": 7,
                    "points": [{"kind": "email", "value": "petrov@example.com"}],
                }
            ],
        }
    )

    owner_id: Id | None = None


class ContactEdit(ContactValues):
    """Values to be saved on a contact."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expected_version": 2, "position": "Head buyer"}]})

    expected_version: Version | None = Field(default=None, description=_VERSION_HELP)


class ContactOut(Output):
    """A contact."""

    id: int
    version: int
    name: str
    position: str | None
    company_id: int | None
    note: str | None
    owner_id: int
    created_at: datetime
    points: list[PointOut]

    @classmethod
    def of(cls, record: ContactRecord) -> ContactOut:
        """Return the record as it is told."""
        return cls(
            id=record.id,
            version=record.version,
            **dataclasses.asdict(record.fields),
            owner_id=record.owner_id,
            created_at=record.created_at,
            points=[PointOut.of(point) for point in record.points],
        )
