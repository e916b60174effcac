"""The demo's deals: what belongs to each course of a deal, as columns of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from crm.imports.demo.clients import Client
from crm.imports.demo.courses import Course, Stay
from crm.imports.demo.manners import price_place
from crm.imports.demo.objections import objections_of
from crm.imports.demo.script import Script
from crm.models.codes import ActivityKind as Kind
from crm.models.codes import (
    Channel,
    DealStatus,
    Direction,
    FieldType,
    Priority,
    StageKind,
    StepKind,
    StepResult,
    VisitOutcome,
)
from crm.pipelines.values import FieldInfo, LossReasonInfo, PipelineInfo, StageInfo

_OUTCOMES = {StageKind.WON: VisitOutcome.WON, StageKind.LOST: VisitOutcome.LOST, StageKind.OPEN: VisitOutcome.OPEN}
_STATUS = {StageKind.OPEN: DealStatus.OPEN, StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}
_LATE, _AHEAD = ((-4, 3), (-2, 2), (-1, 3)), ((0, 2), (1, 3), (2, 2), (5, 2), (12, 1))  # days until a step, weight
_WITHOUT_SOURCE, _OBJECTED, _INVALID = 3, 55, 9  # of a hundred: deals, those that heard the price, early losses
_WEBSITE = 0  # the place of the source whose requests come by themselves
_SOURCE_WEIGHTS = {StageKind.WON: (4, 4, 7, 2, 2), StageKind.LOST: (8, 4, 1, 2, 3), StageKind.OPEN: (5, 3, 3, 2, 2)}


@dataclass(frozen=True, slots=True)
class DemoDeal:
    """A deal with everything that belongs to it, as columns of its rows.

    An override has no deal and no visit yet: it belongs to the stay that ended at its time.
    """

    columns: dict[str, Any]
    visits: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    activities: list[dict[str, Any]]
    objections: list[dict[str, Any]]
    overrides: list[dict[str, Any]]
    contact_id: int


def invent_deal(
    script: Script, pipeline: PipelineInfo, owner_id: int, client: Client, course: Course, title: str, amount: int
) -> DemoDeal:
    """Return a deal that went a course."""
    stays, kind = course.stays, course.kind
    end = pipeline.won_stage if kind is StageKind.WON else pipeline.lost_stage
    last = stays[-1]
    steps = _steps(script, owner_id, course)
    furthest = max(pipeline.open_stages.index(stay.stage) for stay in stays)
    source = _source(script, kind)
    sources = script.words["deals"]["sources"]
    columns: dict[str, Any] = {
        "pipeline_id": pipeline.id,
        "stage_id": last.stage.id if kind is StageKind.OPEN else end.id,
        "status": _STATUS[kind],
        "owner_id": owner_id,
        "company_id": client.company_id,
        "title": title,
        "amount_minor": amount,
        "currency": script.currency,
        "priority": script.plot.choice((Priority.HOT, Priority.WARM, Priority.WARM, Priority.COLD)),
        "source": sources[source] if source is not None else None,
        "expected_close_on": _expected(script, last, kind),
        "custom": _custom(script, pipeline, pipeline.open_stages[: furthest + 1]),
        "next_due_at": min((step["due_at"] for step in steps if step["done_at"] is None), default=None),
        "stage_entered_at": last.left_at or last.entered_at,
        "created_at": stays[0].entered_at,
        "created_by": None if source == _WEBSITE else owner_id,
        "created_channel": Channel.API if source == _WEBSITE else Channel.UI,
        "closed_at": last.left_at,
        **_loss(script, pipeline, last.stage, kind),
    }
    return DemoDeal(
        columns=columns,
        visits=_visits(script, pipeline, owner_id, course, end),
        steps=steps,
        activities=_activities(script, owner_id, stays, client),
        objections=_objections(script, pipeline, course, columns),
        overrides=_overrides(script, pipeline, owner_id, stays),
        contact_id=client.contact_ids[0],
    )


def _source(script: Script, kind: StageKind) -> int | None:
    """Return the place of a source among their names: referrals buy, the website brings many who don't."""
    if script.happens(("source", kind), _WITHOUT_SOURCE):
        return None
    weights = _SOURCE_WEIGHTS[kind]
    return script.plot.choices(range(len(weights)), weights)[0]


