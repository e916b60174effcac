"""A clock that stands where a test puts it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

import pytest

import crm.clock

StopClock = Callable[[datetime], None]


@pytest.fixture
def stop_clock(monkeypatch: pytest.MonkeyPatch) -> StopClock:
    """Return `stop_clock(instant)`: from then on it is that instant for the whole program."""

    def stop(at: datetime) -> None:
        class Stopped(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return at.astimezone(tz)

        # The one place that asks what time it is.
        monkeypatch.setattr(crm.clock, "datetime", Stopped)

    return stop
