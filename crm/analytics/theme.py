"""How charts look: one palette that colour-blind people can tell apart, the same colour for the same thing.

Colours serve both grounds and print: parts differ in lightness, marks carry their numbers. In each chart the
selection "cell" gives the number of the frame's row and the code of the door that was clicked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from textwrap import wrap
from typing import Any

import altair as alt
import pandas as pd

from crm.analytics.values import Words
from crm.i18n import _
from crm.i18n.analytics_formats import NOTHING, hours_text, month_text, number_locale, percent_text, rounded, week_text
from crm.i18n.formats import number

Figure = alt.LayerChart | alt.FacetChart

# Okabe and Ito's palette, darkened where a light ground asks for 3:1; readable in print by lightness alone.
COLORS: Mapping[str, str] = {
    "won": "#0072B2", "passed": "#0072B2", "came": "#0072B2",
    "lost": "#D55E00", "open": "#8A8F98", "off_path": "#CC79A7",
    "now": "#0072B2", "before": "#8A8F98", "plan": "#E69F00", "team": "#8A8F98",
}  # fmt: skip
SERIES = ("#0072B2", "#E69F00", "#8A8F98", "#CC79A7", "#D55E00")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4])  # a line is known without its colour
_ON_COLOR = {"#0072B2": "#FFFFFF", "#D55E00": "#FFFFFF"}
# Stages as lines: the last, a win, is as won ones are everywhere.
STAGES = ("#8A8F98", "#E69F00", "#CC79A7", "#D55E00", "#009E73", "#7A62B8", "#B08900")
HEAT = ("#DCEAF4", "#0B4F8A")
FAINT, FAINT_INK, FAINT_OPACITY = "#8A8F98", "#7A8189", 0.16  # pale on either ground
BAR_HEIGHT, CELL_HEIGHT, LINE, HEIGHT, TALL = 34, 30, 13, 260, 320
MOST_COLUMNS = 10  # of a map; more are turned into rows, or slant
LABEL = 300  # pixels of a row's name
WRAPPED = 13  # letters in a line of a column's name: names of stages stand close to each other
LABELLED = 16  # marks in a row; more would write over each other
PALE = 0.6  # what isn't chosen: its numbers stay readable
_DIGIT, _MARGIN = 7, 8  # pixels that a digit of a label takes, and its sides
CELL = "cell"
BRIEF = "brief"  # the column with numbers of a map where there is little room
FEW = "few"
_MARKS = {"better": " ▲", "faster": " ▲", "worse": " ▼", "slower": " ▼"}


def bars(frame: pd.DataFrame, *, category: str, parts: Sequence[str], colors: Sequence[str], words: Words) -> Figure:
    """Return stacked horizontal bars, one for each row in its order, with its total; a click chooses a part of one."""
    long = _long(frame, [category], parts, words)
    long["value"] = long["value"].astype(int)
    longest = int(long.groupby("row")["value"].sum().max() or 0) if len(long) else 0
    long["shown"] = [number(one) if one else "" for one in long["value"]]
    chosen = _selection()
    names = [words(one) for one in parts]
    base = alt.Chart(long).encode(
        y=alt.Y(
            f"{category}:N", sort=alt.EncodingSortField("row", op="min"), title=None,
            axis=alt.Axis(labelLimit=LABEL, ticks=False, domain=False),
        ),
    )  # fmt: skip
    # Not summed: a sum would forget which row a mark is of.
    x = alt.X("value:Q", title=None, stack="zero", axis=alt.Axis(format=",d", tickMinStep=1, tickCount=5))
    marks = base.mark_bar().encode(
        x=x,
        order="order:Q",
        color=alt.Color("part_name:N", title=None, sort=names, scale=alt.Scale(domain=names, range=list(colors)),
                        legend=alt.Legend(orient="top", labelLimit=200)),
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(PALE)),
        tooltip=[alt.Tooltip(f"{category}:N", title=words(category)),
                 alt.Tooltip("value:Q", title=words("deals"), format=","), alt.Tooltip("part_name:N", title=" ")],
    ).add_params(chosen)  # fmt: skip
    # The width of the drawing is known in the browser alone: on a phone fewer numbers fit into their bars.
    fits = f"datum.value / {longest or 1} * width > {_DIGIT} * length(datum.shown) + {_MARGIN}"
    inside = base.mark_text(fontSize=12, tooltip=None).encode(
        x=alt.X("value:Q", stack="zero", bandPosition=0.5), text=alt.condition(fits, "shown:N", alt.value("")),
        detail="part_name:N", order="order:Q",
        color=alt.Color("part_name:N", legend=None, scale=alt.Scale(
            domain=names, range=[_ON_COLOR.get(one, "#101517") for one in colors])),
    )  # fmt: skip
    total = base.mark_text(align="left", dx=5, fontSize=12, fontWeight="bold").encode(
        x="sum(value):Q", text=alt.Text("sum(value):Q", format=",")
    )
    layers = alt.layer(marks, inside, total) if len(parts) > 1 else alt.layer(marks, total)
    return finished(layers.resolve_scale(color="independent").properties(height=alt.Step(BAR_HEIGHT)))


def heat_map(
    frame: pd.DataFrame,
    *,
    row: str,
    column: str,
    value: str,
    words: Words,
    door: str | None = None,
    label: str | None = None,
    kind: str | None = None,
    told: Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None,
) -> Figure:
    """Return a table of coloured cells with their numbers; a click chooses the cell's number `door`, else its `value`.

    `label` is a column of verdicts: better and worse get a mark beside the number, those of few deals are drawn pale.
    `told` are columns of texts for the tooltip, with the codes of their titles. `columns` are names of the map's
    columns in their order, else they stand as they come in the frame. A count of nothing leaves its cell empty.
    """
    kind = kind or ("percent" if value.startswith("conversion") or value.endswith("share") else "count")
    told = told or {}
    kept = [row, column, value, *([label] if label else []), *told]
    shown = frame.reset_index(names="place")[["place", *kept]]
    shown = shown[shown[value].notna()].rename(columns={row: "row_name", column: "column_name", "place": "row"})
    shown["row_name"] = [_named(row, one, words) for one in shown["row_name"]]
    shown["column_name"] = [_named(column, one, words) for one in shown["column_name"]]
    shown["part"] = door or value
    low, top = _judge(shown, value, label, words, kind)
    present = dict.fromkeys(shown["column_name"])
    columns_seen = [one for one in dict.fromkeys(columns or ()) if one in present]
    columns_seen += [one for one in present if one not in columns_seen]
    rows_seen = list(dict.fromkeys(shown["row_name"]))
    if len(rows_seen) < len(columns_seen) > MOST_COLUMNS:  # down the page there is room
        shown = shown.rename(columns={"row_name": "column_name", "column_name": "row_name"})
        row, column, rows_seen, columns_seen = column, row, columns_seen, rows_seen
    is_crowded = len(columns_seen) > MOST_COLUMNS
    chosen = _selection()
    more = [alt.Tooltip(f"{one}:N", title=words(code)) for one, code in told.items()]
    more += [alt.Tooltip("verdict:N", title=words(label) if label != FEW else " ")] if label else []
    kept = ["row", "part", "row_name", "column_name", "value", "shown", BRIEF, "verdict", "ink", "pale", *told]
    base = alt.Chart(shown[kept]).encode(
        x=alt.X("column_name:N", sort=columns_seen, title=None, axis=_names_axis(columns_seen, is_crowded)),
        y=alt.Y("row_name:N", sort=rows_seen, title=None, axis=alt.Axis(
            labelLimit=LABEL, ticks=False, domain=False, labelFlush=False, labelBound=False)),
    )  # fmt: skip
    cells = base.mark_rect(cornerRadius=2).encode(
        color=alt.condition("datum.pale", alt.value(FAINT), alt.Color(
            "value:Q", legend=None, scale=alt.Scale(range=list(HEAT), domain=[low, top]))),
        fillOpacity=alt.condition("datum.pale", alt.value(FAINT_OPACITY), alt.value(1.0)),
        strokeWidth=alt.condition(chosen, alt.value(3), alt.value(0.5), empty=False),
        stroke=alt.condition(chosen, alt.value(COLORS["plan"]), alt.value(COLORS["open"]), empty=False),
        tooltip=[alt.Tooltip("row_name:N", title=words(row)), alt.Tooltip("column_name:N", title=words(column)),
                 alt.Tooltip("shown:N", title=words(value)), *more],
    ).add_params(chosen)  # fmt: skip
    text = f"{BRIEF if is_crowded else 'shown'}:N"
    texts = base.mark_text(fontSize=10 if is_crowded else 12).encode(text=text, color=alt.Color("ink:N", scale=None))
    return finished(alt.layer(cells, texts).resolve_scale(color="independent").properties(height=alt.Step(CELL_HEIGHT)))


def lines(
    frame: pd.DataFrame, *, values: Sequence[str], words: Words, moment: str | None = None, kind: str = "money"
) -> Figure:
    """Return a line of each value over the frame's months or weeks; `kind` is money, count, percent or hours.

    Without months and weeks the values stand as bars beside each other, one group for each row.
    """
    moment = moment or next((one for one in ("month", "week") if one in frame.columns), None)
    if moment is None:
        return _grouped(frame, values, words, kind)
    long = _long(frame, [moment], values, words, scale=0.01 if kind == "money" else 1.0)
    long["name"] = _moment_names(long[moment], moment)
    long["shown"] = [short_text(one, kind) for one in long["value"]]
    long["rank"] = long.groupby("row")["value"].rank(ascending=False, method="first")
    chosen, names = _selection(), [words(one) for one in values]
    plain = alt.Chart(long.drop(columns=[moment])).encode(
        x=alt.X("name:N", sort=alt.EncodingSortField("row", op="min"), title=None,
                axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelLimit=110, ticks=False)),
        y=alt.Y("value:Q", title=None, axis=short_axis(kind), scale=alt.Scale(zero=True)),
    )  # fmt: skip
    base = plain.encode(color=alt.Color(
        "part_name:N", title=None, sort=names, scale=alt.Scale(domain=names, range=list(SERIES[: len(names)])),
        legend=line_legend() if len(names) > 1 else None))  # fmt: skip
    drawn = base.mark_line(strokeWidth=2.5).encode(
        strokeDash=alt.StrokeDash("part_name:N", sort=names, legend=None, scale=alt.Scale(
            domain=names, range=list(DASHES[: len(names)])))
    )  # fmt: skip
    points = base.mark_point(size=70, filled=True).encode(
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(PALE)),
        tooltip=[alt.Tooltip("name:N", title=words(moment)), alt.Tooltip("part_name:N", title=" "),
                 alt.Tooltip("shown:N", title="  ")],
    ).add_params(chosen)  # fmt: skip
    layers = [drawn, points]
    if len(long) <= LABELLED:  # the greatest above its point, the next one below
        layers += [plain.transform_filter(f"datum.rank == {rank}").mark_text(dy=dy, fontSize=12).encode(text="shown:N")
                   for rank, dy in ((1, -12), (2, 16))]  # fmt: skip
    return finished(alt.layer(*layers).properties(height=HEIGHT))


def clusters(
    frame: pd.DataFrame, *, category: str, values: Sequence[str], words: Words, door: str, kind: str = "money"
) -> Figure:
    """Return upright bars of some values beside each other for each row; a click chooses the row's number `door`."""
    long = _long(frame, [category], values, words, scale=0.01 if kind == "money" else 1.0)
    long["shown"] = [short_text(one, kind) if one else "" for one in long["value"]]
    long["part"] = door
    chosen, names = _selection(), [words(one) for one in values]
    base = alt.Chart(long).encode(
        x=alt.X(f"{category}:N", sort=alt.EncodingSortField("row", op="min"), title=None, axis=alt.Axis(
            labelAngle=0, labelOverlap="greedy", labelLimit=110, ticks=False)),
        xOffset=alt.XOffset("part_name:N", sort=names),
        y=alt.Y("value:Q", title=None, axis=short_axis(kind)),
    )  # fmt: skip
    marks = base.mark_bar(cornerRadiusEnd=2).encode(
        color=alt.Color("part_name:N", title=None, sort=names, legend=alt.Legend(orient="top", labelLimit=240),
                        scale=alt.Scale(domain=names, range=list(SERIES[: len(names)]))),
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(PALE)),
        tooltip=[alt.Tooltip(f"{category}:N", title=words(category)), alt.Tooltip("part_name:N", title=" "),
                 alt.Tooltip("shown:N", title="  ")],
    ).add_params(chosen)  # fmt: skip
    layers = [marks]
    if len(long) <= LABELLED:
        layers.append(base.mark_text(dy=-8, fontSize=12).encode(text="shown:N"))
    return finished(alt.layer(*layers).properties(height=HEIGHT))


