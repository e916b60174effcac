"""Bodies of merges: what one would do, what it did, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

from crm.api.v1.values import Id, Input, Line, Output, Version
from crm.duplicates.merge_values import (
    Choices,
    KindCount,
    MergeField,
    MergeInfo,
    MergePlan,
    Side,
    UndoConflict,
    UndoPlan,
    UndoReport,
)
from crm.errors import Violation
from crm.i18n import N_
from crm.i18n.texts import violation_sentence
from crm.models import EntityType

SideName: TypeAlias = Literal["survivor", "merged", "both"]
FIELDS_AT_MOST = 200


class PairMerge(Input):
    """How the two become one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"survivor_id": 12, "choices": {"name": "merged"}, "dry_run": True}]}
    )

    survivor_id: Id = Field(description=N_("The record that remains: one of the two"))
    choices: dict[Line, SideName] = Field(
        default_factory=dict, max_length=FIELDS_AT_MOST,
        description=N_("Whose value each differing field gets; a field left out gets its default"),
    )  # fmt: skip
    survivor_version: Version | None = None
    merged_version: Version | None = None
    dry_run: bool = Field(default=False, description=N_("Only tell what would happen"))

    def sides(self) -> Choices:
        """Return the choices as the command takes them."""
        return {name: Side(side) for name, side in self.choices.items()}


class CountOut(Output):
    """How many rows of a kind."""

    kind: str
    count: int

    @classmethod
    def of(cls, count: KindCount) -> CountOut:
        """Return the count as it is told."""
        return cls(kind=count.kind, count=count.count)


class RemarkOut(Output):
    """A warning or a refusal."""

    code: str
    field: str | None
    message: str

    @classmethod
    def of(cls, violation: Violation) -> RemarkOut:
        """Return the violation as it is told."""
        return cls(code=violation.code, field=violation.field, message=violation_sentence(violation))


class FieldOut(Output):
    """A field that differs; the values as people read them."""

    name: str
    label: str | None
    survivor: str | int | float | bool | None
    merged: str | int | float | bool | None
    default: SideName
    offered: list[SideName]

    @classmethod
    def of(cls, field: MergeField) -> FieldOut:
        """Return the field as it is told."""
        return cls(
            name=field.name,
            label=field.label,
            survivor=_plain(field.survivor),
            merged=_plain(field.merged),
            default=field.default.value,
            offered=[side.value for side in field.offered],
        )


class MergeOut(Output):
    """A merge, done or only planned."""

    merge_id: int | None = Field(description=N_("Null for a dry run"))
    survivor_id: int
    merged_id: int
    fields: list[FieldOut] = Field(description=N_("Those that differed"))
    moves: list[CountOut] = Field(description=N_("What comes to the survivor"))
    united: list[CountOut] = Field(description=N_("What the survivor had already"))
    stays: list[CountOut] = Field(description=N_("History that stays with the merged record"))
    warnings: list[RemarkOut]
    refusals: list[RemarkOut]

    @classmethod
    def of(cls, plan: MergePlan, merge_id: int | None) -> MergeOut:
        """Return the merge as it is told."""
        return cls(
            merge_id=merge_id,
            survivor_id=plan.survivor_id,
            merged_id=plan.merged_id,
            fields=[FieldOut.of(field) for field in plan.differing],
            moves=[CountOut.of(one) for one in plan.moves],
            united=[CountOut.of(one) for one in plan.united],
            stays=[CountOut.of(one) for one in plan.stays],
            warnings=[RemarkOut.of(one) for one in plan.warnings],
            refusals=[RemarkOut.of(one) for one in plan.refusals],
        )


class MergeInfoOut(Output):
    """A merge in the history."""

    id: int
    kind: EntityType
    survivor_id: int
    survivor_name: str
    merged_id: int
    merged_name: str
    at: datetime
    by: str | None
    batch_id: int | None
    pair_id: int | None
    undone_at: datetime | None
    undone_by: str | None

    @classmethod
    def of(cls, merge: MergeInfo) -> MergeInfoOut:
        """Return the merge as it is told."""
        return cls(
            id=merge.id,
            kind=merge.entity_type,
            survivor_id=merge.survivor_id,
            survivor_name=merge.survivor_name,
            merged_id=merge.merged_id,
            merged_name=merge.merged_name,
            at=merge.at,
            by=merge.actor_name,
            batch_id=merge.batch_id,
            pair_id=merge.pair_id,
            undone_at=merge.undone_at,
            undone_by=merge.undone_by,
        )


class MergeUndo(Input):
    """How a merge is taken back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dry_run": True}]})

    cascade: bool = Field(default=False, description=N_("Undo later merges that rest on this one first"))
    dry_run: bool = Field(default=False, description=N_("Only tell what would happen"))


class ConflictOut(Output):
    """What an undo leaves as it is, because somebody changed it after the merge."""

    code: str
    kind: str
    record_id: int
    field: str | None
    before: str | None
    now: str | None

    @classmethod
    def of(cls, conflict: UndoConflict) -> ConflictOut:
        """Return the conflict as it is told."""
        return cls(
            code=conflict.code,
            kind=conflict.kind,
            record_id=conflict.record_id,
            field=conflict.field,
            before=conflict.before,
            now=conflict.now,
        )


class UndoOut(Output):
    """An undo, done or only planned."""

    undone: list[int] = Field(description=N_("The merges undone, the newest first; empty for a dry run"))
    returned: list[CountOut]
    stayed: list[CountOut] = Field(description=N_("Came after the merge: stays with the survivor"))
    conflicts: list[ConflictOut]
    dependents: list[int] = Field(description=N_("Later merges that rest on this one"))
    refusals: list[RemarkOut]

    @classmethod
    def planned(cls, plan: UndoPlan) -> UndoOut:
        """Return the plan as it is told."""
        return cls(
            undone=[],
            returned=[CountOut.of(one) for one in plan.returns],
            stayed=[CountOut.of(one) for one in plan.stays],
            conflicts=[ConflictOut.of(one) for one in plan.conflicts],
            dependents=[one.id for one in plan.dependents],
            refusals=[RemarkOut.of(one) for one in plan.refusals],
        )

    @classmethod
    def done(cls, report: UndoReport) -> UndoOut:
        """Return the report as it is told."""
        return cls(
            undone=list(report.merge_ids),
            returned=[CountOut.of(one) for one in report.returned],
            stayed=[CountOut.of(one) for one in report.stayed],
            conflicts=[ConflictOut.of(one) for one in report.conflicts],
            dependents=[],
            refusals=[],
        )


def _plain(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(getattr(value, "value", value))
