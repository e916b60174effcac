"""The linter's last score of each pipeline, beside that of its data."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.models import LintRun


def linter_scores(session: Session, actor: Actor) -> dict[int, int]:
    """Return the last score of each pipeline that the linter has looked over.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    last = select(func.max(LintRun.id)).group_by(LintRun.pipeline_id)
    rows = session.execute(select(LintRun.pipeline_id, LintRun.score).where(LintRun.id.in_(last)))
    return dict(rows.all())
