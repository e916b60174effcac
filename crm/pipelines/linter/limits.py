"""Where findings begin: the defaults, and what a pipeline has instead of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Pipeline
from crm.pipelines.commands import lock_pipeline

# What is not up to a pipeline.
MERGE_SHORT_SHARE = 0.5  # half of the stays under an hour: so is the median
CROWD_TIMES_EVEN = 1.5  # of three stages each holds a third
OWN_STAGE_SHARE = 0.05  # a team that rarely comes to a stage does not work there
DAY_SECONDS = 86400
LOOP_COOLDOWN_SECONDS = 30 * DAY_SECONDS
LOOP_ROUNDS = 3
FIRST_NORM_SECONDS, USUAL_NORM_SECONDS = DAY_SECONDS, 3 * DAY_SECONDS

BOUNDS: dict[str, tuple[int, int]] = {
    "fewest_stages": (1, 20),
    "most_stages": (1, 30),
    "far_too_many_stages": (1, 50),
    "fewest_deals": (5, 1000),
    "period_days": (30, 1000),
    "still_days": (7, 365),
    "old_times": (2, 20),
    "fewest_reasons": (1, 50),
    "unused_after_losses": (20, 1000),
}
PERCENT_BOUNDS = (1, 99)


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a pipeline's figures are findings; shares are whole per cents and are passed by more than that."""

    fewest_stages: int = 5
    most_stages: int = 8
    far_too_many_stages: int = 10
    fewest_deals: int = 20  # below it a share says nothing
    period_days: int = 180  # what is older tells of a pipeline that may since have been redesigned
    still_days: int = 60
    merge_pass_percent: int = 90
    one_source_percent: int = 80
    crowd_percent: int = 30
    old_times: int = 3
    no_task_percent: int = 20
    skipped_percent: int = 40
    back_percent: int = 10
    fewest_reasons: int = 4
    other_percent: int = 20
    one_reason_percent: int = 60
    unused_after_losses: int = 100


DEFAULTS = Limits()


def load_limits(session: Session, pipeline_id: int) -> Limits:
    """Return where findings about a pipeline begin.

    Errors: NotFound.
    """
    own = session.scalars(select(Pipeline.lint_limits).where(Pipeline.id == pipeline_id)).one_or_none()
    if own is None:
        raise NotFound(entity="pipeline", id=pipeline_id)
    return Limits(**own)


def edit_limits(session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, limits: Limits) -> None:
    """Say where findings about a pipeline begin; what equals the default follows the default.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput with every number out of its bounds.
    """
    pipeline = lock_pipeline(session, actor, pipeline_id, expected_version)
    refuse_if_any(_violations(limits))
    before, after = asdict(load_limits(session, pipeline_id)), asdict(limits)
    changes = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if not changes:
        return
    pipeline.lint_limits = {key: value for key, value in after.items() if value != getattr(DEFAULTS, key)}
    pipeline.version += 1
    record(session, actor, "lint.limits_edited", "pipeline", pipeline_id, name=pipeline.name, changes=changes)


def _violations(limits: Limits) -> list[Violation]:
    found = []
    for one in fields(limits):
        least, most = BOUNDS.get(one.name, PERCENT_BOUNDS)
        if not least <= getattr(limits, one.name) <= most:
            found.append(Violation("number_between", one.name, {"low": least, "high": most}))
    if not limits.fewest_stages <= limits.most_stages <= limits.far_too_many_stages:
        found.append(Violation("limits_out_of_order", "most_stages"))
    return found
