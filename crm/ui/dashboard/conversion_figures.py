"""The figures on top of conversion: came, won, the share of both, days to a win; each against the period before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from crm.actor import Actor
from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.charts.conversion import median_days_to_win
from crm.analytics.frames import percent
from crm.analytics.values import Ask, Kind
from crm.i18n import _
from crm.ui.dashboard.blocks import Block, draw_open_list, load_block
from crm.ui.dashboard.figure_row import TopFigure, draw_figures
from crm.ui.dashboard.loaders import kept_while_nothing_happens, load_frame
from crm.ui.dashboard.present_scope import compared_scope

BLOCK = "top"


@dataclass(frozen=True, slots=True)
class _Ends:
    """Deals at both ends of the scope's pipelines, and the places of these rows in the frame."""

    came: int
    won: int
    first: list[int]
    last: list[int]

    @property
    def share(self) -> float | None:
        """Return the won of those that came, in a hundred."""
        return percent(self.won, self.came)


def draw_conversion_figures(actor: Actor, ask: Ask) -> None:
    """Draw the figures of the scope without a split."""
    before = compared_scope(actor)
    earlier = replace(ask, scope=before) if before else None
    block = load_block(actor, CONVERSION, ask, key=BLOCK)
    now, then = _ends(block.frame), _ends(load_frame(actor, CONVERSION, earlier)) if earlier else None
    days, days_before = _days(actor, ask), _days(actor, earlier) if earlier else None
    figures = [
        TopFigure(
            "came", _("Came"), Kind.COUNT, now.came, then.came if then else None,
            _("Deals that came to the first stage in the period."), _opens(block, now.first), now.came,
        ),
        TopFigure(
            "won", _("Won deals"), Kind.COUNT, now.won, then.won if then else None,
            _("Deals that came to the won end in the period."), _opens(block, now.last), now.won,
        ),
        TopFigure(
            "share", _("Conversion to a win"), Kind.PERCENT, now.share, then.share if then else None,
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


def _ends(frame: pd.DataFrame) -> _Ends:
    numbered = frame.reset_index(drop=True)
    groups = numbered.groupby("pipeline", sort=False).indices.values()
    first, last = [int(one[0]) for one in groups], [int(one[-1]) for one in groups]
    return _Ends(int(numbered["came"].iloc[first].sum()), int(numbered["came"].iloc[last].sum()), first, last)


def _opens(block: Block, places: list[int]) -> Callable[[], None] | None:
    """Return what opens the number where it is one row's: with several pipelines it is a sum."""
    return partial(block.open, places[0], "came") if len(places) == 1 else None


def _days(actor: Actor, ask: Ask) -> float | None:
    return kept_while_nothing_happens(
        actor, ("days to win", ask), lambda session: median_days_to_win(session, actor, ask)
    )
