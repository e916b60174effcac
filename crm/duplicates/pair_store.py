"""Pairs as rows: written where they are found, valued, ranked, closed when they are no longer alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crm.duplicates.pair_records import TABLES, in_use, stakes_of
from crm.matching.models_in_use import KnownModel
from crm.matching.values import Match, MatchLine
from crm.models import EntityType, MatchPair, PairSource, PairState

PAIRS_AT_ONCE = 500
BRIDGE = "bridge"  # code of the line that stands for the record between the two
_BRIDGE_RANK = 1e15  # more than any probability times any value
_MINOR = 100
# What people said of these stays said.
_DECIDED = (PairState.MERGED, PairState.NOT_DUPLICATE)


@dataclass(frozen=True, slots=True)
class FoundPair:
    """Two records that may be the same, the lower id left, and what comparing them says."""

    left_id: int
    right_id: int
    match: Match


def keep_pairs(
    session: Session,
    entity_type: EntityType,
    found: Sequence[FoundPair],
    *,
    source: PairSource,
    known: KnownModel,
    now: datetime,
) -> None:
    """Store pairs, at most 500 at once: new ones open, known ones with their new weight, decided ones as they are.

    A pair that was no longer alike opens again, but not one of a record that is out of use by now. Ids come in order,
    so that two who store pairs at once don't lock each other out.
    """
    ordered = _of_records_in_use(session, entity_type, sorted(found, key=lambda pair: (pair.left_id, pair.right_id)))
    if not ordered:
        return
    values = _values(session, entity_type, ((pair.left_id, pair.right_id) for pair in ordered))
    rows = [
        _row(entity_type, pair, value, source=source, known=known, now=now)
        for pair, value in zip(ordered, values, strict=True)
    ]
    _upsert(session, rows, is_bridge=source is PairSource.BRIDGE)


def close_gone(session: Session, entity_type: EntityType, pair_ids: Iterable[int]) -> None:
    """Close undecided pairs, at most 500, that are no longer alike or whose records are no more."""
    ids = sorted(set(pair_ids))
    if ids:
        _change(session, MatchPair.id.in_(ids), entity_type, {"state": PairState.GONE, "snoozed_until": None})


def wake_snoozed(session: Session, now: datetime) -> None:
    """Put pairs back into the queue whose time has come."""
    session.execute(
        update(MatchPair)
        .where(MatchPair.state == PairState.SNOOZED, MatchPair.snoozed_until <= now)
        .values(state=PairState.OPEN, snoozed_until=None)
        .execution_options(synchronize_session=False)
    )


def rank_of(probability: float, value_minor: int, source: PairSource) -> float:
    """Return a pair's place in the queue, the greatest first: bridges, then what a decision is likely to be worth."""
    worth = probability * (1 + value_minor / _MINOR)
    return worth + _BRIDGE_RANK if source is PairSource.BRIDGE else worth


def lines_as_rows(lines: Iterable[MatchLine]) -> list[list[Any]]:
    """Return the waterfall as it is stored: `MatchLine(*row)` gives a line back."""
    return [[line.code, round(line.weight, 3), line.left, line.right] for line in lines]


def _of_records_in_use(session: Session, entity_type: EntityType, found: Sequence[FoundPair]) -> list[FoundPair]:
    """Return the pairs both of whose records are in use, known ones locked: a merge on its way ends first, or waits."""
    if not found:
        return []
    sides = [(pair.left_id, pair.right_id) for pair in found]
    if session.get_bind().dialect.name != "sqlite":  # there the writer is alone
        known = select(MatchPair.id).where(
            MatchPair.entity_type == entity_type, tuple_(MatchPair.left_id, MatchPair.right_id).in_(sides)
        )
        session.execute(known.order_by(MatchPair.left_id, MatchPair.right_id).with_for_update()).all()
    table = TABLES[entity_type]
    asked = sorted({key for pair in sides for key in pair})
    present = set(session.scalars(select(table.id).where(table.id.in_(asked), in_use(entity_type))))
    return [pair for pair in found if pair.left_id in present and pair.right_id in present]


def _values(session: Session, entity_type: EntityType, sides: Iterable[tuple[int, int]]) -> list[int]:
    pairs = list(sides)
    stakes = stakes_of(session, entity_type, {key for pair in pairs for key in pair})
    return [stakes.get(left, 0) + stakes.get(right, 0) for left, right in pairs]


def _row(
    entity_type: EntityType, pair: FoundPair, value: int, *, source: PairSource, known: KnownModel, now: datetime
) -> dict[str, Any]:
    match = pair.match
    return {
        "entity_type": entity_type,
        "left_id": pair.left_id,
        "right_id": pair.right_id,
        "weight": round(match.weight, 4),
        "probability": round(match.probability, 6),
        "lines": lines_as_rows(match.lines),
        "guards": list(match.guards),
        "is_automatic": source is not PairSource.BRIDGE and match.weight >= known.model.auto_at and not match.guards,
        "value_minor": value,
        "rank": rank_of(match.probability, value, source),
        "model_id": known.id,
        "state": PairState.OPEN,
        "source": source,
        "found_at": now,
        "version": 1,
    }


def _upsert(session: Session, rows: Sequence[Mapping[str, Any]], *, is_bridge: bool) -> None:
    insertion = (sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert)(MatchPair)
    new = insertion.excluded
    condition: ColumnElement[bool] = and_(*(MatchPair.state != state for state in _DECIDED))
    reopened = case((MatchPair.state == PairState.GONE, PairState.OPEN), else_=MatchPair.state)
    if is_bridge:
        # What was found by comparing the two tells more than what stands between them; only the place is the bridge's.
        changed = {"state": reopened, "source": new.source, "rank": new.rank}
    else:
        was_bridge = MatchPair.source == PairSource.BRIDGE
        names = ("weight", "probability", "lines", "guards", "is_automatic", "value_minor", "model_id")
        changed = {
            **{name: new[name] for name in names},
            "state": reopened,
            "rank": new.rank + case((was_bridge, literal(_BRIDGE_RANK)), else_=literal(0.0)),
        }
        other = [MatchPair.weight != new.weight, MatchPair.probability != new.probability,
                 MatchPair.value_minor != new.value_minor, MatchPair.is_automatic != new.is_automatic,
                 MatchPair.state == PairState.GONE]  # fmt: skip
        condition = and_(condition, or_(*other))
    upsert = insertion.on_conflict_do_update(
        index_elements=["entity_type", "left_id", "right_id"], set_=changed, where=condition
    )
    session.execute(upsert, [dict(row) for row in rows])


def _change(session: Session, condition: Any, entity_type: EntityType, values: dict[str, Any]) -> None:
    session.execute(
        update(MatchPair)
        .where(MatchPair.entity_type == entity_type, condition, MatchPair.state.not_in((*_DECIDED, PairState.GONE)))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
