"""The worker inside the server's process, for the time the server lives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CancelScope, to_thread

from crm.db import get_database
from crm.settings import get_settings
from crm.worker.loop import Worker


@asynccontextmanager
async def worker_inside() -> AsyncIterator[None]:
    """Let a worker work until the block ends; nothing at all where CRM_WORKER says outside."""
    if get_settings().worker != "inside":
        yield
        return
    worker = Worker(get_database())
    worker.start()
    try:
        yield
    finally:
        with CancelScope(shield=True):  # a server that is cancelled still gives its jobs back
            await to_thread.run_sync(worker.stop)
