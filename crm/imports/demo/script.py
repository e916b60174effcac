"""The words of the demo, read from data/demo, and the seeded chance that arranges them."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from crm.errors import InvalidInput, Violation
from crm.settings import ROOT

T = TypeVar("T")

FOLDER = ROOT / "data" / "demo"
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Script:
    """What the demo is made of; `chance` always deals the same cards."""

    words: Mapping[str, Any]
    chance: random.Random
    now: datetime
    zone: ZoneInfo
    currency: str

    def pick(self, values: Sequence[T]) -> T:
        """Return one of the values."""
        return self.chance.choice(values)

    def office_time(self, moment: datetime) -> datetime:
        """Return a moment of the same day, or of the Friday before it, when people are at work."""
        local = moment.astimezone(self.zone)
        day = local.date() - timedelta(days=max(0, local.weekday() - 4))
        clock = time(self.chance.randint(9, 17), self.chance.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)))
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def in_days(self, days: int) -> datetime:
        """Return a working moment some days ahead or ago; of today one that lies ahead where there is any."""
        day = (self.now + timedelta(days=days)).astimezone(self.zone).date()
        moment = datetime.combine(day, time(self.chance.randint(10, 17), 30), self.zone).astimezone(UTC)
        if days == 0 and moment <= self.now:
            return self.now + timedelta(hours=1)
        return moment


def load_script(language: str, now: datetime, zone: ZoneInfo, currency: str) -> Script:
    """Return the demo of a language, its money in a currency.

    Errors: InvalidInput for a language it doesn't speak.
    """
    path = FOLDER / f"{language}.toml"
    if language not in {one.stem for one in FOLDER.glob("*.toml")}:
        raise InvalidInput([Violation("choice_unknown", "language")])
    with path.open("rb") as stream:
        return Script(tomllib.load(stream), random.Random(SEED), now, zone, currency)
