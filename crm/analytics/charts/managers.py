"""Managers by stage: how many deals each takes further, and how fast, against the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.frames import StageRow, frame_of, names_of, percent, stage_rows
from crm.analytics.intervals import ENOUGH, newcombe, wilson
from crm.analytics.manager_times import AllTimes, Times, ended_visits, in_sight, load_times
from crm.analytics.population import OWNER, narrowed, owned, within
from crm.analytics.samples import number_of, tally
from crm.analytics.stays import VISITOR
from crm.analytics.theme import heat_map
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.i18n.analytics_formats import hours_text, percent_text
from crm.i18n.formats import number
from crm.models import ReachOutcome, Stage, StageKind, StageReach, StageVisit, User

BETTER, WORSE, ALIKE, FEW = "better", "worse", "alike", "few"

COLUMNS = (
    Column("owner_id", Kind.ID),
    Column("owner", Kind.NAME),
    Column("pipeline", Kind.NAME),
    Column("stage_id", Kind.ID),
    Column("stage", Kind.NAME),
    Column("came", Kind.COUNT, is_door=True),  # deals on the stage whose decision, or present, is this owner's
    Column("passed", Kind.COUNT, is_door=True),
    Column("lost", Kind.COUNT, is_door=True),
    Column("open", Kind.COUNT, is_door=True),
    Column("conversion_decided", Kind.PERCENT),  # passed of those passed or lost
    Column("low", Kind.PERCENT),  # Wilson's interval of it, 95 %
    Column("high", Kind.PERCENT),
    Column("others", Kind.PERCENT),  # the same share of all others in the scope
    Column("difference", Kind.NUMBER),  # in percentage points
    Column("verdict", Kind.CODE),  # better, worse, alike; few below ten decided deals of one side
    Column("visits", Kind.COUNT, is_door=True),  # the owner's visits that ended, begun in the period
    Column("median_hours", Kind.HOURS),  # of those visits
    Column("team_median_hours", Kind.HOURS),  # of all visits; None where nobody else visited the stage
    Column("longer", Kind.PERCENT),  # visits longer than the team's median, of those longer or shorter
    Column("time_verdict", Kind.CODE),  # faster, slower, alike; few below ten visits
)

_OUTCOMES = {"passed": ReachOutcome.PASSED, "lost": ReachOutcome.LOST, "open": ReachOutcome.OPEN}
_COUNTS = ("came", *_OUTCOMES)
AnyColumn = ColumnElement[Any] | InstrumentedAttribute[Any]
Key = tuple[int | None, int]  # owner, stage


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each owner and open stage where the owner has a deal or an ended visit.

    Owners by name, nobody last; stages in order. "Others" and the team are all that the scope and the actor's sight
    hold, whatever owners the scope is narrowed to. Who sees few people sees rows of those people only.
    """
    counts, times = _counts(session, actor, ask), load_times(session, actor, ask)
    owners = {owner_id for owner_id, _ in [*counts, *times.by_owner]}
    names = names_of(session, OWNER, [one for one in owners if one is not None])
    wanted = _wanted(session, ask)
    stages = [one for one in stage_rows(session, ask.scope) if one.kind is StageKind.OPEN]
    sums: dict[int, Counter[str]] = {}
    for (_owner_id, stage_id), cell in counts.items():
        sums.setdefault(stage_id, Counter()).update(cell)
    rows = [
        _row(stage, owner_id, names.get(owner_id or 0), counts, sums.get(stage.stage_id, Counter()), times)
        for owner_id in sorted(owners, key=lambda one: (one is None, names.get(one or 0, ""), one or 0))
        for stage in stages
        if wanted(owner_id) and ((owner_id, stage.stage_id) in counts or (owner_id, stage.stage_id) in times.by_owner)
    ]
    return frame_of(COLUMNS, rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals behind a count of an owner on a stage; of visits, a row for each."""
    if door == "visits":
        query = ended_visits(ask, actor, StageVisit.deal_id).where(StageVisit.stage_id == key["stage_id"])
        return query.where(_is(VISITOR, key["owner_id"]))
    query = _reaches(ask, actor, StageReach.deal_id).where(StageReach.stage_id == key["stage_id"])
    query = query.where(_is(StageReach.credited_to, key["owner_id"]))
    return query if door == "came" else query.where(StageReach.outcome == _OUTCOMES[door])


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return the heat map of conversions by owner and stage; a sign marks what is clearly better or worse."""
    shown = _named(frame)
    shown["decided"] = shown["passed"] + shown["lost"]
    shown["interval"] = [
        f"{percent_text(low)} – {percent_text(high)}" if low is not None else ""
        for low, high in zip(shown["low"], shown["high"], strict=True)
    ]
    shown["others_text"] = [percent_text(one) for one in shown["others"]]
    return heat_map(
        shown, row="owner", column="stage", value="conversion_decided", door="came", label="verdict", words=words,
        told={"decided": "decided", "interval": "interval", "others_text": "others"},
    )  # fmt: skip


def time_figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return the heat map of median times by owner and stage; a sign marks who is clearly faster or slower."""
    shown = _named(frame)
    shown["visits_text"] = [number(one) for one in shown["visits"]]
    shown["team_text"] = [hours_text(one) for one in shown["team_median_hours"]]
    return heat_map(
        shown, row="owner", column="stage", value="median_hours", door="visits", label="time_verdict", words=words,
        kind="hours", told={"visits_text": "visits", "team_text": "team_median_hours"},
    )  # fmt: skip


def _counts(session: Session, actor: Actor, ask: Ask) -> dict[Key, dict[str, int]]:
    found: dict[Key, dict[str, int]] = {}
    query = _reaches(ask, actor, StageReach.credited_to, StageReach.stage_id, number_of(StageReach.outcome))
    names = {outcome.value: name for name, outcome in _OUTCOMES.items()}
    for (owner_id, stage_id, outcome), deals in tally(session, query).items():
        cell = found.setdefault((owner_id, stage_id), dict.fromkeys(_COUNTS, 0))
        cell["came"] += deals
        cell[names[outcome]] += deals
    return found


def _row(
    stage: StageRow,
    owner_id: int | None,
    owner: str | None,
    counts: Mapping[Key, Mapping[str, int]],
    of_stage: Mapping[str, int],
    times: AllTimes,
) -> dict[str, Any]:
    own = counts.get((owner_id, stage.stage_id), dict.fromkeys(_COUNTS, 0))
    decided = own["passed"] + own["lost"]
    rest_passed = of_stage["passed"] - own["passed"]
    rest = rest_passed + of_stage["lost"] - own["lost"]
    bounds, share, others = wilson(own["passed"], decided), percent(own["passed"], decided), percent(rest_passed, rest)
    spent = times.by_owner.get((owner_id, stage.stage_id), Times())
    has_few = decided < ENOUGH or rest < ENOUGH
    return {
        "owner_id": owner_id, "owner": owner, "pipeline": stage.pipeline, "stage_id": stage.stage_id,
        "stage": stage.stage, **own, "conversion_decided": share,
        "low": bounds[0] if bounds else None, "high": bounds[1] if bounds else None, "others": others,
        "difference": None if share is None or others is None else share - others,
        "verdict": FEW if has_few else _verdict(newcombe(own["passed"], decided, rest_passed, rest)),
        "visits": spent.visits, "median_hours": spent.median_hours,
        "team_median_hours": times.of_stage.get(stage.stage_id),
        "longer": percent(spent.longer, spent.longer + spent.shorter),
        "time_verdict": spent.verdict,
    }  # fmt: skip


def _verdict(difference: tuple[float, float] | None) -> str:
    if difference is None:
        return FEW
    return BETTER if difference[0] > 0 else WORSE if difference[1] < 0 else ALIKE


def _reaches(ask: Ask, actor: Actor, *columns: Any) -> Select[Any]:
    query = select(*columns).select_from(StageReach)
    query = query.where(within(ask.scope, StageReach.reached_at), StageReach.entered_at.is_not(None))
    query = query.where(StageReach.stage_id.not_in(select(Stage.id).where(Stage.kind == StageKind.WON)))
    return narrowed(query, ask.scope, actor, fact=StageReach).where(in_sight(actor, StageReach.credited_to))


def _is(owner: AnyColumn, owner_id: int | None) -> ColumnElement[bool]:
    return owner.is_(None) if owner_id is None else owner == owner_id


def _wanted(session: Session, ask: Ask) -> Callable[[int | None], bool]:
    """Return whether rows of an owner are asked for: the scope's owners and members of its teams, else all."""
    if not ask.scope.owner_ids and not ask.scope.team_ids:
        return lambda owner_id: True
    ids = frozenset(session.scalars(select(User.id).where(owned(ask.scope, User.id))))
    return lambda owner_id: owner_id in ids


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with names that no two stages share, as columns of a map need them."""
    shown = frame.copy()
    if shown["pipeline"].nunique() > 1:
        shown["stage"] = shown["pipeline"] + " · " + shown["stage"]
    return shown


CHART = Chart(
    name="managers", columns=COLUMNS, keys=("owner_id", "stage_id"), frame=frame, behind=behind, figure=figure
)
