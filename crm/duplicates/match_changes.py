"""Matching what was saved in bulk, beside the pages: imports, restored backups, people of a renamed company."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import Database
from crm.duplicates.intake import match_saved
from crm.duplicates.own_mail import has_new_mail, outdate_own_mail
from crm.duplicates.pair_store import wake_snoozed
from crm.duplicates.renormalising import KINDS, outdated_count, renormalise
from crm.duplicates.scanning import ask_for_scan, whole_base
from crm.duplicates.touched_deals import follow_deals, has_touched_deals
from crm.errors import DatabaseUnavailable
from crm.jobs import JobRun
from crm.jobs.run import JobStopped
from crm.matching.counting import counted_records, keep_statistics
from crm.matching.statistics import CountedStatistics
from crm.models import EntityType, JobSchedule, MatchEvidence, MatchPair, PairState

log = logging.getLogger(__name__)

MATCHED_AT_ONCE = 25
SKIPPED_TOLD = 20
FOLLOWED = "match_changed.followed"  # the row of `job_schedules` that holds how far deals and users were followed
_BEGINNING = datetime.fromtimestamp(0, UTC)
_LONG_SAVE = timedelta(minutes=5)  # what a save told of may be seen so much later
SCAN_FROM = 5_000  # changed records
# What was counted is counted anew when the base has grown by this part, and by so many records.
_GROWN_PART, _GROWN = 1.2, 20
# So does it when so many records of it are others now: a large import, or an example that was filled in.
_OTHERS_PART, _OTHERS = 0.05, 200
# Instants are whole seconds: a record saved twice in one is taken when the second is over.
_SETTLED = timedelta(seconds=2)


def match_changed(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Match the records that were saved since they were last matched; value pairs of changed deals; wake pairs.

    Where so much has changed that comparing all with all is faster, a look through the whole base is asked for, and
    what is not so much goes on here. A record that can't be matched is skipped, and told.
    """
    told: dict[str, Any] = {}
    _follow(database, run)
    with database.session_scope() as session:
        wake_snoozed(session, utc_now())
        few = [kind for kind in KINDS if not _is_much(session, kind)]
        outdated = outdated_count(session, SCAN_FROM)
        if len(few) < len(KINDS) or outdated >= SCAN_FROM:
            told["scan"] = ask_for_scan(session, actor)
    if outdated < SCAN_FROM and (outdated or run.state.get("renormalise")):
        renormalise(database, actor, run, arguments)
    skipped: list[str] = []
    for kind in few:
        _count_anew(database, run, kind)
        told[kind.value] = _match_kind(database, run, kind, skipped)
    if skipped:
        told |= {"skipped": len(skipped), "skipped_records": skipped[:SKIPPED_TOLD]}
    return told


def has_changes(session: Session) -> bool:
    """Tell whether there is anything to match, to make anew, to value or to wake. Cheap."""
    since, until = _followed(session), utc_now() - _SETTLED
    if has_touched_deals(session, since, until) or has_new_mail(session, since, until):
        return True
    woken = (MatchPair.state == PairState.SNOOZED, MatchPair.snoozed_until <= utc_now())
    waiting = (exists().where(MatchEvidence.entity_type == kind, *_unmatched()) for kind in KINDS)
    return bool(session.scalar(select(or_(*waiting, exists().where(*woken))))) or outdated_count(session, 1) > 0


def _follow(database: Database, run: JobRun) -> None:
    """Follow what has changed beside the records since this was done last."""
    with database.read_scope() as session:
        since, until = _followed(session), utc_now() - _SETTLED
    since -= min(_LONG_SAVE, since - _BEGINNING)
    outdate_own_mail(database, run, since, until)
    follow_deals(database, run, since, until)
    with database.session_scope() as session:
        session.merge(JobSchedule(kind=FOLLOWED, fired_for=until))


def _followed(session: Session) -> datetime:
    return session.scalar(select(JobSchedule.fired_for).where(JobSchedule.kind == FOLLOWED)) or _BEGINNING


def _is_much(session: Session, kind: EntityType) -> bool:
    waiting = select(MatchEvidence.entity_id).where(MatchEvidence.entity_type == kind, *_unmatched()).limit(SCAN_FROM)
    return (session.scalar(select(func.count()).select_from(waiting.subquery())) or 0) >= SCAN_FROM


def _match_kind(database: Database, run: JobRun, kind: EntityType, skipped: list[str]) -> int:
    done = 0
    while True:
        with database.read_scope() as session:
            ids = _next(session, kind)
        try:
            _match(database, run, kind, ids, done)
        except (JobStopped, DatabaseUnavailable):
            raise
        except Exception:
            log.exception("records could not be matched together; they are matched one by one: %s", kind)
            skipped += [f"{kind}:{one}" for one in ids if not _is_matched(database, run, kind, one, done)]
        done += len(ids)
        if len(ids) < MATCHED_AT_ONCE:
            return done


def _match(database: Database, run: JobRun, kind: EntityType, ids: Sequence[int], done: int) -> None:
    with database.session_scope() as session:
        match_saved(session, kind, ids)
        run.mark(session, done + len(ids))


def _is_matched(database: Database, run: JobRun, kind: EntityType, entity_id: int, done: int) -> bool:
    try:
        _match(database, run, kind, [entity_id], done)
    except (JobStopped, DatabaseUnavailable):
        raise
    except Exception:
        log.exception("a record can't be matched until it is saved again: %s %s", kind, entity_id)
        with database.session_scope() as session:
            one = (MatchEvidence.entity_type == kind, MatchEvidence.entity_id == entity_id)
            session.execute(update(MatchEvidence).where(*one).values(matched_at=utc_now()))
        return False
    return True


def _next(session: Session, kind: EntityType) -> Sequence[int]:
    query = select(MatchEvidence.entity_id).where(MatchEvidence.entity_type == kind, *_unmatched())
    return session.scalars(query.order_by(MatchEvidence.entity_id).limit(MATCHED_AT_ONCE)).all()


def _unmatched() -> tuple[Any, ...]:
    return MatchEvidence.matched_at.is_(None), MatchEvidence.updated_at < utc_now() - _SETTLED


def _count_anew(database: Database, run: JobRun, kind: EntityType) -> None:
    with database.read_scope() as session:
        counted = counted_records(session, kind)
        present = session.scalar(select(func.count()).where(MatchEvidence.entity_type == kind)) or 0
        others = session.scalar(select(func.count()).where(MatchEvidence.entity_type == kind, *_unmatched())) or 0
        has_grown = present > counted * _GROWN_PART + _GROWN or (present and not counted)
        if not has_grown and others < max(present * _OTHERS_PART, _OTHERS):
            return
        statistics = CountedStatistics.of((evidence for _, evidence in whole_base(session, kind)), kind)
    keep_statistics(database, kind, statistics, lambda: run.report(0, present))
