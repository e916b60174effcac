"""The parts of a deal's page around its fields: head, stage bar, ways to move, clients, other deals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.auth.permissions import Action, may
from crm.db import read_scope
from crm.deals.commands import reassign_deal
from crm.deals.reads import DealCard, OtherDeal, PartCard, StageTime
from crm.deals.removal import remove_deal
from crm.i18n import _, ngettext
from crm.i18n.formats import duration, moment, money
from crm.i18n.labels import label
from crm.models import DealStatus, PointKind, StageKind
from crm.pipelines.values import StageInfo
from crm.ui import act
from crm.ui.deal_editor import forget_typed
from crm.ui.deal_moves import ask_move, try_move
from crm.ui.device import is_phone
from crm.ui.forms import field_error, owner_input, priority_text
from crm.ui.markdown import md
from crm.ui.nav import go_to, page_link
from crm.ui.page import redraw
from crm.ui.refusals import barred

STATUS_BADGES = {
    DealStatus.OPEN: ":blue-badge[:material/radio_button_checked: {word}]",
    DealStatus.WON: ":green-badge[:material/check_circle: {word}]",
    DealStatus.LOST: ":gray-badge[:material/cancel: {word}]",
}
PASSED_ICON = ":material/gavel:"


def draw_head(card: DealCard) -> None:
    """Draw number and title, then what the deal is worth, whose it is and how it stands."""
    st.markdown(f"### \\#{card.id} {md(card.title)}")
    parts = [
        STATUS_BADGES[card.status].format(word=label(card.status)),
        f"**{md(money(card.amount_minor, card.currency))}**",
        priority_text(card.priority),
        f":material/person: {md(card.owner_name)}",
        md(card.pipeline.name),
    ]
    if card.company_name:
        parts.insert(3, f":material/apartment: {md(card.company_name)}")
    st.markdown(" · ".join(parts))
    if card.status is DealStatus.LOST:
        why = " — ".join(md(part) for part in (card.loss_reason, card.loss_note) if part)
        where = _("on “{stage}”", stage=md(card.loss_stage or "—"))
        st.markdown(f":material/info: {_('Lost')} {where}: {why}")


def draw_stage_bar(card: DealCard, times: list[StageTime]) -> None:
    """Draw the stages with the time spent on each; the present one red when over its norm, a passed rule marked."""
    shown = [time for time in times if time.stage.kind is StageKind.OPEN or time.overrides]
    st.markdown(" ".join(_stage_badge(card, time) for time in shown))
    passed = sum(time.overrides for time in times)
    if passed:
        told = ngettext("{n} move past a rule, its reason is on the timeline",
                        "{n} moves past a rule, their reasons are on the timeline", passed)  # fmt: skip
        st.caption(f"{PASSED_ICON} {told}")
    if card.is_open and card.stage.exit_criterion:
        st.caption(_("Done when: {criterion}", criterion=md(card.stage.exit_criterion)))


def draw_moves(actor: Actor, card: DealCard, typed: Mapping[str, Any]) -> None:
    """Draw the ways on: the next stage, won, lost; for those who may other stages, handing over, removal."""
    if not card.is_open:
        _draw_closed(actor, card)
        return
    following = card.pipeline.next_stage(card.stage)
    bar = barred(actor, card.pipeline, card.stage, following)
    with st.container(horizontal=True, gap="small"):
        icon = ":material/check_circle:" if following.kind is StageKind.WON else ":material/arrow_forward:"
        help_text = md(bar) or _("Move to the next stage")
        if st.button(md(following.name), key="deal_forward", icon=icon, help=help_text, disabled=bool(bar)):
            if try_move(card.id, following.id, values=typed):
                forget_typed(card.id)
                st.rerun()  # the whole page: the timeline tells of the move too
            redraw()
        if st.button(_("Lost"), key="deal_lost", icon=":material/cancel:", type="tertiary"):
            ask_move(card.id, card.pipeline.lost_stage.id, typed)
            redraw()
        _draw_elsewhere(actor, card, following, typed)
        if may(actor, Action.REASSIGN_DEALS):
            _draw_reassign(actor, card)
        if may(actor, Action.REMOVE_DEALS):
            _draw_removal(card)
    if bar and is_phone():  # where nothing hovers
        st.caption(f":material/block: {md(bar)}")


def draw_clients(card: DealCard, others: list[OtherDeal]) -> None:
    """Draw the company, the contacts with their points, and the client's other deals."""
    if card.company_id and card.company_name:
        page_link("clients", md(card.company_name), icon=":material/apartment:", company=card.company_id)
    for part in card.contacts:
        page_link("clients", _part_name(part), icon=":material/person:", contact=part.contact_id)
        if part.points:
            st.markdown(" · ".join(_point(point.kind, point.value, point.normalised) for point in part.points))
    if not card.company_id and not card.contacts:
        st.caption(_("No client yet: choose the company or the contact in the fields."))
    if others:
        st.markdown(f"**{_('Other deals of this client')}**")
    for other in others:
        worth = md(money(other.amount_minor, other.currency))
        badge = STATUS_BADGES[other.status].format(word=md(other.stage_name))
        # Outside the link, which is cut where it does not fit; on a phone the badge takes a line of its own.
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"other_deal_{other.id}"):
            page_link("deal", f"\\#{other.id} {md(other.title)} · {worth}", deal=other.id)
            st.markdown(badge, width="content")


