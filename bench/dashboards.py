"""Figures of the dashboards, each against DuckDB over the same facts as columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bench.columnar import Columnar
from bench.reads import busiest_pipeline, load_viewers
from bench.report import Row
from bench.timing import Job, summarise, take_turns
from crm.actor import Actor
from crm.analytics.charts import CHARTS
from crm.analytics.scope import Scope, whole_scope
from crm.analytics.values import Ask, Chart, Meaning
from crm.db import Database
from crm.models import Deal

BAR_MS = 300.0
# The same figures in DuckDB's words; marks: pipeline (0: all), start, end. A chart without one is timed alone.
ORACLES = {
    "conversion": """SELECT stage_id, outcome, count(*) FROM stage_reaches WHERE (? = 0 OR pipeline_id = ?)
        AND reached_at >= ? AND reached_at < ? AND entered_at IS NOT NULL GROUP BY ALL""",
    "managers": """SELECT credited_to, stage_id, outcome, count(*) FROM stage_reaches WHERE (? = 0 OR pipeline_id = ?)
        AND reached_at >= ? AND reached_at < ? AND entered_at IS NOT NULL GROUP BY ALL""",
    "transitions": """SELECT stage_id, next_stage_id, count(*), quantile_cont(left_at - stay_entered_at, [.5, .9])
        FROM stage_visits WHERE (? = 0 OR pipeline_id = ?) AND stay_entered_at >= ? AND stay_entered_at < ?
        AND outcome <> 'handover' GROUP BY ALL""",
    "time-on-stage": """SELECT stage_id, count(*), count(left_at), quantile_cont(left_at - stay_entered_at, [.5, .9])
        FROM stage_visits WHERE (? = 0 OR pipeline_id = ?) AND stay_entered_at >= ? AND stay_entered_at < ?
        AND outcome <> 'handover' GROUP BY ALL""",
    "kpi": """SELECT closed_at // 2629800, status, count(*), sum(amount_minor),
        quantile_cont(closed_at - created_at, .5) FROM deals WHERE (? = 0 OR pipeline_id = ?)
        AND closed_at >= ? AND closed_at < ? GROUP BY ALL""",
    "conversion-totals": """SELECT stage_id, count(*) FROM stage_reaches WHERE (? = 0 OR pipeline_id = ?)
        AND reached_at >= ? AND reached_at < ? AND entered_at IS NOT NULL GROUP BY ALL""",
    "cohorts": """SELECT pipeline_id, began_at // 2629800, stage_id, count(*) FROM stage_reaches
        WHERE (? = 0 OR pipeline_id = ?) AND began_at >= ? AND began_at < ? GROUP BY ALL""",
    "sources": """SELECT source, status, count(*), sum(amount_minor), quantile_cont(closed_at - created_at, .5)
        FROM deals WHERE (? = 0 OR pipeline_id = ?) AND created_at >= ? AND created_at < ? GROUP BY ALL""",
    "loss-totals": """SELECT status, loss_reason_id, count(*), sum(amount_minor) FROM deals
        WHERE (? = 0 OR pipeline_id = ?) AND closed_at >= ? AND closed_at < ? AND status IN (1, 2) GROUP BY ALL""",
    "lost-money": """SELECT closed_at // 2629800, loss_reason_id, count(*), sum(amount_minor) FROM deals
        WHERE (? = 0 OR pipeline_id = ?) AND closed_at >= ? AND closed_at < ? AND status = 2 GROUP BY ALL""",
    "losses": """SELECT loss_reason_id, loss_stage_id, count(*), sum(amount_minor) FROM deals
        WHERE (? = 0 OR pipeline_id = ?) AND closed_at >= ? AND closed_at < ? AND status = 2 GROUP BY ALL""",
}


@dataclass(frozen=True, slots=True)
class View:
    """What a dashboard shows: one pipeline or all, a quarter, a year or three."""

    name: str
    scope: Scope


def measure_dashboards(database: Database, repeats: int) -> Iterator[Row]:
    """Yield a row for each chart and view, the data alone, nothing kept between two readings."""
    with TemporaryDirectory() as folder, database.read_scope() as session:
        columnar = Columnar(database, Path(folder))
        admin = load_viewers(database).admin
        for view in _views(session):
            for chart in CHARTS:
                by = "month" if chart.name == "kpi" else None
                ask = Ask(view.scope, by, Meaning.REAL_PATH)
                jobs: list[Job] = [partial(_frame, database, admin, chart, ask)]
                if chart.name in ORACLES:
                    jobs.append(partial(columnar.rows, ORACLES[chart.name], *_marks(view.scope)))
                runs = take_turns(jobs, repeats=repeats, warm_up=1)
                floor = summarise(runs[1]) if len(runs) > 1 else None
                yield Row(f"{chart.name}, {view.name}", summarise(runs[0]), floor, BAR_MS)
        columnar.close()


def _views(session: Session) -> list[View]:
    whole = whole_scope(session)
    newest = session.scalar(select(func.max(Deal.created_at)))
    if newest is None:
        raise LookupError("an empty base")
    last = newest.date()
    one = replace(whole, pipeline_ids=(busiest_pipeline(session),), until=last)
    return [
        View("one pipeline, 90 days", replace(one, since=last - timedelta(days=90))),
        View("one pipeline, 12 months", replace(one, since=last - timedelta(days=365))),
        View("all pipelines, 12 months", replace(one, pipeline_ids=(), since=last - timedelta(days=365))),
        View("all pipelines, all time", replace(whole, since=date(2000, 1, 1), until=last)),
    ]


def _marks(scope: Scope) -> tuple[int, int, int, int]:
    pipeline_id = scope.pipeline_ids[0] if scope.pipeline_ids else 0
    return pipeline_id, pipeline_id, int(scope.start_at.timestamp()), int(scope.end_at.timestamp())


def _frame(database: Database, actor: Actor, chart: Chart, ask: Ask) -> None:
    with database.read_scope() as session:
        chart.frame(session, actor, ask)
