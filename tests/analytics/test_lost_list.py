"""Lost deals one by one: the order, what was said since, what comes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.analytics.lost_list import list_lost
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.clock import utc_now
from crm.deals.activities import add_activity
from crm.deals.moves import Move, lose_deal
from crm.deals.values import LossAnswer
from crm.models import Activity, ActivityKind, LinkKind, LinkOwner, LinkTrigger, PipelineLink, StepKind
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.factories import add_company, add_deal, add_pipeline


@pytest.fixture
def sample(session: Session, cast: Cast) -> Sample:
    """Return the small base."""
    return add_sample(session, cast)


def test_dearest_comes_first_and_what_has_no_amount_here_last(session: Session, cast: Cast, sample: Sample) -> None:
    found = list_lost(session, cast.vera, Ask(whole_scope(session)))
    # Of those without an amount in roubles the one lost later comes first; invalid ones are none of the list.
    assert [one.title for one in found] == ["lost", "other", "dollars", "late"]
    first = found[0]
    assert (first.owner, first.stage, first.reason, first.amount_minor) == ("Anna", "Need found", "Price", 300_000)


def test_list_is_paged_and_kept_to_the_scope_and_the_sight(session: Session, cast: Cast, sample: Sample) -> None:
    ask = Ask(whole_scope(session))
    assert [one.title for one in list_lost(session, cast.vera, ask, offset=1, limit=2)] == ["other", "dollars"]
    assert [one.title for one in list_lost(session, cast.anna, ask)] == ["lost", "dollars"]
    february = Ask(replace(ask.scope, since=date(2026, 2, 1), until=date(2026, 2, 28)))
    assert [one.title for one in list_lost(session, cast.vera, february)] == ["dollars", "late"]


def test_newest_note_since_the_loss_is_told(session: Session, cast: Cast, sample: Sample) -> None:
    for text in ("Why so early?", "Offer the smaller pack"):
        add_activity(session, cast.boris, deal_id=sample.deals["lost"], kind=ActivityKind.NOTE, text=text)
    add_activity(session, cast.anna, deal_id=sample.deals["lost"], kind=ActivityKind.CALL, text="No answer")
    remark = list_lost(session, cast.vera, Ask(whole_scope(session)))[0].remark
    assert remark is not None
    assert (remark.author, remark.text) == ("Boris", "Offer the smaller pack")


def test_note_from_before_the_loss_is_no_remark_on_it(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    deal_id = add_deal(session, cast.anna, pipeline)
    add_activity(session, cast.anna, deal_id=deal_id, kind=ActivityKind.NOTE, text="Wants a discount")
    session.execute(update(Activity).values(at=utc_now() - timedelta(hours=1)))
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0], "")))
    (lost,) = list_lost(session, cast.vera, Ask(whole_scope(session)))
    assert lost.id == deal_id
    assert lost.remark is None


@pytest.mark.parametrize("delay_days", [0, 30])
def test_what_a_link_makes_of_a_lost_deal_is_told(session: Session, cast: Cast, delay_days: int) -> None:
    pipeline, refusals = add_pipeline(session), add_pipeline(session, name="Refusals")
    session.add(
        PipelineLink(
            from_pipeline_id=pipeline.id, trigger=LinkTrigger.LOST, to_pipeline_id=refusals.id,
            kind=LinkKind.REFUSAL_WORK, owner_rule=LinkOwner.SAME, delay_seconds=delay_days * 86_400,
            step_kind=StepKind.CALL, step_text="Call again", step_due_seconds=86_400, created_at=utc_now(),
        )
    )  # fmt: skip
    session.flush()
    deal_id = add_deal(session, cast.anna, pipeline, company_id=add_company(session, cast.anna))
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0], "")))
    (lost,) = list_lost(session, cast.vera, Ask(whole_scope(session)))
    (following,) = lost.following
    assert (following.pipeline, following.is_made) == ("Refusals", delay_days == 0)
    assert (following.deal_id is not None) is (delay_days == 0)
    away = following.due_at - datetime.now(UTC)
    assert abs(away - timedelta(days=delay_days)) < timedelta(hours=1)
    assert lost.client == "Mir LLC"
