"""What frames have in common: stages in their order, names of ids, parts in a hundred."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.analytics.population import MONTH, OWNER, PIPELINE, TEAM, WEEK, Split, pipelines
from crm.analytics.scope import Scope
from crm.analytics.values import Column, Kind
from crm.models import FieldDefinition, Pipeline, Stage, StageKind, Team, User
from crm.pipelines.values import CUSTOM_PREFIX

_KINDS = {OWNER: Kind.ID, TEAM: Kind.ID, PIPELINE: Kind.ID, MONTH: Kind.DAY, WEEK: Kind.DAY}


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage as a row of a funnel."""

    pipeline_id: int
    pipeline: str
    stage_id: int
    stage: str
    kind: StageKind
    is_retired: bool


def stage_rows(session: Session, scope: Scope) -> list[StageRow]:
    """Return the stages of the scope's pipelines as they follow: open ones, retired ones, the won one; no lost ones."""
    query = (
        select(Pipeline.id, Pipeline.name, Stage.id, Stage.name, Stage.kind, Stage.retired_at.is_not(None))
        .join(Stage, Stage.pipeline_id == Pipeline.id)
        .where(pipelines(scope, Pipeline.id), Stage.kind != StageKind.LOST)
        .order_by(Pipeline.position, Pipeline.id, Stage.kind == StageKind.WON, Stage.retired_at.is_not(None))
        .order_by(Stage.position, Stage.id)
    )
    return [StageRow(*row) for row in session.execute(query)]


def split_columns(split: Split | None) -> tuple[Column, ...]:
    """Return the columns that a split puts before a chart's own: its value and, for ids and choices, the name."""
    if split is None:
        return ()
    kind = _KINDS.get(split.code, Kind.CODE)
    own = Column(split.key, kind)
    return (own, Column(split.code, Kind.NAME)) if kind is Kind.ID else (own,)


def split_values(session: Session, split: Split, values: Iterable[Any]) -> dict[Any, tuple[Any, ...]]:
    """Return what stands in the split's columns for each grouped value, in the order rows shall have.

    Ids come with names by name, spans in time, the rest by value; None, nobody or nothing stated, comes last.
    """
    found = set(values)
    if split.days:
        return {number: (split.days[number],) for number in sorted(found)}
    if _KINDS.get(split.code) is Kind.ID:
        names = names_of(session, split.code, [one for one in found if one is not None])
        ordered = sorted((one for one in found if one is not None), key=lambda one: (names.get(one, ""), one))
        cells = {one: (one, names.get(one)) for one in ordered}
        return {**cells, None: (None, None)} if None in found else cells
    ordered = sorted(one for one in found if one is not None)
    return {one: (getattr(one, "name", one),) for one in ordered} | ({None: (None,)} if None in found else {})


def names_of(session: Session, code: str, ids: Sequence[int]) -> dict[int, str]:
    """Return the names of owners, teams or pipelines; of several with one name, each with its number."""
    model: Any = {OWNER: User, TEAM: Team, PIPELINE: Pipeline}[code]
    twice = set(session.scalars(select(model.name).group_by(model.name).having(func.count() > 1)))
    found = session.execute(select(model.id, model.name).where(model.id.in_(ids)))
    return {one: f"{name} #{one}" if name in twice else name for one, name in found}


def choice_keys(session: Session) -> frozenset[str]:
    """Return the keys of fields that figures may be split by."""
    query = select(FieldDefinition.id).where(FieldDefinition.type == "choice")
    return frozenset(f"{CUSTOM_PREFIX}{one}" for one in session.scalars(query))


def percent(part: float, whole: float) -> float | None:
    """Return a part in a hundred; None of nothing."""
    return 100 * part / whole if whole else None


def frame_of(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the frame of these rows with the columns in their order; without rows it has the columns alone."""
    # As objects: numbers stay whole and None stays None.
    return pd.DataFrame(list(rows), columns=[one.code for one in columns], dtype=object)
