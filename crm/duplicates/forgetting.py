"""Taking out what was found and decided about records that are deleted: SQLite gives their ids out again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from crm.models import EntityType, MatchPair, Merge


def forget_decisions(session: Session, entity_type: EntityType, ids: Sequence[int]) -> None:
    """Delete the pairs and merges of at most 500 records: nobody can take back a merge one side of which is deleted."""
    of_pairs = (MatchPair.entity_type == entity_type, or_(MatchPair.left_id.in_(ids), MatchPair.right_id.in_(ids)))
    of_merges = (Merge.entity_type == entity_type, or_(Merge.survivor_id.in_(ids), Merge.merged_id.in_(ids)))
    of_others = Merge.pair_id.in_(select(MatchPair.id).where(*of_pairs))
    for statement in (
        delete(Merge).where(*of_merges),
        update(Merge).where(of_others).values(pair_id=None),  # of a group that the deleted record joined
        delete(MatchPair).where(*of_pairs),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
