"""What a merge and its undo do with the pairs of the merged record; all of it goes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.errors import InvalidInput, Violation
from crm.models import EntityType, MatchPair, Merge, PairState

WAITING = (PairState.OPEN, PairState.SNOOZED)
IN_TURN = (MatchPair.left_id, MatchPair.right_id)  # the order in which pairs are locked, as scans write them
APART = (PairState.NOT_DUPLICATE, PairState.SNOOZED)  # what somebody said of two that no machine overrides


def close_pairs_of(
    session: Session,
    entity_type: EntityType,
    merged_id: int,
    survivor_id: int,
    *,
    actor_id: int | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Mark the pair of the two as merged and the merged record's others as gone; return what they were.

    What somebody said is no duplicate of the merged record is none of the survivor either.
    Errors: InvalidInput where nobody (`actor_id` is None) would merge what somebody keeps apart.
    """
    was: dict[str, Any] = {"states": [], "made": [], "put_off": _put_off(session, entity_type, survivor_id)}
    for pair in _pairs_of(session, entity_type, merged_id):
        other_id = pair.left_id if pair.right_id == merged_id else pair.right_id
        if other_id == survivor_id:
            if actor_id is None and pair.state in APART:
                raise InvalidInput([Violation("merge_said_different")])
            _set(was, pair, PairState.MERGED)
            pair.decided_by, pair.decided_at = actor_id, now
        elif pair.state in WAITING:
            _set(was, pair, PairState.GONE)
        elif pair.state is PairState.NOT_DUPLICATE:
            _keep_apart(session, was, pair, survivor_id, other_id)
    session.flush()
    return was


def reopen_pairs_of(session: Session, merge: Merge) -> None:
    """Give pairs the state they had before a merge, but for those that were decided since."""
    was: Mapping[str, Any] = merge.before.get("pairs", {})
    before = {pair_id: (state, left, by, at) for pair_id, state, left, by, at in was.get("states", ())}
    made: Sequence[int] = was.get("made", ())
    named = set(session.scalars(select(Merge.pair_id).where(Merge.pair_id.in_(made)))) if made else set()
    for pair in _by_ids(session, [*before, *made]):
        if pair.id not in before:
            _take_out(session, pair, merge.at, is_named=pair.id in named)
            continue
        state, left, decided_by, decided_at = before[pair.id]
        # A merge that says "not a duplicate" names nobody: where somebody is named, it was said again since.
        is_said_again = pair.state is PairState.NOT_DUPLICATE and pair.decided_by is not None
        if pair.state.value == left and not is_said_again:
            pair.state, pair.decided_by = PairState(state), decided_by
            pair.decided_at = None if decided_at is None else datetime.fromtimestamp(decided_at, tz=UTC)
            pair.version += 1
    _put_off_again(session, was.get("put_off", ()))
    session.flush()


def _take_out(session: Session, pair: MatchPair, made_at: datetime, *, is_named: bool) -> None:
    """Do away with a pair that a merge made; what somebody has decided about it since stays."""
    is_as_made = pair.state is PairState.NOT_DUPLICATE and (pair.decided_at is None or pair.decided_at <= made_at)
    if is_as_made and not is_named:
        session.delete(pair)
    elif is_as_made or pair.state in WAITING:  # a scan opens it again where the two are alike
        pair.state, pair.decided_by, pair.decided_at, pair.snoozed_until = PairState.GONE, None, None, None
        pair.version += 1


def _set(was: dict[str, Any], pair: MatchPair, state: PairState) -> None:
    decided_at = int(pair.decided_at.timestamp()) if pair.decided_at else None
    was["states"].append([pair.id, pair.state.value, state.value, pair.decided_by, decided_at])
    pair.state = state
    pair.version += 1


def _keep_apart(session: Session, was: dict[str, Any], pair: MatchPair, survivor_id: int, other_id: int) -> None:
    left, right = sorted((survivor_id, other_id))
    query = select(MatchPair).filter_by(entity_type=pair.entity_type, left_id=left, right_id=right)
    known = session.scalars(query).one_or_none()
    if known is not None:
        if known.state in WAITING:
            _set(was, known, PairState.NOT_DUPLICATE)
        return
    copied = ("entity_type", "weight", "probability", "lines", "guards", "rank", "source", "found_at", "note")
    values = {name: getattr(pair, name) for name in (*copied, "model_id", "decided_by", "decided_at")}
    copy = MatchPair(left_id=left, right_id=right, is_automatic=False, state=PairState.NOT_DUPLICATE, **values)
    session.add(copy)
    session.flush()
    was["made"].append(copy.id)


def _put_off(session: Session, entity_type: EntityType, record_id: int) -> list[list[int]]:
    """Return the pairs of a record that somebody put off, with the time until when."""
    here = or_(MatchPair.left_id == record_id, MatchPair.right_id == record_id)
    query = select(MatchPair.id, MatchPair.snoozed_until).where(MatchPair.entity_type == entity_type, here)
    rows = session.execute(query.where(MatchPair.state == PairState.SNOOZED).order_by(MatchPair.id))
    return [[pair_id, int(until.timestamp())] for pair_id, until in rows if until is not None]


def _put_off_again(session: Session, put_off: Sequence[Sequence[int]]) -> None:
    """Put those off again that were closed meanwhile, because what the merged record brought made them unlike."""
    until = {pair_id: datetime.fromtimestamp(at, tz=UTC) for pair_id, at in put_off}
    for pair in _by_ids(session, sorted(until)):
        if pair.state is PairState.GONE:
            pair.state, pair.snoozed_until = PairState.SNOOZED, until[pair.id]
            pair.version += 1


def _pairs_of(session: Session, entity_type: EntityType, record_id: int) -> Sequence[MatchPair]:
    here = or_(MatchPair.left_id == record_id, MatchPair.right_id == record_id)
    query = select(MatchPair).where(MatchPair.entity_type == entity_type, here).order_by(*IN_TURN)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()


def _by_ids(session: Session, ids: Sequence[int]) -> Sequence[MatchPair]:
    if not ids:
        return []
    query = select(MatchPair).where(MatchPair.id.in_(ids)).order_by(*IN_TURN)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
