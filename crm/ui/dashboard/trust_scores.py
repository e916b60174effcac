"""Scores of data trust side by side: of pipelines, with the linter's, and of owners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Any

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.charts.trust import CHART
from crm.analytics.population import OWNER, PIPELINE
from crm.analytics.scope import Scope
from crm.analytics.trust.linter_scores import linter_scores
from crm.analytics.trust.worst import worst_row
from crm.analytics.values import Ask
from crm.i18n import _
from crm.i18n.analytics_formats import NOTHING
from crm.i18n.analytics_texts import meaning_of, nothing_stated, value_word, word
from crm.ui.dashboard.cells import frame_rows
from crm.ui.dashboard.loaders import choices, kept_while_nothing_happens, load_frame

ROWS_SHOWN = 10
_ROW_HEIGHT = 35


def draw_scores(actor: Actor, scope: Scope) -> None:
    """Draw the scores of every pipeline and, within the scope, of every owner, the lowest first."""
    known = choices(actor)
    every = replace(scope, pipeline_ids=())
    with_owners, with_pipelines = len(known.owners) > 1, len(known.pipelines) > 1
    places = iter(st.columns(max(with_owners + with_pipelines, 1), gap="medium"))
    if with_owners:
        with next(places):
            st.markdown(f"#### {_('Whose deals can be trusted')}")
            _draw(load_frame(actor, CHART, Ask(scope, OWNER)), OWNER)
    if with_pipelines:
        with next(places):
            st.markdown(f"#### {_('Pipelines')}")
            linter = kept_while_nothing_happens(
                actor, ("linter_scores",), lambda session: linter_scores(session, actor)
            )
            _draw(load_frame(actor, CHART, Ask(every, PIPELINE)), PIPELINE, linter)


def _draw(frame: pd.DataFrame, part: str, linter: dict[int, int] | None = None) -> None:
    key = f"{part}_id"
    by_part: dict[Any, list[dict[str, Any]]] = {}
    for row in frame_rows(frame):
        by_part.setdefault(row[key], []).append(row)
    rows = [
        {
            part: some[0][part] or nothing_stated(part),
            "score": some[0]["score"],
            **({} if linter is None else {"linter_score": linter.get(one, nan)}),
            "worst": _worst(some),
        }
        for one, some in by_part.items()
        if some[0]["score"] is not None
    ]
    if not rows:
        st.caption(_("Nothing to look at."))
        return
    rows.sort(key=lambda row: row["score"])
    bar = st.column_config.ProgressColumn(
        word("score"), min_value=0, max_value=100, format="%.0f", width="small", help=meaning_of("score", CHART.name)
    )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content" if len(rows) <= ROWS_SHOWN else (ROWS_SHOWN + 1) * _ROW_HEIGHT,
        column_config={
            part: st.column_config.TextColumn(word(part), pinned=True),
            "score": bar,
            "linter_score": st.column_config.NumberColumn(
                word("linter_score"), help=meaning_of("linter_score", CHART.name), format="%d"
            ),
            "worst": st.column_config.TextColumn(word("worst")),
        },
        key=f"trust_scores_{part}",
        placeholder=NOTHING,
        alt=word("score"),
    )


def _worst(rows: Sequence[dict[str, Any]]) -> str:
    worst = worst_row(rows)
    return "" if worst is None else value_word("finding", worst["finding"])
