"""How far a deal came, worked out of its stays; docs/analytics.md says the same in the users' words.

Instants are whole UTC epoch seconds, as the base keeps them: a million deals are retraced at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from crm.models import DealStatus, ReachOutcome, VisitOutcome

_OFF_THE_WAY = -1  # the place of a retired stage
_OPEN, _PASSED, _LOST = ReachOutcome.OPEN.value, ReachOutcome.PASSED.value, ReachOutcome.LOST.value


class Stay(NamedTuple):
    """A visit as a path needs it, in the order of entering; the owner is None where nobody knows."""

    id: int
    stage_id: int
    owner_id: int | None
    entered_at: int
    left_at: int | None
    outcome: str


class Ending(NamedTuple):
    """What a deal is now; `loss_stage_id` counts only where no stay tells how far a lost deal came."""

    status: DealStatus
    owner_id: int
    created_at: int
    closed_at: int | None
    loss_stage_id: int | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """The stages of a pipeline: the open ones in use in their order, the retired ones without one, the won one.

    `added` are stages younger than their pipeline, with the moment they came.
    """

    live: tuple[int, ...]
    places: Mapping[int, int]
    won_stage_id: int
    has_retired: bool
    added: Mapping[int, int]

    @classmethod
    def of(
        cls,
        live: Sequence[int],
        retired: Sequence[int],
        won_stage_id: int,
        added: Mapping[int, int] = MappingProxyType({}),
    ) -> Way:
        """Lay a way through stages, given by their ids."""
        places = {stage_id: at for at, stage_id in enumerate(live)} | dict.fromkeys(retired, _OFF_THE_WAY)
        return cls(tuple(live), places, won_stage_id, bool(retired), added)


class Reached(NamedTuple):
    """One row of a path, see `StageReach`."""

    stage_id: int
    began_at: int
    reached_at: int
    entered_at: int | None
    owner_id: int | None
    outcome: int
    decided_at: int | None
    credited_to: int | None
    in_order: bool


class _Decision(NamedTuple):
    outcome: int
    decided_at: int | None
    credited_to: int | None


class _Marks(NamedTuple):
    """Numbers of stays, for each stage on the way: the first on it, on it or past it, past it; the unbroken part."""

    first: list[int | None]
    come: list[int | None]
    gone: list[int | None]
    chain: int


def trace(stays: Sequence[Stay], ending: Ending, way: Way) -> list[Reached]:
    """Return how a deal came to each stage, and what became of it there.

    A stage is reached by being on it, on a later one, or by a win; it is passed by being on a later one, or by a win.
    A retired stage has no place among the others: it is reached by being on it, passed by leaving it forward or a win.
    """
    own = [one for one in stays if one.stage_id in way.places]
    won_at = ending.closed_at if ending.status is DealStatus.WON else None
    if way.added:
        way = _as_it_was(way, own, won_at)
    if not own and won_at is None:
        return _unrecorded(ending, way)
    began_at = own[0].entered_at if own else won_at or 0
    marks, end = _marks(own, way), _end(own, ending)
    last_owner = own[-1].owner_id if own else ending.owner_id
    rows = []
    for at, stage_id in enumerate(way.live):
        come, first, gone = marks.come[at], marks.first[at], marks.gone[at]
        if come is None and won_at is None:
            break
        rows.append(
            Reached(
                stage_id,
                began_at,
                own[come].entered_at if come is not None else won_at or 0,
                own[first].entered_at if first is not None else None,
                own[first].owner_id if first is not None else own[come].owner_id if come is not None else last_owner,
                *(end if gone is None else _passed(own, gone)),
                at < marks.chain,
            )
        )
    if way.has_retired:
        rows += _on_retired(own, way, began_at, end)
    if won_at is not None:
        is_whole = marks.chain == len(way.live)
        rows.append(Reached(way.won_stage_id, began_at, won_at, won_at, end.credited_to, *end, is_whole))
    return rows


def stay_starts(stays: Sequence[Stay]) -> list[int]:
    """Return for each visit when the deal came to the stage: a hand-over begins a visit, but not another stay."""
    starts: list[int] = []
    before: Stay | None = None
    for one in stays:
        goes_on = before is not None and before.outcome == VisitOutcome.HANDOVER and before.stage_id == one.stage_id
        starts.append(starts[-1] if goes_on else one.entered_at)
        before = one
    return starts


def _as_it_was(way: Way, own: Sequence[Stay], won_at: int | None) -> Way:
    """Return the way without the stages that were added only after the deal had come past their place."""
    been = {one.stage_id for one in own}
    newer = set()
    for stage_id, added_at in way.added.items():
        later = (one.entered_at for one in own if way.places[one.stage_id] > way.places[stage_id])
        past_at = next(later, won_at)
        if stage_id not in been and past_at is not None and past_at < added_at:
            newer.add(stage_id)
    if not newer:
        return way
    retired = [stage_id for stage_id, place in way.places.items() if place == _OFF_THE_WAY]
    return Way.of([one for one in way.live if one not in newer], retired, way.won_stage_id)


def _marks(own: Sequence[Stay], way: Way) -> _Marks:
    count = len(way.live)
    first: list[int | None] = [None] * count
    come, gone = first.copy(), first.copy()
    top, chain = -1, 0
    places = way.places
    for number, one in enumerate(own):
        at = places[one.stage_id]
        if at == _OFF_THE_WAY:
            continue
        if first[at] is None:
            first[at] = number
            chain += at == chain  # a stage first met before the one ahead of it is out of order for good
        if at > top:
            for passed in range(max(top, 0), at):
                gone[passed] = number
            for reached in range(top + 1, at + 1):
                come[reached] = number
            top = at
    return _Marks(first, come, gone, chain)


def _passed(own: Sequence[Stay], gone: int) -> _Decision:
    before = own[gone - 1] if gone else own[0]  # born past the stage: whoever began it there
    return _Decision(_PASSED, own[gone].entered_at, before.owner_id)


def _end(own: Sequence[Stay], ending: Ending) -> _Decision:
    """Say what became of a deal where it went no further."""
    if ending.status is DealStatus.OPEN:
        return _Decision(_OPEN, None, ending.owner_id)
    outcome = _PASSED if ending.status is DealStatus.WON else _LOST
    return _Decision(outcome, ending.closed_at, own[-1].owner_id if own else ending.owner_id)


def _on_retired(own: Sequence[Stay], way: Way, began_at: int, end: _Decision) -> list[Reached]:
    first: dict[int, Stay] = {}
    left: dict[int, Stay] = {}
    for one in own:
        if way.places[one.stage_id] == _OFF_THE_WAY:
            first.setdefault(one.stage_id, one)
            if one.outcome == VisitOutcome.FORWARD:
                left.setdefault(one.stage_id, one)
    return [
        Reached(
            stage_id, began_at, one.entered_at, one.entered_at, one.owner_id,
            *(_Decision(_PASSED, left[stage_id].left_at, left[stage_id].owner_id)
              if stage_id in left else end),
            in_order=False,
        )
        for stage_id, one in first.items()
    ]  # fmt: skip


def _unrecorded(ending: Ending, way: Way) -> list[Reached]:
    """Trace a deal that no stay tells of: a lost one came to the stage it was lost from, or at least to the first."""
    if ending.status is not DealStatus.LOST:
        return []
    furthest = max(way.places.get(ending.loss_stage_id or 0, 0), 0)
    end = _end((), ending)
    passed = end._replace(outcome=_PASSED)
    return [
        Reached(
            stage_id, ending.created_at, ending.created_at, None, ending.owner_id,
            *(passed if at < furthest else end), in_order=False,
        )
        for at, stage_id in enumerate(way.live[: furthest + 1])
    ]  # fmt: skip
