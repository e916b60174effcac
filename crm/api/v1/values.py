"""Types of what comes in: strict, bounded, readable; what they refuse is told with the codes of `crm.i18n.texts`."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from crm.deals.values import CustomValue

MAX_ID = 2**63 - 1
MAX_VERSION = 2**31 - 1
# Bounds against waste only: how long a title may be is the command's to say.
LINE_LIMIT = 2_000
BLOCK_LIMIT = 50_000
MAX_NAME = 100
CUSTOM_KEY = re.compile(r"field:([1-9][0-9]{0,18})")
_DIGITS = re.compile(r"[0-9]{1,19}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Input(BaseModel):
    """A body: unknown fields and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class QueryInput(BaseModel):
    """Query parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(BaseModel):
    """A body of an answer; every member is named here, no row leaves as it is."""

    model_config = ConfigDict(frozen=True)


def optional() -> Any:
    """Return the mark of a field that may be left out; `model_fields_set` tells whether it was given."""
    return Field(default=None, json_schema_extra=_without_default)


def shown(name: object) -> str:
    """Return a name that came from outside in a form any answer can carry."""
    return "".join(char if char.isprintable() else "?" for char in str(name))[:MAX_NAME]


def read_moment(value: Any) -> datetime:
    """Return an instant written with its zone (RFC 3339), in UTC and whole seconds."""
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper())
            return moment.astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("moment_invalid", "not an instant with its zone")


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _read_date(value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("date_invalid", "not a date")


def _read_digits(value: Any) -> int:
    # Numbers in addresses arrive as text; "7.0", " 7" and "+7" are not how we write 7.
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    raise PydanticCustomError("type_wrong", "not a whole number")


def _read_flag(value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    raise PydanticCustomError("type_wrong", "neither true nor false")


def _readable(value: str) -> str:
    # PostgreSQL can't store NUL, no answer can carry half a character.
    if "\x00" in value or any(unicodedata.category(char) == "Cs" for char in value):
        raise PydanticCustomError("text_unreadable", "unreadable characters")
    return value


def _custom_value(value: Any) -> CustomValue:
    match value:
        case None | bool():
            return value
        case str():
            return _readable(_no_longer(value))
        case int() if abs(value) <= MAX_ID:
            return value
        case float() if math.isfinite(value):
            return value
        case list() if len(value) <= 500 and all(isinstance(item, str) for item in value):
            return [_readable(_no_longer(item)) for item in value]
    raise PydanticCustomError("type_wrong", "not the value of a custom field")


def _no_longer(value: str) -> str:
    if len(value) > BLOCK_LIMIT:
        raise PydanticCustomError("text_too_long", "too long", {"length": len(value), "limit": BLOCK_LIMIT})
    return value


def _custom_key(value: str) -> str:
    if not CUSTOM_KEY.fullmatch(value):
        raise PydanticCustomError("field_unknown", "not the key of a custom field")
    return value


Id: TypeAlias = Annotated[int, Field(ge=1, le=MAX_ID)]
Version: TypeAlias = Annotated[int, Field(ge=1, le=MAX_VERSION)]
Line: TypeAlias = Annotated[str, Field(max_length=LINE_LIMIT), AfterValidator(_readable)]
Block: TypeAlias = Annotated[str, Field(max_length=BLOCK_LIMIT), AfterValidator(_readable)]
# The lengths that commands allow, for the document: the command is who judges.
Text100: TypeAlias = Annotated[Line, WithJsonSchema({"type": "string", "maxLength": 100})]
Text200: TypeAlias = Annotated[Line, WithJsonSchema({"type": "string", "maxLength": 200})]
Text300: TypeAlias = Annotated[Line, WithJsonSchema({"type": "string", "maxLength": 300})]
Text500: TypeAlias = Annotated[Line, WithJsonSchema({"type": "string", "maxLength": 500})]
Text2000: TypeAlias = Annotated[Block, WithJsonSchema({"type": "string", "maxLength": 2_000})]
Text5000: TypeAlias = Annotated[Block, WithJsonSchema({"type": "string", "maxLength": 5_000})]
Text20000: TypeAlias = Annotated[Block, WithJsonSchema({"type": "string", "maxLength": 20_000})]
Currency: TypeAlias = Annotated[Line, WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})]
Moment: TypeAlias = Annotated[
    datetime, BeforeValidator(read_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Day: TypeAlias = Annotated[date, BeforeValidator(_read_date), WithJsonSchema({"type": "string", "format": "date"})]
AmountMinor: TypeAlias = Annotated[int, Field(ge=-MAX_ID, le=MAX_ID)]
CustomIn: TypeAlias = Annotated[
    CustomValue,
    PlainValidator(_custom_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": BLOCK_LIMIT},
                {"type": "number"},
                {"type": "boolean"},
                {"type": "array", "maxItems": 500, "items": {"type": "string", "maxLength": BLOCK_LIMIT}},
                {"type": "null"},
            ]
        }
    ),
]
CustomKey: TypeAlias = Annotated[str, Field(pattern=f"^{CUSTOM_KEY.pattern}$"), AfterValidator(_custom_key)]

PathId: TypeAlias = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_read_digits), Path()]
QueryId: TypeAlias = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_read_digits)]
QueryFlag: TypeAlias = Annotated[bool, BeforeValidator(_read_flag)]
QueryLimit: TypeAlias = Annotated[int, Field(ge=1, le=100), BeforeValidator(_read_digits)]
QueryText: TypeAlias = Annotated[str, Field(max_length=200), AfterValidator(_readable)]

PriorityName: TypeAlias = Literal["hot", "warm", "cold"]
StatusName: TypeAlias = Literal["open", "won", "lost"]
