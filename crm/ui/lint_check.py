"""The box that looks a foreign pipeline over: a description, or stage names one a line; nothing is written."""

from __future__ import annotations

import streamlit as st

from crm.errors import CrmError, Refused
from crm.i18n import _, current_reader, ngettext
from crm.i18n.lint_texts import why
from crm.i18n.texts import error_sentence, violation_sentence
from crm.pipelines.descriptions import description_from_text
from crm.pipelines.linter.foreign import facts_of_description, names_alone
from crm.pipelines.linter.runs import Health, health_of
from crm.pipelines.linter.values import RenameStage, Severity
from crm.ui.forms import field_error
from crm.ui.lint_words import SEVERITY_SIGNS, sentence_of
from crm.ui.markdown import md


def draw_check() -> None:
    """Draw the box, closed at first, and under it what was found in the text."""
    with st.expander(_("Check a pipeline that is not here"), icon=":material/content_paste_search:"):
        st.caption(_("Paste stage names, one a line, or a description in TOML. Nothing is changed."))
        text = st.text_area(
            _("Stages"), key="lint_check_text", height=180, max_chars=200_000, label_visibility="collapsed",
            placeholder=_("Contact made\nOffer sent\nNegotiation"),
        )  # fmt: skip
        if not st.button(_("Check"), key="lint_check_go") or not (text or "").strip():
            return
        try:
            healths = _healths(text or "")
        except CrmError as error:
            broken = error.violations if isinstance(error, Refused) else ()
            told = [
                f"{one.field}: {violation_sentence(one)}" if one.field else violation_sentence(one) for one in broken
            ]
            field_error(" ".join([error_sentence(error), *told]))
            return
        for health in healths:
            _draw(health)


def _healths(text: str) -> list[Health]:
    description = description_from_text(text, name=_("Pasted pipeline"))
    facts = facts_of_description(description, current_reader().language)
    # Bare names say nothing of reasons and norms; a description that has none lacks them.
    bare = "=" not in text
    return [health_of(names_alone(one) if bare else one) for one in facts]


def _draw(health: Health) -> None:
    count = len(health.told)
    things = ngettext("{n} thing to mend", "{n} things to mend", count) if count else _("nothing to mend")
    st.markdown(f"**{md(health.pipeline.name)}: {_('{score} of 100', score=health.score)}**, {things}")
    for told in health.told:
        finding = told.finding
        better = [fix.name for fix in finding.fixes if isinstance(fix, RenameStage) and fix.name]
        offer = f" {_('For example: {names}', names=', '.join(better))}" if better else ""
        reason = "" if finding.severity is Severity.HINT else f"  \n:gray[{md(why(finding.code))}]"
        st.markdown(f"{SEVERITY_SIGNS[finding.severity]} {md(sentence_of(finding) + offer)}{reason}")
