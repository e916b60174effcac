"""Answers kept under an Idempotency-Key, so that a request sent twice is done once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crm.errors import DatabaseUnavailable, Refused, Violation
from crm.models import IdempotentWrite

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
SWEPT_EVERY_SECONDS = 600.0


class IdempotencyMismatch(Refused):
    """The key was used for another request."""

    code = "idempotency_mismatch"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered the first time."""

    status_code: int
    body: dict[str, Any]


def claim(session: Session, *, api_key_id: int, name: str, request_hash: str, now: datetime) -> int | KeptAnswer:
    """Take an idempotency key for this transaction and return the row's id, or the answer kept under it.

    A second request with the key waits here until the first one has committed or failed.
    Errors: IdempotencyMismatch.
    """
    _sweep(session, now)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    new = insert(IdempotentWrite).values(
        api_key_id=api_key_id, idempotency_key=name, request_hash=request_hash, status_code=0, body={}, created_at=now
    )
    claimed: int | None = session.scalar(
        new.on_conflict_do_nothing(index_elements=["api_key_id", "idempotency_key"]).returning(IdempotentWrite.id)
    )
    if claimed is not None:
        return claimed
    row = session.execute(
        select(IdempotentWrite.request_hash, IdempotentWrite.status_code, IdempotentWrite.body).where(
            IdempotentWrite.api_key_id == api_key_id, IdempotentWrite.idempotency_key == name
        )
    ).one_or_none()
    if row is None:  # swept this very moment: the client may try again
        raise DatabaseUnavailable
    if row.request_hash != request_hash:
        raise IdempotencyMismatch([Violation("idempotency_mismatch", HEADER)])
    return KeptAnswer(row.status_code, row.body)


def keep(session: Session, claimed: int, answer: KeptAnswer) -> None:
    """Write the answer of the request that claimed the key."""
    session.execute(
        update(IdempotentWrite)
        .where(IdempotentWrite.id == claimed)
        .values(status_code=answer.status_code, body=answer.body)
    )


_swept_at = float("-inf")


def _sweep(session: Session, now: datetime) -> None:
    """Forget old answers, now and then."""
    global _swept_at
    if monotonic() - _swept_at < SWEPT_EVERY_SECONDS:
        return
    _swept_at = monotonic()
    session.execute(delete(IdempotentWrite).where(IdempotentWrite.created_at < now - KEPT_FOR))
