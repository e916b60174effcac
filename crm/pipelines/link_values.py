"""What a link between pipelines is: as it is to be (`LinkPlan`) and as it stands (`LinkInfo`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from crm.models.codes import LinkKind, LinkOwner, LinkTrigger, StepKind

# Fields a new deal may take over besides custom ones; title, currency, company and contacts always go along.
COPYABLE_FIELDS = ("amount", "priority", "source", "expected_close_on")
CONDITION_FIELDS = ("amount", "priority", "source", "loss_reason", "team", "company", "contact", "expected_close_on")
DEFAULT_COPIED = ("amount", "priority", "source")
DAY_SECONDS = 86400


class ConditionOp(StrEnum):
    """How a condition of a link looks at a field."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    IS_ONE_OF = "is_one_of"
    FILLED = "filled"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class LinkCondition:
    """One condition on the source deal.

    `field` is one of CONDITION_FIELDS ("team" is the owner's) or the key of a custom field. `value` is minor units for
    `at_least` and `at_most`; for `is_one_of` names of priorities ("hot"), sources, option codes, or ids of reasons of
    loss or teams; None for `filled` and `empty`.
    """

    field: str
    op: ConditionOp
    value: int | tuple[str | int, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the condition as it is stored."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"field": self.field, "op": self.op.value, "value": value}


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """A link as it is to be; without `to_stage_id` new deals begin on the first stage.

    `max_rounds` and `cooldown_seconds` are the brakes of a loop; `skip_if_open` does nothing while the client has
    another open deal.
    """

    from_pipeline_id: int
    trigger: LinkTrigger
    to_pipeline_id: int
    kind: LinkKind = LinkKind.CONTINUATION
    from_stage_id: int | None = None  # for the trigger `stage`
    to_stage_id: int | None = None
    copied: tuple[str, ...] = DEFAULT_COPIED
    owner_rule: LinkOwner = LinkOwner.SAME
    owner_id: int | None = None  # for the rule `user`
    delay_seconds: int = 0
    conditions: tuple[LinkCondition, ...] = ()  # all must hold
    cooldown_seconds: int = 0  # least time between two rounds of one client
    max_rounds: int | None = None
    skip_if_open: bool = False
    step_kind: StepKind = StepKind.CALL
    step_text: str = ""
    step_due_seconds: int = DAY_SECONDS
    is_active: bool = True

    @property
    def has_brake(self) -> bool:
        """Tell whether a loop through this link is slowed down or ends by itself."""
        return self.cooldown_seconds > 0 or self.max_rounds is not None


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """A link as it stands, with the names it refers to."""

    id: int
    version: int
    plan: LinkPlan
    from_pipeline: str
    from_stage: str | None
    to_pipeline: str
    to_stage: str | None  # None: the first one
    owner_name: str | None
    created_at: datetime


def condition_of(stored: Mapping[str, Any]) -> LinkCondition:
    """Return a condition from its stored form."""
    value = stored.get("value")
    return LinkCondition(stored["field"], ConditionOp(stored["op"]), tuple(value) if isinstance(value, list) else value)


def unbraked_loops(plans: list[LinkPlan]) -> list[tuple[int, ...]]:
    """Return loops of pipelines whose active links have no brake at all, each as ids from its smallest one on.

    One loop at least is told for every knot of such links; loops through a braked link are fine.
    """
    targets: dict[int, set[int]] = {}
    for plan in plans:
        if plan.is_active and not plan.has_brake:
            targets.setdefault(plan.from_pipeline_id, set()).add(plan.to_pipeline_id)
    found = {loop for start in targets if (loop := _shortest_way_back(targets, start))}
    return sorted(found)


def _shortest_way_back(targets: Mapping[int, set[int]], start: int) -> tuple[int, ...] | None:
    ways: list[tuple[int, ...]] = [(start,)]
    seen: set[int] = set()
    while ways:
        way = ways.pop(0)
        for following in sorted(targets.get(way[-1], ())):
            if following == start:
                smallest = way.index(min(way))
                return way[smallest:] + way[:smallest]
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return None
