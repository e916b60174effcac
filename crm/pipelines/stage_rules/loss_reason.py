"""A lost deal says why, and in words where the reason demands it."""

from __future__ import annotations

from crm.errors import Violation
from crm.models.codes import StageKind
from crm.pipelines.stage_rules.facts import MoveFacts


def check(facts: MoveFacts) -> list[Violation]:
    """Refuse a loss without an active reason of this pipeline, or without its note."""
    if facts.target.kind is not StageKind.LOST:
        return []
    if facts.loss_reason_id is None:
        return [Violation("loss_reason_missing", "loss_reason")]
    reason = next((one for one in facts.pipeline.active_reasons() if one.id == facts.loss_reason_id), None)
    if reason is None:
        return [Violation("loss_reason_unknown", "loss_reason")]
    if reason.note_required and not (facts.loss_note or "").strip():
        return [Violation("loss_note_missing", "loss_note")]
    return []
