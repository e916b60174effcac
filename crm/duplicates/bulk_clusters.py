"""Which open pairs a bulk merge takes, and the groups of records that they join."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from crm.duplicates.journal import in_turn
from crm.duplicates.pair_records import both_in_use
from crm.duplicates.pair_states import APART
from crm.models import EntityType, MatchPair, Merge, MergeBatch, MergeBatchStatus, PairState

RECORDS_AT_MOST = 20  # a larger group hangs together by something that many share


@dataclass(frozen=True, slots=True)
class SurePair:
    """A pair that may be merged without a look."""

    id: int
    left_id: int
    right_id: int
    weight: float
    probability: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Records that sure pairs join, and those pairs, the surest first."""

    record_ids: tuple[int, ...]
    pairs: tuple[SurePair, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a bulk merge would take, in the order of its work, and pairs left out by reason."""

    clusters: tuple[Cluster, ...]
    left_out: Counter[str]

    @property
    def merges(self) -> int:
        """Return how many records would be hidden."""
        return sum(len(one.record_ids) - 1 for one in self.clusters)


def select_clusters(session: Session, entity_type: EntityType, least_weight: float, limit: int) -> Selection:
    """Return the groups of at most `limit` sure pairs."""
    groups = _joined(_sure_pairs(session, entity_type, least_weight, limit))
    left_out: Counter[str] = Counter()
    apart = _apart(session, entity_type, groups)
    clusters = []
    for group in groups:
        if len(group.record_ids) > RECORDS_AT_MOST:
            left_out["group_too_large"] += len(group.pairs)
        elif apart & _inner(group):
            left_out["contradicted"] += len(group.pairs)
        else:
            clusters.append(group)
    return Selection(tuple(clusters), left_out)


def pairs_left_out(session: Session, entity_type: EntityType, least_weight: float) -> Counter[str]:
    """Count the open pairs that no bulk merge of this weight looks at, by the reason."""
    guarded = cast(MatchPair.guards, Text) != "[]"
    of_type = (MatchPair.entity_type == entity_type, MatchPair.state == PairState.OPEN)
    reasons: dict[str, ColumnElement[bool]] = {
        "guarded": guarded,
        "below_automatic": and_(~guarded, or_(~MatchPair.is_automatic, MatchPair.weight < least_weight)),
        "undone_before": and_(_sure(entity_type, least_weight), _was_undone()),
    }
    found: Counter[str] = Counter()
    for reason, which in reasons.items():
        found[reason] = session.scalar(select(func.count()).select_from(MatchPair).where(*of_type, which)) or 0
    return +found


def as_chosen(
    session: Session, entity_type: EntityType, least_weight: float, record_ids: Collection[int]
) -> Cluster | None:
    """Return a group that was chosen before, or None where sure pairs join it no more, or somebody keeps two apart.

    Ask with the records and their pairs held: then nobody decides before the group is merged.
    """
    among = (MatchPair.left_id.in_(record_ids), MatchPair.right_id.in_(record_ids))
    groups = _joined(_sure_pairs(session, entity_type, least_weight, None, *among))
    if [group.record_ids for group in groups] != [tuple(sorted(record_ids))]:
        return None
    return None if _apart(session, entity_type, groups) & _inner(groups[0]) else groups[0]


def _sure_pairs(
    session: Session, entity_type: EntityType, least_weight: float, limit: int | None, *which: ColumnElement[bool]
) -> list[SurePair]:
    query = select(MatchPair.id, MatchPair.left_id, MatchPair.right_id, MatchPair.weight, MatchPair.probability)
    query = query.where(_sure(entity_type, least_weight), both_in_use(entity_type), ~_was_undone(), *which)
    rows = session.execute(query.order_by(MatchPair.weight.desc(), MatchPair.id).limit(limit))
    return [SurePair(*row) for row in rows]


def _sure(entity_type: EntityType, least_weight: float) -> ColumnElement[bool]:
    return and_(
        MatchPair.entity_type == entity_type,
        MatchPair.state == PairState.OPEN,
        MatchPair.is_automatic.is_(True),
        MatchPair.weight >= least_weight,
    )


def _was_undone() -> ColumnElement[bool]:
    """Return the condition of pairs whose merge somebody took back by itself: not to be repeated by a machine.

    Whoever merges two without a pair, or a group, means the two records all the same.
    """
    of_type = Merge.entity_type == MatchPair.entity_type
    return or_(
        exists().where(Merge.pair_id == MatchPair.id, _taken_back()),
        *(
            exists().where(of_type, Merge.survivor_id == one, Merge.merged_id == other, _taken_back())
            for one, other in ((MatchPair.left_id, MatchPair.right_id), (MatchPair.right_id, MatchPair.left_id))
        ),
    )


def _taken_back() -> ColumnElement[bool]:
    """Return the condition of merges taken back by themselves, not with the whole batch that they were of."""
    rolled_back = select(MergeBatch.id).where(MergeBatch.status == MergeBatchStatus.ROLLED_BACK)
    by_itself = or_(Merge.batch_id.is_(None), Merge.batch_id.not_in(rolled_back))
    return and_(Merge.undone_at.is_not(None), by_itself)


def _joined(pairs: Iterable[SurePair]) -> list[Cluster]:
    root: dict[int, int] = {}

    def find(record_id: int) -> int:
        while (above := root.setdefault(record_id, record_id)) != record_id:
            root[record_id] = root[above]
            record_id = above
        return record_id

    pairs = list(pairs)
    for pair in pairs:
        root[find(pair.right_id)] = find(pair.left_id)
    groups: defaultdict[int, list[SurePair]] = defaultdict(list)
    for pair in pairs:  # the surest pair of a group gives it its place
        groups[find(pair.left_id)].append(pair)
    return [
        Cluster(tuple(sorted({one for pair in group for one in (pair.left_id, pair.right_id)})), tuple(group))
        for group in groups.values()
    ]


def _apart(session: Session, entity_type: EntityType, groups: Iterable[Cluster]) -> set[tuple[int, int]]:
    """Return pairs of records of larger groups that somebody, or a guard, keeps apart, or that were parted again."""
    ids = {one for group in groups if 2 < len(group.record_ids) <= RECORDS_AT_MOST for one in group.record_ids}
    kept_apart = or_(
        MatchPair.state.in_(APART),
        and_(MatchPair.state != PairState.MERGED, cast(MatchPair.guards, Text) != "[]"),
    )
    found: set[tuple[int, int]] = set()
    for some in in_turn(sorted(ids)):
        query = select(MatchPair.left_id, MatchPair.right_id).where(
            MatchPair.entity_type == entity_type, MatchPair.left_id.in_(some), kept_apart
        )
        found.update((left, right) for left, right in session.execute(query))
        parted = select(Merge.survivor_id, Merge.merged_id).where(
            Merge.entity_type == entity_type, Merge.survivor_id.in_(some), _taken_back()
        )
        found.update((min(sides), max(sides)) for sides in session.execute(parted))
    return found


def _inner(cluster: Cluster) -> set[tuple[int, int]]:
    ids = cluster.record_ids
    return {(left, right) for at, left in enumerate(ids) for right in ids[at + 1 :]} if len(ids) > 2 else set()
