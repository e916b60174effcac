"""The model in use for each kind of record: its newest row, or the one a base starts with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.matching.model import MatchModel, default_model, model_from_json
from crm.models import EntityType
from crm.models import MatchModel as MatchModelRow


@dataclass(frozen=True, slots=True)
class KnownModel:
    """The model in use and its row; without a row it is the one a base starts with."""

    model: MatchModel
    id: int | None = None
    trained_on: int = 0


def load_model(session: Session, entity_type: EntityType) -> KnownModel:
    """Return the model in use."""
    newest = (
        select(MatchModelRow.id, MatchModelRow.weights, MatchModelRow.trained_on)
        .where(MatchModelRow.entity_type == entity_type)
        .order_by(MatchModelRow.id.desc())
        .limit(1)
    )
    row = session.execute(newest).one_or_none()
    if row is None:
        return KnownModel(default_model(entity_type))
    return KnownModel(model_from_json(row.weights), row.id, row.trained_on)


def add_model(session: Session, model: MatchModel, *, trained_on: int, now: datetime) -> int:
    """Put a model into use; return its row's id."""
    shift, slope = model.calibration
    row = MatchModelRow(
        entity_type=model.entity_type,
        weights=model.to_json(),
        calibration={"shift": shift, "slope": slope},
        auto_at=model.auto_at,
        review_at=model.review_at,
        trained_on=trained_on,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row.id
