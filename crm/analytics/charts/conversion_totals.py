"""Conversion in all: the deals at both ends of the scope's pipelines, as the figures on top show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts import conversion
from crm.analytics.frames import frame_of, percent, stage_rows
from crm.analytics.values import Ask, Chart, Column, Kind

COLUMNS = (
    Column("came", Kind.COUNT, is_door=True),  # to the first stages of the pipelines
    Column("won", Kind.COUNT, is_door=True),  # came to the won ends
    Column("conversion", Kind.PERCENT),  # won of those that came
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return one row: the sums over pipelines of the chart "conversion"; none without a pipeline."""
    return totals(conversion.frame(session, actor, ask))


def totals(stages: pd.DataFrame) -> pd.DataFrame:
    """Return the row from a frame of the chart "conversion" without a split."""
    if stages.empty:
        return frame_of(COLUMNS, [])
    by_pipeline = stages.groupby("pipeline", sort=False)["came"]
    came, won = int(by_pipeline.first().sum()), int(by_pipeline.last().sum())
    return frame_of(COLUMNS, [{"came": came, "won": won, "conversion": percent(won, came)}])


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals that came to the first stage of a pipeline, or to its won end."""
    del key
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for one in stage_rows(session, ask.scope):
        first.setdefault(one.pipeline_id, one.stage_id)
        last[one.pipeline_id] = one.stage_id
    ids = last if door == "won" else first
    parts = [conversion.behind(session, actor, ask, {"stage_id": one}, "came") for one in ids.values()]
    listed = union_all(*parts).subquery()
    return select(listed.c.deal_id, listed.c.at)


CHART = Chart(
    name="conversion-totals", columns=COLUMNS, keys=(), frame=frame, behind=behind, has_meanings=True,
)  # fmt: skip
