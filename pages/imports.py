"""Import: files in, columns mapped, rows checked, and the imports so far with a way back."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.i18n import _
from crm.ui.import_check import draw_check
from crm.ui.import_columns import draw_columns
from crm.ui.import_draft import DraftStep, present_draft
from crm.ui.import_files import draw_files
from crm.ui.import_list import draw_imports, is_any_running
from crm.ui.page import open_page, page_fragment

reader = open_page("imports")
STEPS = {DraftStep.FILES: draw_files, DraftStep.COLUMNS: draw_columns, DraftStep.CHECK: draw_check}


def draw_new(actor: Actor) -> None:
    """Draw the import in the making."""
    draft = present_draft()
    names = {DraftStep.FILES: _("1. Files"), DraftStep.COLUMNS: _("2. Columns"), DraftStep.CHECK: _("3. Check")}
    steps = [f"**{name}**" if step is draft.step else f":gray[{name}]" for step, name in names.items()]
    st.markdown(" → ".join(steps))
    STEPS[draft.step](actor, draft)


@page_fragment("imports")
def draw_still(actor: Actor) -> None:
    """Draw the import in the making while the reader is the one who acts."""
    draw_new(actor)


@page_fragment("imports", run_every="1s")
def draw_waiting(actor: Actor) -> None:
    """Draw the import in the making while another process reads or checks."""
    draw_new(actor)
    if not present_draft().is_waiting():
        st.rerun()


@page_fragment("imports")
def draw_list(actor: Actor) -> None:
    """Draw the imports so far."""
    draw_imports(actor)


@page_fragment("imports", run_every="1s")
def draw_moving_list(actor: Actor) -> None:
    """Draw the imports so far while one of them runs."""
    draw_imports(actor)
    if not is_any_running(actor):
        st.rerun()


st.markdown(f"### {_('Import')}")
if present_draft().is_waiting():
    draw_waiting()
else:
    draw_still()
if is_any_running(reader):
    draw_moving_list()
else:
    draw_list()
