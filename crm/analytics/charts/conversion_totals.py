"""Conversion in all: the deals at both ends of the scope's pipelines, as the figures on top show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts import conversion
from crm.analytics.frames import frame_of, percent, stage_rows
from crm.analytics.values import Ask, Chart, Column, Kind, Meaning

COLUMNS = (
    Column("came", Kind.COUNT, is_door=True),  # to the pipelines, on whatever stage; by the strict cohort's rule, first
    Column("won", Kind.COUNT, is_door=True),  # came to the won ends
    Column("conversion", Kind.PERCENT),  # won of those that came
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return one row: the sums over pipelines; none without a pipeline."""
    came = count_came(session, actor, ask) if ask.meaning is Meaning.REAL_PATH else None
    return totals(conversion.frame(session, actor, ask), came)


def count_came(session: Session, actor: Actor, ask: Ask) -> int:
    """Return how many deals came to the pipelines, on whatever stage."""
    reached = conversion.frame(session, actor, replace(ask, meaning=Meaning.REACHED))
    return int(reached.groupby("pipeline", sort=False)["came"].first().sum())


def totals(stages: pd.DataFrame, came: int | None) -> pd.DataFrame:
    """Return the row from a frame of the chart "conversion" without a split, and those that came.

    Without a number of its own they are those of the first stages.
    """
    if stages.empty:
        return frame_of(COLUMNS, [])
    by_pipeline = stages.groupby("pipeline", sort=False)["came"]
    won = int(by_pipeline.last().sum())
    came = int(by_pipeline.first().sum()) if came is None else came
    return frame_of(COLUMNS, [{"came": came, "won": won, "conversion": percent(won, came)}])


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals that came to the pipelines, or to their won ends."""
    del key
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for one in stage_rows(session, ask.scope):
        first.setdefault(one.pipeline_id, one.stage_id)
        last[one.pipeline_id] = one.stage_id
    if door == "came" and ask.meaning is Meaning.REAL_PATH:
        ask = replace(ask, meaning=Meaning.REACHED)  # a deal born later has come to the pipeline all the same
    ids = last if door == "won" else first
    parts = [conversion.behind(session, actor, ask, {"stage_id": one}, "came") for one in ids.values()]
    if not parts:
        return conversion.behind(session, actor, ask, {"stage_id": None}, "came")
    listed = union_all(*parts).subquery()
    return select(listed.c.deal_id, listed.c.at)


CHART = Chart(
    name="conversion-totals", columns=COLUMNS, keys=(), frame=frame, behind=behind, has_meanings=True,
)  # fmt: skip
