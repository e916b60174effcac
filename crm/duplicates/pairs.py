"""The queue of pairs that may be the same: pages of it and counts, as far as the actor sees both records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, may, require
from crm.contacts.search import matching_ids
from crm.duplicates.pair_records import currency_of, load_briefs, owned_by, pairs_in_view, stakes_of
from crm.duplicates.pair_values import PairCount, PairRow, Place, QueueFilter, QueuePage, RecordBrief
from crm.matching.values import MatchLine
from crm.models import EntityType, MatchPair, PairState, User

PAGE_ROWS = 50
COUNTED_AT_MOST = 1000
_LONGEST_NUMBER = 18  # digits that fit every database


def load_queue(
    session: Session, actor: Actor, wanted: QueueFilter, *, after: Place | None = None, limit: int = PAGE_ROWS
) -> QueuePage:
    """Return a page of pairs, bridges first, then by probability times the value of open deals.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    query = select(MatchPair).where(*_conditions(session, actor, wanted))
    if after is not None:
        rank, pair_id = after
        query = query.where(
            MatchPair.rank <= rank, or_(MatchPair.rank < rank, and_(MatchPair.rank == rank, MatchPair.id < pair_id))
        )
    query = query.order_by(MatchPair.rank.desc(), MatchPair.id.desc()).limit(limit + 1)
    pairs = session.scalars(query).all()
    rows = pair_rows(session, pairs[:limit], reader=actor)
    return QueuePage(rows=rows, next_page=rows[-1].place if len(pairs) > limit else None, currency=currency_of(session))


def open_pair_counts(session: Session, actor: Actor) -> tuple[PairCount, ...]:
    """Count open pairs of each kind, up to a limit.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    counts = [(kind, _counted(session, actor, (kind,))) for kind in EntityType]
    return tuple(
        PairCount(kind, min(count, COUNTED_AT_MOST), is_more=count > COUNTED_AT_MOST) for kind, count in counts
    )


def open_pair_count(session: Session, actor: Actor) -> int:
    """Count open pairs for the sidebar, up to a limit; 0 for who may not review them."""
    if not may(actor, Action.REVIEW_DUPLICATES):
        return 0
    return min(_counted(session, actor, tuple(EntityType)), COUNTED_AT_MOST)


def record_number(text: str) -> int | None:
    """Return the number of a record that was typed, such as 1042 or #1042; None for another text."""
    digits = text.strip().removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER else None


def pair_rows(session: Session, pairs: Sequence[MatchPair], *, reader: Actor) -> tuple[PairRow, ...]:
    """Return pairs as rows, in their order; one whose records are no more is left out.

    What they are worth is told by the deals that the reader sees.
    """
    ids: dict[EntityType, set[int]] = defaultdict(set)
    for pair in pairs:
        ids[pair.entity_type] |= {pair.left_id, pair.right_id}
    briefs = {
        (kind, key): brief for kind, keys in ids.items() for key, brief in load_briefs(session, kind, keys).items()
    }
    deciders = _names(session, (pair.decided_by for pair in pairs))
    worth = _worth(session, reader, pairs, ids)
    return tuple(
        _row(pair, left, right, deciders, worth[pair.id])
        for pair in pairs
        if (left := briefs.get((pair.entity_type, pair.left_id)))
        and (right := briefs.get((pair.entity_type, pair.right_id)))
    )


def _conditions(session: Session, actor: Actor, wanted: QueueFilter) -> list[ColumnElement[bool]]:
    kinds = (wanted.entity_type,) if wanted.entity_type else tuple(EntityType)
    found = [MatchPair.state == wanted.state, pairs_in_view(session, actor, kinds)]
    if wanted.source is not None:
        found.append(MatchPair.source == wanted.source)
    if wanted.least_probability is not None:
        found.append(MatchPair.probability >= wanted.least_probability)
    if wanted.automatic is not None:
        found.append(MatchPair.is_automatic == wanted.automatic)
    if wanted.owner_id is not None:
        found.append(or_(*(owned_by(kind, wanted.owner_id) for kind in kinds)))
    if wanted.text is not None and wanted.text.strip():
        found.append(or_(*(_named(session, actor, kind, wanted.text) for kind in kinds)))
    return found


def _named(session: Session, actor: Actor, kind: EntityType, text: str) -> ColumnElement[bool]:
    ids = matching_ids(session, actor, kind.value, text)
    either: list[ColumnElement[bool]] = [MatchPair.left_id.in_(ids), MatchPair.right_id.in_(ids)]
    number = record_number(text)
    if number is not None:
        either += [MatchPair.left_id == number, MatchPair.right_id == number]
    return and_(MatchPair.entity_type == kind, or_(*either))


def _counted(session: Session, actor: Actor, kinds: Sequence[EntityType]) -> int:
    found = select(MatchPair.id).where(MatchPair.state == PairState.OPEN, pairs_in_view(session, actor, kinds))
    return session.scalar(select(func.count()).select_from(found.limit(COUNTED_AT_MOST + 1).subquery())) or 0


def _worth(
    session: Session, reader: Actor, pairs: Sequence[MatchPair], ids: Mapping[EntityType, Collection[int]]
) -> dict[int, int]:
    """Return by pair what the open deals are worth that a reader sees; who sees all is told what is kept with it."""
    if reader.visible_owner_ids is None:
        return {pair.id: pair.value_minor for pair in pairs}
    seen = {kind: stakes_of(session, kind, keys, reader=reader) for kind, keys in ids.items()}
    return {
        pair.id: sum(seen[pair.entity_type].get(side, 0) for side in (pair.left_id, pair.right_id)) for pair in pairs
    }


def _names(session: Session, user_ids: Iterable[int | None]) -> dict[int, str]:
    asked = sorted({user_id for user_id in user_ids if user_id is not None})
    if not asked:
        return {}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(asked)))
    return {row.id: row.name for row in rows}


def _row(pair: MatchPair, left: RecordBrief, right: RecordBrief, deciders: dict[int, str], value_minor: int) -> PairRow:
    return PairRow(
        id=pair.id,
        version=pair.version,
        entity_type=pair.entity_type,
        left=left,
        right=right,
        weight=pair.weight,
        probability=pair.probability,
        lines=tuple(MatchLine(*line) for line in pair.lines),
        guards=tuple(pair.guards),
        is_automatic=pair.is_automatic,
        value_minor=value_minor,
        source=pair.source,
        state=pair.state,
        found_at=pair.found_at,
        snoozed_until=pair.snoozed_until,
        decided_by=deciders.get(pair.decided_by) if pair.decided_by is not None else None,
        decided_at=pair.decided_at,
        note=pair.note,
        rank=pair.rank,
    )
