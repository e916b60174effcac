"""Losses: for which reason and from which stage deals were lost, in number and money; what was no loss stands apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of, percent, split_columns, split_values
from crm.analytics.lost import amount_in, is_loss, loss_split, lost_deals, total
from crm.analytics.population import MONTH, OWNER, PRIORITY, SOURCE, TEAM, WEEK, Split
from crm.analytics.theme import heat_map
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.models import Deal, LossReason, Pipeline, Stage, StageKind

COLUMNS = (
    Column("pipeline_id", Kind.ID),
    Column("pipeline", Kind.NAME),
    Column("reason_id", Kind.ID),  # None: nobody said why
    Column("reason", Kind.NAME),
    Column("stage_id", Kind.ID),  # the last stage; None: nobody said which
    Column("stage", Kind.NAME),
    Column("lost", Kind.COUNT, is_door=True),
    Column("lost_sum", Kind.MONEY, is_door=True),
    Column("share", Kind.PERCENT),  # of all losses in the same part of the split
    Column("sum_share", Kind.PERCENT),  # of their money
    Column("is_loss", Kind.FLAG),  # False: invalid, a duplicate, a test; such rows have no shares
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each pipeline, reason and stage that has lost deals, within each value of the split.

    Losses come first, by stage in order, those of the most deals above; then what was no loss. Columns: see `COLUMNS`.
    """
    split = loss_split(ask)
    cells = _cells(session, actor, ask, split)
    wholes: dict[Any, tuple[int, int]] = {}
    for (part, *_rest, is_loss_), (lost, amount) in cells.items():
        if is_loss_:
            before = wholes.get(part, (0, 0))
            wholes[part] = (before[0] + lost, before[1] + amount)
    names = _names(session)
    shown = split_values(session, split, [key[0] for key in cells]) if split else {None: ()}
    head = split_columns(split)
    places = {part: number for number, part in enumerate(shown)}
    rows = []
    for key, (lost, amount) in sorted(cells.items(), key=lambda one: _rank(places, names, one)):
        part, pipeline_id, reason_id, stage_id, counts = key
        whole = wholes.get(part, (0, 0)) if counts else (0, 0)
        rows.append(
            {
                **dict(zip((one.code for one in head), shown[part], strict=True)),
                "pipeline_id": pipeline_id, "pipeline": names.pipelines[pipeline_id],
                "reason_id": reason_id, "reason": names.reasons.get(reason_id), "is_loss": counts,
                "stage_id": stage_id, "stage": names.stages.get(stage_id, (None, None))[0],
                "lost": lost, "lost_sum": amount,
                "share": percent(lost, whole[0]), "sum_share": percent(amount, whole[1]),
            }
        )  # fmt: skip
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the lost deals of a pipeline, a reason and a stage."""
    split = loss_split(ask)
    query = lost_deals(ask, actor, split, Deal.id.label("deal_id")).where(Deal.pipeline_id == key["pipeline_id"])
    for column, value in ((Deal.loss_reason_id, key["reason_id"]), (Deal.loss_stage_id, key["stage_id"])):
        query = query.where(column.is_(None) if value is None else column == value)
    return query if split is None else query.where(split.chosen(key))


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return the heat map of losses by reason, the most first, and stage in order; what was no loss is left out.

    Of several pipelines it is by reason and pipeline: all their stages would be too many to read.
    """
    losses = frame[frame["is_loss"].astype(bool)]
    across = "stage" if losses["pipeline"].nunique() < 2 else "pipeline"
    losses = losses.assign(**{one: losses[one].fillna(words("not_stated")) for one in ("reason", across)})
    by_reason = (
        losses.groupby("reason", sort=False)["lost"].sum().astype(int).sort_values(ascending=False, kind="stable")
    )
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for place, reason, named, lost in zip(losses.index, losses["reason"], losses[across], losses["lost"], strict=True):
        found.setdefault((reason, named), []).append((place, lost))
    # Every cell is there, in order; one of no row of the frame, or of several, opens nothing.
    cells = []
    for reason in by_reason.index:
        for named in dict.fromkeys(losses[across]):
            rows = found.get((reason, named), [])
            cells.append((rows[0][0] if len(rows) == 1 else -1, reason, named, sum(lost for _place, lost in rows)))
    whole = pd.DataFrame(cells, columns=["place", "reason", across, "lost"]).set_index("place").rename_axis(None)
    return heat_map(whole, row="reason", column=across, value="lost", words=words)


@dataclass(frozen=True, slots=True)
class _Names:
    pipelines: Mapping[int, str]
    reasons: Mapping[int | None, str]
    stages: Mapping[int | None, tuple[str, int]]  # with the place among all


def _names(session: Session) -> _Names:
    order = (Stage.kind != StageKind.OPEN, Stage.retired_at.is_not(None), Stage.position, Stage.id)
    stages = session.execute(select(Stage.id, Stage.name).order_by(*order))
    return _Names(
        dict(session.execute(select(Pipeline.id, Pipeline.name)).all()),
        {row.id: row.name for row in session.execute(select(LossReason.id, LossReason.name))},
        {row.id: (row.name, number) for number, row in enumerate(stages)},
    )


def _rank(places: Mapping[Any, int], names: _Names, cell: tuple[tuple[Any, ...], tuple[int, int]]) -> tuple[Any, ...]:
    (part, pipeline_id, reason_id, stage_id, counts), (lost, _amount) = cell
    at = names.stages[stage_id][1] if stage_id in names.stages else len(names.stages)
    return (places[part], not counts, pipeline_id, at, -lost, names.reasons.get(reason_id, ""), reason_id or 0)


def _cells(
    session: Session, actor: Actor, ask: Ask, split: Split | None
) -> dict[tuple[Any, int, int | None, int | None, bool], tuple[int, int]]:
    keys = (Deal.pipeline_id, Deal.loss_reason_id, Deal.loss_stage_id)
    grouped = [split.column.label("part")] if split else []
    # Grouped outside: a part may be worked out with a query of its own, once for each deal.
    listed = lost_deals(
        ask, actor, split, *grouped, *keys, is_loss().label("counts"), amount_in(ask.scope).label("amount")
    ).subquery()
    columns = [listed.c[one] for one in ("pipeline_id", "loss_reason_id", "loss_stage_id", "counts")]
    parts = [listed.c.part] if split else []
    query = select(*parts, *columns, func.count(), total(listed.c.amount)).group_by(*parts, *columns)
    found = {}
    for row in session.execute(query):
        *key, lost, amount = row
        part, *rest = key if split else (None, *key)
        pipeline_id, reason_id, stage_id, counts = rest
        found[part, pipeline_id, reason_id, stage_id, bool(counts)] = (lost, amount)
    return found


CHART = Chart(
    name="losses",
    columns=COLUMNS,
    keys=("pipeline_id", "reason_id", "stage_id"),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, SOURCE, PRIORITY, MONTH, WEEK}),
    has_fields=True,
)
