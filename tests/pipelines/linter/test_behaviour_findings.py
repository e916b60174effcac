"""Findings about how deals go: each fires at its share, stays quiet below it, and opens the very deals it counts."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.deals.commands import reassign_deal
from crm.deals.lint_deals import deals_behind
from crm.models import Deal, LossReason, NextStep, Pipeline, Role, Stage, StageTransition, Team, User, VisitOutcome
from crm.pipelines.linter.values import (
    AddReasons,
    AllowSkip,
    Behind,
    Finding,
    ForwardOnly,
    RetireStage,
    Severity,
    SplitPipeline,
    SwitchOffReasons,
)
from tests.conftest import Cast
from tests.factories import PipelineRows
from tests.pipelines.linter.funnels import GOOD_STAGES, add_good_pipeline, found_in, travel, travel_many

WON, LOST = VisitOutcome.WON, VisitOutcome.LOST
EVEN = (0, 1, 2, 3, 4)


def spread(session: Session, actor: Actor, rows: PipelineRows, counts: tuple[int, ...]) -> None:
    """Put open deals on the stages, so many on each."""
    for place, count in enumerate(counts):
        travel_many(session, actor, rows, (place,), count)


def same_behind(session: Session, actor: Actor, finding: Finding) -> None:
    """Check that each number and the list behind it agree."""
    assert finding.doors
    for door in finding.doors:
        assert len(deals_behind(session, actor, door)) == door.count


def test_few_deals_say_nothing(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel_many(session, cast.anna, rows, (0,), 19, due_in=None)
    assert found_in(session, rows.id) == []


def test_crowd_is_over_thirty_percent_of_open_deals(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    spread(session, cast.anna, rows, (4, 4, 4, 2, 6))
    assert found_in(session, rows.id) == []  # 6 of 20 is not over 30 %
    travel(session, cast.anna, rows, (4,))
    (found,) = found_in(session, rows.id)
    assert (found.code, found.variants, found.subject) == ("L08", ("crowd",), f"stage:{rows.stages[4]}")
    assert {key: found.params[key] for key in ("count", "of", "percent")} == {"count": 7, "of": 21, "percent": 33}
    same_behind(session, cast.vera, found)


def test_old_deals_are_told_against_the_usual_age(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    for place in range(4):
        travel_many(session, cast.anna, rows, (place,), 20, began=utc_now() - timedelta(days=10, hours=1))
    travel_many(session, cast.anna, rows, (4,), 20, began=utc_now() - timedelta(days=31, hours=1))
    (found,) = found_in(session, rows.id, "L08")
    assert found.variants == ("old",)
    assert (found.params["days"], found.params["usual_days"]) == (31, 10)


def test_deals_without_a_task_ahead_are_counted_and_listed(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    spread(session, cast.anna, rows, (16, 16, 16, 16, 15))
    travel_many(session, cast.anna, rows, (0,), 3, due_in=None)
    late = travel(session, cast.anna, rows, (0,), due_in=timedelta(days=-1))
    assert found_in(session, rows.id, "L08") == []  # 4 of 20 is not over 20 %
    another = travel(session, cast.anna, rows, (0,), due_in=timedelta(days=-1))
    (found,) = found_in(session, rows.id, "L08")
    assert found.variants == ("no_task",)
    assert (found.params["no_task"], found.params["no_task_percent"]) == (5, 24)
    same_behind(session, cast.vera, found)
    # A late task does not count where another one lies ahead.
    step = session.scalars(select(NextStep).where(NextStep.deal_id == late)).one()
    ahead = NextStep(**{key: getattr(step, key) for key in ("deal_id", "kind", "text", "owner_id", "created_at")})
    ahead.due_at = utc_now() + timedelta(days=2)
    session.add(ahead)
    session.flush()
    assert another
    assert found_in(session, rows.id, "L08") == []


def test_drawer_takes_deals_in_for_sixty_days_and_lets_none_out(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    spread(session, cast.anna, rows, (20, 20, 20, 20, 0))
    travel_many(session, cast.anna, rows, (4,), 19)
    travel(session, cast.anna, rows, (4,), began=utc_now() - timedelta(days=61))
    for place in range(4):  # the other stages let somebody out
        travel(session, cast.anna, rows, (place,), end=WON)
    assert found_in(session, rows.id, "L06") == []
    travel(session, cast.anna, rows, (4,))
    (found,) = found_in(session, rows.id, "L06")
    assert (found.severity, found.variants, found.params["count"]) == (Severity.ERROR, ("behaviour",), 20)
    same_behind(session, cast.vera, found)
    travel(session, cast.anna, rows, (4,), end=LOST)
    assert found_in(session, rows.id, "L06") == []


def test_hand_over_is_neither_an_arrival_nor_a_way_out(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    for place in range(4):
        travel(session, cast.anna, rows, (place,), end=WON)
    travel_many(session, cast.anna, rows, (4,), 19)
    deal = travel(session, cast.anna, rows, (4,))
    reassign_deal(session, cast.boris, deal_id=deal, expected_version=1, owner_id=cast.anton.user_id or 0)
    (found,) = found_in(session, rows.id, "L06")
    assert found.params["count"] == 20
    same_behind(session, cast.vera, found)


def test_stage_that_over_forty_percent_of_winners_skip(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel(session, cast.anna, rows, (2,), end=WON, began=utc_now() - timedelta(days=30))
    travel_many(session, cast.anna, rows, (0, 1, 2, 3, 4), 11, end=WON)
    travel_many(session, cast.anna, rows, (0, 1, 3, 4), 8, end=WON)
    assert found_in(session, rows.id, "L09") == []
    travel(session, cast.anna, rows, (0, 1, 3, 4), end=WON)
    (found,) = found_in(session, rows.id, "L09")
    assert (found.subject, found.params["count"], found.params["of"]) == (f"stage:{rows.stages[2]}", 9, 21)
    assert found.fixes == (AllowSkip(rows.stages[2]), RetireStage(rows.stages[2], rows.stages[3]))
    same_behind(session, cast.vera, found)
    session.add(
        StageTransition(role=Role.MANAGER, from_stage_id=rows.stages[1], to_stage_id=rows.stages[3], is_allowed=True)
    )
    session.flush()
    assert found_in(session, rows.id, "L09") == []


def test_winners_from_before_a_stage_was_there_are_not_held_against_it(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel_many(session, cast.anna, rows, (0, 1, 3, 4), 30, end=WON, began=utc_now() - timedelta(days=50))
    travel_many(session, cast.anna, rows, (0, 1, 2, 3, 4), 5, end=WON, began=utc_now() - timedelta(days=10))
    assert found_in(session, rows.id, "L09") == []


def test_over_ten_percent_of_moves_back_is_ping_pong(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    session.get_one(Pipeline, rows.id).forward_only = False
    travel_many(session, cast.anna, rows, (0, 1, 2, 1, 2), 20)  # 20 back, 60 forward
    travel_many(session, cast.anna, rows, (0, 1, 2, 3, 4), 30, end=WON)  # 120 forward
    assert found_in(session, rows.id, "L10") == []  # 20 of 200 is not over 10 %
    travel(session, cast.anna, rows, (3, 2, 1))
    (found,) = found_in(session, rows.id, "L10")
    assert (found.params["count"], found.params["of"], found.params["percent"]) == (22, 202, 11)
    assert found.params["pairs"] == "Offer sent → Need confirmed: 21; Terms agreed → Offer sent: 1"
    assert found.fixes == (ForwardOnly(), RetireStage(rows.stages[2], rows.stages[1]))
    assert [door.behind for door in found.doors] == [Behind.WENT_BACK, Behind.WENT_BACK]
    same_behind(session, cast.vera, found)


def test_teams_that_share_no_stage_are_two_processes(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel_many(session, cast.anna, rows, (0, 1), 20, end=LOST)
    travel_many(session, cast.dina, rows, (2, 3, 4), 10, end=WON)
    (found,) = found_in(session, rows.id, "L07")
    assert (found.variants, found.params["first"], found.params["last"]) == (("teams",), "Team 1", "Team 2")
    assert found.fixes == (SplitPipeline(tuple(rows.stages[2:]), "First sales: Team 2"),)
    travel_many(session, cast.dina, rows, (1,), 3, end=LOST)  # 3 of 33 stays: they meet
    assert found_in(session, rows.id, "L07") == []


def test_fewer_than_four_reasons_teach_little(session: Session) -> None:
    rows = add_good_pipeline(session)
    for reason in session.scalars(select(LossReason).where(LossReason.id.not_in(rows.reasons))):
        reason.is_active = False
    session.flush()
    (found,) = found_in(session, rows.id)
    assert (found.code, found.variants, found.params["count"]) == ("L12", ("few",), 3)
    (fix,) = found.fixes
    assert isinstance(fix, AddReasons)
    assert len(fix.names) >= 4


def test_other_over_twenty_percent_and_one_reason_over_sixty(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    price, other, _test = rows.reasons
    far = session.scalars(select(LossReason.id).where(LossReason.name == "Too far")).one()
    travel_many(session, cast.anna, rows, EVEN, 12, end=LOST, loss_reason_id=price)
    travel_many(session, cast.anna, rows, EVEN, 4, end=LOST, loss_reason_id=other)
    travel_many(session, cast.anna, rows, EVEN, 4, end=LOST, loss_reason_id=far)
    assert found_in(session, rows.id, "L12") == []
    travel(session, cast.anna, rows, EVEN, end=LOST, loss_reason_id=other)
    (found,) = found_in(session, rows.id, "L12")
    assert (found.variants, found.subject, found.params["percent"]) == (("other",), f"reason:{other}", 24)
    same_behind(session, cast.vera, found)
    travel_many(session, cast.anna, rows, EVEN, 12, end=LOST, loss_reason_id=price)
    (one,) = found_in(session, rows.id, "L12")
    assert (one.variants, one.subject, one.params["count"], one.params["of"]) == (("one",), f"reason:{price}", 24, 33)


def test_reasons_never_given_for_a_hundred_losses_are_a_hint(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    used = list(session.scalars(select(LossReason.id).where(LossReason.name != "Too late")))
    for number in range(100):
        travel(session, cast.anna, rows, (0,), end=LOST, loss_reason_id=used[number % len(used)])
    (found,) = found_in(session, rows.id, "L12")
    late = session.scalars(select(LossReason.id).where(LossReason.name == "Too late")).one()
    assert (found.severity, found.fixes) == (Severity.HINT, (SwitchOffReasons((late,)),))


def test_what_is_older_than_the_period_is_forgotten(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    session.get_one(Pipeline, rows.id).forward_only = False
    long_ago = utc_now() - timedelta(days=200)
    travel_many(session, cast.anna, rows, (0, 1, 0), 30, end=LOST, began=long_ago)
    assert found_in(session, rows.id) == []


def test_removed_deals_count_nowhere(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel_many(session, cast.anna, rows, (0,), 30, due_in=None)
    session.execute(update(Deal).values(status=3))
    assert found_in(session, rows.id, "L08") == []


def test_teams_and_stages_of_the_cast_are_as_the_tests_say(session: Session, cast: Cast) -> None:
    teams = dict(session.execute(select(User.name, Team.name).join(Team)).all())
    assert (teams["Anna"], teams["Dina"]) == ("Team 1", "Team 2")
    assert len(GOOD_STAGES) == len(EVEN)
    assert session.scalars(select(Stage.id)).all() == []
