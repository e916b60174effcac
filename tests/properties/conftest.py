"""A clock that can be stopped."""

from __future__ import annotations

from tests.stopped_clock import stop_clock

__all__ = ["stop_clock"]
