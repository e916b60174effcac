"""What commands on deals take: plans, changes and answers, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeAlias

from crm.models.codes import Priority, StepKind, StepResult


class Unset(Enum):
    """The mark of a value that is not to be changed."""

    UNSET = "unset"


UNSET = Unset.UNSET
# Text, number, minor units of money, ISO date, option code, list of codes, yes or no; None empties the field.
CustomValue: TypeAlias = str | int | float | bool | list[str] | None


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A next step to be planned; without an owner it is the deal owner's."""

    kind: StepKind
    due_at: datetime
    text: str = ""
    owner_id: int | None = None


@dataclass(frozen=True, slots=True)
class StepDone:
    """How a next step ended."""

    result: StepResult
    text: str = ""


@dataclass(frozen=True, slots=True)
class LossAnswer:
    """Why a deal is lost."""

    reason_id: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class DealPart:
    """A contact taking part in a deal; the first of a list is the main one."""

    contact_id: int
    role: str = ""


@dataclass(frozen=True, slots=True)
class DealChanges:
    """Values to be saved on a deal; what is UNSET stays. `custom` names field ids, fields left out stay."""

    title: str | Unset = UNSET
    amount_minor: int | Unset | None = UNSET
    currency: str | Unset = UNSET
    priority: Priority | Unset = UNSET
    company_id: int | Unset | None = UNSET
    contacts: tuple[DealPart, ...] | Unset = UNSET
    source: str | Unset | None = UNSET
    utm_source: str | Unset | None = UNSET
    utm_medium: str | Unset | None = UNSET
    utm_campaign: str | Unset | None = UNSET
    utm_content: str | Unset | None = UNSET
    utm_term: str | Unset | None = UNSET
    expected_close_on: date | Unset | None = UNSET
    custom: Mapping[int, CustomValue] | Unset = UNSET

    def given(self) -> dict[str, Any]:
        """Return the values that are to be saved, by name."""
        pairs = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {name: value for name, value in pairs if value is not UNSET}


NO_CHANGES = DealChanges()
