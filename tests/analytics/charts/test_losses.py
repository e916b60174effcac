"""Losses by reason and stage, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.losses import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.clock import utc_now
from crm.deals.commands import reassign_deal
from crm.deals.moves import Move, move_deal
from crm.deals.values import StepPlan
from crm.models import Deal, StageVisit, StepKind, Team, User
from tests.analytics.histories import Came, add_history
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.factories import add_pipeline


@pytest.fixture
def sample(session: Session, cast: Cast) -> Sample:
    """Return the small base."""
    return add_sample(session, cast)


def rows(session: Session, actor: Actor, ask: Ask, *columns: str) -> list[tuple[object, ...]]:
    """Return the values of some columns, row by row."""
    frame = CHART.frame(session, actor, ask)
    return [tuple(row[one] for one in columns) for row in frame.to_dict("records")]


def ask_of(session: Session, by: str | None = None, **narrowing: object) -> Ask:
    """Return what the chart is asked for: everything, but for what narrows it."""
    return Ask(replace(whole_scope(session), **narrowing), by)  # type: ignore[arg-type]


def test_losses_by_reason_and_stage_with_shares_of_number_and_money(
    session: Session, cast: Cast, sample: Sample
) -> None:
    found = rows(session, cast.vera, ask_of(session), "reason", "stage", "lost", "lost_sum", "share", "sum_share")
    # The loss in dollars and the one without an amount are counted, and add no money.
    assert found == [
        ("Price", "Need found", 2, 300_000, 50, 75),
        ("Other", "Offer sent", 1, 100_000, 25, 25),
        ("Price", "Offer sent", 1, 0, 25, 0),
        ("Duplicate or test", "Contact made", 1, 100_000, None, None),
    ]


def test_what_was_no_loss_stands_apart(session: Session, cast: Cast, sample: Sample) -> None:
    assert rows(session, cast.vera, ask_of(session), "reason", "is_loss")[2:] == [
        ("Price", True),
        ("Duplicate or test", False),
    ]


def test_loss_belongs_to_the_day_of_its_end_and_not_of_its_coming(session: Session, cast: Cast, sample: Sample) -> None:
    february = ask_of(session, since=date(2026, 2, 1), until=date(2026, 2, 28))
    # Both came in January: born late on the 11th, in dollars on the 13th.
    assert rows(session, cast.vera, february, "reason", "stage", "lost", "share") == [
        ("Price", "Need found", 1, 50),
        ("Price", "Offer sent", 1, 50),
    ]


def test_shares_are_those_within_a_part_of_the_split(session: Session, cast: Cast, sample: Sample) -> None:
    assert rows(session, cast.vera, ask_of(session, "owner"), "owner_id", "reason", "stage", "lost", "share") == [
        (cast.anna.user_id, "Price", "Need found", 2, 100),
        (cast.anna.user_id, "Duplicate or test", "Contact made", 1, None),
        (cast.boris.user_id, "Other", "Offer sent", 1, 50),
        (cast.boris.user_id, "Price", "Offer sent", 1, 50),
    ]


@pytest.mark.parametrize(
    ("by", "key", "expected"),
    [
        ("source", "source", [("call", 1), ("site", 1), ("site", 1), (None, 1), (None, 1)]),
        ("month", "month", [(date(2026, 1, 1), 1), (date(2026, 1, 1), 1), (date(2026, 2, 1), 1),
                            (date(2026, 2, 1), 1), (date(2026, 3, 1), 1)]),
        ("priority", "priority", [("HOT", 1), ("WARM", 1), ("WARM", 1), ("WARM", 1), ("WARM", 1)]),
        ("team", "team", [("Sales", 2), ("Sales", 1), ("Sales", 1), ("Sales", 1)]),
    ],
)  # fmt: skip
def test_splits(
    session: Session, cast: Cast, sample: Sample, by: str, key: str, expected: list[tuple[object, int]]
) -> None:
    team = session.get_one(Team, session.get_one(User, cast.anna.user_id).team_id)
    team.name = "Sales"
    half_a_year = {"since": date(2026, 1, 1), "until": date(2026, 6, 30)}
    assert rows(session, cast.vera, ask_of(session, by, **half_a_year), key, "lost") == expected


def test_deal_taken_up_again_is_no_loss(session: Session, cast: Cast, sample: Sample) -> None:
    step = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Call once more")
    move = Move(sample.sales.stages[1], next_step=step, override_reason="The client called back")
    move_deal(session, cast.boris, deal_id=sample.deals["lost"], move=move)
    assert ("Price", "Need found", 1, 0) in rows(
        session, cast.vera, ask_of(session), "reason", "stage", "lost", "lost_sum"
    )


def test_loss_stays_with_who_had_the_deal_then(session: Session, cast: Cast, sample: Sample) -> None:
    deal = session.get_one(Deal, sample.deals["lost"])
    reassign_deal(session, cast.boris, deal_id=deal.id, expected_version=deal.version, owner_id=cast.anton.user_id or 0)
    by_owner = rows(session, cast.vera, ask_of(session, "owner"), "owner_id", "lost", "lost_sum")
    assert (cast.anna.user_id, 2, 300_000) in by_owner
    of_anton = ask_of(session, owner_ids=(cast.anton.user_id,))
    assert rows(session, cast.vera, of_anton, "lost") == []


def test_loss_whose_owner_nobody_knows_is_nobodys(session: Session, cast: Cast, sample: Sample) -> None:
    session.execute(update(StageVisit).where(StageVisit.deal_id == sample.deals["lost"]).values(owner_known=False))
    by_owner = rows(session, cast.vera, ask_of(session, "owner"), "owner_id", "owner", "lost", "lost_sum")
    assert by_owner[-1] == (None, None, 1, 300_000)


def test_loss_that_no_visit_tells_of_is_its_owners_of_today(session: Session, cast: Cast, sample: Sample) -> None:
    session.execute(delete(StageVisit).where(StageVisit.deal_id == sample.deals["lost"]))
    assert (cast.anna.user_id, 2, 300_000) in rows(
        session, cast.vera, ask_of(session, "owner"), "owner_id", "lost", "lost_sum"
    )


def test_reason_and_stage_that_nobody_told(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    add_history(session, sales, [Came(1, 0, cast.anna)], lost=4, loss_reason_id=None, loss_stage_id=None)
    found = rows(session, cast.vera, ask_of(session), "reason_id", "reason", "is_loss", "stage_id", "stage", "share")
    assert found == [(None, None, True, None, None, 100)]


def test_manager_sees_own_losses_alone(session: Session, cast: Cast, sample: Sample) -> None:
    assert rows(session, cast.anna, ask_of(session), "reason", "lost", "share") == [
        ("Price", 2, 100),
        ("Duplicate or test", 1, None),
    ]


def drawn(session: Session, actor: Actor, ask: Ask) -> list[tuple[object, ...]]:
    """Return reason, column, number and the frame's row of each cell of the figure."""
    figure = CHART.figure
    assert figure is not None
    spec = figure(CHART.frame(session, actor, ask), lambda code: code).to_dict()
    (cells,) = spec["datasets"].values()
    return [(one["row_name"], one["column_name"], one["value"], one["row"]) for one in cells]


def test_figure_has_every_cell_and_opens_those_with_losses(session: Session, cast: Cast, sample: Sample) -> None:
    assert drawn(session, cast.vera, ask_of(session)) == [
        ("Price", "Need found", 2, 0),
        ("Price", "Offer sent", 1, 2),
        ("Other", "Need found", 0, -1),
        ("Other", "Offer sent", 1, 1),
    ]


def test_figure_of_several_pipelines_is_by_pipeline(session: Session, cast: Cast, sample: Sample) -> None:
    add_history(session, sample.care, [Came(0, 60, cast.boris)], lost=61, reason=1)
    assert drawn(session, cast.vera, ask_of(session)) == [
        ("Price", "First sales", 3, -1),
        ("Price", "Care", 0, -1),
        ("Other", "First sales", 1, 1),
        ("Other", "Care", 1, 3),
    ]


def test_figure_of_nothing_is_empty(session: Session, cast: Cast) -> None:
    assert drawn(session, cast.vera, ask_of(session)) == []
