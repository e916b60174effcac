"""The model in use for each kind of record: its newest row, or the one a base starts with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy.orm import Session

from crm.matching.fetching import look
from crm.matching.model import MatchModel, default_model, model_from_json
from crm.models import EntityType
from crm.models import MatchModel as MatchModelRow

_NEWEST = (
    "SELECT id, CAST(weights AS TEXT), trained_on FROM match_models WHERE entity_type = ? ORDER BY id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """The model in use and its row; without a row it is the one a base starts with."""

    model: MatchModel
    id: int | None = None
    trained_on: int = 0


def load_model(session: Session, entity_type: EntityType) -> KnownModel:
    """Return the model in use."""
    connection = session.connection()
    found = look(connection, _NEWEST, (entity_type.value,))
    if not found:
        return KnownModel(default_model(entity_type))
    model_id, text, trained_on = found[0]
    return KnownModel(_read(text), model_id, trained_on)


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


@lru_cache(maxsize=16)
def _read(text: str) -> MatchModel:
    return model_from_json(json.loads(text))
