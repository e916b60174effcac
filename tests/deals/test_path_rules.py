"""Paths worked out by hand, and against an independent reading of the same words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.deals.path_rules import Ending, Reached, Stay, Way, stay_starts, trace
from crm.models import DealStatus, ReachOutcome, VisitOutcome

ANNA, ANTON, NOBODY = 1, 2, None
A, B, C, D, WON, OLD = 10, 20, 30, 40, 90, 15
WAY = Way.of([A, B, C, D], [OLD], WON)
OPEN, PASSED, LOST = ReachOutcome.OPEN, ReachOutcome.PASSED, ReachOutcome.LOST
FORWARD, BACK, HANDOVER = VisitOutcome.FORWARD, VisitOutcome.BACK, VisitOutcome.HANDOVER
ENDS = {DealStatus.OPEN: VisitOutcome.OPEN, DealStatus.WON: VisitOutcome.WON, DealStatus.LOST: VisitOutcome.LOST}
STILL_OPEN = Ending(DealStatus.OPEN, ANNA, 0, None)


def stays(
    *told: tuple[int, int] | tuple[int, int, int | None] | tuple[int, int, int | None, VisitOutcome],
) -> list[Stay]:
    """Return visits of (stage, entered at, owner, outcome); each lasts until the next one begins."""
    full = [(*one, *(ANNA, FORWARD)[len(one) - 2 :]) for one in told]
    ends = [*(one[1] for one in full[1:]), None][: len(full)]
    return [
        Stay(number, stage, owner, entered, left, outcome.value)
        for number, ((stage, entered, owner, outcome), left) in enumerate(zip(full, ends, strict=True), start=1)
    ]


def told(rows: Sequence[Reached]) -> list[tuple[object, ...]]:
    """Return stage, reached, entered, outcome, decided, credited, in order."""
    return [
        (one.stage_id, one.reached_at, one.entered_at, one.outcome, one.decided_at, one.credited_to, one.in_order)
        for one in rows
    ]


def test_straight_path_is_passed_stage_by_stage() -> None:
    rows = trace(stays((A, 0), (B, 5), (C, 9)), STILL_OPEN, WAY)
    assert told(rows) == [
        (A, 0, 0, PASSED, 5, ANNA, True),
        (B, 5, 5, PASSED, 9, ANNA, True),
        (C, 9, 9, OPEN, None, ANNA, True),
    ]
    assert {one.began_at for one in rows} == {0}


def test_return_changes_neither_what_was_reached_nor_what_was_passed() -> None:
    rows = trace(stays((A, 0), (B, 5, ANNA, BACK), (A, 9)), STILL_OPEN, WAY)
    assert told(rows) == [(A, 0, 0, PASSED, 5, ANNA, True), (B, 5, 5, OPEN, None, ANNA, True)]


def test_skipped_stage_is_reached_but_not_entered_and_breaks_the_order() -> None:
    rows = trace(stays((A, 0), (C, 5)), STILL_OPEN, WAY)
    assert told(rows) == [
        (A, 0, 0, PASSED, 5, ANNA, True),
        (B, 5, None, PASSED, 5, ANNA, False),
        (C, 5, 5, OPEN, None, ANNA, False),
    ]


def test_stage_made_good_later_is_in_order_but_what_came_before_it_is_not() -> None:
    rows = trace(stays((A, 0), (C, 5, ANNA, BACK), (B, 7), (C, 9)), STILL_OPEN, WAY)
    assert told(rows) == [
        (A, 0, 0, PASSED, 5, ANNA, True),
        (B, 5, 7, PASSED, 5, ANNA, True),
        (C, 5, 5, OPEN, None, ANNA, False),
    ]


def test_stage_added_after_a_deal_came_past_its_place_is_none_of_its_way() -> None:
    younger = Way.of([A, B, C, D], [OLD], WON, added={B: 6})
    before = trace(stays((A, 0), (C, 5)), STILL_OPEN, younger)
    assert [(one.stage_id, one.in_order) for one in before] == [(A, True), (C, True)]
    after = trace(stays((A, 0), (C, 7)), STILL_OPEN, younger)
    assert [(one.stage_id, one.in_order) for one in after] == [(A, True), (B, False), (C, False)]
    won = trace(stays((A, 0, ANNA, VisitOutcome.WON)), Ending(DealStatus.WON, ANNA, 0, 5), younger)
    assert B not in {one.stage_id for one in won}
    on_it = trace(stays((A, 0), (B, 3), (C, 5)), STILL_OPEN, younger)
    assert [one.stage_id for one in on_it] == [A, B, C]


def test_deal_born_on_a_later_stage_credits_who_began_it() -> None:
    rows = trace(stays((C, 3, ANTON), (D, 8, ANNA)), STILL_OPEN, WAY)
    assert told(rows) == [
        (A, 3, None, PASSED, 3, ANTON, False),
        (B, 3, None, PASSED, 3, ANTON, False),
        (C, 3, 3, PASSED, 8, ANTON, False),
        (D, 8, 8, OPEN, None, ANNA, False),
    ]


def test_loss_decides_only_where_the_deal_went_no_further() -> None:
    rows = trace(stays((A, 0), (B, 5, ANTON, VisitOutcome.LOST)), Ending(DealStatus.LOST, ANNA, 0, 8), WAY)
    assert told(rows) == [(A, 0, 0, PASSED, 5, ANNA, True), (B, 5, 5, LOST, 8, ANTON, True)]


def test_deal_taken_up_after_a_loss_passes_later() -> None:
    rows = trace(stays((A, 0, ANNA, VisitOutcome.LOST), (A, 20, ANTON), (B, 30)), STILL_OPEN, WAY)
    assert told(rows) == [(A, 0, 0, PASSED, 30, ANTON, True), (B, 30, 30, OPEN, None, ANNA, True)]


def test_win_from_the_middle_reaches_and_passes_everything() -> None:
    rows = trace(stays((A, 0), (B, 5, ANTON, VisitOutcome.WON)), Ending(DealStatus.WON, ANNA, 0, 9), WAY)
    assert told(rows) == [
        (A, 0, 0, PASSED, 5, ANNA, True),
        (B, 5, 5, PASSED, 9, ANTON, True),
        (C, 9, None, PASSED, 9, ANTON, False),
        (D, 9, None, PASSED, 9, ANTON, False),
        (WON, 9, 9, PASSED, 9, ANTON, False),
    ]


def test_win_after_every_stage_is_in_order() -> None:
    whole = stays((A, 0), (B, 1), (C, 2), (D, 3, ANNA, VisitOutcome.WON))
    assert trace(whole, Ending(DealStatus.WON, ANNA, 0, 4), WAY)[-1] == Reached(
        WON, 0, 4, 4, ANNA, PASSED, 4, ANNA, True
    )


def test_win_that_was_taken_back_leaves_the_stages_of_the_stays() -> None:
    rows = trace(stays((A, 0), (D, 5, ANNA, VisitOutcome.WON), (B, 9)), STILL_OPEN, WAY)
    assert [one.stage_id for one in rows] == [A, B, C, D]
    assert told(rows)[1] == (B, 5, 9, PASSED, 5, ANNA, True)
    assert told(rows)[3] == (D, 5, 5, OPEN, None, ANNA, False)


def test_hand_over_credits_the_owner_at_passing_and_keeps_the_start_of_the_stay() -> None:
    visits = stays((A, 0, ANNA, HANDOVER), (A, 4, ANTON), (B, 9, ANTON))
    rows = trace(visits, Ending(DealStatus.OPEN, ANTON, 0, None), WAY)
    assert told(rows)[0] == (A, 0, 0, PASSED, 9, ANTON, True)
    assert rows[0].owner_id == ANNA
    assert stay_starts(visits) == [0, 0, 9]


def test_two_stays_on_one_stage_without_a_hand_over_are_two() -> None:
    assert stay_starts(stays((A, 0), (A, 4), (B, 9, ANNA, HANDOVER), (C, 12))) == [0, 4, 9, 12]


def test_imported_win_without_stays_reached_everything_when_it_was_won() -> None:
    rows = trace([], Ending(DealStatus.WON, ANTON, 2, 7), WAY)
    assert told(rows) == [(one, 7, None, PASSED, 7, ANTON, False) for one in (A, B, C, D)] + [
        (WON, 7, 7, PASSED, 7, ANTON, False)
    ]
    assert {one.began_at for one in rows} == {7}


@pytest.mark.parametrize(
    ("loss_stage", "reached"), [(C, [PASSED, PASSED, LOST]), (None, [LOST]), (OLD, [LOST])], ids=["C", "none", "old"]
)
def test_imported_loss_without_stays_came_where_it_was_lost(loss_stage: int | None, reached: list[int]) -> None:
    rows = trace([], Ending(DealStatus.LOST, ANTON, 2, 7, loss_stage), WAY)
    assert told(rows) == [
        (stage, 2, None, outcome, 7, ANTON, False) for stage, outcome in zip((A, B, C), reached, strict=False)
    ]


def test_retired_stage_is_reached_by_being_on_it_and_moves_nobody_ahead() -> None:
    rows = trace(stays((OLD, 0, ANTON), (A, 4)), STILL_OPEN, WAY)
    assert told(rows) == [(A, 4, 4, OPEN, None, ANNA, True), (OLD, 0, 0, PASSED, 4, ANTON, False)]
    assert {one.began_at for one in rows} == {0}
    back = trace(stays((A, 0), (OLD, 4, ANNA, BACK), (A, 6)), STILL_OPEN, WAY)
    assert told(back) == [(A, 0, 0, OPEN, None, ANNA, True), (OLD, 4, 4, OPEN, None, ANNA, False)]


def test_unknown_owner_gets_no_credit() -> None:
    rows = trace(stays((A, 0, NOBODY), (B, 5, NOBODY)), STILL_OPEN, WAY)
    assert [(one.owner_id, one.credited_to) for one in rows] == [(NOBODY, NOBODY), (NOBODY, ANNA)]


def test_stays_on_stages_of_another_pipeline_do_not_count() -> None:
    assert trace(stays((77, 0), (A, 5)), STILL_OPEN, WAY) == trace(stays((A, 5)), STILL_OPEN, WAY)


visit_lists = st.lists(
    st.tuples(
        st.sampled_from([A, B, C, D, OLD]), st.integers(0, 3), st.sampled_from([ANNA, ANTON, NOBODY]),
        st.sampled_from([FORWARD, BACK, HANDOVER, VisitOutcome.LOST, VisitOutcome.WON]),
    ),
    max_size=9,
)  # fmt: skip


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(visit_lists, st.sampled_from([DealStatus.OPEN, DealStatus.WON, DealStatus.LOST]))
def test_path_is_what_an_independent_reading_of_the_words_gives(
    visits: list[tuple[int, int, int | None, VisitOutcome]], status: DealStatus
) -> None:
    moment, listed = 0, []
    for stage, pause, owner, outcome in visits:
        moment += pause
        listed.append((stage, moment, owner, outcome))
    if listed:
        listed[-1] = (*listed[-1][:3], ENDS[status])
    closed_at = None if status is DealStatus.OPEN else moment + 1
    ending = Ending(status, ANNA, 0, closed_at)
    rows = {one.stage_id: one for one in trace(stays(*listed), ending, WAY)}
    assert rows.keys() == _reached(listed, status)
    for stage, row in rows.items():
        on_it = [at for name, at, _owner, _outcome in listed if name == stage]
        assert row.entered_at == (closed_at if stage == WON else min(on_it, default=None))
        assert row.outcome == _outcome(stage, listed, status)
        assert (row.decided_at is None) == (row.outcome == OPEN)
        assert row.began_at <= row.reached_at
        assert row.entered_at is None or row.reached_at <= row.entered_at
        assert row.in_order == _in_order(stage, [name for name, *_rest in listed if name != OLD], status)
    entered = {name for name, *_rest in listed}
    assert entered <= rows.keys()  # reached at least is never below the stages really entered
    outcomes = [sum(row.outcome == one for row in rows.values()) for one in (OPEN, PASSED, LOST)]
    assert sum(outcomes) == len(rows)
    assert outcomes[0] == 0 or status is DealStatus.OPEN
    assert outcomes[2] == 0 or status is DealStatus.LOST


def _reached(listed: list[tuple[int, int, int | None, VisitOutcome]], status: DealStatus) -> set[int]:
    names = {name for name, *_rest in listed}
    if status is DealStatus.WON:
        return {A, B, C, D, WON} | names & {OLD}
    if not listed:
        return {A} if status is DealStatus.LOST else set()
    return {stage for stage in (A, B, C, D) if any(name >= stage for name in names - {OLD})} | names & {OLD}


def _outcome(stage: int, listed: list[tuple[int, int, int | None, VisitOutcome]], status: DealStatus) -> ReachOutcome:
    if status is DealStatus.WON:
        return PASSED
    if stage == OLD:
        went_on = any(name == OLD and outcome is FORWARD for name, _at, _owner, outcome in listed)
    else:
        went_on = any(name > stage for name, *_rest in listed if name != OLD)
    return PASSED if went_on else LOST if status is DealStatus.LOST else OPEN


def _in_order(stage: int, names: list[int], status: DealStatus) -> bool:
    """Tell whether the first times on the stages up to this one follow each other as the stages do."""
    if stage == OLD or (stage == WON and status is not DealStatus.WON):
        return False
    wanted = [one for one in (A, B, C, D) if one <= stage]
    if not set(wanted) <= set(names):
        return False
    first = [names.index(one) for one in wanted]
    return first == sorted(first)
