"""The one place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present instant in UTC, cut to whole seconds as the database stores it."""
    return datetime.now(UTC).replace(microsecond=0)
