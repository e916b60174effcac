"""Choosing the pipeline of imported deals, or describing a new one by the stages the file knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.imports.background import FileLook
from crm.imports.fields import RecordKind
from crm.imports.mapping import folded
from crm.imports.visits.detecting import StageOrder
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
    order = next((look.stages for look in looks if look.stages is not None), None)
    usual = _fitting(pipelines, order) if order else names[0] if names else NEW
    usual = usual if usual in choices else choices[0]
    present = tree["pipeline"] if tree["pipeline"] in names else NEW if is_described else usual
    chosen = st.selectbox(
        _("Pipeline"), choices, index=choices.index(present), key=draft.key("pipeline"), width=230,
        format_func=lambda name: name or _("A new pipeline"),
    )  # fmt: skip
    if chosen:
        tree["pipeline"], tree["pipelines"] = chosen, []
        known = next(one for one in pipelines if one.name == chosen)
        own = known.won_stage.name, known.lost_stage.name
        _name_ends(tree, order, own, [stage.name for stage in known.stages if not stage.is_retired])
    else:
        _draw_new(draft, _stage_values(tree, looks), order, looks)
        new = tree["pipelines"][0]
        _name_ends(tree, order, (new["won"], new["lost"]), [*new["open"], new["won"], new["lost"]])


def stage_names(draft: ImportDraft, pipelines: Sequence[PipelineInfo]) -> tuple[list[str], list[str]]:
    """Return the open stages and all stages of the chosen pipeline, the new one included."""
    tree = draft.mapping
    known = next((one for one in pipelines if one.name == tree["pipeline"]), None)
    if known is not None:
        return [one.name for one in known.open_stages], [one.name for one in known.stages if not one.is_retired]
    for new in tree["pipelines"]:
        return list(new["open"]), [*new["open"], new["won"], new["lost"]]
    return [], []


def _fitting(pipelines: Sequence[PipelineInfo], order: StageOrder) -> str:
    """Return the first pipeline that has all working stages of a file, NEW where none has."""
    wanted = {folded(name) for name in order.open_stages}
    fitting = (one.name for one in pipelines if wanted <= {folded(stage.name) for stage in one.open_stages})
    return next(fitting, NEW)


def _name_ends(tree: dict[str, Any], order: StageOrder | None, own: tuple[str, str], known: Sequence[str]) -> None:
    """Let the names a file has for won and lost mean the pipeline's own, unless it has such stages."""
    here = {folded(name) for name in known}
    aliases = tree["aliases"].setdefault("stage", {})
    for names, ours in zip((order.won, order.lost) if order else (), own, strict=False):
        aliases |= {name: ours for name in names if folded(name) not in here}


def _draw_new(draft: ImportDraft, values: Sequence[str], order: StageOrder | None, looks: Sequence[FileLook]) -> None:
    tree = draft.mapping
    described: dict[str, Any] = tree["pipelines"][0] if tree["pipelines"] else {}
    if order is not None:
        usual = next(iter(order.won), None), next(iter(order.lost), None), list(order.open_stages)
        usual_name = next(Path(look.source.name).stem for look in looks if look.stages is not None)
    else:
        usual = _first(values, _WON_WORDS), _first(values, _LOST_WORDS), list(values)
        usual_name = ""
    won = described.get("won") or usual[0] or _("Won")
    lost = described.get("lost") or usual[1] or _("Lost")
    stages = described.get("open") or [value for value in usual[2] if value not in {won, lost}]
    with st.container(border=True, key=draft.key("new_pipeline")):
        name = st.text_input(
            _("Name of the new pipeline"),
            described.get("name") or usual_name,
            max_chars=200,
            key=draft.key("pipeline_name"),
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
