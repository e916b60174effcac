"""Visits per stage and time on it after an import equal what pandas computes from the file by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, case, func, select, type_coerce

from crm.db import Database
from crm.imports.reads import load_import
from crm.models import Stage, StageVisit
from crm.models.codes import VisitOutcome
from tests.conftest import Cast
from tests.imports.importing import Importer
from tests.imports.visits import visits_file, visits_mapping

START = datetime(2025, 1, 1, tzinfo=UTC)
OPEN = ("New", "Demo", "Offer")

Log: TypeAlias = list[tuple[int, str, int, str]]  # deal, stage, minutes since START, owner
Figures: TypeAlias = tuple[int, ...]

rows = st.tuples(
    st.integers(1, 12),
    st.sampled_from((*OPEN, "Won", "Lost")),
    st.integers(0, 20),
    st.sampled_from(("Anna", "Anton", "")),
)


@settings(
    max_examples=5, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(log=st.lists(rows, min_size=20, max_size=120))
def test_visits_and_time_per_stage_equal_pandas(importer: Importer, cast: Cast, database: Database, log: Log) -> None:
    cells = [f"{deal};{stage};{(START + timedelta(minutes=at)).isoformat()};{owner}" for deal, stage, at, owner in log]
    import_id = importer.run(cast.vera, visits_file(*cells), visits_mapping())
    found = in_base(database)
    again = importer.run(cast.vera, visits_file(*cells), visits_mapping())
    with database.read_scope() as session:
        assert load_import(session, cast.vera, again).counts.of("unchanged") == len(log)
    importer.undo(cast.vera, again)
    importer.undo(cast.vera, import_id)
    assert found == by_pandas(log)


def in_base(database: Database) -> dict[str, Figures]:
    """Return by stage: visits, those of nobody known, stays, seconds of the visits that have ended."""
    last_of_stay = case((StageVisit.outcome != VisitOutcome.HANDOVER, 1), else_=0)
    ended = case((StageVisit.left_at.is_not(None), 1), else_=0)
    unknown = case((StageVisit.owner_known, 0), else_=1)
    query = (
        select(
            Stage.name, func.count(), func.sum(unknown), func.sum(last_of_stay), func.sum(ended),
            func.sum(type_coerce(StageVisit.left_at, BigInteger) - type_coerce(StageVisit.entered_at, BigInteger)),
        )
        .join(StageVisit, StageVisit.stage_id == Stage.id)
        .group_by(Stage.name)
    )  # fmt: skip
    with database.read_scope() as session:
        return {name: tuple(int(one or 0) for one in figures) for name, *figures in session.execute(query)}


def by_pandas(log: Log) -> dict[str, Figures]:
    """Compute the same of the log: rows of one stage in a row are a stay, another owner begins a visit."""
    frame = pd.DataFrame(log, columns=["deal", "stage", "at", "owner"])
    frame = frame.sort_values(["deal", "at"], kind="stable").reset_index(drop=True)
    frame["stay"] = ((frame.deal != frame.deal.shift()) | (frame.stage != frame.stage.shift())).cumsum()
    frame["owner"] = frame.owner.where(frame.owner != "").groupby(frame.stay).ffill().fillna("")
    frame["visit"] = ((frame.stay != frame.stay.shift()) | (frame.owner != frame.owner.shift())).cumsum()
    visits = frame.groupby("visit").agg(
        {"deal": "first", "stage": "first", "at": "first", "owner": "first", "stay": "first"}
    )
    visits["left"] = visits.groupby("deal")["at"].shift(-1)
    visits = visits[visits.stage.isin(OPEN)]
    visits["seconds"] = (visits.left - visits["at"]) * 60
    figures: dict[str, Figures] = {}
    for stage, mine in visits.groupby("stage"):
        figures[str(stage)] = (
            len(mine), int((mine.owner == "").sum()), int(mine.stay.nunique()), int(mine.left.notna().sum()),
            int(mine.seconds.sum()),
        )  # fmt: skip
    return figures
