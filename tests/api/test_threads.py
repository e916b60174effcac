"""A crowd at one door never stops another."""

from __future__ import annotations

from threading import Event

import anyio

from crm.api.threads import Pool, run_in


def test_full_pool_holds_up_its_own_work_only() -> None:
    release = Event()
    order: list[str] = []

    async def hold(pool: Pool) -> None:
        await run_in(pool, release.wait)

    async def one_more() -> None:
        await run_in(Pool.FORMS, order.append, "one more form")

    async def run() -> None:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for _ in range(Pool.FORMS.value):
                    group.start_soon(hold, Pool.FORMS)
                await anyio.sleep(0.2)
                group.start_soon(one_more)
                await anyio.sleep(0.2)
                await run_in(Pool.GUARD, order.append, "a click")
                release.set()

    anyio.run(run)
    assert order == ["a click", "one more form"]


def test_pools_have_different_sizes_so_that_none_is_an_alias() -> None:
    assert len(set(Pool)) == len(Pool.__members__)
