"""Counting findings over a scope, and the score that they leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import percent
from crm.analytics.scope import Scope
from crm.analytics.trust.facts import load_facts
from crm.analytics.trust.findings import FINDINGS
from crm.analytics.trust.subjects import count_findings, subject_split
from crm.analytics.trust.values import Count, Counts, Finding

CLEAN = 100


def count_all(
    session: Session, actor: Actor, scope: Scope, by: str | None, findings: Sequence[Finding] = FINDINGS
) -> dict[Any, Counts]:
    """Count what findings name, by the split's values; each value has each of the findings."""
    facts = load_facts(session, scope)
    parts: dict[Any, dict[str, Count]] = defaultdict(lambda: {one.code: Count() for one in findings})
    ordered = sorted(findings, key=lambda one: one.subject)
    for subject, some in groupby(ordered, key=lambda one: one.subject):
        split = subject_split(subject, by, scope)
        for part, counts in count_findings(session, actor, scope, facts, list(some), split=split).items():
            if any(one.looked_at for one in counts.values()):
                parts[part].update(counts)
    if by is None:
        parts[None].update({})
    return dict(parts)


def points_of(counts: Counts, findings: Iterable[Finding] = FINDINGS) -> dict[str, float | None]:
    """Return how many of the hundred points each finding takes: its weight's part of all weights, times its share.

    What nobody could look at takes part in nothing, so that who has won nothing gains nothing by it.
    """
    judged = {one.code: one.weight for one in findings if one.code in counts and counts[one.code].looked_at}
    total = sum(judged.values())
    points: dict[str, float | None] = dict.fromkeys(counts)
    for code, weight in judged.items():
        share = counts[code].found / counts[code].looked_at
        points[code] = CLEAN * weight * share / total if total else None
    return points


def score_of(counts: Counts, findings: Iterable[Finding] = FINDINGS) -> float | None:
    """Return the score from 0 to 100 that the findings leave; None where there was nothing to look at."""
    taken = [one for one in points_of(counts, findings).values() if one is not None]
    return CLEAN - sum(taken) if taken else None


def share_of(count: Count) -> float | None:
    """Return what part of a hundred a finding named."""
    return percent(count.found, count.looked_at)
