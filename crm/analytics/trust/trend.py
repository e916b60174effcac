"""The score week by week: findings of now from the notes of each day, findings of the period from the facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of
from crm.analytics.population import WEEK, owned, pipelines
from crm.analytics.scope import Scope, Span
from crm.analytics.theme import lines
from crm.analytics.trust.counting import count_all, score_of
from crm.analytics.trust.days import OF_NOW
from crm.analytics.trust.findings import FINDINGS
from crm.analytics.trust.values import Count, Subject
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.auth.permissions import Action, require
from crm.auth.visibility import owner_visible
from crm.models import TrustDay

COLUMNS = (Column(WEEK, Kind.DAY), Column("score", Kind.NUMBER))
# Those that look at the newest rows only would leave earlier weeks without.
_BOUNDED = (Subject.MOVES, Subject.ENDS)
_OF_PERIOD = tuple(one for one in FINDINGS if not one.is_of_now and one.subject not in _BOUNDED)


def trust_trend(session: Session, actor: Actor, scope: Scope) -> pd.DataFrame:
    """Return a row for each week of the scope that has notes: its Monday, its score.

    The notes of a week are those of its last day that has any. They know pipelines and owners, and nothing of sources,
    priorities and fields: a scope narrowed by these has no trend.
    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    if scope.sources or scope.priorities or scope.segments:
        return frame_of(COLUMNS, [])
    noted = {one.day: _last_noted(session, scope, one) for one in scope.weeks()}
    days = {monday: day for monday, day in noted.items() if day is not None}
    if not days:
        return frame_of(COLUMNS, [])
    of_now = _notes(session, actor, scope, days)
    of_period = count_all(session, actor, scope, WEEK, _OF_PERIOD)
    places = {span.day: number for number, span in enumerate(scope.weeks())}
    nothing = {one.code: Count() for one in _OF_PERIOD}
    scores = {monday: score_of({**of_now.get(monday, {}), **of_period.get(places[monday], nothing)}) for monday in days}
    return frame_of(COLUMNS, [{WEEK: monday, "score": one} for monday, one in scores.items() if one is not None])


def _figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return the line of the score over weeks."""
    return lines(frame, values=("score",), words=words, moment=WEEK, kind="count")


def _last_noted(session: Session, scope: Scope, week: Span) -> date | None:
    monday = week.day
    first, last = max(monday, scope.since), min(monday + timedelta(days=6), scope.until)
    return session.scalar(select(func.max(TrustDay.day)).where(TrustDay.day.between(first, last)))


def _notes(session: Session, actor: Actor, scope: Scope, days: Mapping[date, date]) -> dict[date, dict[str, Count]]:
    query = (
        select(TrustDay.day, TrustDay.finding, func.sum(TrustDay.found), func.sum(TrustDay.looked_at))
        .where(
            TrustDay.day.in_(days.values()), pipelines(scope, TrustDay.pipeline_id), owned(scope, TrustDay.owner_id),
            owner_visible(actor, TrustDay.owner_id),
        )
        .group_by(TrustDay.day, TrustDay.finding)
    )  # fmt: skip
    mondays = {day: monday for monday, day in days.items()}
    found: dict[Any, dict[str, Count]] = defaultdict(lambda: {one.code: Count() for one in OF_NOW})
    for day, code, named, looked_at in session.execute(query):
        if code in {one.code for one in OF_NOW}:  # findings of another version are not known any more
            found[mondays[day]][code] = Count(found=int(named), looked_at=int(looked_at))
    return {monday: found[monday] for monday in days}


def _frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    return trust_trend(session, actor, ask.scope)


def _no_deals(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    raise LookupError(f"a note of a past day has no deals: {door}")


# Not among the charts of reports: no number of it opens, the deals of a past day can't be told any more.
TREND = Chart(name="trust-trend", columns=COLUMNS, keys=(), frame=_frame, behind=_no_deals, figure=_figure)
