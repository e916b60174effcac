"""Threads for blocking work, in pools of their own, so that a crowd at one door never stops another."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class Pool(Enum):
    """What a thread is for, and how many there may be at once."""

    GUARD = 16  # looking up sessions and keys: short, on every click
    FORMS = 8  # the pages before sign-in, where a password takes its time
    PROVIDER = 9  # waiting for the OpenID provider


_limiters: RunVar[dict[Pool, CapacityLimiter]] = RunVar("voronka_limiters")


async def run_in(pool: Pool, function: Callable[[*Arguments], T], *args: *Arguments) -> T:
    """Call the function in a thread of the pool, waiting while all of them are busy."""
    limiters = _limiters.get({})
    if pool not in limiters:
        limiters = {**limiters, pool: CapacityLimiter(pool.value)}
        _limiters.set(limiters)
    return await to_thread.run_sync(function, *args, limiter=limiters[pool])
