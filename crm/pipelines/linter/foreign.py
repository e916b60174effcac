"""Facts about pipelines that are not in the base: those of a description."""

from __future__ import annotations

from dataclasses import replace

from crm.pipelines.descriptions import Description, described_links, described_pipelines
from crm.pipelines.linter.facts import FactLink, LintFacts, name_verdicts
from crm.pipelines.values import PipelineSummary


def facts_of_description(description: Description, language: str) -> list[LintFacts]:
    """Return the facts about each pipeline of a description, in its order; there is no behaviour to judge by."""
    pipelines = described_pipelines(description, language)
    links = tuple(
        FactLink(link.id, link.plan, described.moves)
        for link, described in zip(described_links(description, language), description.links, strict=True)
    )
    summaries = [PipelineSummary(one.id, one.name, False, len(one.open_stages)) for one in pipelines]
    return [
        LintFacts(
            pipeline=one,
            others=tuple(other for other in summaries if other.id != one.id),
            links=links,
            names=name_verdicts(one),
        )
        for one in pipelines
    ]


def names_alone(facts: LintFacts) -> LintFacts:
    """Return the facts of a pipeline of which nothing but the names of its stages was told."""
    return replace(facts, has_settings=False)
