"""Column types: instants as UTC epoch seconds, JSON that PostgreSQL can index."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, BigInteger, Dialect, Integer, SmallInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

# SQLite counts rows only in INTEGER keys; PostgreSQL needs 64 bits for a long life.
Id = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant stored as whole UTC epoch seconds (BIGINT)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn an aware datetime into epoch seconds; a naive one is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: instants are stored in UTC")
        return int(value.timestamp())

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Turn epoch seconds into an aware UTC datetime."""
        return None if value is None else datetime.fromtimestamp(value, UTC)


E = TypeVar("E", bound=Enum)


class Code(TypeDecorator[E], Generic[E]):
    """An enum stored as its value: text for a StrEnum, a small integer for an IntEnum (so that it sorts)."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column by the kind of enum."""
        return dialect.type_descriptor(SmallInteger() if issubclass(self.enum, int) else String(20))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Store the member's value; an unknown one is refused here."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> E | None:
        """Give the member back."""
        return None if value is None else self.enum(value)

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """Compare with members and with plain values alike."""
        return self
