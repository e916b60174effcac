"""Looking through the whole base for duplicates, beside the pages: every record with every one it shares a key with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.db import Database
from crm.duplicates.calibration import recalibrate
from crm.duplicates.deal_pairs import fitting
from crm.duplicates.pair_store import PAIRS_AT_ONCE, FoundPair, close_gone, keep_pairs, wake_snoozed
from crm.duplicates.renormalising import KINDS, renormalise
from crm.jobs import JobRun, request_job
from crm.matching.batch import BatchResult, MatchedPair, match_all
from crm.matching.counting import keep_statistics
from crm.matching.models_in_use import KnownModel, load_model
from crm.matching.normalise import Evidence
from crm.matching.statistics import CountedStatistics
from crm.matching.store import evidence_of
from crm.models import EntityType, JobKind, MatchEvidence, MatchPair, PairSource, PairState

SCAN_KEY = JobKind.SCAN_BASE.value  # as the schedule and the command line ask for it
_ROWS_AT_ONCE = 5_000
_MOST_PROCESSES = 8
_UNDECIDED = (PairState.OPEN, PairState.SNOOZED)


def start_scan(session: Session, actor: Actor) -> int:
    """Ask for a look through the whole base; return the job's id, that of a present one where there is one.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    return ask_for_scan(session, actor)


def ask_for_scan(session: Session, actor: Actor) -> int:
    """Do as `start_scan` for work that nobody's permission is asked for."""
    return request_job(session, actor, JobKind.SCAN_BASE, unique_key=SCAN_KEY)


