"""The loop that does due links beside the server."""

from __future__ import annotations

from datetime import timedelta

import anyio
from sqlalchemy import update

from crm.api.due_loop import keep_doing_links
from crm.api.server import lifespan
from crm.clock import utc_now
from crm.db import Database, use_database
from crm.models import LinkRun, LinkTrigger
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, children, lose
from tests.factories import add_deal, add_pipeline


def add_due_return(database: Database, cast: Cast) -> int:
    with database.session_scope() as session:
        sales, refusals = add_pipeline(session), add_pipeline(session, "Refusals")
        add_link(session, sales, refusals, trigger=LinkTrigger.LOST, delay_seconds=DAY_SECONDS)
        deal_id = add_deal(session, cast.anna, sales)
        lose(session, cast.anna, deal_id, sales)
        session.execute(update(LinkRun).values(due_at=utc_now() - timedelta(seconds=1)))
    return deal_id


def test_the_loop_does_what_is_due_and_goes_on_after_a_broken_round(database: Database, cast: Cast) -> None:
    deal_id = add_due_return(database, cast)
    use_database(Database("postgresql://nobody@127.0.0.1:1/none"))

    async def run() -> bool:
        async with anyio.create_task_group() as group:
            group.start_soon(keep_doing_links, 0.01)
            await anyio.sleep(0.2)
            use_database(database)
            for _ in range(500):
                await anyio.sleep(0.02)
                with database.read_scope() as session:
                    if children(session, deal_id):
                        group.cancel_scope.cancel()
                        return True
            group.cancel_scope.cancel()
        return False

    assert anyio.run(run)


def test_the_server_starts_and_stops_with_the_loop_beside_it(database: Database, cast: Cast) -> None:
    async def run() -> None:
        with anyio.fail_after(20):
            async with lifespan(None):
                await anyio.sleep(0)

    anyio.run(run)
