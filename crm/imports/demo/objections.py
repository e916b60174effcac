"""What the demo's clients say against buying when they hear the price, and what becomes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crm.imports.demo.courses import Course, Stay
from crm.imports.demo.script import Script
from crm.models.codes import ObjectionKind, ObjectionOutcome, StageKind

_MEANT = (ObjectionKind.REAL, ObjectionKind.REAL, ObjectionKind.PRETENDED, ObjectionKind.UNKNOWN)
_OVERCOME_YET_LOST = 25  # of a hundred lost after the price


def objections_of(script: Script, stay: Stay, course: Course, author_id: int) -> list[dict[str, Any]]:
    """Return an objection raised on a stay: settled when the deal ended or went on, open where it still waits."""
    said = script.words["objections"][script.plot.randrange(len(script.words["objections"]))]
    is_last = stay is course.stays[-1]
    at = stay.entered_at + ((stay.left_at or script.now) - stay.entered_at) / 3
    outcome, resolved_at = ObjectionOutcome.OVERCOME, stay.left_at
    if course.kind is StageKind.LOST and (is_last or not script.happens(("lost yet",), _OVERCOME_YET_LOST)):
        outcome, resolved_at = ObjectionOutcome.NOT_OVERCOME, course.stays[-1].left_at
    elif course.kind is StageKind.OPEN and is_last:
        outcome, resolved_at = ObjectionOutcome.OPEN, None
    is_settled_by_hand = outcome is ObjectionOutcome.OVERCOME
    return [
        {
            "stage_id": stay.stage.id,
            "kind": script.plot.choice(_MEANT),
            "text": said["text"],
            "buys_if": said["buys_if"],
            "outcome": outcome,
            "outcome_note": said["answer"] if is_settled_by_hand else None,
            "at": max(at - timedelta(microseconds=at.microsecond), stay.entered_at),
            "author_id": author_id,
            "resolved_at": resolved_at,
        }
    ]
