"""From what happened to a deal, in order, to its visits and what it is now; pure.

docs/analytics.md, "Imported history", says in the users' words what is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm.errors import Violation
from crm.models.codes import StageKind, VisitOutcome

_CLOSED = {StageKind.WON: VisitOutcome.WON, StageKind.LOST: VisitOutcome.LOST}


@dataclass(frozen=True, slots=True)
class Happening:
    """A deal came to a stage: an open one with its owner then, None where nobody says, or one of the ends."""

    at: datetime
    stage_id: int
    kind: StageKind
    owner_id: int | None
    left_at: datetime | None
    line: int


@dataclass(frozen=True, slots=True)
class StayDraft:
    """A visit to be written; `id` is that of a visit that is there already and only ends now."""

    stage_id: int
    owner_id: int | None
    entered_at: datetime
    stay_entered_at: datetime
    left_at: datetime | None
    outcome: VisitOutcome
    next_stage_id: int | None
    is_first: bool
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a deal stands: on an open stage in a visit of its own, or at an end since some time.

    `loss_stage_id` is the open stage it stood on last.
    """

    stage_id: int
    kind: StageKind
    since: datetime
    last_open_id: int | None
    visit: StayDraft | None = None


@dataclass(slots=True)
class History:
    """What a deal's happenings made of it: visits in order, its standing at the end, doubts by line."""

    visits: list[StayDraft]
    standing: Standing
    warnings: dict[int, Violation] = field(default_factory=dict)


def build(
    happenings: Sequence[Happening],
    positions: Mapping[int, int],
    start: History | None = None,
    left_at: datetime | None = None,
) -> History:
    """Return visits and standing after what happened; `positions` of stages tell forward from back.

    `start` is where a deal that is known already stands, `left_at` when it left that stage, where a file says so: of
    its visits only the open one is given back, ended or not.
    """
    builder = _Builder(positions, start, left_at)
    for one in happenings:
        if one.kind is StageKind.OPEN:
            builder.come(one)
        else:
            builder.close(one)
    return builder.finish()


@dataclass(slots=True)
class _Current:
    """The visit that lasts."""

    draft: StayDraft
    left_at: datetime | None
    line: int


class _Builder:
    """Walks through happenings; holds the visit that lasts, or the end the deal is at."""

    def __init__(self, positions: Mapping[int, int], start: History | None, left_at: datetime | None) -> None:
        self.positions = positions
        self.visits: list[StayDraft] = []
        self.warnings: dict[int, Violation] = {}
        self.been = {visit.stage_id for visit in start.visits} if start else set()
        self.current: _Current | None = None
        self.end: Standing | None = None
        self.last_open_id: int | None = None
        if start is not None:
            self.last_open_id = start.standing.last_open_id
            if start.standing.visit is not None:
                self.current = _Current(start.standing.visit, left_at, 0)
            else:
                self.end = start.standing

    def come(self, one: Happening) -> None:
        """Bring the deal to an open stage, or note that it is still there."""
        current, stay_entered_at = self.current, one.at
        if current is not None:
            same_stage = current.draft.stage_id == one.stage_id
            if same_stage and one.owner_id in (None, current.draft.owner_id):
                current.left_at, current.line = one.left_at, one.line
                return
            if same_stage:
                stay_entered_at = current.draft.stay_entered_at
                self._leave(one.at, VisitOutcome.HANDOVER, one.stage_id)
            else:
                ahead = self.positions[one.stage_id] > self.positions[current.draft.stage_id]
                outcome = VisitOutcome.FORWARD if ahead else VisitOutcome.BACK
                self._leave(self._left(current, one.at), outcome, one.stage_id)
        draft = StayDraft(
            one.stage_id, one.owner_id, one.at, stay_entered_at, None, VisitOutcome.OPEN, None,
            one.stage_id not in self.been,
        )  # fmt: skip
        self.been.add(one.stage_id)
        self.current, self.end, self.last_open_id = _Current(draft, one.left_at, one.line), None, one.stage_id

    def close(self, one: Happening) -> None:
        """End the deal; a second row of the same end says nothing new."""
        if self.current is None and self.end is not None and self.end.kind is one.kind:
            return
        if self.current is not None:
            self._leave(self._left(self.current, one.at), _CLOSED[one.kind], one.stage_id)
        self.end = Standing(one.stage_id, one.kind, one.at, self.last_open_id)

    def finish(self) -> History:
        """Return what came of it; a deal that left its last stage for nowhere is still there."""
        if self.end is not None:
            return History(self.visits, self.end, self.warnings)
        if self.current is None:
            raise ValueError("nothing happened")
        if self.current.left_at is not None:
            self.warnings[self.current.line] = Violation("visit_left_for_nowhere", "left_at")
        draft = self.current.draft
        standing = Standing(draft.stage_id, StageKind.OPEN, draft.stay_entered_at, draft.stage_id, draft)
        return History([*self.visits, draft], standing, self.warnings)

    def _left(self, current: _Current, at: datetime) -> datetime:
        if current.left_at is not None and current.left_at > at:
            self.warnings[current.line] = Violation("visit_left_late", "left_at")
        return min(current.left_at or at, at)

    def _leave(self, at: datetime, outcome: VisitOutcome, next_stage_id: int) -> None:
        if self.current is None:
            return
        draft = self.current.draft
        self.visits.append(
            StayDraft(
                draft.stage_id,
                draft.owner_id,
                draft.entered_at,
                draft.stay_entered_at,
                max(at, draft.entered_at),
                outcome,
                next_stage_id,
                draft.is_first,
                draft.id,
            )
        )
        self.current = None
