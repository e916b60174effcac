"""How the score of data trust has gone, week by week."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import streamlit as st

from crm.actor import Actor
from crm.analytics.scope import Scope
from crm.analytics.trust.days import NIGHT_HOUR
from crm.analytics.trust.trend import TREND
from crm.analytics.values import Ask
from crm.clock import utc_now
from crm.i18n import _
from crm.ui.dashboard.figures import specification
from crm.ui.dashboard.loaders import load_frame

WEEKS = 26


def draw_trend(actor: Actor, scope: Scope) -> None:
    """Draw the line of the score; without a note it says when the first point comes."""
    st.markdown(f"#### {_('How the score has gone')}")
    st.caption(
        _("Each week by the last note of its days and by what happened in it. A note of the open deals is kept each "
          "night.")
    )  # fmt: skip
    if scope.sources or scope.priorities or scope.segments:
        st.info(_("Notes of past days know pipelines and owners only. Take the filters away to see the line."),
                icon=":material/filter_alt_off:")  # fmt: skip
        return
    shown = _last_weeks(scope)
    if not len(load_frame(actor, TREND, Ask(shown))):
        st.info(
            _("The first point comes after the coming night: at {hour}:00 a worker notes what it finds.",
              hour=NIGHT_HOUR),
            icon=":material/timeline:",
        )  # fmt: skip
        return
    st.vega_lite_chart(specification(actor, TREND, Ask(shown), ()), key="trust_trend", alt=_("How the score has gone"))


def _last_weeks(scope: Scope) -> Scope:
    """Return the scope of at most half a year, up to the period's end or today."""
    until = min(scope.until, utc_now().date())
    since = max(scope.since, until - timedelta(weeks=WEEKS))
    return replace(scope, since=min(since, until), until=until)
