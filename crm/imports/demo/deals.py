"""The demo's deals: a believable past of each, spread over pipelines, people and clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from crm.imports.demo.script import Script
from crm.models.codes import ActivityKind as Kind
from crm.models.codes import DealStatus, Direction, FieldType, Priority, StageKind, StepKind, StepResult, VisitOutcome
from crm.pipelines.values import FieldInfo, PipelineInfo, StageInfo

MONTHS_DAYS = 150
_OUTCOMES = {StageKind.WON: VisitOutcome.WON, StageKind.LOST: VisitOutcome.LOST}
_STATUS = {StageKind.OPEN: DealStatus.OPEN, StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}
_LATER = ((-4, 8), (-1, 12), (0, 22), (1, 22), (2, 12), (5, 14), (12, 10))  # days until the next step, weight


@dataclass(frozen=True, slots=True)
class Client:
    """A company with the people to talk to, or a person alone."""

    company_id: int | None
    contact_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay on a stage."""

    stage: StageInfo
    entered_at: datetime
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class DemoDeal:
    """A deal with everything that belongs to it, as columns of its rows."""

    columns: dict[str, Any]
    visits: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    activities: list[dict[str, Any]]
    contact_id: int


def invent_deal(
    script: Script,
    pipeline: PipelineInfo,
    owner_id: int,
    client: Client,
    kind: StageKind,
    title: str,
    amount: int,
    began_at: datetime | None = None,
) -> DemoDeal:
    """Return a deal of an outcome, with the stays that led there; it began some time ago, or when it is told to."""
    stays = _stays(script, pipeline, kind) if began_at is None else _stays_from(script, pipeline, kind, began_at)
    end = pipeline.won_stage if kind is StageKind.WON else pipeline.lost_stage
    last = stays[-1]
    stage = last.stage if kind is StageKind.OPEN else end
    steps = _steps(script, owner_id, stays, kind)
    reached = pipeline.open_stages[: pipeline.open_stages.index(last.stage) + 1]
    columns: dict[str, Any] = {
        "pipeline_id": pipeline.id,
        "stage_id": stage.id,
        "status": _STATUS[kind],
        "owner_id": owner_id,
        "company_id": client.company_id,
        "title": title,
        "amount_minor": amount,
        "currency": script.currency,
        "priority": script.pick((Priority.HOT, Priority.WARM, Priority.WARM, Priority.COLD)),
        "source": script.pick(script.words["deals"]["sources"]),
        "expected_close_on": _expected(script, last, kind),
        "custom": _custom(script, pipeline, reached),
        "next_due_at": min((step["due_at"] for step in steps if step["done_at"] is None), default=None),
        "stage_entered_at": last.left_at or last.entered_at,
        "created_at": stays[0].entered_at,
        "closed_at": last.left_at,
        **_loss(script, pipeline, last.stage, kind),
    }
    visits = [_visit(pipeline, owner_id, stays, at, kind, end) for at in range(len(stays))]
    return DemoDeal(columns, visits, steps, _activities(script, owner_id, stays, client), client.contact_ids[0])


def _stays(script: Script, pipeline: PipelineInfo, kind: StageKind) -> list[Stay]:
    """Return the stays backwards from the end: the last stage is any for open and lost deals, the last one for won."""
    stages = pipeline.open_stages
    count = len(stages) if kind is StageKind.WON else script.chance.randint(1, len(stages))
    ended = script.now - timedelta(days=script.chance.uniform(0.2, 6 if kind is StageKind.OPEN else MONTHS_DAYS))
    moments = [script.office_time(ended)]
    for _stage in range(count - 1 if kind is StageKind.OPEN else count):
        moments.append(script.office_time(moments[-1] - timedelta(days=script.chance.uniform(0.5, 7))))
    ordered = _increasing(sorted(moments), script.now)
    entered = ordered if kind is StageKind.OPEN else ordered[:-1]
    left: list[datetime | None] = [*ordered[1:], *([None] if kind is StageKind.OPEN else [])]
    return [Stay(stage, at, until) for stage, at, until in zip(stages, entered, left, strict=False)]


