"""Looking pipelines over: what is found now, and how the score has gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, may, require
from crm.clock import utc_now
from crm.events import recorded
from crm.models import LintOccasion, LintRun, LossReason, Pipeline, PipelineLink, Stage
from crm.pipelines.linter.acceptance import Acceptance, load_acceptances
from crm.pipelines.linter.facts import LintFacts, load_facts
from crm.pipelines.linter.findings import lint
from crm.pipelines.linter.score import score_of
from crm.pipelines.linter.values import Finding
from crm.pipelines.values import PipelineInfo

SHOWN_RUNS = 50


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, and why it was accepted if it was."""

    finding: Finding
    acceptance: Acceptance | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How a pipeline is: its score and everything found, accepted findings included."""

    pipeline: PipelineInfo
    score: int
    told: tuple[Told, ...]

    @property
    def to_mend(self) -> tuple[Told, ...]:
        """Return what nobody has accepted."""
        return tuple(one for one in self.told if one.acceptance is None)


@dataclass(frozen=True, slots=True)
class PastScore:
    """The score of one look over a pipeline, and how many findings were not accepted then."""

    at: datetime
    occasion: LintOccasion
    score: int
    open_findings: int


def load_health(session: Session, actor: Actor, pipeline_id: int) -> Health:
    """Look a pipeline over and write nothing down.

    Errors: Forbidden; NotFound.
    """
    require(actor, Action.DESIGN_PIPELINES)
    return health_of(load_facts(session, pipeline_id), load_acceptances(session, pipeline_id))


def health_of(facts: LintFacts, accepted: dict[tuple[str, str], Acceptance] | None = None) -> Health:
    """Return what these facts come to, also for a foreign pipeline."""
    known = accepted or {}
    told = tuple(Told(one, known.get((one.code, one.subject))) for one in lint(facts))
    return Health(facts.pipeline, score_of(one.finding for one in told if one.acceptance is None), told)


def lint_pipeline(session: Session, actor: Actor, *, pipeline_id: int, occasion: LintOccasion) -> Health:
    """Look a pipeline over and keep the score in its history.

    Errors: Forbidden; NotFound.
    """
    health = load_health(session, actor, pipeline_id)
    keep_health(session, actor, health=health, occasion=occasion)
    return health


def keep_health(session: Session, actor: Actor, *, health: Health, occasion: LintOccasion) -> None:
    """Keep what one look over a pipeline has found in its history.

    Errors: Forbidden.
    """
    require(actor, Action.DESIGN_PIPELINES)
    session.add(
        LintRun(
            pipeline_id=health.pipeline.id,
            at=utc_now(),
            occasion=occasion,
            score=health.score,
            findings=[
                {
                    "code": one.finding.code,
                    "severity": one.finding.severity.value,
                    "subject": one.finding.subject,
                    "accepted": one.acceptance is not None,
                }
                for one in health.told
            ],
        )
    )
    session.flush()


def redesigned_pipelines(session: Session, actor: Actor) -> frozenset[int]:
    """Return the pipelines that this transaction has redesigned, for an edge to look over once it is committed.

    What was redesigned is told by the events recorded: whoever designs leaves one. Nobody else redesigns anything.
    """
    touched = recorded(session) if may(actor, Action.DESIGN_PIPELINES) else frozenset()
    return frozenset(_pipelines_of(session, touched))


def load_score_history(session: Session, actor: Actor, pipeline_id: int) -> list[PastScore]:
    """Return a pipeline's newest scores, oldest first.

    Errors: Forbidden.
    """
    require(actor, Action.DESIGN_PIPELINES)
    query = (
        select(LintRun.at, LintRun.occasion, LintRun.score, LintRun.findings)
        .where(LintRun.pipeline_id == pipeline_id)
        .order_by(LintRun.at.desc(), LintRun.id.desc())
        .limit(SHOWN_RUNS)
    )
    return [
        PastScore(at, occasion, score, sum(not one["accepted"] for one in findings))
        for at, occasion, score, findings in reversed(session.execute(query).all())
    ]


def _pipelines_of(session: Session, touched: frozenset[tuple[str, int | None]]) -> set[int]:
    ids: dict[str, set[int]] = {
        kind: {one for entity, one in touched if entity == kind and one is not None}
        for kind in ("pipeline", "stage", "loss_reason", "link")
    }
    if not any(ids.values()):
        return set()
    found = set(session.scalars(select(Pipeline.id).where(Pipeline.id.in_(ids["pipeline"]))))
    found |= set(session.scalars(select(Stage.pipeline_id).where(Stage.id.in_(ids["stage"]))))
    links = select(PipelineLink.from_pipeline_id, PipelineLink.to_pipeline_id)
    found |= {one for pair in session.execute(links.where(PipelineLink.id.in_(ids["link"]))) for one in pair}
    owners = set(session.scalars(select(LossReason.pipeline_id).where(LossReason.id.in_(ids["loss_reason"]))))
    if None in owners:  # a reason of all pipelines
        owners = set(session.scalars(select(Pipeline.id).where(Pipeline.is_archived.is_(False))))
    return found | {one for one in owners if one is not None}
