"""What stands beside the findings: the linter's scores and removals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from crm.analytics.scope import whole_scope
from crm.analytics.trust.linter_scores import linter_scores
from crm.analytics.trust.removals import count_removals
from crm.clock import utc_now
from crm.models import DealRemoval, LintOccasion, LintRun
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline


def test_last_score_of_each_pipeline_stands(session: Session, cast: Cast) -> None:
    sales, care = add_pipeline(session), add_pipeline(session, name="Care")
    add_pipeline(session, name="Never looked over")
    now = utc_now()
    for pipeline, score in ((sales, 40), (care, 88), (sales, 70)):
        session.add(LintRun(pipeline_id=pipeline.id, at=now, occasion=LintOccasion.DEMAND, score=score, findings=[]))
        session.flush()
    assert linter_scores(session, cast.anna) == {sales.id: 70, care.id: 88}


def test_removals_are_counted_within_period_and_sight(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    now = utc_now()
    for actor, ago in ((cast.anna, 0), (cast.anna, 100), (cast.boris, 0)):
        deal_id = add_deal(session, actor, sales)
        session.add(DealRemoval(deal_id=deal_id, reason="Entered twice", at=now - timedelta(days=ago)))
    session.flush()
    scope = replace(whole_scope(session), since=now.date() - timedelta(days=2))
    counts = [count_removals(session, one, scope) for one in (cast.vera, cast.boris, cast.anna, cast.dina)]
    assert counts == [2, 2, 1, 0]
