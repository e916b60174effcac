"""How many requests a key may make: a token bucket per key, in the memory of this process."""

from __future__ import annotations

import math
from time import monotonic

MAX_BUCKETS = 10_000


class RateLimit:
    """Buckets that hold a minute's requests and refill evenly; used from the event loop alone."""

    def __init__(self) -> None:
        self._buckets: dict[int, tuple[float, float]] = {}  # key id -> tokens left, when counted

    def take(self, key_id: int, per_minute: int, now: float | None = None) -> int:
        """Take a token; return 0, or the seconds after which there will be one."""
        at = monotonic() if now is None else now
        tokens, counted_at = self._buckets.pop(key_id, (float(per_minute), at))
        tokens = min(float(per_minute), tokens + (at - counted_at) * per_minute / 60)
        allowed = tokens >= 1
        self._buckets[key_id] = (tokens - 1 if allowed else tokens, at)
        if len(self._buckets) > MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]  # the one unused for longest
        return 0 if allowed else max(1, math.ceil((1 - tokens) * 60 / per_minute))
