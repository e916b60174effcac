"""What a file's columns mean and how its values become ours: one structure for the command line and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from crm.imports.fields import RecordKind
from crm.models.codes import FieldType, StepKind


class DateOrder(StrEnum):
    """In which order a file writes day, month and year."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


class Undated(StrEnum):
    """When a deal entered a stage whose date the file doesn't know; otherwise a fixed day is given.

    CREATED means the deal's own date, and the import's where there is none either.
    """

    IMPORT = "import"
    CREATED = "created"


@dataclass(frozen=True, slots=True)
class FileMapping:
    """One file: which it is, what its rows are, which columns fill which field.

    Several columns of one field are joined; `defaults` fill blank cells; `entered` names for open stages the columns
    that hold the day a deal entered them; `into_field` is the choice field whose values a file of options lists.
    """

    pattern: str
    kind: RecordKind
    columns: Mapping[str, tuple[str, ...]]
    defaults: Mapping[str, str] = field(default_factory=dict)
    entered: Mapping[str, str] = field(default_factory=dict)
    into_field: str = ""
    date_order: DateOrder | None = None
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""

    def is_for(self, name: str) -> bool:
        """Tell whether this part is meant for a file of that name."""
        return fnmatchcase(name.casefold(), self.pattern.casefold())


@dataclass(frozen=True, slots=True)
class NewPipeline:
    """A pipeline to be created where there is none of that name."""

    name: str
    open_stages: tuple[str, ...]
    won: str
    lost: str


@dataclass(frozen=True, slots=True)
class NewField:
    """A custom field of deals to be created where there is none of that name."""

    name: str
    type: FieldType


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """Who owns what the file names nobody for, and whether unknown people are created (inactive, no password)."""

    default: str = ""
    create: bool = False


@dataclass(frozen=True, slots=True)
class StepRule:
    """The next step of open deals that come without one; an empty text is ours, in the company's language."""

    kind: StepKind = StepKind.REVIEW
    text: str = ""
    in_days: int = 7


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """Everything a person decides about an import.

    `aliases` give, by field, our value for a value of the files (owner, stage, pipeline, loss_reason, priority,
    custom.<name>, ...); `corrections` do so by column, before anything else reads the cell; `undated` is an Undated or
    an ISO day; `loss_reason` is the reason of lost deals that name none, empty for ours in the company's language.
    """

    name: str
    system: str
    files: tuple[FileMapping, ...]
    pipeline: str = ""
    currency: str = ""
    timezone: str = ""
    undated: str = Undated.CREATED.value
    loss_reason: str = ""
    owners: OwnerRule = OwnerRule()
    step: StepRule = StepRule()
    pipelines: tuple[NewPipeline, ...] = ()
    fields: tuple[NewField, ...] = ()
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    corrections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def part_for(self, name: str) -> FileMapping | None:
        """Return the part meant for a file of that name."""
        return next((part for part in self.files if part.is_for(name)), None)


def folded(value: str) -> str:
    """Return a value as aliases and names are compared: blanks and letter case don't matter, ё is е."""
    return " ".join(value.split()).casefold().replace("ё", "е")
