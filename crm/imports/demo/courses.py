"""The courses of the demo's deals: which stages, how long on each, how it ended; times keep to norms, mostly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from crm.imports.demo.manners import price_place
from crm.imports.demo.script import Script
from crm.models.codes import StageKind
from crm.pipelines.values import PipelineInfo, StageInfo

PAST_DAYS = 170
_GROWTH = 0.72  # below 1: more deals in the last months than in the first
_WITHOUT_NORM = timedelta(days=4)
_DAY = timedelta(days=1)
_SOON = timedelta(minutes=5)
_WAITING = 6  # times as many stand on a stage with a norm of days as on one of hours
_OVER, _OVER_NOW, _BACK, _SKIP = 7, 14, 16, 8  # of a hundred: stays over the norm, of open deals, detours


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay on a stage; `is_late` where the work was long over when its end was written down."""

    stage: StageInfo
    entered_at: datetime
    left_at: datetime | None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """How a deal went, and what became of it."""

    kind: StageKind
    stays: tuple[Stay, ...]


def decided_course(script: Script, pipeline: PipelineInfo, owner_id: int, part: float) -> Course:
    """Return the course of a deal that has ended: from the first of all (`part` is 0) to the last (1).

    Deals must come in their order: then those of any months are as good as all of them.
    """
    kind, path = _fate(script, pipeline, owner_id)
    ended = script.now - _DAY * max(0.2, PAST_DAYS * (1 - part**_GROWTH))
    late_at = _late_at(script, owner_id, len(path))
    moments = [script.at_work_before(ended)]
    for number in range(len(path) - 1, -1, -1):
        lasted = _lasts(script, path[number], owner_id)
        if number == late_at:
            lasted = max(lasted, _DAY * script.plot.uniform(3, 5))
        moments.append(_earlier(script, moments[-1], lasted))
    moments.reverse()
    return Course(kind, _stays(path, moments, late_at))


def open_course(script: Script, pipeline: PipelineInfo, owner_id: int, lacks: str | None = None) -> Course:
    """Return the course of a deal that stands on a stage now: one with a norm of minutes seldom, within it mostly.

    A deal that lacks a field has come to no stage that requires it.
    """
    stages = pipeline.open_stages
    weights, come = [], 1.0
    for place, stage in enumerate(stages):
        weights.append(come * (1 if _norm(stage) < _DAY else _WAITING))
        if lacks in stage.required:
            come = weights[-1] = 0.0
        come *= script.department.percent(pipeline, owner_id, place) / 100
    last = script.plot.choices(range(len(stages)), weights if any(weights) else None)[0]
    norm = _norm(stages[last])
    age = norm * script.plot.uniform(0.1, 0.85)
    if script.happens(("over now", pipeline.id), _OVER_NOW):
        age = norm * script.plot.uniform(1.2, 2.5)
    entered = script.at_work_before(script.now - age)
    if age < norm < script.now - entered:  # a short norm runs at night and on Sundays too
        entered = script.now - age
    moments = [entered]
    for place in range(last - 1, -1, -1):
        moments.append(_earlier(script, moments[-1], _lasts(script, stages[place], owner_id)))
    moments.reverse()
    return Course(StageKind.OPEN, _stays(stages[: last + 1], moments, None))


def course_since(script: Script, pipeline: PipelineInfo, owner_id: int, began_at: datetime) -> Course:
    """Return the course of a deal that began at a moment: as far as it has come since."""
    kind, path = _fate(script, pipeline, owner_id)
    late_at = _late_at(script, owner_id, len(path))
    moments = [began_at]
    for number, stage in enumerate(path):
        lasted = _lasts(script, stage, owner_id)
        if number == late_at:
            lasted = max(lasted, _DAY * script.plot.uniform(3, 5))
        left = max(script.at_work_after(moments[-1] + lasted), moments[-1] + _SOON)
        if left > script.now - _SOON:
            return Course(StageKind.OPEN, _stays(path[: number + 1], moments, late_at))
        moments.append(left)
    return Course(kind, _stays(path, moments, late_at))


def _fate(script: Script, pipeline: PipelineInfo, owner_id: int) -> tuple[StageKind, list[StageInfo]]:
    """Decide how far a deal comes, and by which way."""
    count, kind = len(pipeline.open_stages), StageKind.WON
    last = count - 1
    for place in range(count):
        if not script.happens((pipeline.id, owner_id, place), script.department.percent(pipeline, owner_id, place)):
            kind, last = StageKind.LOST, place
            break
    path, price = list(range(last + 1)), price_place(count)
    if last > price and script.happens(("back", pipeline.id), _BACK):
        path = [*path[: price + 2], price, *path[price + 1 :]]
    elif last > price > 1 and script.happens(("skip", pipeline.id), _SKIP):
        path.remove(price - 1)
    return kind, [pipeline.open_stages[place] for place in path]


def _late_at(script: Script, owner_id: int, count: int) -> int | None:
    """Return on which stay of a deal the work was written down late, if on any."""
    is_late = count > 1 and script.happens(("late", owner_id), script.department.manner(owner_id).late_notes)
    return script.plot.randrange(1, count) if is_late else None


def _lasts(script: Script, stage: StageInfo, owner_id: int) -> timedelta:
    share = script.plot.uniform(0.15, 0.65) * script.department.manner(owner_id).pace
    if script.happens(("over", stage.id), _OVER):
        share = script.plot.uniform(1.1, 2.2)
    return max(_norm(stage) * share, _SOON)


def _norm(stage: StageInfo) -> timedelta:
    return timedelta(seconds=stage.norm_seconds) if stage.norm_seconds else _WITHOUT_NORM


def _earlier(script: Script, moment: datetime, lasted: timedelta) -> datetime:
    return min(script.at_work_before(moment - lasted), moment - _SOON)


def _stays(path: Sequence[StageInfo], moments: Sequence[datetime], late_at: int | None) -> tuple[Stay, ...]:
    """Join stages with the moments between them; without a last moment the last stay goes on."""
    ends = [*pairwise(moments), (moments[-1], None)][: len(path)]
    return tuple(
        Stay(stage, entered, left, is_late=number == late_at)
        for number, (stage, (entered, left)) in enumerate(zip(path, ends, strict=True))
    )
