"""How sure a weight is: fitted to what people decided about pairs, and told beside each probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from crm.duplicates.pair_values import BandRecord
from crm.matching.model import MatchModel
from crm.matching.models_in_use import add_model, load_model
from crm.models import EntityType, MatchPair, Merge, PairSource, PairState

DECISIONS_NEEDED = 200
DECISIONS_READ = 5_000  # the newest ones
_BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 1.0)
_BAND_NEEDS = 20
_ROUNDS = 50
_ENOUGH = 1e-8
# The default curve counts as so many decisions, so that a few lucky ones don't bend it.
_PRIOR_DECISIONS = 20.0
Decision = tuple[float, bool]  # weight, and whether people merged the pair


def recalibrate(session: Session, entity_type: EntityType, *, now: datetime) -> int | None:
    """Put a model with a refitted curve into use where there are decisions enough that it doesn't know; its id."""
    known = load_model(session, entity_type)
    decided = _decided_count(session, entity_type)
    if decided < DECISIONS_NEEDED or decided == known.trained_on:
        return None
    fitted = fit_curve(_decisions(session, entity_type), known.model)
    return add_model(session, replace(known.model, calibration=fitted), trained_on=decided, now=now)


def fit_curve(decisions: Sequence[Decision], model: MatchModel) -> tuple[float, float]:
    """Return (shift, slope) of p = 1 / (1 + exp(shift - slope * weight)) that fits the decisions best.

    Logistic regression on the weight by Newton's steps, held near the model's present curve by a few decisions' worth.
    A slope that falls would say that likelier pairs are merged less: then the present curve stays.
    """
    shift, slope = model.calibration
    start = shift, slope
    held = (_PRIOR_DECISIONS * 0.05, _PRIOR_DECISIONS * 0.5)
    for _ in range(_ROUNDS):
        pull = (held[0] * (shift - start[0]), held[1] * (slope - start[1]))
        first, second = list(pull), [held[0], 0.0, held[1]]
        for weight, is_merged in decisions:
            p = 1.0 / (1.0 + math.exp(min(max(shift - slope * weight, -500.0), 500.0)))
            miss, bend = p - is_merged, p * (1.0 - p)
            first[0] -= miss
            first[1] += miss * weight
            second[0] += bend
            second[1] -= bend * weight
            second[2] += bend * weight * weight
        det = second[0] * second[2] - second[1] * second[1]
        if det <= 0.0:
            break
        step = (
            (second[2] * first[0] - second[1] * first[1]) / det,
            (second[0] * first[1] - second[1] * first[0]) / det,
        )
        shift, slope = shift - step[0], slope - step[1]
        if abs(step[0]) + abs(step[1]) < _ENOUGH:
            break
    return (shift, slope) if slope > 0.0 and math.isfinite(shift) else start


def band_of(session: Session, entity_type: EntityType, probability: float) -> BandRecord | None:
    """Return what people decided about pairs of about this probability; None until there are enough."""
    place = max(at for at, least in enumerate(_BANDS[:-1]) if probability >= least)
    least, most = _BANDS[place], _BANDS[place + 1]
    inside = [MatchPair.probability >= least]
    if most < 1.0:
        inside.append(MatchPair.probability < most)
    decided, merged = session.execute(
        select(func.count(), func.count().filter(MatchPair.state == PairState.MERGED)).where(
            MatchPair.entity_type == entity_type, *_BY_PEOPLE, *inside
        )
    ).one()
    return BandRecord(least, most, decided, merged) if decided >= _BAND_NEEDS else None


# Bulk merges go by the threshold and say nothing about it; bridges have no weight of their own.
_BY_PEOPLE = (
    MatchPair.state.in_((PairState.MERGED, PairState.NOT_DUPLICATE)),
    MatchPair.decided_by.is_not(None),
    MatchPair.source != PairSource.BRIDGE,
    ~exists().where(Merge.pair_id == MatchPair.id, Merge.batch_id.is_not(None), Merge.undone_at.is_(None)),
)


def _decided_count(session: Session, entity_type: EntityType) -> int:
    query = select(func.count()).where(MatchPair.entity_type == entity_type, *_BY_PEOPLE)
    return session.scalar(query) or 0


def _decisions(session: Session, entity_type: EntityType) -> list[Decision]:
    newest = (
        select(MatchPair.weight, MatchPair.state)
        .where(MatchPair.entity_type == entity_type, *_BY_PEOPLE)
        .order_by(MatchPair.decided_at.desc(), MatchPair.id.desc())
        .limit(DECISIONS_READ)
    )
    return [(weight, state is PairState.MERGED) for weight, state in session.execute(newest)]
