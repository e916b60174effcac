"""By what a chart's figures are split: a choice that lives in the address."""

from __future__ import annotations

from crm.actor import Actor
from crm.analytics.population import MONTH, OWNER, PIPELINE, PRIORITY, SOURCE, TEAM, WEEK
from crm.analytics.scope import Scope
from crm.analytics.values import Chart
from crm.i18n import _
from crm.pipelines.values import CUSTOM_PREFIX
from crm.ui.dashboard.address import addressed_choice
from crm.ui.dashboard.cells import column_name
from crm.ui.dashboard.loaders import choices

PARAM = "by"
_ORDER = (OWNER, TEAM, SOURCE, PRIORITY, PIPELINE, MONTH, WEEK)
_NONE = ""


def is_split_of(chart: Chart, by: str | None) -> bool:
    """Tell whether a chart's figures can be split so."""
    return by is not None and (by in chart.splits or (chart.has_fields and by.startswith(CUSTOM_PREFIX)))


def split_choice(actor: Actor, chart: Chart, scope: Scope) -> str | None:
    """Draw the choice of a split that the chart knows and that tells something; return its code, None for none."""
    known = choices(actor)
    tells_nothing = {
        OWNER: len(known.owners) < 2,
        TEAM: len(known.teams) < 2,
        PIPELINE: len(scope.pipeline_ids or known.pipelines) < 2,
    }
    offered = [one for one in _ORDER if one in chart.splits and not tells_nothing.get(one)]
    if chart.has_fields:
        offered += [one.key for one in known.fields if one.is_active]
    return (
        addressed_choice(
            _("Split by"),
            [_NONE, *offered],
            param=PARAM,
            format_func=lambda one: column_name(one, known.fields) if one else _("nothing"),
        )
        or None
    )
