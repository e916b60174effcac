"""Where deals come from and how they sell: the chart of sources, by campaign where links carry marks."""

from __future__ import annotations

from crm.actor import Actor
from crm.analytics.charts.sources import CHART as SOURCES
from crm.analytics.findings import sources_finding
from crm.analytics.scope import Scope
from crm.analytics.values import Ask
from crm.i18n.analytics_texts import finding_sentence, nothing_stated
from crm.ui.dashboard.chart_block import chart_block
from crm.ui.dashboard.loaders import load_frame
from crm.ui.dashboard.splits import is_split_of

_COLUMNS = ("credit", "source", "came", "won", "lost", "open", "conversion_decided", "won_sum", "mean_won",
            "median_hours")  # fmt: skip


def draw_sources(actor: Actor, scope: Scope, by: str | None) -> None:
    """Draw the sources of the scope; a split of the page goes into the table, the figure stays whole."""
    whole = Ask(scope)
    found = sources_finding(load_frame(actor, SOURCES, whole))
    title = None
    if found is not None:
        params = {**found.params, "source": found.params["source"] or nothing_stated("source")}
        title = finding_sentence(found.code, params)
    ask = Ask(scope, by) if is_split_of(SOURCES, by) else whole
    chart_block(actor, SOURCES, ask, key="sources", title=title, columns=_COLUMNS, figure_ask=whole if ask.by else None)
