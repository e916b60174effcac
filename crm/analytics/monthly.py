"""Shares of one manager month by month against those of all others, and their drawing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import altair as alt
import pandas as pd

from crm.analytics.frames import percent
from crm.analytics.intervals import ENOUGH
from crm.analytics.theme import CELL, COLORS, DASHES, TALL, Figure, finished, line_legend, short_axis
from crm.analytics.values import Words
from crm.i18n.analytics_formats import month_text, percent_text
from crm.i18n.formats import number

OWN, OTHERS = "own", "others"
_COLORS = {OWN: COLORS["now"], OTHERS: COLORS["before"]}


def against_others(own: pd.DataFrame, everybody: pd.DataFrame, *, good: str, bad: str) -> pd.DataFrame:
    """Return a row for each month and side: month, side, share, decided, place.

    Both frames are of one thing by month: deals that went well and badly in columns `good` and `bad`. `everybody`
    holds the own deals too; they are taken from the others. `place` is the row of `own`, -1 of the others. Months in
    which nothing was decided have no row.
    """
    counts = {one["month"]: (one[good], one[bad]) for one in own.to_dict("records")}
    rows = [(one["month"], OWN, one[good], one[bad], place) for place, one in zip(own.index, own.to_dict("records"),
                                                                                 strict=True)]  # fmt: skip
    for one in everybody.to_dict("records"):
        own_good, own_bad = counts.get(one["month"], (0, 0))
        rows.append((one["month"], OTHERS, one[good] - own_good, one[bad] - own_bad, -1))
    return pd.DataFrame(
        [
            {"month": month, "side": side, "share": percent(went, went + lost), "decided": went + lost, "place": place}
            for month, side, went, lost, place in rows
            if went + lost
        ],
        columns=["month", "side", "share", "decided", "place"],
    )


def figure(shares: pd.DataFrame, words: Words, *, months: Sequence[date], door: str) -> Figure:
    """Return a line of each side over the months; points of few decided deals are hollow, a click chooses `door`."""
    names = {one: words(one) for one in (OWN, OTHERS) if (shares["side"] == one).any()}
    shown = pd.DataFrame(
        {
            "row": shares["place"], "part": door, "side": shares["side"].map(names),
            "name": shares["month"].map(month_text), "share": shares["share"].astype(float),
            "shown": shares["share"].map(percent_text), "decided": shares["decided"].map(number),
            "few": shares["decided"] < ENOUGH,
        }
    )  # fmt: skip
    order, colors = list(names.values()), [_COLORS[one] for one in names]
    chosen = alt.selection_point(name=CELL, fields=["row", "part"])
    scale = alt.Scale(domain=order, range=colors)
    ink = alt.Color("side:N", sort=order, scale=scale, legend=None)
    base = alt.Chart(shown).encode(
        x=alt.X("name:N", sort=[month_text(one) for one in months], title=None, axis=alt.Axis(
            labelAngle=0, labelOverlap="greedy", labelLimit=110, ticks=False)),
        y=alt.Y("share:Q", title=None, scale=alt.Scale(domain=[0, 100]), axis=short_axis("percent")),
    )  # fmt: skip
    drawn = base.mark_line(strokeWidth=2.5).encode(
        color=alt.Color("side:N", title=None, sort=order, scale=scale, legend=line_legend()),
        strokeDash=alt.StrokeDash("side:N", sort=order, legend=None, scale=alt.Scale(
            domain=order, range=list(DASHES[: len(order)]))),
    )  # fmt: skip
    points = base.mark_point(size=80, strokeWidth=2, opacity=1).encode(
        stroke=alt.Stroke("side:N", sort=order, scale=scale, legend=None),
        fill=alt.condition("datum.few", alt.value("transparent"), ink),
        tooltip=[alt.Tooltip("name:N", title=words("month")), alt.Tooltip("side:N", title=words("owner")),
                 alt.Tooltip("shown:N", title=words("share")), alt.Tooltip("decided:N", title=words("decided"))],
    ).add_params(chosen)  # fmt: skip
    return finished(alt.layer(drawn, points).properties(height=TALL))
