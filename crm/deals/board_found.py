"""The board narrowed by a text: one query over the matches brings counts, sums and first cards alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.models import Deal, DealStatus


@dataclass(frozen=True, slots=True)
class FoundDeals:
    """Parts of sums (currency, count, minor units) by stage, closing ones included; rows of the open deals' cards."""

    sums: Mapping[int, list[tuple[str, int, int]]]
    rows: Sequence[Any]


def load_found(
    session: Session,
    columns: Sequence[InstrumentedAttribute[Any]],
    conditions: Iterable[ColumnElement[bool]],
    order: Sequence[Any],
    shown: Mapping[int, int],
) -> FoundDeals:
    """Return what the conditions find; of each stage of `shown` that many rows, in order.

    A search in the index costs far more than sorting what it found: it is made once, not once a column.
    """
    purse = [Deal.stage_id, Deal.currency]
    found = (
        select(
            *columns,
            Deal.status,
            func.row_number().over(partition_by=Deal.stage_id, order_by=order).label("place"),
            func.row_number().over(partition_by=purse, order_by=Deal.id).label("place_in_purse"),
            func.count().over(partition_by=purse).label("count_in_purse"),
            func.coalesce(func.sum(Deal.amount_minor).over(partition_by=purse), 0).label("amount_in_purse"),
        )
        .where(*conditions)
        .subquery()
    )
    most = max(shown.values(), default=0)
    query = select(found).where(or_(found.c.place_in_purse == 1, found.c.place <= most)).order_by(found.c.place)
    sums: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    rows = []
    for row in session.execute(query):
        if row.place_in_purse == 1:
            sums[row.stage_id].append((row.currency, row.count_in_purse, int(row.amount_in_purse)))
        if row.status is DealStatus.OPEN and row.place <= shown.get(row.stage_id, 0):
            rows.append(row)
    return FoundDeals(sums, rows)
