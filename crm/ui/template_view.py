"""Making a pipeline: from a template, or empty with its first stage."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.i18n import _, current_reader
from crm.pipelines.commands import StagePlan, create_pipeline
from crm.pipelines.templates import available_templates, create_from_template
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.markdown import md


def draw_create() -> None:
    """Draw the ways to make a pipeline: from a template, or empty with its first stage."""
    with st.popover(_("New pipeline"), icon=":material/add:", type="primary"):
        for template in available_templates(current_reader().language):
            st.markdown(f"**{md(template.name)}**  \n{md(template.purpose)}")
            st.caption(" · ".join(md(name) for name in template.pipelines))
            if st.button(_("Create"), key=f"template_{template.key}"):
                _create(template.key)
        st.divider()
        name = st.text_input(_("Or an own one: its name"), key="own_pipeline_name", max_chars=200)
        first = st.text_input(
            _("Its first stage"), key="own_pipeline_stage", max_chars=100, placeholder=_("For example: Contact made")
        )
        if st.button(_("Create an own pipeline"), key="own_pipeline_go"):
            outcome = act.run(create_pipeline, name=name or "", stages=[StagePlan(first or "")])
            if outcome.ok:
                st.session_state["pipeline_chosen"] = outcome.value
                outcome.told(_("Pipeline created"))
                st.rerun()
            field_error(outcome.full_message)


def _create(template: str) -> None:
    def command(session: Session, actor: Actor) -> int:
        return create_from_template(session, actor, template=template, language=current_reader().language)[0]

    outcome = act.run(command)
    if outcome.ok:
        st.session_state["pipeline_chosen"] = outcome.value
    outcome.told(_("Pipeline created"))
    st.rerun()
