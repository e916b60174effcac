"""What can be done in the background, and how each kind of work is treated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm.actor import Actor
from crm.analytics.trust.days import write_trust_day
from crm.db import Database
from crm.deals.retracing import retrace_base
from crm.duplicates.bulk_work import merge_batch, undo_batch
from crm.duplicates.match_changes import match_changed
from crm.duplicates.scanning import scan_base
from crm.jobs import JobRun
from crm.models import JobKind
from crm.pipelines.linter.scheduled import lint_pipelines
from crm.worker.due_links import do_due_links
from crm.worker.tidying import tidy

Work = Callable[[Database, Actor, JobRun, Mapping[str, Any]], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Job:
    """How a kind of work is done: by whom, how often it is tried, in which process.

    The function stands at the top of its module. It may be called again after a break: it goes on from `run.state`.
    """

    work: Work
    tries: int = 3
    wait_seconds: int = 60  # before the second try; twice as long before each one after
    # Takes a processor for long: runs in a process of its own; of its kind one at a time, whoever does it.
    is_heavy: bool = False


JOBS: Mapping[str, Job] = {
    JobKind.DUE_LINKS: Job(do_due_links),
    JobKind.LINT_PIPELINES: Job(lint_pipelines, is_heavy=True),
    JobKind.TIDY: Job(tidy),
    JobKind.SCAN_BASE: Job(scan_base, tries=5, is_heavy=True),
    JobKind.MATCH_CHANGED: Job(match_changed, is_heavy=True),
    JobKind.MERGE_BATCH: Job(merge_batch, tries=5, is_heavy=True),
    JobKind.UNDO_BATCH: Job(undo_batch, tries=5, is_heavy=True),
    JobKind.RETRACE: Job(retrace_base, tries=5, is_heavy=True),
    JobKind.TRUST_DAY: Job(write_trust_day, is_heavy=True),
}