def columns(
    frame: pd.DataFrame,
    *,
    moment: str,
    value: str,
    words: Words,
    told: Sequence[str] = (),
    kind: str = "money",
    color: str = COLORS["lost"],
) -> Figure:
    """Return an upright bar for each month or week, the columns `told` in its tooltip; a click chooses one."""
    long = _long(frame, [moment, *told], [value], words, scale=0.01 if kind == "money" else 1.0)
    long["name"] = _moment_names(long[moment], moment)
    long["shown"] = [short_text(one, kind) for one in long["value"]]
    for one in told:
        long[one] = [_told(one, cell) for cell in long[one]]
    chosen = _selection()
    base = alt.Chart(long.drop(columns=[moment])).encode(
        x=alt.X("name:N", sort=alt.EncodingSortField("row", op="min"), title=None,
                axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelLimit=110, ticks=False)),
        y=alt.Y("value:Q", title=None, axis=short_axis(kind)),
    )  # fmt: skip
    marks = base.mark_bar(color=color).encode(
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(PALE)),
        tooltip=[alt.Tooltip("name:N", title=words(moment)), alt.Tooltip("shown:N", title=words(value)),
                 *(alt.Tooltip(f"{one}:N", title=words(one)) for one in told)],
    ).add_params(chosen)  # fmt: skip
    layers = [marks]
    if len(long) <= LABELLED:
        layers.append(base.mark_text(dy=-8, fontSize=12).encode(text="shown:N"))
    return finished(alt.layer(*layers).properties(height=HEIGHT))


