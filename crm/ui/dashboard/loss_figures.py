"""The figures on top of losses: deals, money, their share of what was decided, what was no loss; findings as titles."""

from __future__ import annotations

from functools import partial

import pandas as pd

from crm.actor import Actor
from crm.analytics.charts.loss_totals import CHART as LOSS_TOTALS
from crm.analytics.findings import Finding
from crm.analytics.values import Ask
from crm.i18n import _
from crm.i18n.analytics_formats import month_text
from crm.i18n.analytics_texts import finding_sentence, meaning_of, word
from crm.i18n.formats import number, short_money
from crm.ui.dashboard.blocks import draw_open_list, load_block
from crm.ui.dashboard.cells import column_name, frame_rows, row_name
from crm.ui.dashboard.figure_row import TopFigure, draw_figures
from crm.ui.dashboard.loaders import choices, load_frame
from crm.ui.dashboard.present_scope import compared_scope

_SHOWN = ("lost", "lost_sum", "loss_share", "invalid")


def draw_loss_figures(actor: Actor, ask: Ask) -> None:
    """Draw how much was lost in the scope; a figure opens its deals under the row."""
    before = compared_scope(actor)
    block = load_block(actor, LOSS_TOTALS, ask, key="totals")
    earlier = load_frame(actor, LOSS_TOTALS, Ask(before)) if before else None
    columns = {one.code: one for one in LOSS_TOTALS.columns}
    counted = {"lost": "lost", "lost_sum": "lost", "invalid": "invalid"}
    figures = [
        TopFigure(
            code, word(code), columns[code].kind, _number(block.frame, code),
            None if earlier is None else _number(earlier, code), meaning_of(code, LOSS_TOTALS.name),
            partial(block.open, 0, code) if columns[code].is_door else None,
            int(block.frame[counted[code]].iloc[0]) if code in counted else 0, less_is_better=True,
        )
        for code in _SHOWN
    ]  # fmt: skip
    draw_figures(figures, before=before, currency=ask.scope.currency)
    draw_open_list(actor, block)


def split_title(actor: Actor, ask: Ask) -> str:
    """Return where most deals were lost, by the parts of a split; what it is split by, where nothing was."""
    frame, fields = load_frame(actor, LOSS_TOTALS, ask), choices(actor).fields
    most = max(frame_rows(frame), key=lambda row: row["lost"], default=None)
    if most is None or not most["lost"]:
        return _("Losses: {by}", by=column_name(ask.by or "", fields).lower())
    name = row_name(LOSS_TOTALS, ask, most, fields, with_pipeline=False)
    return finding_sentence("most_lost_by", {"name": name, "lost": number(most["lost"])})


def loss_sentence(found: Finding | None, currency: str) -> str | None:
    """Return a finding on losses in the reader's words; None for none."""
    if found is None:
        return None
    params = dict(found.params)
    for name in ("stage", "reason"):
        if name in params:
            params[name] = word(params[name])
    if "month" in params:
        params |= {"month": month_text(params["month"]), "money": short_money(params["money"], currency)}
    return finding_sentence(found.code, params)


def _number(frame: pd.DataFrame, code: str) -> float | None:
    value = frame[code].iloc[0]
    return None if value is None else float(value)
