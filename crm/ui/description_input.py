"""Pipelines from a file or text: what is pasted or uploaded, what is wrong with it, how healthy it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from crm.errors import InvalidInput, Violation
from crm.i18n import N_, _, current_reader, ngettext
from crm.i18n.texts import violation_sentence
from crm.pipelines.descriptions import (
    Description,
    create_from_description,
    description_from_names,
    is_bare_list,
    read_description,
)
from crm.ui import act
from crm.ui.description_preview import created_counts, draw_preview
from crm.ui.forms import field_error
from crm.ui.lint_check import draw_foreign_health
from crm.ui.markdown import md

# What a place such as "pipelines[2].stages[0].name" means to a reader.
_PARTS = {
    "pipelines": N_("pipeline {n}"),
    "stages": N_("stage {n}"),
    "fields": N_("field {n}"),
    "loss_reasons": N_("reason {n}"),
    "links": N_("link {n}"),
    "conditions": N_("condition {n}"),
    "exceptions": N_("exception {n}"),
}
_SEGMENT = re.compile(r"(\w+)\[(\d+)\]")


def draw_description_input(created: Callable[[tuple[int, ...]], None]) -> None:
    """Draw the text and the file, and below what would come of it; `created` gets the ids of the pipelines made."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        typed = st.text_area(
            _("Names of stages, one a line, or a description in TOML"),
            key="description_text",
            height=220,
            placeholder=_("Contact made\nNeed found\nOffer sent\nInvoice issued"),
        )
    with right:
        upload = st.file_uploader(_("Or a file"), type=["toml", "txt"], key="description_file", max_upload_size=1)
        name = st.text_input(
            _("Name of the pipeline"),
            key="description_name",
            max_chars=200,
            help=_("For a bare list of stages; a description names its pipelines itself."),
        )
        beside_name = st.empty()
    content: str | bytes = upload.getvalue() if upload is not None else typed or ""
    if not content.strip():
        return
    is_toml = upload is not None and upload.name.lower().endswith(".toml")
    try:
        only_names = not is_toml and is_bare_list(content)
    except InvalidInput as error:
        _draw_wrong(error.violations)
        return
    try:
        description = description_from_names(content, name=name or "") if only_names else read_description(content)
    except InvalidInput as error:
        of_name = [one for one in error.violations if only_names and one.field == "pipelines[0].name"]
        with beside_name:
            field_error(violation_sentence(of_name[0]) if of_name else None)
        others = [one for one in error.violations if one not in of_name]
        _draw_wrong(others)
        if of_name and not others:  # to be looked over, a list needs no name
            draw_foreign_health(description_from_names(content, name=_("Pasted pipeline")), only_names=True)
        return
    _draw_result(description, created, only_names=only_names)


def _draw_result(description: Description, created: Callable[[tuple[int, ...]], None], *, only_names: bool) -> None:
    moving = [link for link in description.links if link.moves]
    if moving:
        # What a foreign system moved is copied here: the first pipeline keeps its history.
        description = replace(description, links=tuple(replace(link, moves=False) for link in description.links))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":small[{created_counts(description)}]", width="stretch")
        count = len(description.pipelines)
        label = ngettext("Create {n} pipeline", "Create {n} pipelines", count)
        if st.button(label, icon=":material/add:", type="primary", key="description_create"):
            outcome = act.run(create_from_description, description=description, language=current_reader().language)
            if outcome.ok and outcome.value:
                created(outcome.value)
            _draw_wrong(outcome.violations)
            if not outcome.violations:
                st.error(md(outcome.full_message), icon=":material/error:")
    if moving:
        st.warning(
            ngettext(
                "{n} link moves deals. It will copy them here, so that no pipeline loses its history.",
                "{n} links move deals. They will copy them here, so that no pipeline loses its history.",
                len(moving),
            ),
            icon=":material/content_copy:",
        )
    draw_foreign_health(description, only_names=only_names)
    draw_preview(description, key="description")


def _draw_wrong(violations: Sequence[Violation]) -> None:
    """Draw every mistake beside its place."""
    if not violations:
        return
    found = ngettext("{n} mistake to mend", "{n} mistakes to mend", len(violations))
    with st.container(border=True):
        st.markdown(f":red[:material/error: **{found}**]")
        for one in violations:
            place = f"{md(_place(one.field))}: " if one.field else ""
            st.markdown(f"- {place}{md(violation_sentence(one))}")


def _place(field: str) -> str:
    """Return a place in the file as a reader counts: "pipeline 3, stage 1, norm"."""
    parts = []
    for segment in field.split("."):
        found = _SEGMENT.fullmatch(segment)
        if found and found[1] in _PARTS:
            parts.append(_(_PARTS[found[1]], n=int(found[2]) + 1))
        else:
            parts.append(segment)
    return ", ".join(parts)