def _visits(
    script: Script, pipeline: PipelineInfo, owner_id: int, course: Course, end: StageInfo
) -> list[dict[str, Any]]:
    stays, visits = course.stays, []
    places = [pipeline.open_stages.index(stay.stage) for stay in stays]
    for number, stay in enumerate(stays):
        outcome, following = _OUTCOMES[course.kind], None if course.kind is StageKind.OPEN else end.id
        if number + 1 < len(stays):
            is_back = places[number + 1] < places[number]
            outcome = VisitOutcome.BACK if is_back else VisitOutcome.FORWARD
            following = stays[number + 1].stage.id
        passed = number > 0 and rules_passed(pipeline, places[number - 1], places[number])
        visits.append(
            {
                "pipeline_id": pipeline.id,
                "stage_id": stay.stage.id,
                "owner_id": owner_id,
                "entered_at": stay.entered_at,
                "left_at": stay.left_at,
                "outcome": outcome,
                "next_stage_id": following,
                "is_first": places[number] not in places[:number],
                "channel": Channel.UI,
                "actor_id": script.department.heads.get(owner_id, owner_id) if passed else owner_id,
            }
        )
    return visits


def rules_passed(pipeline: PipelineInfo, start: int, target: int) -> list[str]:
    """Return the rules of direction that a move between two places breaks."""
    if target < start:
        return ["back_not_allowed"] if pipeline.forward_only else []
    return ["skip_not_allowed"] if target > start + 1 and pipeline.no_skipping else []


def _overrides(script: Script, pipeline: PipelineInfo, owner_id: int, stays: Sequence[Stay]) -> list[dict[str, Any]]:
    """Return the moves that a head let pass, with the reason."""
    found = []
    for before, after in pairwise(stays):
        start, target = (pipeline.open_stages.index(stay.stage) for stay in (before, after))
        rules = rules_passed(pipeline, start, target)
        if rules:
            found.append(
                {
                    "from_stage_id": before.stage.id,
                    "to_stage_id": after.stage.id,
                    "rules": rules,
                    "reason": script.pick(script.words["overrides"]["back" if target < start else "skip"]),
                    "actor_id": script.department.heads.get(owner_id, owner_id),
                    "at": after.entered_at,
                }
            )
    return found


def _steps(script: Script, owner_id: int, course: Course) -> list[dict[str, Any]]:
    steps = []
    for stay in course.stays:
        if stay.left_at is not None:
            # Where the move was written down late, the work was over soon.
            done_at = stay.entered_at + timedelta(hours=2) if stay.is_late else stay.left_at
            steps.append(_step(script, owner_id, stay.stage, stay.entered_at, done_at, done_at=done_at))
    if course.kind is StageKind.OPEN:
        is_late = script.happens(("late step", owner_id), script.department.manner(owner_id).late_steps)
        choices = _LATE if is_late else _AHEAD
        days = script.plot.choices([day for day, _weight in choices], [weight for _day, weight in choices])[0]
        last = course.stays[-1]
        steps.append(_step(script, owner_id, last.stage, last.entered_at, script.in_days(days), done_at=None))
    return steps


def _step(
    script: Script, owner_id: int, stage: StageInfo, created_at: datetime, due_at: datetime, *, done_at: datetime | None
) -> dict[str, Any]:
    usual = (StepKind.CALL, StepKind.CALL, StepKind.MEETING, StepKind.EMAIL, StepKind.OFFER)
    kind = script.plot.choice([one for one in usual if one in stage.step_kinds] or usual)
    done = done_at is not None
    return {
        "kind": kind,
        "text": script.pick(script.words["steps"][kind.value]),
        "due_at": due_at,
        "owner_id": owner_id,
        "created_at": created_at,
        "created_by": owner_id,
        "done_at": done_at,
        "done_by": owner_id if done else None,
        "result": script.plot.choice((StepResult.REACHED, StepResult.DONE)) if done else None,
        "result_text": script.pick(script.words["steps"]["results"]) if done else None,
    }


