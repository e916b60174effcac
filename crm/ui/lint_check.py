"""What the linter says about a pipeline that is not in the base: told under the text it was read from."""

from __future__ import annotations

import streamlit as st

from crm.i18n import _, current_reader, ngettext
from crm.i18n.lint_texts import why
from crm.pipelines.descriptions import Description
from crm.pipelines.linter.foreign import facts_of_description, names_alone
from crm.pipelines.linter.runs import Health, Told, health_of
from crm.pipelines.linter.values import RenameStage
from crm.ui.lint_words import SEVERITY_SIGNS, sentence_of
from crm.ui.markdown import md


def draw_foreign_health(description: Description, *, only_names: bool) -> None:
    """Draw what is found in each pipeline of a description, worst first, with better names; nothing is written.

    Where `only_names` of stages were told, nobody can have forgotten reasons or norms.
    """
    facts = facts_of_description(description, current_reader().language)
    healths = [health_of(names_alone(one) if only_names else one) for one in facts]
    for health in sorted(healths, key=lambda one: one.score):
        _draw(health, expanded=len(healths) == 1)


def _draw(health: Health, *, expanded: bool) -> None:
    title = _("{name}: {score} of 100", name=md(health.pipeline.name), score=health.score)
    count = len(health.told)
    if not count:
        st.markdown(f":green[:material/check_circle:] {title}")
        return
    things = ngettext("{n} thing to mend", "{n} things to mend", count)
    with st.expander(f"{title} · {things}", expanded=expanded, icon=":material/rule:"):
        told_why: set[str] = set()
        for told in health.told:
            _draw_finding(told, with_why=told.finding.code not in told_why)
            told_why.add(told.finding.code)


def _draw_finding(told: Told, *, with_why: bool) -> None:
    finding = told.finding
    better = [f"**{md(fix.name)}**" for fix in finding.fixes if isinstance(fix, RenameStage) and fix.name]
    offer = f" {_('For example: {names}', names=', '.join(better))}" if better else ""
    reason = f"  \n:small[:gray[{md(why(finding.code))}]]" if with_why else ""
    st.markdown(f"{SEVERITY_SIGNS[finding.severity]} {md(sentence_of(finding))}{offer}{reason}")
