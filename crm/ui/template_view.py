"""Making pipelines: from a template with its preview, from a file or text, or empty with a first stage."""

from __future__ import annotations

import streamlit as st

from crm.i18n import N_, _, current_reader, ngettext
from crm.pipelines.commands import StagePlan, create_pipeline
from crm.pipelines.descriptions import create_from_description
from crm.pipelines.templates import Template, available_templates
from crm.ui import act
from crm.ui.description_export import draw_description_export
from crm.ui.description_input import draw_description_input
from crm.ui.description_preview import created_counts, draw_preview
from crm.ui.forms import field_error
from crm.ui.markdown import md

WAYS = {
    "template": N_("From a template"),
    "description": N_("From a file or text"),
    "empty": N_("Empty"),
}
_OPEN = "pipeline_new"
CARDS_IN_A_ROW = 4


def draw_new_button() -> None:
    """Draw the button that opens the making of pipelines; what was chosen on the page is kept meanwhile."""
    if st.button(_("New pipeline"), icon=":material/add:", type="primary", key="new_pipeline"):
        st.session_state[_OPEN] = st.session_state.get("pipeline_chosen")
        st.rerun()


def open_foreign_check() -> None:
    """Open the making of pipelines where a foreign one is pasted and looked over."""
    st.session_state[_OPEN] = st.session_state.get("pipeline_chosen")
    st.session_state["new_pipeline_way"] = "description"
    st.rerun()


def is_making() -> bool:
    """Tell whether pipelines are being made on the page."""
    return _OPEN in st.session_state


def draw_making(*, is_first: bool) -> None:
    """Draw the ways to make pipelines; the first one can't be left for a page without any."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(_("New pipeline"), anchor=False, width="stretch")
        if not is_first and st.button(_("Back"), icon=":material/arrow_back:", key="new_pipeline_back"):
            _leave(st.session_state[_OPEN])
    if is_first:
        st.info(
            _("A pipeline is one process of your company, step by step. Begin with a template and change it later."),
            icon=":material/filter_alt:",
        )
    st.session_state.setdefault("new_pipeline_way", "template")  # a default beside a set state is told to the reader
    way = st.segmented_control(
        _("How to begin"),
        list(WAYS),
        format_func=lambda one: _(WAYS[one]),
        required=True,
        key="new_pipeline_way",
        label_visibility="collapsed",
    )
    if way == "description":
        draw_description_input(_created)
        draw_description_export()
    elif way == "empty":
        _draw_empty()
    else:
        _draw_templates()


def _draw_templates() -> None:
    templates = available_templates(current_reader().language)
    chosen = st.session_state.get("template_chosen")
    for start in range(0, len(templates), CARDS_IN_A_ROW):
        columns = st.columns(CARDS_IN_A_ROW, gap="small")
        for column, template in zip(columns, templates[start : start + CARDS_IN_A_ROW], strict=False):
            with column:
                _draw_card(template, is_chosen=template.key == chosen)
    for template in templates:
        if template.key == chosen:
            _draw_chosen(template)


def _draw_chosen(template: Template) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{md(template.name)}**  \n:small[{created_counts(template.description)}]", width="stretch")
        count = len(template.pipelines)
        label = ngettext("Create {n} pipeline", "Create {n} pipelines", count)
        if st.button(label, icon=":material/add:", type="primary", key="template_create"):
            outcome = act.run(
                create_from_description, description=template.description, language=current_reader().language
            )
            if outcome.ok and outcome.value:
                _created(outcome.value)
            st.error(md(outcome.full_message), icon=":material/error:")
    draw_preview(template.description, key=f"template_{template.key}")


def _draw_card(template: Template, *, is_chosen: bool) -> None:
    with st.container(border=True, height="stretch", vertical_alignment="distribute"):
        count = ngettext("{n} pipeline", "{n} pipelines", len(template.pipelines))
        st.markdown(f"**{md(template.name)}**  \n:small[:gray[{count}]]  \n:small[{md(template.purpose)}]")
        if st.button(
            _("Shown below") if is_chosen else _("Look"),
            icon=":material/check:" if is_chosen else ":material/visibility:",
            key=f"template_{template.key}",
            disabled=is_chosen,
            width="stretch",
        ):
            st.session_state["template_chosen"] = template.key
            st.rerun()


def _draw_empty() -> None:
    name = st.text_input(_("Its name"), key="own_pipeline_name", max_chars=200)
    first = st.text_input(
        _("Its first stage"), key="own_pipeline_stage", max_chars=100, placeholder=_("For example: Contact made")
    )
    if st.button(_("Create an own pipeline"), key="own_pipeline_go", type="primary"):
        outcome = act.run(create_pipeline, name=name or "", stages=[StagePlan(first or "")])
        if outcome.ok and outcome.value is not None:
            _created((outcome.value,))
        field_error(outcome.full_message)


def _created(pipeline_ids: tuple[int, ...]) -> None:
    act.Outcome(value=pipeline_ids).told(ngettext("{n} pipeline created", "{n} pipelines created", len(pipeline_ids)))
    st.session_state.pop("template_chosen", None)
    _leave(pipeline_ids[0])


def _leave(chosen: int | None) -> None:
    st.session_state.pop(_OPEN, None)
    st.session_state["pipeline_chosen"] = chosen
    st.rerun()