def scan_base(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Compare all records; new pairs open, known ones get their present weight, those no longer alike are closed.

    Decisions stay. After a break it goes on with the kind of record it was at; what it writes twice is the same.
    """
    renormalise(database, actor, run, arguments)
    finished: dict[str, Any] = dict(run.state.get("scanned") or {})
    for kind in KINDS:
        if kind.value not in finished:
            finished[kind.value] = scan_kind(database, run, kind, processes=_processes(arguments))
            run.report(0, None, state={**run.state, "scanned": finished})
    with database.session_scope() as session:
        wake_snoozed(session, utc_now())
        for kind in KINDS:
            recalibrate(session, kind, now=utc_now())
    return finished


def scan_kind(database: Database, run: JobRun, entity_type: EntityType, *, processes: int) -> dict[str, int]:
    """Compare all records of a kind and keep what was found; return how many records and pairs there were."""
    began = utc_now()
    with database.read_scope() as session:
        known = load_model(session, entity_type)
        ids, evidences = _whole(session, entity_type, run)
    result = match_all(
        evidences,
        known.model,
        processes=processes,
        progress=lambda _stage, done, of: run.report(done, of),
        of_base=True,
    )
    if isinstance(result.statistics, CountedStatistics):
        keep_statistics(database, entity_type, result.statistics, lambda: run.report(0, len(result.pairs)))
    kept = _keep(database, run, entity_type, ids, evidences, result, known)
    compared = dict(zip(ids, evidences, strict=True))
    gone = _close_others(database, run, entity_type, compared, result, known, began)
    _mark_matched(database, run, entity_type, ids, began)
    return {"records": len(ids), "compared": result.compared, "pairs": kept, "closed": gone}


def whole_base(session: Session, entity_type: EntityType) -> Iterator[tuple[int, Evidence]]:
    """Yield the evidence of every record of a kind with its id, in the order of ids."""
    after = 0
    while True:
        rows = session.execute(
            select(MatchEvidence.entity_id, MatchEvidence.evidence)
            .where(MatchEvidence.entity_type == entity_type, MatchEvidence.entity_id > after)
            .order_by(MatchEvidence.entity_id)
            .limit(_ROWS_AT_ONCE)
        ).all()
        yield from ((row.entity_id, evidence_of(row.evidence)) for row in rows)
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1].entity_id


def _whole(session: Session, entity_type: EntityType, run: JobRun) -> tuple[list[int], list[Evidence]]:
    total = session.scalar(select(func.count()).where(MatchEvidence.entity_type == entity_type)) or 0
    ids, evidences = [], []
    for entity_id, evidence in whole_base(session, entity_type):
        ids.append(entity_id)
        evidences.append(evidence)
        if len(ids) % _ROWS_AT_ONCE == 0:
            run.report(len(ids), max(total, len(ids)))
    return ids, evidences


def _keep(
    database: Database,
    run: JobRun,
    entity_type: EntityType,
    ids: Sequence[int],
    evidences: Sequence[Evidence],
    result: BatchResult,
    known: KnownModel,
) -> int:
    """Keep the pairs that belong in the queue; return how many."""
    kept = 0

    def found(pair: MatchedPair) -> FoundPair:
        # Places are in the order of ids, and the left place is the lower.
        left, right = min(pair.left, pair.right), max(pair.left, pair.right)
        return FoundPair(ids[left], ids[right], result.scorer.score(evidences[left], evidences[right]))

    for start in range(0, len(result.pairs), PAIRS_AT_ONCE):
        part = [found(pair) for pair in result.pairs[start : start + PAIRS_AT_ONCE]]
        with database.session_scope() as session:
            fit = fitting(session, entity_type, [(pair.left_id, pair.right_id) for pair in part])
            part = [pair for pair in part if (pair.left_id, pair.right_id) in fit]
            keep_pairs(session, entity_type, part, source=PairSource.BATCH, known=known, now=utc_now())
            run.mark(session, min(start + PAIRS_AT_ONCE, len(result.pairs)), len(result.pairs))
        kept += len(part)
    return kept


def _close_others(
    database: Database,
    run: JobRun,
    entity_type: EntityType,
    compared: Mapping[int, Evidence],
    result: BatchResult,
    known: KnownModel,
    began: datetime,
) -> int:
    """Close undecided pairs that were not found again, but for those of records that are others now."""
    ids = list(compared)
    alike = {
        (ids[min(left, right)], ids[max(left, right)])
        for left, right, _ in result.pairs.from_weight(known.model.review_at)
    }
    after, closed = 0, 0
    while True:
        with database.session_scope() as session:
            rows = session.execute(
                select(MatchPair.id, MatchPair.left_id, MatchPair.right_id, MatchPair.source)
                .where(
                    MatchPair.entity_type == entity_type,
                    MatchPair.state.in_(_UNDECIDED),
                    MatchPair.id > after,
                    MatchPair.found_at < began,
                )
                .order_by(MatchPair.id)
                .limit(_ROWS_AT_ONCE)
            ).all()
            sides = [(row.left_id, row.right_id) for row in rows]
            fit = frozenset().union(
                *(
                    fitting(session, entity_type, sides[start : start + PAIRS_AT_ONCE])
                    for start in range(0, len(sides), PAIRS_AT_ONCE)
                )
            )
            gone = {
                row.id: (row.left_id, row.right_id)
                for row in rows
                if not {row.left_id, row.right_id} <= compared.keys()
                or (row.left_id, row.right_id) not in fit
                or (row.source is not PairSource.BRIDGE and (row.left_id, row.right_id) not in alike)
            }
            asked = {key for sides in gone.values() for key in sides}
            others = _others_now(session, entity_type, asked, compared)
            ended = [pair_id for pair_id, sides in gone.items() if others.isdisjoint(sides)]
            for start in range(0, len(ended), PAIRS_AT_ONCE):
                close_gone(session, entity_type, ended[start : start + PAIRS_AT_ONCE])
            closed += len(ended)
            run.mark(session, len(result.pairs), len(result.pairs))
        if len(rows) < _ROWS_AT_ONCE:
            return closed
        after = rows[-1].id


def _others_now(session: Session, entity_type: EntityType, ids: set[int], compared: Mapping[int, Evidence]) -> set[int]:
    """Return the records whose evidence is another than the one compared; no instant tells that of a long save."""
    found: set[int] = set()
    ordered = sorted(ids)
    for start in range(0, len(ordered), _ROWS_AT_ONCE):
        query = select(MatchEvidence.entity_id, MatchEvidence.evidence).where(
            MatchEvidence.entity_type == entity_type,
            MatchEvidence.entity_id.in_(ordered[start : start + _ROWS_AT_ONCE]),
        )
        rows = session.execute(query)
        found.update(row.entity_id for row in rows if compared.get(row.entity_id) != evidence_of(row.evidence))
    return found


def _mark_matched(
    database: Database, run: JobRun, entity_type: EntityType, ids: Sequence[int], began: datetime
) -> None:
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        part = ids[start : start + _ROWS_AT_ONCE]
        with database.session_scope() as session:
            session.execute(
                update(MatchEvidence)
                .where(
                    MatchEvidence.entity_type == entity_type,
                    MatchEvidence.entity_id.between(part[0], part[-1]),
                    MatchEvidence.matched_at.is_(None),
                    MatchEvidence.updated_at < began,
                )
                .values(matched_at=utc_now())
                .execution_options(synchronize_session=False)
            )
            run.mark(session, start + len(part), len(ids))


def _processes(arguments: Mapping[str, Any]) -> int:
    return int(arguments.get("processes") or min(os.cpu_count() or 1, _MOST_PROCESSES))