def _stays_from(script: Script, pipeline: PipelineInfo, kind: StageKind, began_at: datetime) -> list[Stay]:
    """Return the stays forwards from a moment, spread over the time there was since."""
    stages = pipeline.open_stages
    count = len(stages) if kind is StageKind.WON else script.chance.randint(1, len(stages))
    step = (script.now - began_at) / (count + 1)
    moments = [began_at]
    for at in range(1, count + 1):
        at_work = script.office_time(began_at + step * at)
        moments.append(min(max(at_work, moments[-1] + timedelta(minutes=25)), began_at + step * (at + 0.9)))
    left: list[datetime | None] = [*moments[1:]]
    if kind is StageKind.OPEN:
        left[-1] = None
    return [Stay(stage, at, until) for stage, at, until in zip(stages, moments, left, strict=False)]


def _increasing(moments: Sequence[datetime], now: datetime) -> list[datetime]:
    """Return the moments with at least some minutes between them, all in the past."""
    spread = [min(moment, now - timedelta(minutes=5)) for moment in moments]
    for at in range(len(spread) - 2, -1, -1):
        spread[at] = min(spread[at], spread[at + 1] - timedelta(minutes=25))
    return spread


def _visit(
    pipeline: PipelineInfo, owner_id: int, stays: Sequence[Stay], at: int, kind: StageKind, end: StageInfo
) -> dict[str, Any]:
    is_last = at == len(stays) - 1
    outcome = VisitOutcome.FORWARD if not is_last else _OUTCOMES.get(kind, VisitOutcome.OPEN)
    following = stays[at + 1].stage.id if not is_last else end.id if kind is not StageKind.OPEN else None
    return {
        "pipeline_id": pipeline.id,
        "stage_id": stays[at].stage.id,
        "owner_id": owner_id,
        "entered_at": stays[at].entered_at,
        "left_at": stays[at].left_at,
        "outcome": outcome,
        "next_stage_id": following,
        "is_first": True,
        "actor_id": owner_id,
    }


def _steps(script: Script, owner_id: int, stays: Sequence[Stay], kind: StageKind) -> list[dict[str, Any]]:
    steps = [
        _step(script, owner_id, stay.stage, stay.entered_at, stay.left_at, done_at=stay.left_at)
        for stay in stays
        if stay.left_at is not None
    ]
    if kind is StageKind.OPEN:
        days = script.chance.choices([day for day, _weight in _LATER], [weight for _day, weight in _LATER])[0]
        steps.append(_step(script, owner_id, stays[-1].stage, stays[-1].entered_at, script.in_days(days), done_at=None))
    return steps


def _step(
    script: Script, owner_id: int, stage: StageInfo, created_at: datetime, due_at: datetime, *, done_at: datetime | None
) -> dict[str, Any]:
    usual = (StepKind.CALL, StepKind.CALL, StepKind.MEETING, StepKind.EMAIL, StepKind.OFFER)
    kind = script.pick([one for one in usual if one in stage.step_kinds] or usual)
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
        "result": script.pick((StepResult.REACHED, StepResult.DONE)) if done else None,
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
        if script.chance.random() < 0.75:
            kind, direction, texts = script.chance.choices(choices, (4, 4, 2, 2, 1))[0]
            activities.append(
                {
                    "kind": kind,
                    "direction": direction,
                    "text": script.pick(texts),
                    "duration_seconds": script.chance.randint(40, 900) if kind is Kind.CALL else None,
                    "at": stay.entered_at + timedelta(minutes=script.chance.randint(2, 20)),
                    "author_id": owner_id,
                    "contact_id": None if kind is Kind.NOTE else client.contact_ids[0],
                }
            )
    return activities


def _expected(script: Script, last: Stay, kind: StageKind) -> date | None:
    if kind is not StageKind.OPEN or script.chance.random() < 0.4:
        return None
    return (script.now + timedelta(days=script.chance.randint(2, 40))).astimezone(script.zone).date()


def _loss(script: Script, pipeline: PipelineInfo, stage: StageInfo, kind: StageKind) -> dict[str, Any]:
    if kind is not StageKind.LOST:
        return {"loss_reason_id": None, "loss_note": None, "loss_stage_id": None}
    reason = script.pick(pipeline.active_reasons())
    note = script.words["deals"]["loss_note"] if reason.note_required else None
    return {"loss_reason_id": reason.id, "loss_note": note, "loss_stage_id": stage.id}


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
        FieldType.NUMBER: script.chance.randint(1, 40),
        FieldType.MONEY: script.chance.randint(10, 500) * 100_000,
        FieldType.DATE: (script.now + timedelta(days=script.chance.randint(5, 60))).date().isoformat(),
        FieldType.CHOICE: script.pick(codes) if codes else None,
        FieldType.MULTI_CHOICE: codes[:2],
        FieldType.YES_NO: script.chance.random() < 0.5,
    }
    return values[field.type]
