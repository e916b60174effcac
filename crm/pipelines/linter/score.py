"""The score of a pipeline: 100 is clean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from crm.pipelines.linter.values import Finding, Severity

CLEAN = 100
WEIGHTS = {Severity.ERROR: 12, Severity.WARNING: 6, Severity.HINT: 2}
COUNTED_PER_CODE = 3  # ten bad names are one habit, not ten


def score_of(findings: Iterable[Finding]) -> int:
    """Return the score from 0 to 100 that these findings leave; accepted ones must not be among them."""
    costs: dict[str, list[int]] = defaultdict(list)
    for finding in findings:
        costs[finding.code].append(WEIGHTS[finding.severity])
    lost = sum(sum(sorted(each, reverse=True)[:COUNTED_PER_CODE]) for each in costs.values())
    return max(0, CLEAN - lost)
