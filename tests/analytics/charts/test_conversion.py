"""Conversion in its three meanings, worked out by hand from tests/analytics/sample.py, and what holds of any deals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from random import Random

import pytest
from sqlalchemy.orm import Session

from crm.analytics.charts.conversion import CHART
from crm.analytics.scope import Scope, whole_scope
from crm.analytics.values import Ask, Meaning
from tests.analytics.histories import Came, add_history
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline

COUNTS = ("came", "passed", "lost", "open", "off_path")


@pytest.fixture
def sample(session: Session, cast: Cast) -> Sample:
    return add_sample(session, cast)


def scope_of(session: Session, pipeline: PipelineRows) -> Scope:
    return replace(whole_scope(session), pipeline_ids=(pipeline.id,), since=date(2025, 12, 1), until=date(2026, 6, 30))


def counted(session: Session, cast: Cast, ask: Ask, **split: object) -> list[tuple[int, ...]]:
    """Return the counts of each row of the frame, of one part of a split where one is named."""
    frame = CHART.frame(session, cast.vera, ask)
    rows = [one for one in frame.to_dict("records") if all(one[name] == value for name, value in split.items())]
    return [tuple(one[name] for name in COUNTS) for one in rows]


def test_real_path_counts_deals_that_were_on_a_stage_once(session: Session, cast: Cast, sample: Sample) -> None:
    ask = Ask(scope_of(session, sample.sales))
    assert counted(session, cast, ask) == [
        (9, 8, 0, 1, 0),
        (7, 4, 2, 1, 0),  # one came back to it, one changed hands on it: each once
        (5, 2, 2, 1, 0),  # one was born here; one was won from here
        (2, 2, 0, 0, 0),
        (3, 3, 0, 0, 0),
    ]


def test_reached_at_least_counts_skipped_stages_and_late_starts(session: Session, cast: Cast, sample: Sample) -> None:
    ask = Ask(scope_of(session, sample.sales), meaning=Meaning.REACHED)
    assert counted(session, cast, ask) == [
        (10, 9, 0, 1, 0),
        (9, 6, 2, 1, 0),
        (6, 3, 2, 1, 0),
        (3, 3, 0, 0, 0),
        (3, 3, 0, 0, 0),
    ]


def test_strict_cohort_leaves_out_who_skipped_a_stage(session: Session, cast: Cast, sample: Sample) -> None:
    ask = Ask(scope_of(session, sample.sales), meaning=Meaning.STRICT)
    assert counted(session, cast, ask) == [
        (9, 7, 0, 1, 1),
        (7, 4, 2, 1, 0),
        (4, 1, 1, 1, 1),  # the one won from here went on otherwise
        (1, 1, 0, 0, 0),
        (1, 1, 0, 0, 0),
    ]


def test_strict_cohort_of_a_month_goes_on_within_the_month(session: Session, cast: Cast, sample: Sample) -> None:
    january = replace(scope_of(session, sample.sales), since=date(2026, 1, 1), until=date(2026, 1, 31))
    assert counted(session, cast, Ask(january, meaning=Meaning.STRICT))[0] == (7, 5, 0, 0, 2)


def test_months_add_up_to_the_period(session: Session, cast: Cast, sample: Sample) -> None:
    scope = scope_of(session, sample.sales)
    assert counted(session, cast, Ask(scope, "month"), month=date(2026, 1, 1))[0] == (7, 7, 0, 0, 0)
    assert counted(session, cast, Ask(scope, "month"), month=date(2026, 2, 1))[0] == (2, 1, 0, 1, 0)


def test_owner_at_the_moment_has_the_credit(session: Session, cast: Cast, sample: Sample) -> None:
    ask = Ask(scope_of(session, sample.sales), "owner")
    assert counted(session, cast, ask, owner_id=cast.anna.user_id)[1] == (3, 1, 2, 0, 0)
    assert counted(session, cast, ask, owner_id=cast.boris.user_id)[1] == (4, 3, 0, 1, 0)


def test_shares_are_of_all_and_of_the_decided(session: Session, cast: Cast, sample: Sample) -> None:
    second = CHART.frame(session, cast.vera, Ask(scope_of(session, sample.sales))).to_dict("records")[1]
    assert second["conversion"] == pytest.approx(100 * 4 / 7)
    assert second["conversion_decided"] == pytest.approx(100 * 4 / 6)
    assert second["from_first"] == pytest.approx(100 * 7 / 9)


def test_deal_taken_up_again_counts_as_what_it_is_now(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    add_history(session, pipeline, [Came(0, 0, cast.anna), Came(1, 2, cast.anna), Came(0, 9, cast.anna)])
    assert counted(session, cast, Ask(scope_of(session, pipeline)))[:2] == [(1, 1, 0, 0, 0), (1, 0, 0, 1, 0)]


@pytest.mark.parametrize("seed", range(4))
def test_what_holds_of_any_deals(session: Session, cast: Cast, seed: int) -> None:
    scope = _random_deals(session, cast, Random(seed))
    by_meaning = {one: counted(session, cast, Ask(scope, meaning=one)) for one in Meaning}
    for real, reached, strict in zip(*(by_meaning[one] for one in Meaning), strict=True):
        assert strict[0] <= real[0] <= reached[0]
        for came, *parts in (real, reached, strict):
            assert came == sum(parts)
    for meaning, whole in by_meaning.items():
        owners = [counted(session, cast, Ask(scope, "owner", meaning), owner_id=one) for one in (1, 2, 3, 4)]
        rows = [[part[stage] for part in owners if part] for stage in range(len(whole))]
        assert [tuple(map(sum, zip(*row, strict=True))) for row in rows] == whole
    month = replace(scope, since=date(2026, 1, 10), until=date(2026, 1, 25))
    pair = [counted(session, cast, Ask(month, meaning=one)) for one in (Meaning.REAL_PATH, Meaning.REACHED)]
    assert all(real[0] <= reached[0] for real, reached in zip(*pair, strict=True))


def _random_deals(session: Session, cast: Cast, random: Random) -> Scope:
    pipeline = add_pipeline(session)
    for _ in range(25):
        day, came = random.uniform(0, 20), []
        for _ in range(random.randint(1, 6)):
            came.append(Came(random.randrange(4), day, random.choice((cast.anna, cast.boris))))
            day += random.uniform(0.1, 6)
        end = random.choice(("won", "lost", None))
        add_history(session, pipeline, came, **({end: day} if end else {}))
    return scope_of(session, pipeline)
