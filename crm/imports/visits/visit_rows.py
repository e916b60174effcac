"""The rows of visits in the base, in the order they happened: ids tell which of two at the same time came first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crm.imports.visits.building import StayDraft
from crm.imports.world import World


def visit_rows(
    world: World, deal_id: int, pipeline_id: int, owner_id: int, visits: Iterable[StayDraft]
) -> list[dict[str, Any]]:
    """Return rows to insert; `owner_id` stands for the owner of visits whose owner nobody knows."""
    return [
        {
            "deal_id": deal_id,
            "pipeline_id": pipeline_id,
            "stage_id": visit.stage_id,
            "owner_id": world.real_id(owner_id if visit.owner_id is None else visit.owner_id),
            "owner_known": visit.owner_id is not None,
            "entered_at": visit.entered_at,
            "stay_entered_at": visit.stay_entered_at,
            "left_at": visit.left_at,
            "outcome": visit.outcome,
            "next_stage_id": visit.next_stage_id,
            "is_first": visit.is_first,
            "channel": world.actor.channel,
            "actor_id": world.actor.user_id,
        }
        for visit in visits
    ]
