"""The check of the whole base finds damage among links, and none after firings of every kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.deals.invariants import broken_invariants
from crm.deals.link_invariants import LINK_INVARIANTS
from crm.models import Deal, LinkRun, LinkRunStatus, LinkTrigger
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, lose, only_child
from tests.factories import PipelineRows, add_deal, add_pipeline

DAMAGES: list[tuple[Any, dict[str, Any], str]] = [
    (LinkRun, {"child_deal_id": None}, "deal of a link without its firing"),
    (LinkRun, {"status": LinkRunStatus.NOTED}, "deal of a link without its firing"),
    (Deal, {"round": 5}, "round not above the one before"),
    (LinkRun, {"done_at": None}, "firing not that of its status"),
    (LinkRun, {"done_at": datetime(2026, 3, 2, 9, tzinfo=UTC)}, "firing not that of its status"),
    (LinkRun, {"reason": "cancelled"}, "firing not that of its status"),
    (LinkRun, {"status": LinkRunStatus.SKIPPED}, "firing not that of its status"),
]


@pytest.fixture
def chain(session: Session, cast: Cast, pipeline: PipelineRows) -> list[int]:
    """Lose a deal whose link works at once and again; a third deal waits for its return."""
    add_link(session, pipeline, pipeline, trigger=LinkTrigger.LOST, max_rounds=3)
    later = add_pipeline(session, "Later")
    add_link(session, pipeline, later, trigger=LinkTrigger.LOST, delay_seconds=DAY_SECONDS)
    first = add_deal(session, cast.anna, pipeline)
    lose(session, cast.anna, first, pipeline)
    return [first, only_child(session, first).id]


def names(session: Session, cast: Cast) -> list[str]:
    return [one.name for one in broken_invariants(session, cast.vera)]


def test_firings_leave_a_whole_base(session: Session, cast: Cast, chain: list[int]) -> None:
    assert names(session, cast) == []


@pytest.mark.parametrize(("table", "values", "name"), DAMAGES, ids=str)
def test_damage_is_found(
    session: Session, cast: Cast, chain: list[int], table: Any, values: dict[str, Any], name: str
) -> None:
    session.execute(update(table).values(values))
    assert name in names(session, cast)


def test_every_rule_has_its_damage() -> None:
    assert {name for _table, _values, name in DAMAGES} == set(LINK_INVARIANTS)
