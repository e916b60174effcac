"""The loop beside the pages: once a minute, links whose day has come are done."""

from __future__ import annotations

import logging

import anyio

from crm.api.threads import Pool, run_in
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import get_database
from crm.deals.due_links import run_due_links
from crm.errors import DatabaseUnavailable

PERIOD_SECONDS = 60
log = logging.getLogger(__name__)


async def keep_doing_links(period_seconds: float = PERIOD_SECONDS) -> None:
    """Do what is due until cancelled; several processes may each have such a loop."""
    while True:
        await anyio.sleep(period_seconds)
        # A stage closed at once may leave thousands: they go on until none is left.
        while await run_in(Pool.BACKGROUND, _do_due_links):
            pass


def _do_due_links() -> int:
    try:
        return run_due_links(get_database(), system_actor(), now=utc_now()).done
    except DatabaseUnavailable:
        log.warning("links that are due wait: the database does not answer")
    except Exception:  # the loop shares its life with the server: it must outlive a broken round
        log.exception("a round of due links broke")
    return 0
