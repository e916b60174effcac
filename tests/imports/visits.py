"""Files of visits for tests: a mapping, small texts, and reading back what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from crm.db import Database
from crm.models import Deal, Stage, StageVisit, User

HEADER = "deal;stage;entered;owner;left;outcome;reason;amount"
COLUMNS = {
    "deal": "deal", "stage": "stage", "entered_at": "entered", "owner": "owner", "left_at": "left",
    "outcome": "outcome", "loss_reason": "reason", "amount": "amount",
}  # fmt: skip
PIPELINE = {"name": "History", "open": ["New", "Demo", "Offer"], "won": "Won", "lost": "Lost"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as a test reads it: times as "dd hh:mm" in UTC, the owner None where nobody knows."""

    stage: str
    owner: str | None
    entered: str
    left: str | None
    outcome: str
    is_first: bool
    next_stage: str | None
    stay: str


def visits_file(*rows: str, name: str = "log.csv") -> dict[str, str | bytes]:
    """Return a file of visits: rows of `HEADER`, the last cells may be left out."""
    width = HEADER.count(";")
    return {name: "\n".join([HEADER, *(row + ";" * (width - row.count(";")) for row in rows)]) + "\n"}


def visits_mapping(**more: Any) -> dict[str, Any]:
    """Return the mapping of `visits_file` into a new pipeline; unknown people are created."""
    file = {"file": "log.csv", "kind": "visits", "columns": COLUMNS}
    return {
        "system": "old", "files": [file], "pipeline": "History", "pipelines": [PIPELINE], "timezone": "UTC",
        "owners": {"default": "Vera", "create": True}, **more,
    }  # fmt: skip


def read_back(database: Database, title: str) -> list[Visit]:
    """Return the visits of a deal in order."""
    with database.read_scope() as session:
        names = {row.id: row.name for row in session.execute(select(Stage.id, Stage.name))}
        people = {row.id: row.name for row in session.execute(select(User.id, User.name))}
        query = select(StageVisit).join(Deal, Deal.id == StageVisit.deal_id).where(Deal.title == title)
        return [
            Visit(
                names[one.stage_id],
                people[one.owner_id] if one.owner_known else None,
                _short(one.entered_at) or "",
                _short(one.left_at),
                one.outcome.value,
                one.is_first,
                names[one.next_stage_id] if one.next_stage_id else None,
                _short(one.stay_entered_at) or "",
            )
            for one in session.scalars(query.order_by(StageVisit.entered_at, StageVisit.id))
        ]


def deal_of(database: Database, title: str) -> Deal:
    """Return a deal by its title."""
    with database.read_scope() as session:
        return session.scalars(select(Deal).where(Deal.title == title)).one()


def stage_name(database: Database, stage_id: int | None) -> str | None:
    """Return a stage's name."""
    with database.read_scope() as session:
        return session.scalar(select(Stage.name).where(Stage.id == stage_id))


def _short(moment: datetime | None) -> str | None:
    return moment.strftime("%d %H:%M") if moment else None
