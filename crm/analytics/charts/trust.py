"""Data trust: what is kept wrong in deals, how often, and what it takes off the score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import Select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.frames import frame_of, split_columns, split_values
from crm.analytics.intervals import ENOUGH
from crm.analytics.population import OWNER, PIPELINE, TEAM
from crm.analytics.theme import BAR_HEIGHT, CELL, COLORS, FEW, LABEL, PALE, finished, heat_map
from crm.analytics.trust.counting import count_all, points_of, score_of, share_of
from crm.analytics.trust.facts import load_facts
from crm.analytics.trust.findings import FINDINGS, finding_of
from crm.analytics.trust.subjects import behind_finding, subject_split
from crm.analytics.trust.values import Subject
from crm.analytics.values import Ask, Chart, Column, Kind, Words
from crm.i18n.analytics_formats import percent_text, rounded
from crm.i18n.formats import number

FOUND, LOOKED_AT = "found", "looked_at"
MOST_PARTS = 8  # in the figure; the table has all

COLUMNS = (
    Column("finding", Kind.CODE),
    Column(FOUND, Kind.COUNT, is_door=True),
    Column(LOOKED_AT, Kind.COUNT, is_door=True),
    Column("share", Kind.PERCENT),  # found of looked at
    Column("points", Kind.NUMBER),  # what it takes off the score; None where there was nothing to look at
    Column("score", Kind.NUMBER),  # of all findings in the same part of the split, 0 to 100
)


def frame(session: Session, actor: Actor, ask: Ask) -> pd.DataFrame:
    """Return a row for each finding in its order, within each value of the split. Columns: see `COLUMNS`."""
    parts = count_all(session, actor, ask.scope, ask.by)
    split = subject_split(Subject.OPEN, ask.by, ask.scope)
    head = split_columns(split)
    cells = split_values(session, split, parts) if split else {None: ()}
    rows = []
    for part, values in cells.items():
        points, score = points_of(parts[part]), score_of(parts[part])
        for one in FINDINGS:
            count = parts[part][one.code]
            rows.append(
                {
                    **dict(zip((column.code for column in head), values, strict=True)),
                    "finding": one.code, FOUND: count.found, LOOKED_AT: count.looked_at, "share": share_of(count),
                    "points": points[one.code], "score": score,
                }
            )  # fmt: skip
    return frame_of((*head, *COLUMNS), rows)


def behind(session: Session, actor: Actor, ask: Ask, key: Mapping[str, Any], door: str) -> Select[Any]:
    """Return the deals that a finding names, or looked at: one for each thing counted."""
    finding = finding_of(key["finding"])
    split = subject_split(finding.subject, ask.by, ask.scope)
    facts = load_facts(session, ask.scope)
    query = behind_finding(finding, facts, ask.scope, actor, split, only_found=door == FOUND)
    return query if split is None else query.where(split.chosen(key))


def figure(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    """Return a bar for each finding that costs points, the dearest first; split, the shares of each part."""
    part = next((one for one in (OWNER, TEAM, PIPELINE) if one in frame.columns), None)
    return _points(frame, words) if part is None else _shares(frame, part, words)


def _points(frame: pd.DataFrame, words: Words) -> alt.TopLevelMixin:
    dear = [(place, row) for place, row in enumerate(frame.to_dict("records")) if row["points"]]
    rows = [
        {
            "row": place, "part": FOUND, "finding": words(f"finding:{row['finding']}"), "points": float(row["points"]),
            "shown": f"{rounded(row['points'])}  ·  {percent_text(row['share'])}", "found": number(row[FOUND]),
            "of": number(row[LOOKED_AT]),
        }
        for place, row in sorted(dear, key=lambda one: -one[1]["points"])
    ]  # fmt: skip
    columns = ["row", "part", "finding", "points", "shown", "found", "of"]
    chosen = alt.selection_point(name=CELL, fields=["row", "part"])
    base = alt.Chart(pd.DataFrame(rows, columns=columns)).encode(
        y=alt.Y("finding:N", sort=[str(one["finding"]) for one in rows], title=None,
                axis=alt.Axis(labelLimit=LABEL, ticks=False, domain=False)),
        x=alt.X("points:Q", title=words("points"), axis=alt.Axis(tickCount=5)),
    )  # fmt: skip
    marks = base.mark_bar(color=COLORS["lost"]).encode(
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(PALE)),
        tooltip=[alt.Tooltip("finding:N", title=words("finding")), alt.Tooltip("found:N", title=words("found")),
                 alt.Tooltip("of:N", title=words("looked_at")), alt.Tooltip("shown:N", title=words("points"))],
    ).add_params(chosen)  # fmt: skip
    texts = base.mark_text(align="left", dx=5, fontSize=12).encode(text="shown:N")
    return finished(alt.layer(marks, texts).properties(height=alt.Step(BAR_HEIGHT)))


def _shares(frame: pd.DataFrame, part: str, words: Words) -> alt.TopLevelMixin:
    """Return a cell for each finding and part, those of the lowest scores."""
    scores = frame.drop_duplicates(f"{part}_id").dropna(subset=["score"])
    shown = scores.assign(score=scores["score"].astype(float)).nsmallest(MOST_PARTS, "score")[f"{part}_id"]
    cells = frame[frame[f"{part}_id"].isin(shown) & frame["points"].notna()].copy()
    named = cells.groupby("finding")[FOUND].sum()
    cells = cells[cells["finding"].map(named) > 0]
    cells["finding"] = [words(f"finding:{one}") for one in cells["finding"]]
    cells[FEW] = [FEW if one < ENOUGH else "" for one in cells[LOOKED_AT]]  # drawn pale
    return heat_map(cells, row="finding", column=part, value="share", words=words, door=FOUND, label=FEW)


CHART = Chart(
    name="trust",
    columns=COLUMNS,
    keys=("finding",),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, PIPELINE}),
)