def draw_origin(card: DealCard) -> None:
    """Tell when and how the deal came to be, and which deal it continues."""
    st.caption(
        _("Created {when}, {channel}", when=md(moment(card.created_at)), channel=md(label(card.created_channel)))
    )
    if card.return_source:
        told = _("Came back from “{pipeline}”; first source: {source}", pipeline=md(card.return_source),
                 source=md(card.source or "—"))  # fmt: skip
        st.caption(f":material/undo: {told}")


def _stage_badge(card: DealCard, time: StageTime) -> str:
    spent = f" · {duration(time.seconds)}" if time.seconds is not None else ""
    name = md(time.stage.name) + spent + (f" {PASSED_ICON}" if time.overrides else "")
    if time.is_current:
        norm = time.stage.norm_seconds
        over = norm is not None and (time.seconds or 0) > norm
        told = _(", norm {norm}", norm=duration(norm)) if over and norm else ""
        return f":{'red' if over else 'blue'}-badge[:material/radio_button_checked: {name}{told}]"
    if time.seconds is not None:
        return f":green-badge[:material/check: {name}]"
    return f":gray-badge[{name}]"


def _draw_closed(actor: Actor, card: DealCard) -> None:
    with st.container(horizontal=True, gap="small"):
        if may(actor, Action.OVERRIDE_RULES) and st.button(
            _("Take up again"), key="deal_reopen", icon=":material/restart_alt:",
            help=_("Makes the deal an open one again, with a next step and a reason that others will see."),
        ):  # fmt: skip
            stages = card.pipeline.open_stages
            left = next((stage for stage in stages if stage.name == card.loss_stage), stages[-1])
            ask_move(card.id, left.id)
            redraw()
        if may(actor, Action.REMOVE_DEALS):
            _draw_removal(card)


def _draw_elsewhere(actor: Actor, card: DealCard, following: StageInfo, typed: Mapping[str, Any]) -> None:
    pipeline = card.pipeline
    others = {
        one.id: one
        for one in (*pipeline.open_stages, pipeline.won_stage)
        if one.id not in {card.stage.id, following.id} and not barred(actor, pipeline, card.stage, one)
    }
    if not others:
        return
    chosen = st.menu_button(
        _("Other stage"), list(others), format_func=lambda one: md(others[one].name), key="deal_elsewhere",
        icon=":material/drive_file_move:", type="tertiary",
    )  # fmt: skip
    if chosen is not None:
        if try_move(card.id, chosen, values=typed):
            forget_typed(card.id)
            st.rerun()  # the whole page: the timeline tells of the move too
        redraw()


def _draw_removal(card: DealCard) -> None:
    with st.popover(_("Remove"), icon=":material/delete:", type="tertiary"):
        st.caption(_("The deal vanishes from every list. It stays on the page “Exceptions” and can come back."))
        reason = st.text_area(_("Why?"), key=f"deal_remove_reason_{card.id}", max_chars=5000, height=80)
        field_error(st.session_state.get("deal_remove_error"))
        if st.button(_("Remove the deal"), key="deal_remove", type="primary"):
            outcome = act.run(remove_deal, deal_id=card.id, expected_version=card.version, reason=reason or "")
            if not outcome.ok:
                st.session_state["deal_remove_error"] = outcome.full_message
                redraw()
            st.session_state.pop("deal_remove_error", None)
            outcome.told(_("Deal {id} is removed", id=f"\\#{card.id}"))
            go_to("board")


def _draw_reassign(actor: Actor, card: DealCard) -> None:
    with st.popover(_("Hand over"), icon=":material/person_add:", type="tertiary"):
        with read_scope() as session:
            owners = list_owners(session, actor)
        owner_id = owner_input(_("New owner"), key="deal_new_owner", names=owners, value=card.owner_id)
        ready = owner_id is not None and owner_id != card.owner_id
        if st.button(_("Hand over"), key="deal_reassign", type="primary", disabled=not ready) and owner_id:
            act.run(reassign_deal, deal_id=card.id, expected_version=card.version, owner_id=owner_id).told(
                _("The deal has a new owner")
            )
            st.rerun()


def _part_name(part: PartCard) -> str:
    return f"{md(part.name)} ({md(part.role)})" if part.role else md(part.name)


def _point(kind: PointKind, value: str, normalised: str) -> str:
    if kind is PointKind.PHONE:
        return f"[{md(value)}](tel:{normalised})"
    if kind is PointKind.EMAIL and "(" not in normalised and ")" not in normalised:
        return f"[{md(value)}](mailto:{normalised})"
    return md(value)
