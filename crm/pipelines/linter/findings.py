"""Every finding there is, and the look over a pipeline by all of them."""

from __future__ import annotations

from collections.abc import Callable

from crm.pipelines.linter import (
    dead_end,
    empty_settings,
    finished_action,
    moved_deal,
    objection_stage,
    ping_pong,
    reasons,
    several_processes,
    skipped_stage,
    source_stage,
    stage_count,
    swamp,
    swamp_name,
    trash_stage,
    unbraked_loop,
)
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.values import Finding, Severity

FindingCheck = Callable[[LintFacts], list[Finding]]

FINDINGS: tuple[FindingCheck, ...] = (
    stage_count.check,
    finished_action.check,
    swamp_name.check,
    objection_stage.check,
    source_stage.check,
    trash_stage.check,
    several_processes.check,
    swamp.check,
    skipped_stage.check,
    ping_pong.check,
    dead_end.check,
    reasons.check,
    empty_settings.check,
    unbraked_loop.check,
    moved_deal.check,
)

_ORDER = list(Severity)


def lint(facts: LintFacts) -> tuple[Finding, ...]:
    """Return everything found, what hurts most first."""
    found = [finding for check in FINDINGS for finding in check(facts)]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.severity)))
