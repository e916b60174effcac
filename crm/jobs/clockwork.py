"""Work that returns by the clock: each moment fires once, however many processes look at it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.models import JobSchedule

log = logging.getLogger(__name__)

# A moment noted that lies farther ahead was noted by a clock that went wrong.
CLOCKS_DIFFER = timedelta(hours=1)


class Rhythm(Protocol):
    """When work is due."""

    @property
    def fires_at_once(self) -> bool:
        """Tell whether the first look of an installation fires, too."""

    def moment(self, now: datetime, timezone: str) -> datetime:
        """Return the last moment, not after now, at which the work was due."""


@dataclass(frozen=True, slots=True)
class Every:
    """Each so many seconds, on a grid that all processes share."""

    seconds: int
    fires_at_once: bool = True

    def moment(self, now: datetime, timezone: str) -> datetime:
        """Return the last point of the grid."""
        del timezone
        return datetime.fromtimestamp(int(now.timestamp()) // self.seconds * self.seconds, UTC)


@dataclass(frozen=True, slots=True)
class Nightly:
    """Each night, or one night a week (0 is Monday), at an hour of the house's clock."""

    hour: int
    weekday: int | None = None
    fires_at_once: bool = False

    def moment(self, now: datetime, timezone: str) -> datetime:
        """Return the last such hour that has come."""
        here = now.astimezone(ZoneInfo(timezone))
        day = here.date()
        while True:
            found = datetime.combine(day, time(self.hour), ZoneInfo(timezone)).astimezone(UTC)
            if found <= now and self.weekday in {None, day.weekday()}:
                return found
            day -= timedelta(days=1)


def take_moment(
    session: Session, kind: str, moment: datetime, *, fires_at_once: bool, now: datetime | None = None
) -> bool:
    """Tell, to one caller only, that work of this moment is to be started; moments missed before count once.

    What a clock in the future has fired does not keep the work from returning: it fires, and goes on from now.
    """
    ahead = (now or utc_now()) + CLOCKS_DIFFER
    lost = update(JobSchedule).where(JobSchedule.kind == kind, JobSchedule.fired_for > ahead)
    if _rows(session.execute(lost.values(fired_for=moment))):
        log.warning("work %s was started by a clock in the future; it goes on from %s", kind, moment)
        return True
    newer = update(JobSchedule).where(JobSchedule.kind == kind, JobSchedule.fired_for < moment)
    taken = _rows(session.execute(newer.values(fired_for=moment)))
    if taken or session.get(JobSchedule, kind) is not None:
        return taken == 1
    try:
        with session.begin_nested():
            session.add(JobSchedule(kind=kind, fired_for=moment))
    except IntegrityError:  # another process was the first to look
        return False
    return fires_at_once


def _rows(result: object) -> int:
    assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE gives; only its type is told here
    return result.rowcount
