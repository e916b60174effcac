"""Choosing the pipeline of imported deals, or describing a new one by the stages the file knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.imports.background import FileLook
from crm.imports.fields import RecordKind
from crm.imports.mapping import folded
from crm.pipelines.values import PipelineInfo
from crm.ui.import_draft import ImportDraft

NEW = ""
_WON_WORDS = ("won", "success", "успешно", "реализовано", "оплат", "paid", "выигран")
_LOST_WORDS = ("lost", "fail", "отказ", "не реализовано", "провал", "проигран")


def draw_pipeline(
    actor: Actor, draft: ImportDraft, pipelines: Sequence[PipelineInfo], looks: Sequence[FileLook]
) -> None:
    """Draw the choice of a pipeline and, for a new one, its name and stages."""
    tree = draft.mapping
    names = [pipeline.name for pipeline in pipelines]
    choices = [*names, *([NEW] if may(actor, Action.DESIGN_PIPELINES) else [])]
    if not choices:
        return
    is_described = any(one["name"] == tree["pipeline"] for one in tree["pipelines"])
    present = tree["pipeline"] if tree["pipeline"] in names else NEW if is_described or not names else names[0]
    chosen = st.selectbox(
        _("Pipeline"), choices, index=choices.index(present), key=draft.key("pipeline"), width=230,
        format_func=lambda name: name or _("A new pipeline"),
    )  # fmt: skip
    if chosen:
        tree["pipeline"], tree["pipelines"] = chosen, []
    else:
        _draw_new(draft, _stage_values(tree, looks))


def stage_names(draft: ImportDraft, pipelines: Sequence[PipelineInfo]) -> tuple[list[str], list[str]]:
    """Return the open stages and all stages of the chosen pipeline, the new one included."""
    tree = draft.mapping
    known = next((one for one in pipelines if one.name == tree["pipeline"]), None)
    if known is not None:
        return [one.name for one in known.open_stages], [one.name for one in known.stages if not one.is_retired]
    for new in tree["pipelines"]:
        return list(new["open"]), [*new["open"], new["won"], new["lost"]]
    return [], []


def _draw_new(draft: ImportDraft, values: Sequence[str]) -> None:
    tree = draft.mapping
    described: dict[str, Any] = tree["pipelines"][0] if tree["pipelines"] else {}
    won = described.get("won") or _first(values, _WON_WORDS) or _("Won")
    lost = described.get("lost") or _first(values, _LOST_WORDS) or _("Lost")
    stages = described.get("open") or [value for value in values if value not in {won, lost}]
    with st.container(border=True, key=draft.key("new_pipeline")):
        name = st.text_input(
            _("Name of the new pipeline"), described.get("name", ""), max_chars=200, key=draft.key("pipeline_name")
        )
        lines = st.text_area(
            _("Working stages in order, one a line"), "\n".join(stages), key=draft.key("pipeline_stages"), height=150
        )
        with st.container(horizontal=True):
            won = st.text_input(_("Stage of won deals"), won, max_chars=100, key=draft.key("pipeline_won"))
            lost = st.text_input(_("Stage of lost deals"), lost, max_chars=100, key=draft.key("pipeline_lost"))
    opened = [line.strip() for line in lines.splitlines() if line.strip()]
    tree["pipeline"] = name.strip()
    tree["pipelines"] = [{"name": name.strip(), "open": opened, "won": won.strip(), "lost": lost.strip()}]


def _stage_values(tree: dict[str, Any], looks: Sequence[FileLook]) -> list[str]:
    values: dict[str, None] = {}
    for part, look in zip(tree["files"], looks, strict=True):
        for column in part["columns"].get("stage", []) if part["kind"] == RecordKind.DEALS else ():
            values |= dict.fromkeys(look.values.get(column, ()))
    return list(values)


def _first(values: Sequence[str], words: Sequence[str]) -> str | None:
    return next((value for value in values if any(word in folded(value) for word in words)), None)
