"""How far each deal came: rows derived from its stays, written by everything that changes stays or ends a deal.

The rows spare dashboards a look at every stay; they can be made anew from the facts at any time. `path_rules` says
what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, String, bindparam, column, delete, select, table, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from crm.deals.path_rules import Ending, Stay, Way, stay_starts, trace
from crm.models import DealStatus, Stage, StageKind, StageVisit

DEALS_AT_ONCE = 2000

# Bare columns: instants stay the whole seconds that the base keeps.
_NUMBERS = (
    "deal_id", "stage_id", "pipeline_id", "began_at", "reached_at", "entered_at", "owner_id", "outcome", "decided_at",
    "credited_to",
)  # fmt: skip
_REACHES = table("stage_reaches", *(column(name, BigInteger) for name in _NUMBERS), column("in_order", Boolean))
_VISITS = table(
    "stage_visits",
    *(column(name, BigInteger) for name in ("id", "deal_id", "stage_id", "owner_id", "entered_at", "left_at")),
    column("stay_entered_at", BigInteger), column("owner_known", Boolean), column("outcome", String),
)  # fmt: skip
_DEALS = table(
    "deals",
    *(column(name, BigInteger) for name in ("id", "pipeline_id", "owner_id", "created_at", "closed_at")),
    column("status", Integer), column("loss_reason_id", BigInteger), column("loss_stage_id", BigInteger),
)  # fmt: skip
_REASONS = table("loss_reasons", column("id", BigInteger), column("counts_as_loss", Boolean))

Key = tuple[int, int]
_OUT_OF_USE = frozenset({DealStatus.REMOVED.value, DealStatus.MERGED.value})


@dataclass(frozen=True, slots=True)
class Difference:
    """What is written otherwise than the stays say: rows that must go, rows that must come, starts of stays."""

    wrong: list[Key] = field(default_factory=list)
    missing: list[tuple[Any, ...]] = field(default_factory=list)
    starts: list[tuple[int, int, int]] = field(default_factory=list)  # deal, visit, start

    @property
    def deal_ids(self) -> set[int]:
        """Return the deals it is about."""
        return {one[0] for some in (self.wrong, self.missing, self.starts) for one in some}


def retrace_deals(session: Session, deal_ids: Iterable[int]) -> None:
    """Make the paths of these deals anew from their stays, with the starts of their stays.

    Called at the end of whatever changes a stay, or a deal's status, owner, pipeline, end or reason of loss. The
    caller has the deals locked, or nobody else knows them yet.
    """
    session.flush()
    for difference in differences(session, deal_ids):
        _write(session, difference)


def differences(session: Session, deal_ids: Iterable[int]) -> Iterator[Difference]:
    """Compare what is written of these deals with what their stays say, some hundreds at once."""
    ways: dict[int, Way] = {}
    ids = sorted(set(deal_ids))
    for start in range(0, len(ids), DEALS_AT_ONCE):
        yield _difference(session, ids[start : start + DEALS_AT_ONCE], ways)


def _difference(session: Session, deal_ids: Sequence[int], ways: dict[int, Way]) -> Difference:
    found = Difference()
    stays = _stays(session, deal_ids, found)
    wanted: dict[Key, tuple[Any, ...]] = {}
    for row in session.execute(_endings(deal_ids)).all():
        deal_id, pipeline_id, status, owner_id, created_at, closed_at, loss_stage_id, counts_as_loss = row
        # Removed, merged and invalid ones (lost for a reason that is no loss) were never deals: they have no path.
        if status in _OUT_OF_USE or (status == DealStatus.LOST and counts_as_loss is False):
            continue
        if pipeline_id not in ways:
            ways[pipeline_id] = _way(session, pipeline_id)
        ending = Ending(DealStatus(status), owner_id, created_at, closed_at, loss_stage_id)
        for one in trace(stays.get(deal_id, ()), ending, ways[pipeline_id]):
            wanted[deal_id, one[0]] = (deal_id, one[0], pipeline_id, *one[1:])
    present = {row[:2]: row for row in map(tuple, session.execute(_written(deal_ids)).all())}
    found.wrong.extend(key for key, row in present.items() if wanted.get(key) != row)
    found.missing.extend(row for key, row in wanted.items() if present.get(key) != row)
    return found


def _endings(deal_ids: Sequence[int]) -> Any:
    deals, reasons = _DEALS.c, _REASONS.c
    return (
        select(
            deals.id, deals.pipeline_id, deals.status, deals.owner_id, deals.created_at, deals.closed_at,
            deals.loss_stage_id, reasons.counts_as_loss,
        )
        .select_from(_DEALS.outerjoin(_REASONS, reasons.id == deals.loss_reason_id))
        .where(deals.id.in_(deal_ids))
        .order_by(deals.id)
    )  # fmt: skip


def _stays(session: Session, deal_ids: Sequence[int], found: Difference) -> Mapping[int, list[Stay]]:
    """Return the stays of each deal in their order; starts that are written wrong go into what was found."""
    visits = _VISITS.c
    query = select(
        visits.deal_id, visits.stay_entered_at, visits.owner_known,
        visits.id, visits.stage_id, visits.owner_id, visits.entered_at, visits.left_at, visits.outcome,
    ).where(visits.deal_id.in_(deal_ids)).order_by(visits.deal_id, visits.entered_at, visits.id)  # fmt: skip
    stays: dict[int, list[Stay]] = {}
    written: dict[int, list[int]] = {}
    of_deal, before, starts_before = 0, [], []
    for deal_id, start, known, visit_id, stage_id, owner_id, entered_at, left_at, outcome in session.execute(
        query
    ).all():
        if deal_id != of_deal:
            of_deal, before, starts_before = deal_id, stays.setdefault(deal_id, []), written.setdefault(deal_id, [])
        before.append(Stay(visit_id, stage_id, owner_id if known else None, entered_at, left_at, outcome))
        starts_before.append(start)
    for deal_id, listed in stays.items():
        starts = stay_starts(listed)
        if starts != written[deal_id]:
            compared = zip(listed, starts, written[deal_id], strict=True)
            found.starts.extend((deal_id, one.id, start) for one, start, before in compared if start != before)
    return stays


def _way(session: Session, pipeline_id: int) -> Way:
    query = select(Stage.id, Stage.kind, Stage.retired_at, Stage.added_at).where(Stage.pipeline_id == pipeline_id)
    stages = session.execute(query.order_by(Stage.position, Stage.id)).all()
    won = next(row.id for row in stages if row.kind is StageKind.WON)
    open_ones = [row for row in stages if row.kind is StageKind.OPEN]
    retired = [row.id for row in open_ones if row.retired_at is not None]
    live = [row for row in open_ones if row.retired_at is None]
    added = {row.id: int(row.added_at.timestamp()) for row in live if row.added_at is not None}
    return Way.of([row.id for row in live], retired, won, added)


def _written(deal_ids: Sequence[int]) -> Any:
    return select(*_REACHES.c).where(_REACHES.c.deal_id.in_(deal_ids))


_TAKE_OUT = delete(_REACHES).where(
    _REACHES.c.deal_id == bindparam("of_deal"), _REACHES.c.stage_id == bindparam("at_stage")
)
_NAMES = tuple(one.name for one in _REACHES.c)
_INSERT = f"INSERT INTO stage_reaches ({', '.join(_NAMES)}) VALUES ({{marks}})"  # noqa: S608 - names of our own columns
_START = update(_VISITS).where(_VISITS.c.id == bindparam("visit_id")).values(stay_entered_at=bindparam("began_at"))


def _write(session: Session, difference: Difference) -> None:
    if difference.wrong:
        session.execute(_TAKE_OUT, [{"of_deal": deal_id, "at_stage": at} for deal_id, at in difference.wrong])
    if difference.missing:
        connection = session.connection()
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        # Straight to the driver: millions of these rows may come at once.
        connection.exec_driver_sql(_INSERT.format(marks=", ".join([mark] * len(_NAMES))), difference.missing)
    if difference.starts:
        changed = [{"visit_id": visit_id, "began_at": start} for _deal_id, visit_id, start in difference.starts]
        session.execute(_START, changed)
        for one in changed:  # written past the session: what it holds of them is old
            held = session.identity_map.get(identity_key(StageVisit, one["visit_id"]))
            if held is not None:
                session.expire(held, ["stay_entered_at"])
