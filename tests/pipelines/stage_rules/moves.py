"""A move that keeps every rule, to be spoiled by tests one fact at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crm.actor import Actor
from crm.models.codes import Channel, DealStatus, FieldType, Role, StageKind, StepKind
from crm.pipelines.stage_rules import MoveFacts, OpenStep
from crm.pipelines.values import FieldInfo, LossReasonInfo, PipelineInfo, StageInfo

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)
CALL = OpenStep(StepKind.CALL, TOMORROW)
ANNA = Actor(1, "Anna", Role.MANAGER, 1, frozenset({1}), "en", "Europe/Moscow", Channel.UI)


def stage(number: int, name: str, kind: StageKind = StageKind.OPEN, **changes: Any) -> StageInfo:
    """Return a stage whose id is ten times its position."""
    return replace(StageInfo(number * 10, 7, name, kind, number, None, None, (), False), **changes)


CONTACT, NEED, OFFER = stage(1, "Contact made"), stage(2, "Need found"), stage(3, "Offer sent")
WON, LOST = stage(4, "Paid", StageKind.WON), stage(5, "Lost", StageKind.LOST)
RETIRED = stage(6, "Hangs", is_retired=True)
PRICE = LossReasonInfo(1, 7, "Price", note_required=False, counts_as_loss=True, is_active=True)
OTHER = LossReasonInfo(2, 7, "Other", note_required=True, counts_as_loss=True, is_active=True)
OLD = LossReasonInfo(3, 7, "Weather", note_required=False, counts_as_loss=True, is_active=False)
VOLUME = FieldInfo(12, "Volume", FieldType.NUMBER, (), None, is_active=True)
PIPELINE = PipelineInfo(
    id=7,
    name="First sales",
    is_archived=False,
    version=1,
    stages=(CONTACT, NEED, OFFER, WON, LOST, RETIRED),
    loss_reasons=(PRICE, OTHER, OLD),
    fields={VOLUME.key: VOLUME},
)


def move(from_stage: StageInfo, to_stage: StageInfo | None, **changes: Any) -> MoveFacts:
    """Return a move of an open deal that has an amount and a step tomorrow."""
    facts = MoveFacts(
        actor=ANNA,
        pipeline=PIPELINE,
        status=DealStatus.OPEN,
        from_stage=from_stage,
        to_stage=to_stage,
        filled=frozenset({"amount"}),
        amount_minor=100,
        open_steps=(CALL,),
        loss_reason_id=None,
        loss_note=None,
        now=NOW,
    )
    return replace(facts, **changes)
