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
from crm.analytics.population import OWNER, PIPELINE, TEAM
from crm.analytics.theme import COLORS, bars
from crm.analytics.trust.counting import count_all, points_of, score_of, share_of
from crm.analytics.trust.facts import load_facts
from crm.analytics.trust.findings import FINDINGS, finding_of
from crm.analytics.trust.subjects import behind_finding, subject_split
from crm.analytics.trust.values import Subject
from crm.analytics.values import Ask, Chart, Column, Kind, Words

FOUND, LOOKED_AT = "found", "looked_at"

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
    """Return a bar for each finding that names something, the dearest first."""
    named = frame[frame[FOUND].astype(float) > 0].copy()
    named["rank"] = named["points"].fillna(0).astype(float)
    named = named.sort_values("rank", ascending=False, kind="stable")
    named["finding"] = named["finding"].map(words)
    return bars(named, category="finding", parts=[FOUND], colors=[COLORS["lost"]], words=words)


CHART = Chart(
    name="trust",
    columns=COLUMNS,
    keys=("finding",),
    frame=frame,
    behind=behind,
    figure=figure,
    splits=frozenset({OWNER, TEAM, PIPELINE}),
)