def _activities(script: Script, owner_id: int, stays: Sequence[Stay], client: Client) -> list[dict[str, Any]]:
    talk = script.words["talk"]
    choices = (
        (Kind.NOTE, None, talk["notes"]),
        (Kind.CALL, Direction.OUT, talk["calls_out"]),
        (Kind.CALL, Direction.IN, talk["calls_in"]),
        (Kind.MESSAGE, Direction.OUT, talk["messages"]),
        (Kind.MEETING, None, talk["meetings"]),
    )
    activities = []
    for stay in stays:
        at = stay.entered_at + timedelta(minutes=script.plot.randint(2, 20))
        if script.plot.random() < 0.75:
            kind, direction, texts = script.plot.choices(choices, (4, 4, 2, 2, 1))[0]
            activities.append(
                {
                    "kind": kind,
                    "direction": direction,
                    "text": script.pick(texts),
                    "duration_seconds": script.plot.randint(40, 900) if kind is Kind.CALL else None,
                    "at": min(at, stay.left_at or script.now),
                    "author_id": owner_id,
                    "contact_id": None if kind is Kind.NOTE else client.contact_ids[0],
                }
            )
    return activities


def _expected(script: Script, last: Stay, kind: StageKind) -> date | None:
    is_asked = "expected_close_on" in last.stage.required
    if kind is not StageKind.OPEN or (script.plot.random() < 0.4 and not is_asked):
        return None
    return (script.now + timedelta(days=script.plot.randint(-4, 36))).astimezone(script.zone).date()


def _loss(script: Script, pipeline: PipelineInfo, stage: StageInfo, kind: StageKind) -> dict[str, Any]:
    if kind is not StageKind.LOST:
        return {"loss_reason_id": None, "loss_note": None, "loss_stage_id": None}
    reason = _reason(script, pipeline, pipeline.open_stages.index(stage))
    note = script.words["deals"]["loss_note"] if reason.note_required else None
    return {"loss_reason_id": reason.id, "loss_note": note, "loss_stage_id": stage.id}


def _reason(script: Script, pipeline: PipelineInfo, place: int) -> LossReasonInfo:
    """Return a reason that fits the stage: before the price, at the price, after it."""
    count, reasons = len(pipeline.open_stages), pipeline.active_reasons()
    no_loss = [one for one in reasons if not one.counts_as_loss]
    if no_loss and place < count // 2 and script.happens(("invalid", pipeline.id), _INVALID):
        return no_loss[0]
    price = price_place(count)
    usual = script.words["reasons"]["early" if place < price else "price" if place == price else "late"]
    real = [one for one in reasons if one.counts_as_loss] or reasons
    ranks = [sum(len(usual) - at for at, word in enumerate(usual) if word in one.name.casefold()) for one in real]
    weights = [1 + 2 * rank**2 for rank in ranks]
    return script.plot.choices(real, weights)[0]


def _objections(
    script: Script, pipeline: PipelineInfo, course: Course, columns: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what the client said against buying when the price was named."""
    price = pipeline.open_stages[price_place(len(pipeline.open_stages))]
    stay = next((one for one in course.stays if one.stage.id == price.id), None)
    counts = all(one.counts_as_loss for one in pipeline.loss_reasons if one.id == columns["loss_reason_id"])
    if stay is None or pipeline.stands_alone or not counts or not script.happens(("objected", course.kind), _OBJECTED):
        return []
    return objections_of(script, stay, course, columns["owner_id"])


def _custom(script: Script, pipeline: PipelineInfo, reached: Sequence[StageInfo]) -> dict[str, Any]:
    """Return values for the custom fields that the stages passed require, and for some others."""
    needed = {key for stage in reached for key in stage.required}
    needed |= {key for stage in reached[:-1] for key in stage.required_exit}
    fields = [field for field in pipeline.fields.values() if field.is_active]
    return {str(field.id): _value(script, at, field) for at, field in enumerate(fields) if field.key in needed}


def _value(script: Script, at: int, field: FieldInfo) -> Any:
    texts = script.words["deals"]["texts"]
    codes = [option.code for option in field.offered()]
    values: dict[FieldType, Any] = {
        FieldType.TEXT: texts[at % len(texts)],
        FieldType.NUMBER: script.plot.randint(1, 40),
        FieldType.MONEY: script.plot.randint(10, 500) * 100_000,
        FieldType.DATE: (script.now + timedelta(days=script.plot.randint(5, 60))).date().isoformat(),
        FieldType.CHOICE: script.plot.choice(codes) if codes else None,
        FieldType.MULTI_CHOICE: codes[:2],
        FieldType.YES_NO: script.plot.random() < 0.5,
    }
    return values[field.type]
