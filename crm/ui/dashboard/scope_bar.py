"""The bar that says what all figures of a dashboard are about; what is chosen lives in the address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from crm.actor import Actor
from crm.analytics.choices import ScopeChoices
from crm.analytics.scope import FIRST_DAY, LAST_DAY, Scope, joined
from crm.db import read_scope
from crm.deals.retracing import retrace_progress
from crm.i18n import _, ngettext
from crm.i18n.analytics_formats import days_text
from crm.i18n.analytics_texts import PATHS_IN_THE_MAKING, nothing_stated
from crm.i18n.formats import number
from crm.i18n.labels import label
from crm.models import Priority
from crm.ui.component import FOLDER
from crm.ui.dashboard.address import changed_figures
from crm.ui.dashboard.loaders import choices, sources
from crm.ui.dashboard.periods import ALL, CUSTOM, PERIODS, USUAL
from crm.ui.dashboard.present_scope import (
    COMPARE,
    EVERY,
    PERIOD,
    PIPELINE,
    USUAL_PERIOD,
    Present,
    pipeline_words,
    present,
)
from crm.ui.dashboard.saved_views import draw_views
from crm.ui.dashboard.segment_inputs import FILTERS, changed_filter, draw_segments
from crm.ui.markdown import md

_KEY = "scope_{name}"
_LONGEST = 28


def scope_bar(actor: Actor, page: str, *, usual: str = USUAL) -> Scope:
    """Draw the choice of pipelines, period, people and more, and the saved views of the page; return the scope.

    Call it once at the top of a dashboard; `usual` is the period of an address without one. The period before, to
    compare with, is `compared_scope(actor)`.
    """
    st.html(FOLDER / "dashboard.css")
    st.session_state[USUAL_PERIOD] = usual
    known, here = choices(actor), present(actor)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="scope_bar"):
        if len(known.pipelines) > 1:
            _draw_pipelines(known, here.scope)
        _draw_period(here)
        if len(known.owners) > 1:
            _draw_people(known, here.scope)
        _draw_more(actor, known, here.scope)
        draw_views(actor, page)
    with read_scope() as session:
        retracing = retrace_progress(session, actor)
    if retracing is not None:
        done, total = retracing
        share = _("{done} of {total} deals are done", done=number(done), total=number(total)) if total else ""
        st.info(f"{_(PATHS_IN_THE_MAKING)} {share}", icon=":material/sync:")
    if here.is_picked and known.pipelines:
        st.caption(_("Little has happened in the last 90 days, so all time is shown."))
    return here.scope


def _draw_pipelines(known: ScopeChoices, scope: Scope) -> None:
    key = _KEY.format(name=PIPELINE)
    st.session_state[key] = list(scope.pipeline_ids)

    def choose() -> None:
        chosen = st.session_state[key]
        every = not chosen or set(chosen) == set(known.pipelines)
        changed_figures({PIPELINE: EVERY if every else joined(chosen)})

    with st.popover(_short(pipeline_words(known, scope)), icon=":material/filter_alt:", key="scope_pipelines"):
        st.multiselect(
            _("Pipelines"), list(known.pipelines), format_func=known.pipelines.__getitem__, key=key, on_change=choose,
            placeholder=_("All pipelines"),
        )  # fmt: skip


def _draw_period(here: Present) -> None:
    scope, key = here.scope, _KEY.format(name=PERIOD)
    st.session_state[key] = here.period
    days = days_text(scope.since, scope.until)
    name = days if here.period in (CUSTOM, ALL) else _(PERIODS[here.period])

    def choose() -> None:
        chosen = st.session_state[key]
        own_days = {"since": scope.since.isoformat(), "until": scope.until.isoformat()} if chosen == CUSTOM else {}
        changed_figures({PERIOD: "" if chosen == CUSTOM else chosen, "since": None, "until": None} | own_days)

    with st.popover(md(name), icon=":material/calendar_month:", key="scope_when"):
        st.radio(_("Period"), list(PERIODS), format_func=lambda one: _(PERIODS[one]), key=key, on_change=choose)
        if here.period == CUSTOM:
            _draw_days(scope)
        else:
            st.caption(days)
        if here.period != ALL:
            compare_key = _KEY.format(name=COMPARE)
            st.session_state[compare_key] = st.query_params.get(COMPARE) != "off"
            st.toggle(
                _("Compare with the period before"), key=compare_key,
                on_change=lambda: changed_figures({COMPARE: "" if st.session_state[compare_key] else "off"}),
            )  # fmt: skip


def _draw_days(scope: Scope) -> None:
    for name, text, day in (("since", _("From"), scope.since), ("until", _("To"), scope.until)):
        key = _KEY.format(name=name)
        st.session_state[key] = day

        def choose(name: str = name, key: str = key) -> None:
            changed_figures({PERIOD: None, name: st.session_state[key].isoformat()})

        st.date_input(
            text, key=key, min_value=FIRST_DAY, max_value=LAST_DAY - timedelta(days=1), format="DD.MM.YYYY",
            on_change=choose,
        )  # fmt: skip


def _draw_people(known: ScopeChoices, scope: Scope) -> None:
    chosen = [known.teams[one] for one in scope.team_ids] + [known.owners[one] for one in scope.owner_ids]
    name = _short(", ".join(chosen)) if chosen else _("Everybody")
    with st.popover(name, icon=":material/groups:", key="scope_people"):
        if len(known.teams) > 1 or scope.team_ids:
            _draw_ids("team", _("Teams"), known.teams, scope.team_ids)
        _draw_ids("owner", _("Owners"), known.owners, scope.owner_ids)
        st.caption(_("Figures go by who owned the deal when it was decided."))


def _draw_ids(name: str, text: str, names: dict[int, str], chosen: Sequence[int]) -> None:
    key = _KEY.format(name=name)
    st.session_state[key] = list(chosen)
    st.multiselect(
        text, list(names), format_func=names.__getitem__, key=key, placeholder=_("All"),
        on_change=lambda: changed_figures({name: joined(st.session_state[key])}),
    )  # fmt: skip


def _draw_more(actor: Actor, known: ScopeChoices, scope: Scope) -> None:
    count = sum(map(bool, (scope.sources, scope.priorities))) + len({key for key, _code in scope.segments})
    name = ngettext("{n} filter", "{n} filters", count) if count else _("Filters")
    place = st.popover(name, icon=":material/tune:", key=FILTERS, on_change="rerun")
    if not place.open:
        return
    with place:
        _draw_sources(actor, scope)
        _draw_codes(
            "priority", _("Priority"), {one.name.lower(): label(one) for one in Priority},
            [one.name.lower() for one in scope.priorities],
        )  # fmt: skip
        draw_segments(known, scope)
        if count:
            st.button(
                _("No filters"), icon=":material/filter_alt_off:", type="tertiary", key="scope_clear",
                on_click=changed_figures, args=({"source": None, "priority": None, "segment": None},),
            )  # fmt: skip


def _draw_sources(actor: Actor, scope: Scope) -> None:
    key = _KEY.format(name="source")
    known = dict.fromkeys(("", *sources(actor), *scope.sources))
    st.session_state[key] = list(scope.sources)
    st.multiselect(
        _("Source"), list(known), format_func=lambda one: one or nothing_stated("source"), key=key,
        placeholder=_("Any"), on_change=lambda: changed_filter("source", st.session_state[key]),
    )  # fmt: skip


def _draw_codes(name: str, text: str, names: dict[str, str], chosen: Sequence[str]) -> None:
    key = _KEY.format(name=name)
    st.session_state[key] = list(chosen)
    st.pills(
        text, list(names), format_func=names.__getitem__, key=key, selection_mode="multi",
        on_change=lambda: changed_filter(name, st.session_state[key]),
    )  # fmt: skip


def _short(text: str) -> str:
    return md(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
