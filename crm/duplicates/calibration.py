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
_PARTS = tuple(0.5**power for power in range(12))
# The present curve is held as if some thirty decisions stood behind it: a few lucky ones don't bend it.
_HELD = (5.0, 100.0)
Curve = tuple[float, float]
Decision = tuple[float, bool]  # weight, and whether people merged the pair


def recalibrate(session: Session, entity_type: EntityType, *, now: datetime) -> int | None:
    """Put a model with a refitted curve into use where there are decisions enough that it doesn't know; its id."""
    known = load_model(session, entity_type)
    decided = _decided_count(session, entity_type)
    if decided < DECISIONS_NEEDED or decided == known.trained_on:
        return None
    fitted = fit_curve(_decisions(session, entity_type), known.model)
    return add_model(session, replace(known.model, calibration=fitted), trained_on=decided, now=now)


def fit_curve(decisions: Sequence[Decision], model: MatchModel) -> Curve:
    """Return (shift, slope) of p = 1 / (1 + exp(shift - slope * weight)) that fits the decisions best.

    Logistic regression on the weight by Newton's steps, held near the model's present curve by a few decisions' worth.
    A slope that falls would say that likelier pairs are merged less: then the present curve stays.
    """
    start = model.calibration
    curve, cost = start, _cost(decisions, start, start)
    for _ in range(_ROUNDS):
        step = _step(decisions, curve, start)
        # A whole step may overshoot where nearly all decisions agree.
        for part in _PARTS:
            tried = (curve[0] - part * step[0], curve[1] - part * step[1])
            if (lower := _cost(decisions, tried, start)) < cost:
                break
        else:
            break
        curve, cost, gained = tried, lower, cost - lower
        if gained < _ENOUGH:
            break
    return curve if curve[1] > 0.0 else start


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


def _cost(decisions: Sequence[Decision], curve: Curve, start: Curve) -> float:
    """Return how badly a curve fits, with what pulls it towards the start."""
    total = sum(hold * (now - was) ** 2 / 2.0 for hold, now, was in zip(_HELD, curve, start, strict=True))
    for weight, is_merged in decisions:
        z = curve[1] * weight - curve[0]
        total += max(z, 0.0) - (z if is_merged else 0.0) + math.log1p(math.exp(-abs(z)))
    return total


def _step(decisions: Sequence[Decision], curve: Curve, start: Curve) -> Curve:
    """Return Newton's step from a curve."""
    slope = [hold * (now - was) for hold, now, was in zip(_HELD, curve, start, strict=True)]
    bend = [_HELD[0], 0.0, _HELD[1]]
    for weight, is_merged in decisions:
        p = 1.0 / (1.0 + math.exp(min(max(curve[0] - curve[1] * weight, -500.0), 500.0)))
        miss, flex = p - is_merged, p * (1.0 - p)
        slope[0] -= miss
        slope[1] += miss * weight
        bend[0] += flex
        bend[1] -= flex * weight
        bend[2] += flex * weight * weight
    whole = bend[0] * bend[2] - bend[1] * bend[1]
    return (
        (bend[2] * slope[0] - bend[1] * slope[1]) / whole,
        (bend[0] * slope[1] - bend[1] * slope[0]) / whole,
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