def finished(chart: Figure) -> Figure:
    """Return the chart with the reader's numbers and a quiet frame."""
    configured: Figure = chart.configure(locale=alt.Locale(number=number_locale()))
    quiet: Figure = configured.configure_view(stroke=None)
    return quiet


def line_legend(columns: int | None = None) -> alt.Legend:
    """Return a legend above the drawing whose marks are short lines."""
    return alt.Legend(orient="top", labelLimit=240, symbolType="stroke", symbolStrokeWidth=3, symbolSize=320,
                      symbolOpacity=1, columns=alt.Undefined if columns is None else columns)  # fmt: skip


def stage_scale(names: Sequence[str]) -> tuple[alt.Scale, alt.Scale]:
    """Return the colours and the dashes of stages as lines; the last one, the win, is drawn through."""
    colors = [STAGES[place % len(STAGES)] for place in range(len(names) - 1)] + [COLORS["won"]]
    dashes = [list(DASHES[1 + place % (len(DASHES) - 1)]) for place in range(len(names) - 1)] + [list(DASHES[0])]
    return alt.Scale(domain=list(names), range=colors), alt.Scale(domain=list(names), range=dashes)


def short_axis(kind: str) -> alt.Axis:
    """Return an axis whose numbers are written as the reader writes large sums, shares or counts."""
    if kind == "percent":
        return alt.Axis(tickCount=5, labelExpr=f"format(datum.value, ',') + {percent_text(0).replace('0', '')!r}")
    steps = ((1e9, _("{value}bn")), (1e6, _("{value}M")), (1e3, _("{value}K")))
    parts = "".join(
        f"abs(datum.value) >= {size:.0f} ? format(datum.value / {size:.0f}, ',.2~f') + {unit!r} : "
        for size, unit in ((size, text.replace("{value}", "")) for size, text in steps)
    )
    return alt.Axis(tickCount=5, labelExpr=f"{parts}format(datum.value, ',')")


