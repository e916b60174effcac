"""Reading a mapping from TOML or JSON and writing it back; every mistake in it is told."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import available_timezones

from crm.auth.workspace import known_currencies
from crm.errors import InvalidInput, Violation, refuse_if_any
from crm.imports.fields import FIELDS, RecordKind, is_known_field
from crm.imports.mapping import (
    DateOrder,
    FileMapping,
    ImportMapping,
    NewField,
    NewPipeline,
    OwnerRule,
    StepRule,
    Undated,
)
from crm.models.codes import FieldType, StepKind

E = TypeVar("E", bound=Enum)

MAX_STEP_DAYS = 365
_TOP = frozenset({
    "name", "system", "files", "pipeline", "currency", "timezone", "undated", "loss_reason", "owners", "next_step",
    "pipelines", "fields", "aliases", "corrections",
})  # fmt: skip
_FILE = frozenset({
    "file", "kind", "columns", "defaults", "entered", "into_field", "date_order", "encoding", "delimiter", "sheet",
})  # fmt: skip


def read_mapping(path: Path) -> ImportMapping:
    """Read a mapping from a TOML file.

    Errors: InvalidInput with everything that is wrong in it.
    """
    try:
        with path.open("rb") as stream:
            return mapping_from(tomllib.load(stream))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidInput([Violation("mapping_unreadable", "mapping", {"detail": str(error)})]) from error


def mapping_from(tree: Mapping[str, Any]) -> ImportMapping:
    """Make a mapping of the plain structure that TOML and JSON share.

    Errors: InvalidInput with everything that is wrong in it.
    """
    reader = _TreeReader()
    reader.known(tree, _TOP, "")
    owners, step = reader.table(tree, "owners"), reader.table(tree, "next_step")
    reader.known(owners, frozenset({"default", "create"}), "owners")
    reader.known(step, frozenset({"kind", "text", "in_days"}), "next_step")
    mapping = ImportMapping(
        name=reader.text(tree, "name", limit=200),
        system=reader.text(tree, "system", limit=50, required=True),
        files=tuple(_file(reader, one) for one in reader.tables(tree, "files")),
        pipeline=reader.text(tree, "pipeline"),
        currency=reader.text(tree, "currency").upper(),
        timezone=reader.text(tree, "timezone"),
        undated=reader.text(tree, "undated") or Undated.CREATED.value,
        loss_reason=reader.text(tree, "loss_reason", limit=200),
        owners=OwnerRule(reader.text(owners, "default", limit=200), reader.flag(owners, "create")),
        step=StepRule(
            reader.choice(step, "kind", StepKind) or StepKind.REVIEW,
            reader.text(step, "text", limit=500),
            reader.number(step, "in_days", 7, MAX_STEP_DAYS),
        ),
        pipelines=tuple(_pipeline(reader, one) for one in reader.tables(tree, "pipelines")),
        fields=tuple(
            NewField(reader.text(one, "name", required=True), reader.choice(one, "type", FieldType) or FieldType.TEXT)
            for one in reader.tables(tree, "fields")
        ),
        aliases=reader.pairs(tree, "aliases"),
        corrections=reader.pairs(tree, "corrections"),
    )
    refuse_if_any([*reader.found, *_sense(mapping)])
    return mapping


def mapping_tree(mapping: ImportMapping) -> dict[str, Any]:
    """Return the mapping as the plain structure that `mapping_from` reads."""
    return {
        "name": mapping.name,
        "system": mapping.system,
        "files": [_file_tree(part) for part in mapping.files],
        "pipeline": mapping.pipeline,
        "currency": mapping.currency,
        "timezone": mapping.timezone,
        "undated": mapping.undated,
        "loss_reason": mapping.loss_reason,
        "owners": asdict(mapping.owners),
        "next_step": {"kind": mapping.step.kind.value, "text": mapping.step.text, "in_days": mapping.step.in_days},
        "pipelines": [
            {"name": one.name, "open": list(one.open_stages), "won": one.won, "lost": one.lost}
            for one in mapping.pipelines
        ],
        "fields": [{"name": one.name, "type": one.type.value} for one in mapping.fields],
        "aliases": {name: dict(pairs) for name, pairs in mapping.aliases.items()},
        "corrections": {name: dict(pairs) for name, pairs in mapping.corrections.items()},
    }


def _file(reader: _TreeReader, tree: Mapping[str, Any]) -> FileMapping:
    reader.known(tree, _FILE, "files")
    columns = reader.table(tree, "columns")
    return FileMapping(
        pattern=reader.text(tree, "file", required=True),
        kind=reader.choice(tree, "kind", RecordKind, required=True) or RecordKind.DEALS,
        columns={name: reader.names(columns, name) for name in columns},
        defaults=reader.texts(tree, "defaults"),
        entered=reader.texts(tree, "entered"),
        into_field=reader.text(tree, "into_field"),
        date_order=reader.choice(tree, "date_order", DateOrder),
        encoding=reader.text(tree, "encoding"),
        delimiter=reader.text(tree, "delimiter", strip=False),
        sheet=reader.text(tree, "sheet"),
    )


def _file_tree(part: FileMapping) -> dict[str, Any]:
    return {
        "file": part.pattern,
        "kind": part.kind.value,
        "columns": {name: list(columns) for name, columns in part.columns.items()},
        "defaults": dict(part.defaults),
        "entered": dict(part.entered),
        "into_field": part.into_field,
        "date_order": part.date_order.value if part.date_order else "",
        "encoding": part.encoding,
        "delimiter": part.delimiter,
        "sheet": part.sheet,
    }


def _pipeline(reader: _TreeReader, tree: Mapping[str, Any]) -> NewPipeline:
    reader.known(tree, frozenset({"name", "open", "won", "lost"}), "pipelines")
    return NewPipeline(
        reader.text(tree, "name", required=True, limit=200),
        reader.names(tree, "open"),
        reader.text(tree, "won", required=True, limit=100),
        reader.text(tree, "lost", required=True, limit=100),
    )


def _sense(mapping: ImportMapping) -> list[Violation]:
    found = [problem for part in mapping.files for problem in _file_sense(part)]
    if not mapping.files:
        found.append(Violation("mapping_without_files", "mapping"))
    if mapping.currency and mapping.currency not in known_currencies():
        found.append(Violation("choice_unknown", "currency"))
    if mapping.timezone and mapping.timezone not in available_timezones():
        found.append(Violation("choice_unknown", "timezone"))
    if mapping.undated not in set(Undated):
        try:
            date.fromisoformat(mapping.undated)
        except ValueError:
            found.append(Violation("date_invalid", "undated"))
    found += [
        Violation("stage_last_open", "pipelines")
        for pipeline in mapping.pipelines
        if not pipeline.open_stages or any(len(stage) > 100 for stage in pipeline.open_stages)
    ]
    return found


def _file_sense(part: FileMapping) -> list[Violation]:
    found = [
        Violation("mapping_field_unknown", "mapping", {"name": code, "file": part.pattern})
        for code in (*part.columns, *part.defaults)
        if not is_known_field(part.kind, code)
    ]
    filled = {*part.columns, *part.defaults}
    found += [
        Violation("mapping_field_needed", "mapping", {"name": one.code, "file": part.pattern})
        for one in FIELDS[part.kind]
        if one.is_required and one.code not in filled
    ]
    if part.kind is RecordKind.OPTIONS and not part.into_field:
        found.append(Violation("mapping_field_needed", "mapping", {"name": "into_field", "file": part.pattern}))
    return found


class _TreeReader:
    """Takes typed values out of a plain structure and gathers what is wrong."""

    def __init__(self) -> None:
        self.found: list[Violation] = []

    def known(self, tree: Mapping[str, Any], names: frozenset[str], where: str) -> None:
        for name in tree:
            if name not in names:
                self._wrong(f"{where}.{name}" if where else name)

    def text(
        self, tree: Mapping[str, Any], name: str, *, required: bool = False, limit: int = 300, strip: bool = True
    ) -> str:
        value = tree.get(name, "")
        if not isinstance(value, str) or len(value) > limit or (required and not value.strip()):
            self._wrong(name)
            return ""
        return value.strip() if strip else value

    def flag(self, tree: Mapping[str, Any], name: str) -> bool:
        value = tree.get(name, False)
        if not isinstance(value, bool):
            self._wrong(name)
            return False
        return value

    def number(self, tree: Mapping[str, Any], name: str, default: int, limit: int) -> int:
        value = tree.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= limit:
            self._wrong(name)
            return default
        return value

    def choice(
        self, tree: Mapping[str, Any], name: str, options: Callable[[str], E], *, required: bool = False
    ) -> E | None:
        value = tree.get(name, "")
        if value == "" and not required:
            return None
        try:
            return options(value)
        except ValueError:
            self._wrong(name)
            return None

    def names(self, tree: Mapping[str, Any], name: str) -> tuple[str, ...]:
        value = tree.get(name, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            self._wrong(name)
            return ()
        return tuple(listed)

    def texts(self, tree: Mapping[str, Any], name: str) -> dict[str, str]:
        value = self.table(tree, name)
        if not all(isinstance(one, str) for one in value.values()):
            self._wrong(name)
            return {}
        return dict(value)

    def pairs(self, tree: Mapping[str, Any], name: str) -> dict[str, dict[str, str]]:
        tables = self.table(tree, name)
        return {key: self.texts(tables, key) for key in tables}

    def table(self, tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = tree.get(name, {})
        if not isinstance(value, dict):
            self._wrong(name)
            return {}
        return value

    def tables(self, tree: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        value = tree.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self._wrong(name)
            return []
        return value

    def _wrong(self, name: str) -> None:
        self.found.append(Violation("mapping_value_wrong", "mapping", {"name": name}))
