"""The figures on top of conversion: came, won, the share of both, days to a win; each against the period before."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from crm.actor import Actor
from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.charts.conversion import median_days_to_win
from crm.analytics.charts.conversion_totals import CHART as TOTALS
from crm.analytics.charts.conversion_totals import count_came, totals
from crm.analytics.values import Ask, Kind, Meaning
from crm.i18n import _
from crm.ui.dashboard.blocks import Block, draw_open_list
from crm.ui.dashboard.cells import frame_row
from crm.ui.dashboard.figure_row import TopFigure, draw_figures
from crm.ui.dashboard.loaders import choices, kept_while_nothing_happens, load_frame
from crm.ui.dashboard.present_scope import compared_scope

BLOCK = "top"


def draw_conversion_figures(actor: Actor, ask: Ask) -> None:
    """Draw the figures of the scope without a split."""
    before = compared_scope(actor)
    earlier = replace(ask, scope=before) if before else None
    block = Block(BLOCK, TOTALS, ask, _totals(actor, ask), choices(actor).fields)
    now, then = _row(block.frame), _row(_totals(actor, earlier)) if earlier else None
    days, days_before = _days(actor, ask), _days(actor, earlier) if earlier else None
    figures = [
        TopFigure(
            "came", _("Came"), Kind.COUNT, now["came"], then["came"] if then else None,
            _("Deals that came to the pipeline in the period, on whatever stage."), partial(block.open, 0, "came"),
            now["came"],
        ),
        TopFigure(
            "won", _("Won deals"), Kind.COUNT, now["won"], then["won"] if then else None,
            _("Deals that came to the won end in the period."), partial(block.open, 0, "won"), now["won"],
        ),
        TopFigure(
            "share", _("Conversion to a win"), Kind.PERCENT, now["conversion"], then["conversion"] if then else None,
            _("Won, of those that came. Deals won in the period may have come before it: "
              "the strict cohort follows those of the period alone."),
        ),
        TopFigure(
            "days", _("Median days to a win"), Kind.NUMBER, days, days_before,
            _("From coming to the pipeline to the win, of the deals won; half of them took less."), less_is_better=True,
        ),
    ]  # fmt: skip
    draw_figures(figures, before=before, currency=ask.scope.currency)
    draw_open_list(actor, block)


def _totals(actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return the sums from the frame that the page needs anyway."""
    came = None
    if ask.meaning is Meaning.REAL_PATH:
        came = kept_while_nothing_happens(actor, ("came", ask), lambda session: count_came(session, actor, ask))
    return totals(load_frame(actor, CONVERSION, ask), came)


def _row(frame: pd.DataFrame) -> dict[str, Any]:
    return {"came": 0, "won": 0, "conversion": None} if frame.empty else frame_row(frame, 0)


def _days(actor: Actor, ask: Ask) -> float | None:
    return kept_while_nothing_happens(
        actor, ("days to win", ask), lambda session: median_days_to_win(session, actor, ask)
    )
