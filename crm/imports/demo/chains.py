"""The demo's linked deals: what came of a deal's end, or of its coming to a stage, in another pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from crm.imports.demo.clients import Client
from crm.imports.demo.courses import course_since
from crm.imports.demo.deals import DemoDeal, invent_deal
from crm.imports.demo.script import Script
from crm.models.codes import Channel, DealStatus, LinkKind, LinkRunStatus, LinkTrigger
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.values import CUSTOM_PREFIX, PipelineInfo

LONGEST_CHAIN = 4
_ENDS = {LinkTrigger.WON: DealStatus.WON, LinkTrigger.LOST: DealStatus.LOST}


@dataclass(frozen=True, slots=True)
class Written:
    """A deal in the base: its stays by stage, and how often its chain has come to each pipeline."""

    id: int
    deal: DemoDeal
    client: Client
    visits: Mapping[int, int]
    rounds: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Firing:
    """A link that went off; without a deal it still waits for its time."""

    source: Written
    link: LinkInfo
    visit_id: int
    at: datetime
    due_at: datetime
    deal: DemoDeal | None

    def row(self, child_id: int | None) -> dict[str, Any]:
        """Return the columns of its run."""
        return {
            "link_id": self.link.id,
            "deal_id": self.source.id,
            "visit_id": self.visit_id,
            "status": LinkRunStatus.WAITING if child_id is None else LinkRunStatus.CREATED,
            "due_at": self.due_at,
            "done_at": None if child_id is None else self.due_at,
            "child_deal_id": child_id,
            "created_at": self.at,
        }


def fire_demo_links(
    script: Script, pipelines: Mapping[int, PipelineInfo], links: Sequence[LinkInfo], sources: Sequence[Written]
) -> list[Firing]:
    """Return what the links make of some deals; of one client a link has one open deal at most."""
    found = []
    busy: set[tuple[int, int | None]] = set()
    for source in sources:
        for link in links:
            firing = _firing(script, pipelines, link, source)
            if firing is None or (link.id, source.client.company_id) in busy:
                continue
            if firing.deal is None or firing.deal.columns["status"] is DealStatus.OPEN:
                busy.add((link.id, source.client.company_id))
            found.append(firing)
    return found


def _firing(script: Script, pipelines: Mapping[int, PipelineInfo], link: LinkInfo, source: Written) -> Firing | None:
    columns = source.deal.columns
    visit = _visit_of(link, source)
    if visit is None or columns["pipeline_id"] != link.plan.from_pipeline_id or not _holds(link, columns):
        return None
    reasons = pipelines[link.plan.from_pipeline_id].loss_reasons
    if any(one.id == columns["loss_reason_id"] and not one.counts_as_loss for one in reasons):
        return None
    at = visit["entered_at"] if link.plan.trigger is LinkTrigger.STAGE else columns["closed_at"]
    due_at = at + timedelta(seconds=link.plan.delay_seconds)
    is_due = due_at < script.now - timedelta(days=1)
    if due_at < script.now and (not is_due or link.plan.skip_if_open):
        return None
    deal = _child(script, pipelines[link.plan.to_pipeline_id], link, source, due_at) if is_due else None
    return Firing(source, link, source.visits[visit["stage_id"]], at, due_at, deal)


def _visit_of(link: LinkInfo, source: Written) -> Mapping[str, Any] | None:
    """Return the stay that sets a link off, None where there is none."""
    visits = source.deal.visits
    if link.plan.trigger is LinkTrigger.STAGE:
        return next((one for one in visits if one["stage_id"] == link.plan.from_stage_id), None)
    return visits[-1] if source.deal.columns["status"] is _ENDS[link.plan.trigger] else None


def _holds(link: LinkInfo, columns: Mapping[str, Any]) -> bool:
    """Tell whether the conditions hold; the demo knows those about the reason of loss."""
    return all(
        one.field == "loss_reason" and isinstance(one.value, tuple) and columns["loss_reason_id"] in one.value
        for one in link.plan.conditions
    )


def _child(script: Script, pipeline: PipelineInfo, link: LinkInfo, source: Written, began_at: datetime) -> DemoDeal:
    parent, owner_id = source.deal.columns, source.deal.columns["owner_id"]
    course = course_since(script, pipeline, owner_id, began_at)
    child = invent_deal(
        script, pipeline, owner_id, source.client, course, parent["title"], parent["amount_minor"]
    )  # fmt: skip
    copied = {key.removeprefix(CUSTOM_PREFIX) for key in link.plan.copied}
    answers = {key: value for key, value in parent["custom"].items() if key in copied}
    first = child.visits[0] | {"channel": Channel.SYSTEM, "actor_id": None}
    return replace(
        child,
        visits=[first, *child.visits[1:]],
        columns=child.columns
        | {
            "origin_deal_id": source.id,
            "origin_link_id": link.id,
            "round": source.rounds.get(pipeline.id, 0) + 1,
            "source": parent["source"],
            "created_by": None,
            "created_channel": Channel.SYSTEM,
            "return_source": link.from_pipeline[:100] if link.plan.kind is LinkKind.RETURN else None,
            "custom": answers | child.columns["custom"],
        },
    )
