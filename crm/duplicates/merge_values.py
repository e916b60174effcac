"""What merging gives and takes: choices of fields, plans of a merge and of its undo, reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from crm.errors import Violation
from crm.models import EntityType, MergeBatchStatus


class Side(StrEnum):
    """Whose value of a field the survivor is to have."""

    SURVIVOR = "survivor"
    MERGED = "merged"
    BOTH = "both"  # texts joined; only where a field offers it


Choices: TypeAlias = Mapping[str, Side]  # by field name; a field left out gets its default


@dataclass(frozen=True, slots=True)
class MergeField:
    """A field that differs. `kind` says how to show the two values.

    text, note: as they are; reference: `survivor` and `merged` are names; money: minor units; date: a date;
    code: a value that `crm.i18n.labels` names; number, yes_no: as they are; choice: names of the chosen options.
    `why` is the rule behind the default: filled, newest, oldest, fullest, hottest, joined, kept; choose: a person
    has to, the default is refused.
    """

    name: str  # name, position, company, note, owner, inn, amount, ...; "field:12" for a custom field
    label: str | None  # a custom field's own name
    kind: str
    survivor: Any
    merged: Any
    default: Side
    offered: tuple[Side, ...]
    why: str


@dataclass(frozen=True, slots=True)
class EqualField:
    """A field whose two values are the same, or of which neither record has one (`value` is None)."""

    name: str
    label: str | None
    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many rows of a kind: contact_points, deals, contacts, companies, activities, next_steps, objections, ..."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge would do. `warnings` don't forbid it, `refusals` do; both are told as violations are."""

    entity_type: EntityType
    survivor_id: int
    merged_id: int
    survivor_version: int
    merged_version: int
    survivor_name: str
    merged_name: str
    differing: tuple[MergeField, ...]
    equal: tuple[EqualField, ...]
    moves: tuple[KindCount, ...]  # what comes to the survivor
    united: tuple[KindCount, ...]  # what the survivor has already
    stays: tuple[KindCount, ...]  # history that stays with the merged record and is read through the survivor
    warnings: tuple[Violation, ...]
    refusals: tuple[Violation, ...]
    currency: str | None  # of the survivor, where it is a deal


@dataclass(frozen=True, slots=True)
class UndoConflict:
    """What an undo leaves as it is now, because somebody changed it after the merge.

    `code`: changed (a field holds another value), moved (a row belongs elsewhere now), gone (a row is no more).
    """

    code: str
    kind: str  # the table: contacts, contact_points, deals, ...
    record_id: int
    field: str | None
    before: str | None  # before the merge, as people read it
    after: str | None  # as the merge left it
    now: str | None


@dataclass(frozen=True, slots=True)
class MergeInfo:
    """One merge in the history."""

    id: int
    entity_type: EntityType
    survivor_id: int
    survivor_name: str
    merged_id: int
    merged_name: str
    at: datetime
    actor_name: str | None
    batch_id: int | None
    pair_id: int | None
    undone_at: datetime | None
    undone_by: str | None


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What an undo would do; with `dependents` it needs cascade, and they are undone first, in their order."""

    merge: MergeInfo
    returns: tuple[KindCount, ...]  # rows that go back
    fields: tuple[str, ...]  # fields of the survivor that get their former values
    conflicts: tuple[UndoConflict, ...]
    stays: tuple[KindCount, ...]  # came after the merge: stays with the survivor
    dependents: tuple[MergeInfo, ...]
    refusals: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What an undo did; merges in the order they were undone, the newest first."""

    merge_ids: tuple[int, ...]
    returned: tuple[KindCount, ...]
    conflicts: tuple[UndoConflict, ...]
    stayed: tuple[KindCount, ...]


@dataclass(frozen=True, slots=True)
class BulkSample:
    """A pair that a bulk merge would merge."""

    pair_id: int
    survivor_id: int
    survivor_name: str
    merged_id: int
    merged_name: str
    weight: float
    probability: float


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """What a bulk merge would do.

    `left_out` counts pairs: guarded, below_automatic, undone_before, contradicted (in a group of which somebody keeps
    two apart), group_too_large.
    """

    entity_type: EntityType
    least_weight: float
    pairs: int
    clusters: int
    merges: int  # records that would be hidden
    largest_cluster: int
    samples: tuple[BulkSample, ...]
    left_out: tuple[KindCount, ...]


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """A bulk merge in the history; `job_id` is its newest job, `undone` counts merges taken back."""

    id: int
    entity_type: EntityType
    status: MergeBatchStatus
    least_weight: float
    planned: int
    merged: int
    skipped: int
    undone: int
    note: str | None
    actor_name: str | None
    created_at: datetime
    finished_at: datetime | None
    job_id: int | None
