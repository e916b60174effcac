"""Cells that several kinds of records share: owner, contact points, values kept in the note where they don't fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from crm.contacts.normalise import Point, check_point
from crm.errors import Violation
from crm.imports.judged import Changes
from crm.imports.people import Person
from crm.imports.reading import RowReader
from crm.imports.values import split_values
from crm.imports.world import World
from crm.models.codes import PointKind
from crm.typed_text import clean_line

POINT_FIELDS: Mapping[str, PointKind] = {
    "phone": PointKind.PHONE,
    "email": PointKind.EMAIL,
    "telegram": PointKind.TELEGRAM,
}


def person_of(world: World, reader: RowReader, field: str) -> Person | None:
    """Return the person a cell names; a blank cell, an unknown or an ambiguous name is None, the latter refused."""
    text = clean_line(reader.raw(field))
    if not text:
        return None
    found = world.people.found(text)
    if len(found) != 1:
        reader.refuse("owner_ambiguous" if found else "owner_unknown", field, name=text[:100])
        return None
    return found[0]


def owner_of(world: World, reader: RowReader) -> int | None:
    """Return who owns a new record: the named person, else the mapping's default, else who imports."""
    refused = len(reader.found)
    person = person_of(world, reader, "owner")
    if person is not None:
        return person.id
    if len(reader.found) > refused:
        return None
    default = world.people.found(world.mapping.owners.default) if world.mapping.owners.default else []
    if len(default) == 1:
        return default[0].id
    if world.actor.user_id is None:
        reader.refuse("owner_missing", "owner")
    return world.actor.user_id


def points_of(world: World, reader: RowReader, strays: list[str]) -> tuple[Point, ...]:
    """Return the phones, e-mails and messengers of a row; what can't be read goes to `strays` with a warning."""
    points: dict[tuple[PointKind, str], Point] = {}
    for field, kind in POINT_FIELDS.items():
        for text in split_values(reader.raw(field)):
            read = partial(check_point, kind, text, world.place.region, field)
            point = kept(reader, field, text, strays, read)
            if point is not None:
                points.setdefault((point.kind, point.normalised), point)
    return tuple(points.values())


def kept(reader: RowReader, field: str, text: str, strays: list[str], read: Callable[[list[Violation]], Any]) -> Any:
    """Return what `read` makes of a value; one that it refuses is kept as a stray line, with a warning."""
    found: list[Violation] = []
    value = read(found)
    if not found:
        return value
    if any(problem.code == "text_unreadable" for problem in found):
        reader.found += found
        return None
    strays.append(clean_line(text))
    reader.warnings += found
    return None


def with_strays(note: str | None, strays: list[str]) -> str | None:
    """Return a note with the values that fitted nowhere else."""
    return "\n".join([*([note] if note else []), *strays]) or None


def differences(present: Any, columns: Mapping[str, Any]) -> Changes:
    """Return old and new of the filled columns that differ from the present record."""
    return {
        name: [getattr(present, name), value]
        for name, value in columns.items()
        if value is not None and getattr(present, name) != value
    }
