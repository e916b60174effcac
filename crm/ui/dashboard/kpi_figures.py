"""The key figures on top: money won, plan done, new deals, win rate; each against the period before."""

from __future__ import annotations

from functools import partial
from typing import Any

from crm.actor import Actor
from crm.analytics.charts.kpi import CHART as KPI
from crm.analytics.scope import Scope
from crm.analytics.values import Ask
from crm.i18n.analytics_texts import meaning_of, word
from crm.ui.dashboard.blocks import draw_open_list, load_block
from crm.ui.dashboard.cells import frame_row
from crm.ui.dashboard.figure_row import TopFigure, draw_figures
from crm.ui.dashboard.loaders import load_frame
from crm.ui.dashboard.present_scope import compared_scope

_DEALS = {"won_sum": "won", "won": "won", "new": "new", "lost_sum": "lost"}


def draw_kpi_figures(actor: Actor, scope: Scope) -> None:
    """Draw the figures of the whole period; the plan where there is one, else the money lost."""
    block = load_block(actor, KPI, Ask(scope), key="top")
    now = frame_row(block.frame, 0)
    before, earlier = figures_before(actor)
    columns = {one.code: one for one in KPI.columns}
    codes = ("won_sum", "plan_percent" if now["plan_percent"] is not None else "lost_sum", "new", "win_rate")
    figures = [
        TopFigure(
            code, word(code), columns[code].kind, now[code], earlier[code] if earlier else None,
            meaning_of(code, KPI.name), partial(block.open, 0, code) if code in _DEALS else None,
            int(now[_DEALS[code]]) if code in _DEALS else 0, less_is_better=code == "lost_sum",
        )
        for code in codes
    ]  # fmt: skip
    draw_figures(figures, before=before, currency=scope.currency)
    draw_open_list(actor, block)


def figures_before(actor: Actor) -> tuple[Scope, dict[str, Any]] | tuple[None, None]:
    """Return the period before with its figures; None where nothing happened in it: from nothing there is no growth."""
    before = compared_scope(actor)
    if before is None:
        return None, None
    found = frame_row(load_frame(actor, KPI, Ask(before)), 0)
    return (before, found) if any(found[one] for one in ("new", "won", "lost")) else (None, None)
