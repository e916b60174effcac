"""Rows and their values as JSON, and back: exactly what the database holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Column, Date, RowMapping, Table

from crm.db.types import Code, UtcDateTime
from crm.models import Base, Company, Contact, Deal, EntityType

Record = Company | Contact | Deal
MODELS: Mapping[EntityType, type[Record]] = {
    EntityType.COMPANY: Company,
    EntityType.CONTACT: Contact,
    EntityType.DEAL: Deal,
}


def table_of(name: str) -> Table:
    """Return a table by its name."""
    return Base.metadata.tables[name]


def record_table(entity_type: EntityType) -> Table:
    """Return the table of a type of record."""
    return table_of(MODELS[entity_type].__tablename__)


def plain(value: Any) -> Any:
    """Return a value of a column as JSON holds it."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def typed(column: Column[Any], value: Any) -> Any:
    """Return a value from JSON as the column takes it."""
    if value is None:
        return None
    if isinstance(column.type, UtcDateTime):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(column.type, Code):
        return column.type.enum(value)
    return date.fromisoformat(value) if isinstance(column.type, Date) else value


def plain_row(row: Record | RowMapping) -> dict[str, Any]:
    """Return a whole row as JSON."""
    if isinstance(row, Record):
        return {column.name: plain(getattr(row, column.name)) for column in type(row).__table__.columns}
    return {str(name): plain(value) for name, value in row.items()}
