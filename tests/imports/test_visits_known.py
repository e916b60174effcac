"""A history told twice tells nothing new; one that grows ends where the whole one does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from crm.imports.visits.building import Happening, History, StayDraft, build
from crm.imports.visits.known import KnownDeal, news_in
from crm.models import DealStatus, StageKind

START = datetime(2025, 1, 1, tzinfo=UTC)
KINDS = {1: StageKind.OPEN, 2: StageKind.OPEN, 3: StageKind.OPEN, 8: StageKind.WON, 9: StageKind.LOST}
POSITIONS = {stage: at for at, stage in enumerate(KINDS)}
STATUS = {StageKind.OPEN: DealStatus.OPEN, StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}

told = st.tuples(st.integers(0, 7), st.sampled_from(list(KINDS)), st.sampled_from([None, 1, 2]))
logs = st.lists(told, min_size=1, max_size=8)


def happenings(log: list[tuple[int, int, int | None]]) -> list[Happening]:
    """Return a log in its order: (minute, stage, owner)."""
    rows = [
        Happening(START + timedelta(minutes=at), stage, KINDS[stage], owner, None, line)
        for line, (at, stage, owner) in enumerate(log)
    ]
    return sorted(rows, key=lambda one: (one.at, one.line))


def in_base(history: History) -> KnownDeal:
    """Return the deal that a history would have left in the base."""
    standing = history.standing
    facts = {
        "stage_id": standing.stage_id,
        "status": STATUS[standing.kind],
        "closed_at": None if standing.kind is StageKind.OPEN else standing.since,
        "created_at": START,
        "stage_entered_at": standing.since,
    }
    visits = tuple(replace(visit, id=number) for number, visit in enumerate(history.visits, start=1))
    return KnownDeal(1, facts, visits, is_bare=False)


def plain(visits: list[StayDraft]) -> list[StayDraft]:
    """Return visits without their ids."""
    return [replace(visit, id=None) for visit in visits]


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(logs)
def test_history_told_again_tells_nothing_new(log: list[tuple[int, int, int | None]]) -> None:
    rows = happenings(log)
    known = in_base(build(rows, POSITIONS))
    news = news_in(known, rows)
    assert news.line is None
    if news.happenings:  # rows at the very last moment are looked at again
        again = build(news.happenings, POSITIONS, known.history(), news.left_at)
        assert again.visits == ([known.history().standing.visit] if known.history().standing.visit else [])


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(logs, st.integers(1, 7))
def test_history_that_grows_ends_where_the_whole_one_does(log: list[tuple[int, int, int | None]], cut: int) -> None:
    rows = happenings(log)
    before = [one for one in rows if one.at < START + timedelta(minutes=cut)]
    if not before or len(before) == len(rows):
        return
    known = in_base(build(before, POSITIONS))
    news = news_in(known, rows)
    assert news.line is None
    grown = build(news.happenings, POSITIONS, known.history(), news.left_at)
    whole = build(rows, POSITIONS)
    ended = [visit for visit in known.visits if visit.left_at is not None]
    assert plain([*ended, *grown.visits]) == whole.visits
    assert (grown.standing.kind, grown.standing.since) == (whole.standing.kind, whole.standing.since)
