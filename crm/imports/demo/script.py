"""The words of the demo, read from data/demo, and the seeded chance that arranges them."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from crm.errors import InvalidInput, Violation
from crm.imports.demo.manners import Department
from crm.settings import ROOT

T = TypeVar("T")

FOLDER = ROOT / "data" / "demo"
SEED = 20_260_101
MORNING, EVENING = 9, 19  # hours between which people are at work
_MIDDLE = 50  # where the first of a hundred begins, so that shares of few are rounded, not cut


@dataclass(frozen=True, slots=True)
class Script:
    """What the demo is made of; `chance` deals out words, `plot` what happens, `clock` hours.

    So the same happens in every language and whenever the demo is put in.
    """

    words: Mapping[str, Any]
    chance: random.Random
    plot: random.Random
    clock: random.Random
    now: datetime
    zone: ZoneInfo
    currency: str
    department: Department = field(default_factory=Department)
    _counts: dict[tuple[Any, ...], float] = field(default_factory=dict)

    def pick(self, values: Sequence[T]) -> T:
        """Return one of the words."""
        return self.chance.choice(values)

    def happens(self, key: tuple[Any, ...], percent: float) -> bool:
        """Tell whether it happens this time: of a hundred times under one key just so many."""
        count = self._counts.get(key, _MIDDLE) + percent
        self._counts[key] = count % 100
        return count >= 100

    def at_work_before(self, moment: datetime) -> datetime:
        """Return the last moment up to this one when people were at work."""
        local = moment.astimezone(self.zone).replace(second=0, microsecond=0)
        if local.hour < MORNING:
            local = self._clock(local - timedelta(days=1), EVENING - 2)
        elif local.hour >= EVENING:
            local = self._clock(local, EVENING - 2)
        if local.weekday() > 4:
            local = self._clock(local - timedelta(days=local.weekday() - 4), EVENING - 2)
        return local.astimezone(UTC)

    def at_work_after(self, moment: datetime) -> datetime:
        """Return the first moment from this one on when people are at work."""
        local = moment.astimezone(self.zone).replace(second=0, microsecond=0)
        if local.hour >= EVENING:
            local = self._clock(local + timedelta(days=1), MORNING)
        elif local.hour < MORNING:
            local = self._clock(local, MORNING)
        if local.weekday() > 4:
            local = self._clock(local + timedelta(days=7 - local.weekday()), MORNING)
        return local.astimezone(UTC)

    def in_days(self, days: int) -> datetime:
        """Return a working moment some days ahead or ago; of today one that lies ahead where there is any."""
        day = (self.now + timedelta(days=days)).astimezone(self.zone).date()
        moment = datetime.combine(day, time(self.plot.randint(10, 17), 30), self.zone).astimezone(UTC)
        if days == 0 and moment <= self.now:
            return self.now + timedelta(hours=1)
        return moment

    def _clock(self, local: datetime, hour: int) -> datetime:
        moment = time(hour + self.clock.randrange(2), self.clock.randrange(0, 60, 5))
        return datetime.combine(local.date(), moment, self.zone)


def load_script(language: str, now: datetime, zone: ZoneInfo, currency: str) -> Script:
    """Return the demo of a language, its money in a currency.

    Errors: InvalidInput for a language it doesn't speak.
    """
    path = FOLDER / f"{language}.toml"
    if language not in {one.stem for one in FOLDER.glob("*.toml")}:
        raise InvalidInput([Violation("choice_unknown", "language")])
    with path.open("rb") as stream:
        words = tomllib.load(stream)
    chance, plot, clock = (random.Random(SEED) for _stream in range(3))
    return Script(words, chance, plot, clock, now, zone, currency)
