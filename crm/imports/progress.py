"""Where a run stands: its steps, the cursor that a batch moves, the counts people see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from crm.clock import utc_now
from crm.imports.fields import RecordKind
from crm.imports.judged import Judged
from crm.imports.prepare import Prepared, PreparedFile


class StepKind(StrEnum):
    """What a step of a run does."""

    ROWS = "rows"
    SET_UP = "set_up"
    PARENTS = "parents"
    FINISH = "finish"


_AFTER_COMPANIES = (RecordKind.CONTACTS, RecordKind.DEALS, RecordKind.VISITS)


@dataclass(frozen=True, slots=True)
class RunStep:
    """A step of a run; `file` is set for rows."""

    kind: StepKind
    file: PreparedFile | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is done: all steps before `step`, and in it all rows up to `line`.

    Of visits, `line` is where the last deal done first appears.
    """

    step: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of each file got which verdict; how many rows are done and how many there are.

    `at` is the epoch second of the last batch: one long ago means that nobody runs the import any more.
    """

    done: int = 0
    total: int = 0
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    at: int = 0

    def plus(self, file: str, judged: Iterable[Judged[Any]]) -> Counts:
        """Return the counts with a batch added."""
        mine = dict(self.rows.get(file, {}))
        added = 0
        for one in judged:
            mine[one.verdict.value] = mine.get(one.verdict.value, 0) + 1
            added += 1
        return Counts(self.done + added, self.total, {**self.rows, file: mine})

    def of(self, verdict: str) -> int:
        """Return how many rows of all files got a verdict."""
        return sum(verdicts.get(verdict, 0) for verdicts in self.rows.values())


def steps_of(prepared: Prepared) -> list[RunStep]:
    """Return the steps of a run: people, what must be there, companies with parents, contacts, deals, their visits."""
    steps = [_rows(file) for file in prepared.of_kind(RecordKind.USERS)]
    steps.append(RunStep(StepKind.SET_UP))
    steps += [_rows(file) for file in prepared.of_kind(RecordKind.COMPANIES)]
    steps.append(RunStep(StepKind.PARENTS))
    steps += [_rows(file) for kind in _AFTER_COMPANIES for file in prepared.of_kind(kind)]
    steps.append(RunStep(StepKind.FINISH))
    return steps


def counts_tree(counts: Counts, cursor: Cursor) -> dict[str, Any]:
    """Return counts and cursor as an import keeps them."""
    return {
        "done": counts.done,
        "total": counts.total,
        "rows": {file: dict(verdicts) for file, verdicts in counts.rows.items()},
        "cursor": [cursor.step, cursor.line],
        "at": int(utc_now().timestamp()),
    }


def counts_from(tree: Mapping[str, Any]) -> Counts:
    """Return the counts that an import keeps."""
    return Counts(tree.get("done", 0), tree.get("total", 0), tree.get("rows", {}), tree.get("at", 0))


def cursor_from(tree: Mapping[str, Any]) -> Cursor:
    """Return the cursor that an import keeps."""
    return Cursor(*tree.get("cursor", (0, 0)))


def _rows(file: PreparedFile) -> RunStep:
    return RunStep(StepKind.ROWS, file)
