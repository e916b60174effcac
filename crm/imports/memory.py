"""Remembering how a kind of file was mapped, and guessing it by the header where nothing is remembered."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.errors import InvalidInput
from crm.imports.fields import FIELDS, UNSURE_TIMES, RecordKind
from crm.imports.mapping import FileMapping, ImportMapping, OwnerRule, folded
from crm.imports.mapping_text import mapping_from, mapping_tree
from crm.models import SavedMapping

# The namespace of foreign ids where nobody named the system they come from.
GUESSED_SYSTEM = "file"
_ONLY_OF_DEALS = frozenset({
    "company", "inn", "contact", "phone", "email", "created_on", "closed_on", "expected_close_on", "next_step", "note",
})  # fmt: skip


def header_hash(headers: Sequence[Sequence[str]]) -> str:
    """Return the mark by which the mapping of files with these headers is found again; order doesn't matter."""
    lines = sorted("\t".join(sorted(folded(name) for name in header)) for header in headers)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()


def remember_mapping(
    session: Session, actor: Actor, *, headers: Sequence[Sequence[str]], mapping: ImportMapping, now: datetime
) -> None:
    """Keep a mapping for the next files with these headers.

    Errors: Forbidden.
    """
    require(actor, Action.IMPORT_RECORDS)
    key = header_hash(headers)
    row = session.scalars(select(SavedMapping).where(SavedMapping.header_hash == key).with_for_update()).one_or_none()
    if row is None:
        session.add(SavedMapping(header_hash=key, mapping=mapping_tree(mapping), saved_at=now))
    else:
        row.mapping, row.saved_at = mapping_tree(mapping), now
    session.flush()


def recall_mapping(session: Session, actor: Actor, *, headers: Sequence[Sequence[str]]) -> ImportMapping | None:
    """Return the mapping last used for files with these headers, None where there is none that still works.

    Errors: Forbidden.
    """
    require(actor, Action.IMPORT_RECORDS)
    tree = session.scalar(select(SavedMapping.mapping).where(SavedMapping.header_hash == header_hash(headers)))
    if tree is None:
        return None
    try:
        return mapping_from(tree)
    except InvalidInput:  # written by an older version
        return None


def fitted_mapping(mapping: ImportMapping, headers: Mapping[str, Sequence[str]]) -> ImportMapping | None:
    """Return a remembered mapping with its parts meant for these files, found by their columns; None where one fails.

    Files of the same kind are seldom called the same twice.
    """
    left = dict(headers)
    parts = []
    for part in mapping.files:
        wanted = {folded(column) for columns in part.columns.values() for column in columns}
        wanted |= {folded(column) for column in part.entered.values()}
        fitting = [name for name, header in left.items() if wanted <= {folded(column) for column in header}]
        if not fitting:
            return None
        name = next((one for one in fitting if part.is_for(one)), fitting[0])
        parts.append(replace(part, pattern=glob.escape(name)))
        del left[name]
    return None if left else replace(mapping, files=tuple(parts))


def guess_mapping(headers: Mapping[str, Sequence[str]]) -> ImportMapping:
    """Return a mapping by the files' headers alone, by file name; what no header tells is left out."""
    parts = []
    kinds = {name: guess_kind(header) for name, header in headers.items()}
    with_visits = RecordKind.VISITS in kinds.values()
    for name, header in headers.items():
        kind = kinds[name]
        columns = guess_columns(kind, header)
        if kind is RecordKind.DEALS and with_visits:
            columns = columns_beside_visits(columns, header)
        parts.append(FileMapping(glob.escape(name), kind, columns))
    # A history names people who have left long ago: they come in, too, where the actor may add people.
    return ImportMapping("", GUESSED_SYSTEM, tuple(parts), owners=OwnerRule(create=with_visits))


def guess_kind(header: Sequence[str]) -> RecordKind:
    """Return what the rows of a file with this header most likely are."""
    if _is_of_visits(header):
        return RecordKind.VISITS
    listed = [kind for kind in RecordKind if kind not in {RecordKind.OPTIONS, RecordKind.VISITS}]
    scores = {kind: len(guess_columns(kind, header)) for kind in listed}
    words = {folded(name) for name in header}
    if words & {"stage", "deal_stage", "этап", "стадия", "этап сделки", "close_value", "сумма", "бюджет", "воронка"}:
        return RecordKind.DEALS
    return max(scores, key=lambda kind: (scores[kind], kind is RecordKind.CONTACTS))


def guess_columns(kind: RecordKind, header: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the columns that bear the name of a field, each used once."""
    by_word = {folded(name): name for name in reversed(header)}
    if kind is RecordKind.VISITS:  # logs come from programs, which write stage_name for "stage name"
        by_word = {_spaced(name): name for name in reversed(header)} | by_word
    guessed: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for field in FIELDS[kind]:
        words = (folded(field.name), field.code, *field.words)
        found = next((by_word[word] for word in words if word in by_word and by_word[word] not in taken), None)
        if found is not None:
            guessed[field.code] = (found,)
            taken.add(found)
    return guessed


def _spaced(name: str) -> str:
    return folded(name.replace("_", " ").replace("-", " "))


def columns_beside_visits(columns: Mapping[str, tuple[str, ...]], header: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return a deals file's columns with an id and a title: one is the other where the file has only one of them."""
    key = columns.get("external_id") or guess_columns(RecordKind.VISITS, header).get("deal") or columns.get("title")
    return {**({"external_id": key, "title": key} if key else {}), **columns}


def _is_of_visits(header: Sequence[str]) -> bool:
    """Tell whether rows say which deal came to which stage, and when; a bare "date" may be any date of a deal."""
    guessed = guess_columns(RecordKind.VISITS, header)
    if not {"deal", "stage", "entered_at"} <= guessed.keys():
        return False
    is_unsure = folded(guessed["entered_at"][0]) in UNSURE_TIMES
    return not is_unsure or not _ONLY_OF_DEALS & guess_columns(RecordKind.DEALS, header).keys()
