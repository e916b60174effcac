"""Single figures on top of a dashboard, against the period before; each opens its deals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from crm.analytics.scope import Scope
from crm.analytics.values import Kind
from crm.i18n import _, ngettext
from crm.i18n.analytics_formats import NOTHING, days_text, grouped, percent_text, rounded
from crm.i18n.formats import number, short_money
from crm.ui.device import is_phone

NARROWEST = 140  # pixels; two fit on a phone


@dataclass(frozen=True, slots=True)
class TopFigure:
    """A figure with its value now and before; None where there is none.

    `opens` opens the deals behind it, of which there are `deals`.
    """

    key: str
    name: str
    kind: Kind
    now: float | None
    before: float | None = None
    help: str | None = None
    opens: Callable[[], None] | None = None
    deals: int = 0
    less_is_better: bool = False


def draw_figures(figures: Sequence[TopFigure], *, before: Scope | None, currency: str) -> None:
    """Draw figures side by side, on a phone two in a row; `before` is the scope they are compared with."""
    with st.grid(2 if is_phone() else len(figures), gap="small", min_column_width=NARROWEST):
        for one in figures:
            with st.container(border=True, gap="xxsmall", height="stretch", key=f"figure_{one.key}"):
                st.metric(
                    one.name,
                    _text(one, one.now, currency),
                    _delta(one, currency) if before else None,
                    delta_color="inverse" if one.less_is_better else "normal",
                    help=one.help,
                )
                if one.opens and one.deals:
                    st.button(
                        grouped(ngettext("Show {n} deal", "Show {n} deals", one.deals), one.deals),
                        key=f"figure_open_{one.key}", type="tertiary", icon=":material/list_alt:",
                        on_click=one.opens,
                    )  # fmt: skip
    if before:
        st.caption(_("Compared with {days}", days=days_text(before.since, before.until)))


def _text(figure: TopFigure, value: float | None, currency: str) -> str:
    if value is None:
        return NOTHING
    if figure.kind is Kind.MONEY:
        return short_money(round(value), currency)
    if figure.kind is Kind.PERCENT:
        return percent_text(value)
    if figure.kind is Kind.COUNT:
        return number(round(value))
    return rounded(value)


def _delta(figure: TopFigure, currency: str) -> str | int | None:
    """Return the difference in words; 0 for none, as Streamlit wants it."""
    if figure.now is None or figure.before is None:
        return None
    difference = figure.now - figure.before
    if figure.kind is Kind.PERCENT:
        shown = _("{value} pp", value=rounded(abs(difference)))
    else:
        shown = _text(figure, abs(difference), currency)
    if shown == _text(figure, 0.0, currency) or not round(difference, 1):
        return 0
    return f"{'-' if difference < 0 else '+'}{shown}"
