"""The dialog that says from where on a pipeline's figures are findings."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from crm.db import read_scope
from crm.i18n import N_, _
from crm.pipelines.linter.limits import BOUNDS, DEFAULTS, PERCENT_BOUNDS, Limits, edit_limits, load_limits
from crm.pipelines.values import PipelineInfo
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.page import page_dialog, redraw

_OUTCOME = "lint_limits_outcome"
LABELS: dict[str, str] = {
    "fewest_stages": N_("Stages at least"),
    "most_stages": N_("Stages at most"),
    "far_too_many_stages": N_("More stages than this are an error"),
    "fewest_deals": N_("Figures count from so many deals on"),
    "period_days": N_("Figures are of so many days"),
    "still_days": N_("Drawer: nothing comes out for days"),
    "merge_pass_percent": N_("Merge where more than so many % pass"),
    "one_source_percent": N_("Source: more than so many % begin alike"),
    "crowd_percent": N_("Crowd: more than so many % of open deals"),
    "old_times": N_("Old: so many times the usual age"),
    "no_task_percent": N_("Without a task: more than so many %"),
    "skipped_percent": N_("Skipped by more than so many % of winners"),
    "back_percent": N_("More than so many % of moves go back"),
    "fewest_reasons": N_("Reasons of loss at least"),
    "other_percent": N_("“Other” in more than so many % of losses"),
    "one_reason_percent": N_("One reason in more than so many %"),
    "unused_after_losses": N_("Unused reasons are told after so many losses"),
}


def ask_limits(pipeline: PipelineInfo) -> None:
    """Open the dialog with every threshold of the pipeline."""
    for key in [name for name in st.session_state if str(name).startswith("lint_limit")]:
        del st.session_state[key]
    with read_scope() as session:
        present = asdict(load_limits(session, pipeline.id))

    @page_dialog(_("Where findings begin"), width="large")
    def ask() -> None:
        outcome: act.Outcome[None] | None = st.session_state.get(_OUTCOME)
        st.caption(_("For this pipeline only. A long process may need more stages and a longer period."))
        typed: dict[str, int] = {}
        columns = st.columns(2, gap="medium")
        for number, (name, text) in enumerate(LABELS.items()):
            least, most = BOUNDS.get(name, PERCENT_BOUNDS)
            usual = getattr(DEFAULTS, name)
            with columns[number % 2]:
                typed[name] = int(
                    st.number_input(
                        _(text), least, most, value=present[name], step=1, key=f"lint_limit_{name}",
                        help=_("Usual: {value}", value=usual),
                    )
                )  # fmt: skip
                field_error(outcome.field_error(name) if outcome else None)
        if st.button(_("Save"), key="lint_limits_save", type="primary"):
            saved = act.run(
                edit_limits, pipeline_id=pipeline.id, expected_version=pipeline.version, limits=Limits(**typed)
            )
            if saved.ok:
                saved.told(_("Saved"))
                st.rerun()
            st.session_state[_OUTCOME] = saved
            redraw()
        if outcome is not None and not outcome.violations:
            field_error(outcome.message or None)

    ask()
