"""Findings that somebody answers for: they stay in sight and no longer lower the score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Delete, delete, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import LintAcceptance, Pipeline, User
from crm.pipelines.linter.facts import load_facts
from crm.pipelines.linter.findings import lint
from crm.typed_text import block_violations, clean_block

SHORTEST_REASON, LONGEST_REASON = 10, 1000


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Why a finding stays as it is, who said so and when."""

    reason: str
    author: str | None
    at: datetime


def accept_finding(session: Session, actor: Actor, *, pipeline_id: int, code: str, subject: str, reason: str) -> None:
    """Accept a finding that the pipeline has now, with a reason of 10 characters at least; a second one replaces it.

    Errors: Forbidden; NotFound for a pipeline or a finding that is not there; InvalidInput.
    """
    require(actor, Action.DESIGN_PIPELINES)
    pipeline = _take(session, pipeline_id)
    found = block_violations(reason, "reason", LONGEST_REASON, required=True)
    if not found and len(clean_block(reason)) < SHORTEST_REASON:
        found = [Violation("reason_too_short", "reason", {"limit": SHORTEST_REASON})]
    refuse_if_any(found)
    findings = lint(load_facts(session, pipeline_id))
    if not any((one.code, one.subject) == (code, subject) for one in findings):
        raise NotFound(entity="finding", id=pipeline_id)
    session.execute(_of(pipeline_id, code, subject))
    session.add(
        LintAcceptance(
            pipeline_id=pipeline_id,
            code=code,
            subject=subject,
            reason=clean_block(reason),
            author_id=actor.user_id,
            at=utc_now(),
        )
    )
    session.flush()
    record(session, actor, "lint.accepted", "pipeline", pipeline_id, name=pipeline.name, code=code, subject=subject,
           reason=clean_block(reason))  # fmt: skip


def revoke_acceptance(session: Session, actor: Actor, *, pipeline_id: int, code: str, subject: str) -> None:
    """Let a finding count again.

    Errors: Forbidden; NotFound.
    """
    require(actor, Action.DESIGN_PIPELINES)
    pipeline = _take(session, pipeline_id)
    taken = session.scalars(_of(pipeline_id, code, subject).returning(LintAcceptance.id)).all()
    if not taken:
        raise NotFound(entity="acceptance", id=pipeline_id)
    record(session, actor, "lint.revoked", "pipeline", pipeline_id, name=pipeline.name, code=code, subject=subject)


def load_acceptances(session: Session, pipeline_id: int) -> dict[tuple[str, str], Acceptance]:
    """Return what was accepted in a pipeline by code and subject; whoever may see the pipeline may see it."""
    query = (
        select(LintAcceptance.code, LintAcceptance.subject, LintAcceptance.reason, User.name, LintAcceptance.at)
        .outerjoin(User, User.id == LintAcceptance.author_id)
        .where(LintAcceptance.pipeline_id == pipeline_id)
    )
    return {
        (code, subject): Acceptance(reason, author, at) for code, subject, reason, author, at in session.execute(query)
    }


def _take(session: Session, pipeline_id: int) -> Pipeline:
    query = select(Pipeline).where(Pipeline.id == pipeline_id).with_for_update()
    pipeline = session.scalars(query).one_or_none()
    if pipeline is None:
        raise NotFound(entity="pipeline", id=pipeline_id)
    return pipeline


def _of(pipeline_id: int, code: str, subject: str) -> Delete:
    return delete(LintAcceptance).where(
        LintAcceptance.pipeline_id == pipeline_id, LintAcceptance.code == code, LintAcceptance.subject == subject
    )
