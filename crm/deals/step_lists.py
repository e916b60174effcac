"""Next steps as records: one by its id, and what is still to be done, by due date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import deal_visible
from crm.errors import NotFound
from crm.models import Deal, NextStep, StepKind, StepResult


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which open steps a list holds; None does not narrow. The range leaves out its end."""

    owner_id: int | None = None
    deal_id: int | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A next step's own values, open or done."""

    id: int
    version: int
    deal_id: int
    kind: StepKind
    text: str
    due_at: datetime
    owner_id: int
    created_at: datetime
    created_by: int | None
    done_at: datetime | None
    done_by: int | None
    result: StepResult | None
    result_text: str | None

    @property
    def place(self) -> tuple[int, int]:
        """Return the step's place in the order of lists."""
        return int(self.due_at.timestamp()), self.id


def load_step(session: Session, actor: Actor, step_id: int) -> StepRecord:
    """Return one step of a visible deal.

    Errors: NotFound.
    """
    row = session.execute(_records(actor).where(NextStep.id == step_id)).one_or_none()
    if row is None:
        raise NotFound(entity="next_step", id=step_id)
    return StepRecord(*row)


def list_open_steps(
    session: Session, actor: Actor, wanted: StepFilter, *, after: tuple[int, ...] | None = None, limit: int = 50
) -> list[StepRecord]:
    """Return open steps of visible deals, the earliest due first; `after` is the place of the last one seen."""
    query = _records(actor).where(NextStep.done_at.is_(None)).order_by(NextStep.due_at, NextStep.id).limit(limit)
    if wanted.owner_id is not None:
        query = query.where(NextStep.owner_id == wanted.owner_id)
    if wanted.deal_id is not None:
        query = query.where(NextStep.deal_id == wanted.deal_id)
    if wanted.due_from is not None:
        query = query.where(NextStep.due_at >= wanted.due_from)
    if wanted.due_to is not None:
        query = query.where(NextStep.due_at < wanted.due_to)
    if after is not None:
        moment = datetime.fromtimestamp(after[0], UTC)
        later = or_(NextStep.due_at > moment, and_(NextStep.due_at == moment, NextStep.id > after[1]))
        query = query.where(NextStep.due_at >= moment, later)
    return [StepRecord(*row) for row in session.execute(query)]


def _records(actor: Actor) -> Select[*tuple[Any, ...]]:
    return (
        select(
            NextStep.id, NextStep.version, NextStep.deal_id, NextStep.kind, NextStep.text, NextStep.due_at,
            NextStep.owner_id, NextStep.created_at, NextStep.created_by, NextStep.done_at, NextStep.done_by,
            NextStep.result, NextStep.result_text,
        )
        .join(Deal, Deal.id == NextStep.deal_id)
        .where(deal_visible(actor))
    )  # fmt: skip
