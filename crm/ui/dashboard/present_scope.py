"""The scope that the page's address asks for, and the scope in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.choices import ScopeChoices, first_day, is_busy_since, is_decided_since
from crm.analytics.scope import FIRST_DAY, LAST_DAY, Scope, from_address, whole_scope
from crm.clock import utc_now
from crm.i18n import _
from crm.i18n.analytics_formats import days_text
from crm.i18n.analytics_texts import nothing_stated
from crm.i18n.labels import label
from crm.ui.dashboard.loaders import choices, kept_while_nothing_happens
from crm.ui.dashboard.periods import ALL, CUSTOM, PERIODS, USUAL, period_days, scope_before
from crm.ui.dashboard.segment_words import is_offered, segment_words

PERIOD, PIPELINE, COMPARE = "period", "pipeline", "compare"
EVERY = "all"
USUAL_PERIOD = "scope_usual"  # in the session: the period of a page's address without one
_NO_COMPARISON = "off"
# Times deals came to stages, and deals closed: fewer make no figures to look at, such as after an import of old ones.
_BUSY, _DECIDED = 30, 5


@dataclass(frozen=True, slots=True)
class Present:
    """What the address asks for: the scope, its period's name, whether the period was picked for the reader."""

    scope: Scope
    period: str
    is_picked: bool


def present(actor: Actor) -> Present:
    """Return what the address asks for, cut to what the actor can choose."""
    known = choices(actor)
    base = kept_while_nothing_happens(actor, ("whole",), whole_scope)
    query = dict(st.query_params.items())
    pipelines = () if query.get(PIPELINE) == EVERY else tuple(known.pipelines)[:1]
    scope = from_address(replace(base, pipeline_ids=pipelines), query)
    scope = replace(
        scope,
        pipeline_ids=tuple(one for one in scope.pipeline_ids if one in known.pipelines),
        owner_ids=tuple(one for one in scope.owner_ids if one in known.owners),
        team_ids=tuple(one for one in scope.team_ids if one in known.teams),
        segments=tuple(one for one in scope.segments if is_offered(known, *one)),
    )
    period, is_picked = _period(actor, query, scope)
    today, first = _today(scope), _first(actor, scope)
    if period == CUSTOM:  # an end that is left open is that of all time
        since = first if scope.since == FIRST_DAY else scope.since
        until = max(today, since) if scope.until == LAST_DAY else scope.until
        return Present(replace(scope, since=min(since, until), until=until), period, is_picked)
    since, until = period_days(period, today, first)
    return Present(replace(scope, since=since, until=until), period, is_picked)


def compared_scope(actor: Actor) -> Scope | None:
    """Return the scope of the period before; None where nobody wants to compare, or there is no period before."""
    here = present(actor)
    if here.period == ALL or st.query_params.get(COMPARE) == _NO_COMPARISON:
        return None
    return scope_before(here.scope, here.period)


def scope_words(actor: Actor, scope: Scope) -> str:
    """Return what the figures are about: "Sales · 24 Aug – 22 Nov 2026 · Anna"."""
    known = choices(actor)
    parts = [pipeline_words(known, scope), days_text(scope.since, scope.until)]
    parts += _names(scope.owner_ids, known.owners), _names(scope.team_ids, known.teams)
    parts.append(", ".join(one or nothing_stated("source") for one in scope.sources))
    parts.append(", ".join(label(one) for one in scope.priorities))
    parts += segment_words(known, scope)
    return " · ".join(one for one in parts if one)


def pipeline_words(known: ScopeChoices, scope: Scope) -> str:
    """Return the names of the scope's pipelines."""
    return _names(scope.pipeline_ids, known.pipelines) or _("All pipelines")


def _names(ids: Iterable[int], names: dict[int, str]) -> str:
    return ", ".join(names[one] for one in ids)


def _period(actor: Actor, query: dict[str, str], scope: Scope) -> tuple[str, bool]:
    if scope.since > FIRST_DAY or scope.until < LAST_DAY:
        return CUSTOM, False
    asked = query.get(PERIOD, "")
    if asked in PERIODS and asked != CUSTOM:
        return asked, False
    moment = utc_now() - timedelta(days=90)
    hour = moment.replace(minute=0, second=0, microsecond=0)
    busy = kept_while_nothing_happens(
        actor, ("busy", scope.pipeline_ids, hour), lambda session: _is_busy(session, scope, hour)
    )
    return (st.session_state.get(USUAL_PERIOD, USUAL), False) if busy else (ALL, True)


def _is_busy(session: Session, scope: Scope, moment: datetime) -> bool:
    ids = scope.pipeline_ids
    return is_busy_since(session, ids, moment, _BUSY) and is_decided_since(session, ids, moment, _DECIDED)


def _first(actor: Actor, scope: Scope) -> date:
    found = kept_while_nothing_happens(
        actor, ("first", scope.pipeline_ids), lambda session: first_day(session, scope.pipeline_ids, scope.zone)
    )
    return found or _today(scope)


def _today(scope: Scope) -> date:
    return utc_now().astimezone(ZoneInfo(scope.zone)).date()
