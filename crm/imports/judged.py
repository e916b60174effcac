"""What a judge says about one row, and what a writer needs to carry it out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from crm.contacts.normalise import Point
from crm.errors import Violation
from crm.models.codes import Role, RowVerdict, StageKind, VisitOutcome

D = TypeVar("D")

# Old and new value of each changed field, as JSON.
Changes = Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Judged(Generic[D]):
    """The verdict on a row; `draft` is what to write, None where nothing is. `label` names the record for people."""

    line: int
    cells: tuple[str, ...]
    verdict: RowVerdict
    label: str
    draft: D | None
    violations: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class UserDraft:
    """A person to be created, or one present who joins a team; `head` is to be created before."""

    id: int
    name: str
    email: str
    role: Role
    team_id: int | None
    is_new: bool
    head: UserDraft | None = None


@dataclass(frozen=True, slots=True)
class ClientDraft:
    """A company or a contact with the columns to be written; `foreign` is its id in the other system, if any."""

    id: int
    columns: Mapping[str, Any]
    points: tuple[Point, ...]
    foreign: str
    changes: Changes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VisitDraft:
    """A stay on an open stage, known from the file's dates."""

    stage_id: int
    entered_at: datetime
    left_at: datetime | None
    outcome: VisitOutcome
    next_stage_id: int | None


@dataclass(frozen=True, slots=True)
class StepDraft:
    """A next step to be planned."""

    text: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class DealDraft:
    """A deal to be created whole, or columns of a present one to be changed.

    `move` is set where a present deal goes to another stage; `foreign` is given or made of what names the deal.
    """

    id: int
    foreign: str
    columns: Mapping[str, Any]
    company_id: int | None
    contact_id: int | None
    stage_kind: StageKind
    visits: tuple[VisitDraft, ...] = ()
    step: StepDraft | None = None
    note: str | None = None
    changes: Changes = field(default_factory=dict)
    move: MoveDraft | None = None


@dataclass(frozen=True, slots=True)
class MoveDraft:
    """A present deal's move to another stage, judged already."""

    stage_id: int
    stage_kind: StageKind
    at: datetime
    loss_reason_id: int | None
    loss_note: str | None
    step: StepDraft | None


def message_of(judged: Judged[Any]) -> str | None:
    """Return violations, warnings and, for a failed row, its cells as the text an import row keeps; None for none."""
    said: dict[str, Any] = {}
    if judged.violations:
        said["violations"] = [_plain(one) for one in judged.violations]
        said["cells"] = [_storable(cell) for cell in judged.cells]
    if judged.warnings:
        said["warnings"] = [_plain(one) for one in judged.warnings]
    return json.dumps(said, ensure_ascii=False) if said else None


def said_in(message: str | None) -> tuple[tuple[Violation, ...], tuple[Violation, ...], tuple[str, ...]]:
    """Return violations, warnings and cells of a kept text."""
    said = json.loads(message) if message else {}
    violations = tuple(Violation(one["code"], one["field"], one["params"]) for one in said.get("violations", ()))
    warnings = tuple(Violation(one["code"], one["field"], one["params"]) for one in said.get("warnings", ()))
    return violations, warnings, tuple(said.get("cells", ()))


def _plain(violation: Violation) -> dict[str, Any]:
    return {"code": violation.code, "field": violation.field, "params": dict(violation.params)}


def _storable(cell: str) -> str:
    # Lone surrogates and NUL can't be stored; what made the row fail must not make its record fail.
    return cell.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