def short_text(value: float | None, kind: str) -> str:
    """Return a number for a mark's label; empty for none."""
    if value is None or pd.isna(value):
        return ""
    if kind == "count":
        return number(round(value)) if value == round(value) else rounded(value)
    if kind == "percent":
        return percent_text(value)
    if kind == "hours":
        return hours_text(value)
    for size, text in ((1e9, _("{value}bn")), (1e6, _("{value}M")), (1e3, _("{value}K"))):
        if abs(value) >= size:
            return text.format(value=rounded(value / size))
    return rounded(value)


def _grouped(frame: pd.DataFrame, values: Sequence[str], words: Words, kind: str) -> Figure:
    named = frame.copy()
    first = next((one for one in named.columns if one not in values and not one.endswith("_id")), None)
    named["name"] = words("total") if first is None or len(named) == 1 else named[first].map(lambda one: one or "—")
    long = _long(named, ["name"], values, words, scale=0.01 if kind == "money" else 1.0)
    long["shown"] = [short_text(one, kind) for one in long["value"]]
    chosen, names = _selection(), [words(one) for one in values]
    base = alt.Chart(long).encode(
        y=alt.Y("name:N", sort=alt.EncodingSortField("row", op="min"), title=None,
                axis=alt.Axis(labelLimit=LABEL, ticks=False, domain=False)),
        yOffset=alt.YOffset("part_name:N", sort=names),
        x=alt.X("value:Q", title=None, axis=short_axis(kind)),
    )  # fmt: skip
    marks = base.mark_bar().encode(
        color=alt.Color("part_name:N", title=None, sort=names, legend=alt.Legend(orient="top", labelLimit=240),
                        scale=alt.Scale(domain=names, range=list(SERIES[: len(names)]))),
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(PALE)),
        tooltip=[alt.Tooltip("name:N", title=" "), alt.Tooltip("part_name:N", title="  "),
                 alt.Tooltip("shown:N", title="   ")],
    ).add_params(chosen)  # fmt: skip
    texts = base.mark_text(align="left", dx=5, fontSize=12).encode(text="shown:N")
    return finished(alt.layer(marks, texts).properties(height=alt.Step(18)))


