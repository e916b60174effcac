"""How the demo's people sell, and how hard each of its pipelines is: what its dashboards are to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm.models.codes import LinkKind, LinkTrigger
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.values import PipelineInfo

PRICE_AT = 0.6  # where on the way from the first stage to the last one the client hears the price


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody sells: of a hundred deals so many pass a stage before the price, that of the price, a later one.

    `pace` is the part of the usual time a deal stays with them; `late_steps` and `late_notes` are of a hundred.
    """

    opening: int
    price: int
    closing: int
    pace: float = 1.0
    late_steps: int = 12
    late_notes: int = 6


USUAL = Manner(opening=84, price=68, closing=88)
# In the order of the managers: opens well and closes badly; the reverse; writes all down late; good at everything.
MANNERS = (
    Manner(opening=97, price=30, closing=70),
    Manner(opening=65, price=94, closing=97),
    Manner(opening=86, price=72, closing=90, pace=1.5, late_steps=45, late_notes=40),
    Manner(opening=87, price=76, closing=92, pace=0.8, late_steps=4, late_notes=2),
)
_LOYAL, _REFUSED, _COLD, _ALONE = 0.45, 1.3, 1.2, 0.25  # parts of the usual losses


@dataclass(slots=True)
class Department:
    """Who sells how, who leads whom, and what part of the usual losses each pipeline has."""

    manners: dict[int, Manner] = field(default_factory=dict)
    heads: dict[int, int] = field(default_factory=dict)
    losses: dict[int, float] = field(default_factory=dict)

    def manner(self, owner_id: int) -> Manner:
        """Return how somebody sells."""
        return self.manners.get(owner_id, USUAL)

    def percent(self, pipeline: PipelineInfo, owner_id: int, place: int) -> float:
        """Return how many of a hundred of somebody's deals pass the stage at a place of the pipeline."""
        manner, count = self.manner(owner_id), len(pipeline.open_stages)
        usual = manner.opening if place < count // 2 else manner.closing
        if place == price_place(count):
            usual = manner.price
        return max(5.0, 100 - (100 - usual) * self.losses.get(pipeline.id, 1.0))


def price_place(count: int) -> int:
    """Return the place among so many stages where the client hears the price; always in the later half."""
    return max(round(PRICE_AT * (count - 1)), count // 2)


def losses_of(pipelines: Sequence[PipelineInfo], links: Sequence[LinkInfo]) -> dict[int, float]:
    """Return what part of the usual losses each pipeline has: old clients buy sooner, refused ones seldom."""
    found = {pipeline.id: _COLD for pipeline in pipelines}
    for link in links:
        is_refusal = link.plan.kind is LinkKind.REFUSAL_WORK or link.plan.trigger is LinkTrigger.LOST
        found[link.plan.to_pipeline_id] = _REFUSED if is_refusal else _LOYAL
    found |= {pipeline.id: _ALONE for pipeline in pipelines if pipeline.stands_alone}
    return found | {pipeline.id: 1.0 for pipeline in pipelines[:1]}
