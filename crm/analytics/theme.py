"""How charts look: one palette that colour-blind people can tell apart, the same colour for the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from crm.analytics.values import Words

# Okabe and Ito's palette, darkened where a light ground asks for 3:1; readable in print by lightness alone.
COLORS: Mapping[str, str] = {
    "won": "#0072B2", "passed": "#0072B2", "came": "#0072B2",
    "lost": "#D55E00", "open": "#8A8F98", "off_path": "#CC79A7",
    "now": "#0072B2", "before": "#8A8F98", "plan": "#E69F00", "team": "#8A8F98",
}  # fmt: skip
BAR_HEIGHT = 34


def bars(
    frame: pd.DataFrame, *, category: str, parts: Sequence[str], colors: Sequence[str], words: Words
) -> alt.LayerChart | alt.FacetChart:
    """Return stacked horizontal bars, one for each row in its order, with its total; a click chooses a part of one."""
    long = frame.reset_index(names="row")[["row", category, *parts]].melt(
        id_vars=["row", category], value_vars=list(parts), var_name="part", value_name="deals"
    )
    long["deals"] = long["deals"].astype(int)
    long["part_name"] = long["part"].map(words)
    long["order"] = long["part"].map({one: number for number, one in enumerate(parts)})
    chosen = alt.selection_point(name="cell", fields=["row", "part"])
    base = alt.Chart(long).encode(
        y=alt.Y(
            f"{category}:N", sort=alt.EncodingSortField("row", op="min"), title=None, axis=alt.Axis(labelLimit=260)
        ),
    )
    marks = base.mark_bar().encode(
        x=alt.X("sum(deals):Q", title=words("deals"), axis=alt.Axis(format="d", tickMinStep=1)),
        color=alt.Color(
            "part_name:N", title=None, sort=[words(one) for one in parts],
            scale=alt.Scale(domain=[words(one) for one in parts], range=list(colors)),
            legend=alt.Legend(orient="top"),
        ),
        order="order:Q",
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(0.35)),
        tooltip=[alt.Tooltip(f"{category}:N", title=words(category)), alt.Tooltip("part_name:N", title=" "),
                 alt.Tooltip("deals:Q", title=words("deals"))],
    ).add_params(chosen)  # fmt: skip
    total = base.mark_text(align="left", dx=4).encode(x="sum(deals):Q", text="sum(deals):Q")
    return alt.layer(marks, total).properties(height=alt.Step(BAR_HEIGHT))
