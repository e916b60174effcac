"""Work that returns by the clock: each moment fires once, however many processes look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crm.models import JobSchedule


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


def take_moment(session: Session, kind: str, moment: datetime, *, fires_at_once: bool) -> bool:
    """Tell, to one caller only, that work of this moment is to be started; moments missed before count once."""
    newer = update(JobSchedule).where(JobSchedule.kind == kind, JobSchedule.fired_for < moment)
    result = session.execute(newer.values(fired_for=moment))
    assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE gives; only its type is told here
    if result.rowcount or session.get(JobSchedule, kind) is not None:
        return result.rowcount == 1
    try:
        with session.begin_nested():
            session.add(JobSchedule(kind=kind, fired_for=moment))
    except IntegrityError:  # another process was the first to look
        return False
    return fires_at_once
