"""A user's new or former mailbox: records that hold it, or its domain, tell something else than they did."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from crm.db import Database
from crm.jobs import JobRun
from crm.matching.normalise.mailboxes import public_domains
from crm.matching.store import STALE
from crm.models import Event, MatchEvidence, User

_EVENTS = ("user.created", "user.edited")
_RECORDS_AT_ONCE = 20_000  # ids looked through in one statement
_TEXTS_AT_ONCE = 50


def has_new_mail(session: Session, since: datetime, until: datetime) -> bool:
    """Tell whether a user came or was edited in this time. Cheap."""
    return bool(session.scalar(select(exists().where(*_in_time(since, until)))))


def outdate_own_mail(database: Database, run: JobRun, since: datetime, until: datetime) -> None:
    """Leave records to renormalising that hold a mailbox, or a domain of it alone, of users changed in this time."""
    with database.read_scope() as session:
        texts = sorted(_texts(session, since, until))
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        _outdate(database, run, texts[start : start + _TEXTS_AT_ONCE])


def _texts(session: Session, since: datetime, until: datetime) -> set[str]:
    """Return mailboxes that have become our own or no longer are, and domains of nobody else's."""
    rows = session.execute(select(Event.entity_id, Event.details).where(*_in_time(since, until))).all()
    emails = {key: email.lower() for key, email in session.execute(select(User.id, User.email))}
    changed: set[str] = set()
    for user_id, details in rows:
        told = details.get("changes", {})
        if not told and user_id in emails:
            changed.add(emails[user_id])
        changed.update(email.lower() for email in told.get("email", ()))
    others = {_domain(email) for email in emails.values() if email not in changed}
    return changed | ({_domain(email) for email in changed} - others - public_domains())


def _domain(email: str) -> str:
    return email.rpartition("@")[2]


def _outdate(database: Database, run: JobRun, texts: Collection[str]) -> None:
    holds = or_(*(MatchEvidence.evidence.contains(text, autoescape=True) for text in texts))
    with database.read_scope() as session:
        last = session.scalar(select(func.max(MatchEvidence.entity_id))) or 0
    for start in range(0, last + 1, _RECORDS_AT_ONCE):
        within = MatchEvidence.entity_id.between(start, start + _RECORDS_AT_ONCE - 1)
        with database.session_scope() as session:
            outdated = update(MatchEvidence).where(within, holds).values(norm_version=STALE)
            session.execute(outdated.execution_options(synchronize_session=False))
            run.mark(session, start)


def _in_time(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return Event.kind.in_(_EVENTS), Event.at >= since, Event.at < until
