"""What findings judge by: a pipeline, what is around it, and how deals went through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.models import Team, User
from crm.pipelines.link_values import LinkPlan
from crm.pipelines.links import list_links
from crm.pipelines.linter.behaviour import Behaviour, load_behaviour
from crm.pipelines.linter.limits import DEFAULTS, Limits, load_limits
from crm.pipelines.linter.names import NameVerdict, judge_name
from crm.pipelines.reads import list_pipelines, load_pipeline
from crm.pipelines.values import PipelineInfo, PipelineSummary, StageInfo

WORSE_NAMES = ("L03", "L04", "L05", "L06", "L07")


@dataclass(frozen=True, slots=True)
class FactLink:
    """A link between pipelines; one that `moves` takes the deal away, which only foreign descriptions know."""

    id: int
    plan: LinkPlan
    moves: bool = False


@dataclass(frozen=True, slots=True)
class LintFacts:
    """Everything a finding may look at; a foreign description has no behaviour.

    `people` are names of users and teams, folded; `links` those of all pipelines; `names` the verdicts by stage id.
    Without `has_settings` nothing but names was told, so that reasons and norms can't be missed.
    """

    pipeline: PipelineInfo
    others: tuple[PipelineSummary, ...] = ()
    links: tuple[FactLink, ...] = ()
    people: frozenset[str] = frozenset()
    behaviour: Behaviour | None = None
    names: Mapping[int, NameVerdict] = field(default_factory=dict)
    has_settings: bool = True
    limits: Limits = DEFAULTS

    def stages_named(self, code: str) -> list[StageInfo]:
        """Return the working stages whose names have a finding of this code."""
        return [stage for stage in self.pipeline.open_stages if code in self.names[stage.id].findings]

    def better_names(self, stage: StageInfo, most: int) -> list[str]:
        """Return names to offer for a stage that no other stage of the pipeline has."""
        taken = {folded(one.name) for one in self.pipeline.stages if not one.is_retired}
        return [name for name in self.names[stage.id].suggestions if folded(name) not in taken][:most]

    def refuge(self, stage: StageInfo) -> StageInfo | None:
        """Return where deals of a stage would go: the nearest healthy stage before it, else behind it, else any."""
        healthy, others = self._other_stages(stage)
        before = [one for one in healthy if one.position < stage.position]
        after = [one for one in healthy if one.position > stage.position]
        return next(iter([*reversed(before), *after, *others]), None)

    def beginning(self, stage: StageInfo) -> StageInfo | None:
        """Return where deals of a stage would begin anew: the first healthy other stage, else any other."""
        healthy, others = self._other_stages(stage)
        return next(iter([*healthy, *others]), None)

    def _other_stages(self, stage: StageInfo) -> tuple[list[StageInfo], list[StageInfo]]:
        others = [one for one in self.pipeline.open_stages if one.id != stage.id]
        return [one for one in others if not set(self.names[one.id].findings) & set(WORSE_NAMES)], others


def load_facts(session: Session, pipeline_id: int) -> LintFacts:
    """Return the facts about a pipeline of the base.

    Errors: NotFound.
    """
    pipeline, limits = load_pipeline(session, pipeline_id), load_limits(session, pipeline_id)
    return LintFacts(
        pipeline=pipeline,
        others=tuple(one for one in list_pipelines(session) if one.id != pipeline_id),
        links=tuple(FactLink(one.id, one.plan) for one in list_links(session)),
        people=_people(session),
        behaviour=load_behaviour(session, pipeline, limits),
        names=name_verdicts(pipeline),
        limits=limits,
    )


def name_verdicts(pipeline: PipelineInfo) -> dict[int, NameVerdict]:
    """Return what is thought of the names of the working stages, by stage id."""
    return {stage.id: judge_name(stage.name) for stage in pipeline.open_stages}


def folded(name: str) -> str:
    """Return a name as it is compared."""
    return " ".join(name.casefold().split())


def _people(session: Session) -> frozenset[str]:
    names = [*session.scalars(select(User.name).where(User.is_active)), *session.scalars(select(Team.name))]
    return frozenset(folded(name) for name in names)
