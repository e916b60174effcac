"""The tab "Links" of a pipeline: where its deals go on by themselves, where they come from, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from crm.actor import Actor
from crm.auth.teams import list_teams
from crm.db import read_scope
from crm.deals.link_runs import Firing, firing_counts, last_firings
from crm.i18n import _, ngettext
from crm.i18n.event_texts import SKIP_TEXTS
from crm.i18n.formats import moment
from crm.i18n.labels import label
from crm.models import LinkRunStatus
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.links import delete_link, edit_link, list_links, switch_link_off
from crm.pipelines.reads import load_loss_reasons
from crm.pipelines.values import PipelineInfo
from crm.ui import act
from crm.ui.link_form import ask_link
from crm.ui.link_words import link_details, link_sentence
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import page_dialog, signed_in_actor

FIRINGS_SHOWN = 20


def draw_links(actor: Actor, pipeline: PipelineInfo) -> None:
    """Draw the links from the pipeline, then those that lead to it."""
    with read_scope() as session:
        links = list_links(session)
        counts = firing_counts(session, actor)
        names = {
            "loss_reason": {one.id: one.name for one in load_loss_reasons(session, pipeline.id)},
            "team": {one.id: one.name for one in list_teams(session, actor)},
        }
    going = [link for link in links if link.plan.from_pipeline_id == pipeline.id]
    coming = [link for link in links if link.plan.to_pipeline_id == pipeline.id and link not in going]
    st.caption(
        _(
            "A link creates a new deal in another pipeline when one here is won, lost or comes to a stage. "
            "The deal here stays with its whole history."
        )
    )
    for link in going:
        _draw_link(pipeline, link, counts.get(link.id, {}), names)
    if not going:
        st.info(
            _("Nothing follows from deals of this pipeline yet. Where does a won client go? And a lost one?"),
            icon=":material/link:",
        )
    if st.button(_("Add a link"), key="add_link", icon=":material/add:"):
        ask_link(pipeline, None)
    if coming:
        st.markdown(f"**{_('Deals come here from')}**")
        for link in coming:
            off = "" if link.plan.is_active else f" :gray[· {_('switched off')}]"
            st.markdown(f"{link_sentence(link)}{off}")


def _draw_link(
    pipeline: PipelineInfo,
    link: LinkInfo,
    counts: Mapping[LinkRunStatus, int],
    names: Mapping[str, Mapping[int, str]],
) -> None:
    with st.container(border=True, key=f"link_{link.id}", gap="xsmall"):
        st.markdown(
            f"{link_sentence(link)}{_warning(pipeline, link)}  \n:gray[{link_details(link, pipeline.fields, names)}]"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(_("Change"), key=f"edit_link_{link.id}", icon=":material/edit:"):
                ask_link(pipeline, link)
            if sum(counts.values()):
                fired = ngettext("Fired {n} time", "Fired {n} times", sum(counts.values()))
                if st.button(fired, key=f"link_firings_{link.id}", icon=":material/history:", type="tertiary"):
                    _show_firings(link, counts)
            if link.plan.is_active:
                st.button(
                    _("Switch off"), key=f"link_off_{link.id}", type="tertiary", on_click=_switch_off, args=(link,)
                )
            else:
                st.button(_("Switch on"), key=f"link_on_{link.id}", type="tertiary", on_click=_switch_on, args=(link,))
            if not counts:
                st.button(_("Remove"), key=f"link_delete_{link.id}", type="tertiary", on_click=_delete, args=(link,))


def _warning(pipeline: PipelineInfo, link: LinkInfo) -> str:
    start = pipeline.stage(link.plan.from_stage_id) if link.plan.from_stage_id is not None else None
    if not link.plan.is_active:
        return f" :orange-badge[{_('switched off')}]"
    return f" :red-badge[{_('never fires: the stage is no longer in use')}]" if start and start.is_retired else ""


def _switch_off(link: LinkInfo) -> None:
    act.run(switch_link_off, link_id=link.id, expected_version=link.version).told(_("The link is switched off"))


def _switch_on(link: LinkInfo) -> None:
    plan = replace(link.plan, is_active=True)
    act.run(edit_link, link_id=link.id, expected_version=link.version, plan=plan).told(_("The link is switched on"))


def _delete(link: LinkInfo) -> None:
    act.run(delete_link, link_id=link.id, expected_version=link.version).told(_("The link is removed"))


def _show_firings(link: LinkInfo, counts: Mapping[LinkRunStatus, int]) -> None:
    @page_dialog(_("What came of the link"), width="large")
    def show() -> None:
        actor = signed_in_actor()
        if actor is None:
            st.rerun()
        st.markdown(link_sentence(link))
        st.markdown(" · ".join(f"{label(status)}: **{count}**" for status, count in counts.items()))
        with read_scope() as session:
            firings = last_firings(session, actor, link.id, limit=FIRINGS_SHOWN)
        for firing in firings:
            _draw_firing(firing)
        rest = sum(counts.values()) - len(firings)
        if rest > 0:
            st.caption(ngettext("And {n} earlier.", "And {n} earlier.", rest))

    show()


def _draw_firing(firing: Firing) -> None:
    told = label(firing.status)
    if firing.status is LinkRunStatus.WAITING:
        told = _("comes {when}", when=moment(firing.due_at))
    elif firing.reason is not None:
        told = f"{told}: {_(SKIP_TEXTS[firing.reason])}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        page_link("deal", f"\\#{firing.deal_id} {md(firing.deal_title)}", deal=firing.deal_id)
        st.markdown(f":small[:gray[{md(moment(firing.at))} · {md(told)}]]")
        if firing.child_id is not None:
            page_link(
                "deal", f"\\#{firing.child_id} {md(firing.child_title)}", icon=":material/arrow_forward:",
                deal=firing.child_id,
            )  # fmt: skip
