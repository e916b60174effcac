"""The figures on top of data trust: the score and what heads ask for first, against the period before."""

from __future__ import annotations

from functools import partial

import pandas as pd

from crm.actor import Actor
from crm.analytics.charts.trust import CHART, FOUND
from crm.analytics.trust.findings import finding_of
from crm.analytics.values import Ask, Kind
from crm.i18n.analytics_texts import meaning_of, value_word, word
from crm.ui.dashboard.blocks import draw_open_list, load_block
from crm.ui.dashboard.figure_row import TopFigure, draw_figures
from crm.ui.dashboard.loaders import load_frame
from crm.ui.dashboard.present_scope import compared_scope
from crm.ui.dashboard.trust_fixes import draw_finding_fix

_SHOWN = ("no_step", "late_step", "late_move", "sterile")


def draw_trust_figures(actor: Actor, ask: Ask) -> None:
    """Draw the score and four findings; each opens its deals under the row.

    What is of now has nothing before it: only findings of a period are compared, and the score is not.
    """
    before = compared_scope(actor)
    block = load_block(actor, CHART, ask, key="top")
    earlier = load_frame(actor, CHART, Ask(before)) if before else None
    score = block.frame["score"].iloc[0]
    figures = [TopFigure("score", word("score"), Kind.NUMBER, score, help=meaning_of("score", CHART.name))]
    for code in _SHOWN:
        place = [str(one) for one in block.frame["finding"]].index(code)
        found = int(block.frame[FOUND].iloc[place])
        old = None if earlier is None or finding_of(code).is_of_now else _found(earlier, place)
        figures.append(
            TopFigure(
                code, value_word("finding", code), Kind.COUNT, found, old, meaning_of(f"finding:{code}", CHART.name),
                partial(block.open, place, FOUND), found, less_is_better=True,
            )
        )  # fmt: skip
    draw_figures(figures, before=before, currency=ask.scope.currency)
    draw_finding_fix(actor, block)
    draw_open_list(actor, block)


def _found(frame: pd.DataFrame, place: int) -> int:
    return int(frame[FOUND].iloc[place])