def _names_axis(names: Sequence[str], is_crowded: bool) -> alt.Axis:
    """Return the axis of a map's columns: names in lines of a few letters, slanting where there are many."""
    lines_of = {one: wrap(one, WRAPPED, break_long_words=False) or [one] for one in names}
    most = max((len(one) for one in lines_of.values()), default=1)
    if is_crowded:
        fitted: dict[str, Any] = {"labelAngle": -50, "labelAlign": "left", "labelPadding": 4, "labelLimit": 160}
    else:
        fitted = {"labelAngle": 0, "labelLimit": 120, "labelLineHeight": LINE, "labelPadding": LINE * (most - 1) + 6,
                  "labelExpr": f"({json.dumps(lines_of)})[datum.label]"}  # fmt: skip
    return alt.Axis(orient="top", labelOverlap=False, ticks=False, domain=False, labelFlush=False, labelBound=False,
                    **fitted)  # fmt: skip


def _ends(values: pd.Series[Any], kind: str) -> tuple[float, float]:
    """Return where the colours of a heat map begin and end; shares that lie close together are told apart."""
    top, least = (float(values.max()), float(values.min())) if len(values) else (0.0, 0.0)
    if kind != "percent" or top == least:
        return 0.0, top or 1.0
    return max(0.0, least - (top - least) / 2), top


def _judge(shown: pd.DataFrame, value: str, label: str | None, words: Words, kind: str) -> tuple[float, float]:
    """Put numbers, verdicts and inks of a map's cells into their frame; return the ends of the scale."""
    shown["value"] = shown[value].astype(float)
    verdicts = shown[label] if label else pd.Series("", index=shown.index)
    shown["verdict"] = verdicts.map(lambda one: words(one) if one else "")
    shown["shown"] = [short_text(one, kind) + _MARKS.get(verdict, "")
                      for one, verdict in zip(shown["value"], verdicts, strict=True)]  # fmt: skip
    low, top = _ends(shown["value"], kind)
    shown[BRIEF] = shown["shown"] if kind != "percent" else [
        f"{one:.0f}{_MARKS.get(verdict, '').strip()}" for one, verdict in zip(shown["value"], verdicts, strict=True)
    ]  # fmt: skip
    if kind == "count":  # noughts among numbers are noise
        for one in ("shown", BRIEF):
            shown[one] = shown[one].where(shown["value"] != 0, "")
    shown["pale"] = (verdicts == FEW) | ((shown["value"] == 0) & (kind == "count"))
    shown["ink"] = [FAINT_INK if pale else "#101517" if one < (top + low) / 2 else "#FFFFFF"
                    for one, pale in zip(shown["value"], shown["pale"], strict=True)]  # fmt: skip
    return low, top


def _selection() -> Any:
    return alt.selection_point(name=CELL, fields=["row", "part"])


def _long(
    frame: pd.DataFrame, kept: Sequence[str], parts: Sequence[str], words: Words, scale: float = 1.0
) -> pd.DataFrame:
    """Return a row for each part of each row: the row's number, the part's code, name and order, its value."""
    numbered = frame.reset_index(names="row")[["row", *dict.fromkeys(kept), *parts]]
    long = numbered.melt(id_vars=["row", *dict.fromkeys(kept)], value_vars=list(parts), var_name="part")
    long = long[long["value"].notna()].copy()
    long["value"] = long["value"].astype(float) * scale
    long["part_name"] = long["part"].map(words)
    long["order"] = long["part"].map({one: number for number, one in enumerate(parts)})
    return long


def _told(code: str, cell: Any) -> str:
    if cell is None or pd.isna(cell):
        return NOTHING
    return short_text(cell / 100, "money") if code.startswith("mean_") else str(cell)


def _named(code: str, value: Any, words: Words) -> str:
    if value is None or pd.isna(value):
        return words(f"no_{code}")
    if isinstance(value, date):
        return week_text(value) if code == "week" else month_text(value)
    return words(str(value))


def _moment_names(moments: pd.Series[Any], moment: str) -> list[str]:
    return [week_text(one) if moment == "week" else month_text(one) for one in moments]
