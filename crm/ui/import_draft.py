"""An import in the making: files looked at, the mapping chosen so far, the plan; kept in the reader's session."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import streamlit as st

from crm.imports.background import Answer, FileLook, PlannedUploads
from crm.imports.formats import ReadOptions
from crm.imports.run import FileSource

T = TypeVar("T")

_KEY = "import_draft"


class DraftStep(StrEnum):
    """Where the reader is."""

    FILES = "files"
    COLUMNS = "columns"
    CHECK = "check"


@dataclass
class DraftFile:
    """One file of the draft: the upload, how to read it, and what was seen of it."""

    source: FileSource
    options: ReadOptions
    look: Future[Answer[FileLook]]


@dataclass
class ImportDraft:
    """What the reader has done so far.

    `mapping` is the plain structure of a mapping whose parts stand in the order of `files`; `number` makes the widget
    keys of each draft its own.
    """

    number: int
    step: DraftStep = DraftStep.FILES
    files: list[DraftFile] = field(default_factory=list)
    mapping: dict[str, Any] = field(default_factory=dict)
    is_remembered: bool = False
    plan: Future[Answer[PlannedUploads]] | None = None

    def key(self, *parts: object) -> str:
        """Return a widget key of this draft."""
        return "_".join(("import", str(self.number), *(str(part) for part in parts)))

    def is_waiting(self) -> bool:
        """Tell whether another process still reads or checks for this draft."""
        return any(not file.look.done() for file in self.files) or (self.plan is not None and not self.plan.done())


def present_draft() -> ImportDraft:
    """Return the import the reader is making, a new one where there is none."""
    if _KEY not in st.session_state:
        begin_draft()
    draft: ImportDraft = st.session_state[_KEY]
    return draft


def begin_draft() -> None:
    """Forget the import in the making and begin anew."""
    number = st.session_state.get(f"{_KEY}_count", 0) + 1
    st.session_state[f"{_KEY}_count"] = number
    st.session_state[_KEY] = ImportDraft(number)


def settled(future: Future[Answer[T]] | None) -> Answer[T] | None:
    """Return what came of work in the other process, None while it lasts."""
    return future.result() if future is not None and future.done() else None
