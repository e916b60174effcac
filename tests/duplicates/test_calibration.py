"""The curve from weight to probability, fitted to what people decided."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.duplicates.calibration import DECISIONS_NEEDED, band_of, fit_curve, recalibrate
from crm.matching.model import default_model
from crm.matching.models_in_use import load_model
from crm.models import EntityType, MatchPair, Merge, MergeBatch, MergeBatchStatus, PairSource, PairState
from tests.conftest import Cast

CONTACT = EntityType.CONTACT
MODEL = default_model(CONTACT)


def decisions(count: int, shift: float, slope: float, seed: int = 1) -> list[tuple[float, bool]]:
    """Draw decisions of people whose curve is known."""
    draw = Random(seed)
    weights = [draw.uniform(-1.0, 12.0) for _ in range(count)]
    return [(one, draw.random() < 1.0 / (1.0 + math.exp(shift - slope * one))) for one in weights]


def decide(session: Session, cast: Cast, made: list[tuple[float, bool]]) -> None:
    now = utc_now()
    for number, (weight, is_merged) in enumerate(made):
        session.add(
            MatchPair(
                entity_type=CONTACT, left_id=2 * number + 1, right_id=2 * number + 2, weight=weight,
                probability=MODEL.probability(weight), lines=[], guards=[], is_automatic=False, rank=0.0,
                state=PairState.MERGED if is_merged else PairState.NOT_DUPLICATE, source=PairSource.BATCH,
                found_at=now, decided_by=cast.vera.user_id, decided_at=now,
            )
        )  # fmt: skip
    session.flush()


@pytest.mark.parametrize(("shift", "slope"), [(0.5, 0.65), (3.0, 0.8), (-1.0, 0.3)])
def test_fit_finds_the_curve_behind_the_decisions(shift: float, slope: float) -> None:
    fitted = replace(MODEL, calibration=fit_curve(decisions(4_000, shift, slope), MODEL))
    for weight in (0.0, 2.0, 4.0, 8.0):
        assert fitted.probability(weight) == pytest.approx(1.0 / (1.0 + math.exp(shift - slope * weight)), abs=0.05)


def test_few_decisions_bend_the_curve_little() -> None:
    fitted = replace(MODEL, calibration=fit_curve([(5.0, False), (6.0, False)], MODEL))
    assert fitted.probability(6.0) == pytest.approx(MODEL.probability(6.0), abs=0.15)


def test_unanimous_decisions_have_an_end() -> None:
    shift, slope = fit_curve([(float(weight), True) for weight in range(200)], MODEL)
    assert math.isfinite(shift)
    assert slope > 0


def test_decisions_that_fall_with_the_weight_change_nothing() -> None:
    upside_down = [(float(weight % 12), weight % 12 < 6) for weight in range(600)]
    assert fit_curve(upside_down, MODEL) == MODEL.calibration


def test_model_is_refitted_once_there_are_decisions_enough(session: Session, cast: Cast) -> None:
    made = decisions(DECISIONS_NEEDED, 3.0, 0.8)
    decide(session, cast, made[:-1])
    assert recalibrate(session, CONTACT, now=utc_now()) is None
    session.query(MatchPair).delete()
    decide(session, cast, made)
    added = recalibrate(session, CONTACT, now=utc_now())
    known = load_model(session, CONTACT)
    assert (known.id, known.trained_on) == (added, DECISIONS_NEEDED)
    assert known.model.calibration == pytest.approx(fit_curve(made, MODEL))
    assert known.model.auto_at == MODEL.auto_at
    assert recalibrate(session, CONTACT, now=utc_now()) is None


def test_band_tells_what_people_decided(session: Session, cast: Cast) -> None:
    weight = 6.0
    decide(session, cast, [(weight, number % 10 != 0) for number in range(30)])
    band = band_of(session, CONTACT, MODEL.probability(weight))
    assert band is not None
    assert (band.decided, band.merged) == (30, 27)
    assert band.least <= MODEL.probability(weight) <= band.most
    assert band_of(session, CONTACT, 0.1) is None
    assert band_of(session, CONTACT, 1.0) is None


def test_bulk_merges_are_no_decisions(session: Session, cast: Cast) -> None:
    decide(session, cast, [(6.0, True)] * 30)
    batch = MergeBatch(entity_type=CONTACT, status=MergeBatchStatus.DONE, least_weight=5.0, planned=1,
                       created_at=utc_now())  # fmt: skip
    session.add(batch)
    session.flush()
    for pair in session.query(MatchPair).limit(5):
        session.add(
            Merge(
                entity_type=CONTACT, survivor_id=pair.left_id, merged_id=pair.right_id, pair_id=pair.id,
                batch_id=batch.id, before={}, choices={}, moved=[], at=utc_now(),
            )
        )  # fmt: skip
    session.flush()
    band = band_of(session, CONTACT, MODEL.probability(6.0))
    assert band is not None
    assert band.decided == 25
