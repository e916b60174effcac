"""What can be done at once about a finding: the owners of its open deals get a task."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from crm.actor import Actor
from crm.analytics.charts.trust import FOUND
from crm.analytics.listing import list_behind
from crm.analytics.trust.findings import finding_of
from crm.analytics.trust.values import Subject
from crm.auth.permissions import Action, may
from crm.db import read_scope
from crm.deals.step_plans import MOST_AT_ONCE, StepsPlanned, plan_steps
from crm.i18n import N_, _, ngettext
from crm.i18n.analytics_texts import meaning_of, value_word
from crm.models import DealStatus
from crm.ui import act
from crm.ui.dashboard.blocks import Block, open_cell
from crm.ui.dashboard.cells import Cell
from crm.ui.markdown import md
from crm.ui.page import page_dialog, redraw
from crm.ui.step_inputs import step_input

# What the owner is asked to do; of other findings, to put the deal right.
TASKS: Mapping[str, str] = {
    "no_step": N_("Agree on the next step with the client"),
    "late_step": N_("Do what is overdue, or agree on another date"),
    "empty_field": N_("Fill in the fields that the stage asks for"),
    "too_long": N_("Move the deal on, or close it"),
    "no_source": N_("Write where the client comes from"),
}
_ANY_TASK = N_("Put the deal's data right")
_KEY = "trust_task"


def draw_finding_fix(actor: Actor, block: Block) -> None:
    """Draw what an open finding means and what to do about it; nothing while none is open."""
    cell = open_cell(block)
    if cell is None:
        return
    code = cell.row["finding"]
    with st.container(border=True, key="trust_fix"):
        st.markdown(
            f"**{md(value_word('finding', code))}.** {md(meaning_of(f'finding:{code}', block.chart.name) or '')}"
        )
        if cell.door.code != FOUND or not may(actor, Action.WORK_DEALS):
            return
        if finding_of(code).subject in (Subject.CLOSED, Subject.ENDS):
            st.caption(_("These deals are closed: open one from the list to put it right."))
            return
        if st.button(_("Give the owners a task"), icon=":material/add_task:", key="trust_fix_plan"):
            _ask_task(actor, block, cell)


def _ask_task(actor: Actor, block: Block, cell: Cell) -> None:
    code = cell.row["finding"]
    for name in [one for one in st.session_state if str(one).startswith(f"{_KEY}_")]:
        del st.session_state[name]
    task = TASKS.get(code, _ANY_TASK)
    st.session_state[f"{_KEY}_step_text"] = _(task)
    with read_scope() as session:
        listed = list_behind(session, actor, block.chart, block.ask, cell.row, cell.door.code, limit=MOST_AT_ONCE)
    deal_ids = tuple(dict.fromkeys(one.id for one in listed if one.status is DealStatus.OPEN))

    @page_dialog(_("Task for the owners"), width="medium")
    def ask() -> None:
        if not deal_ids:
            st.caption(_("None of these deals is open any more."))
            return
        st.markdown(
            ngettext("{n} open deal gets this step; it is its owner's.",
                     "{n} open deals get this step, each for its owner.", len(deal_ids))
        )  # fmt: skip
        if cell.value > MOST_AT_ONCE:
            st.caption(_("The newest {n} of the list at once; the others when these are done.", n=MOST_AT_ONCE))
        outcome: act.Outcome[StepsPlanned] | None = st.session_state.get(f"{_KEY}_outcome")
        typed = step_input(key=f"{_KEY}_step", error=outcome.full_message if outcome else None)
        if st.button(_("Plan a step"), key=f"{_KEY}_save", type="primary", disabled=typed.plan is None) and typed.plan:
            saved = act.run(plan_steps, deal_ids=deal_ids, plan=typed.plan)
            if saved.value is None:
                st.session_state[f"{_KEY}_outcome"] = saved
                redraw()
            saved.told(_told(saved.value))
            st.rerun()

    ask()


def _told(planned: StepsPlanned) -> str:
    told = ngettext("A step is planned for {n} deal", "A step is planned for {n} deals", len(planned.deal_ids))
    if not planned.left_out:
        return told
    left = ngettext("{n} deal was closed meanwhile or has it already",
                    "{n} deals were closed meanwhile or have it already", planned.left_out)  # fmt: skip
    return f"{told}; {left}"
