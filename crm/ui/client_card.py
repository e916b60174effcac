"""The card of a company or of a contact: who it is, how to reach it, its people and all its deals."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from crm.actor import Actor
from crm.contacts.reads import ClientDeals, CompanyCard, ContactCard, ContactLine, DealLine
from crm.db import read_scope
from crm.deals.chain import chain_roots
from crm.i18n import _, current_reader, ngettext
from crm.i18n.formats import day, days_away, money
from crm.i18n.labels import label
from crm.models import DealStatus
from crm.ui.client_points import POINT_ICONS, point_link, web_link
from crm.ui.deal_view import STATUS_BADGES
from crm.ui.markdown import md
from crm.ui.nav import page_link


def draw_head(card: CompanyCard | ContactCard) -> None:
    """Draw the name and one line that says who it is."""
    icon = ":material/apartment:" if isinstance(card, CompanyCard) else ":material/person:"
    st.markdown(f"### {icon} {md(card.fields.name)}")
    about = [f":material/person: {_('Owner')}: {md(card.owner_name)}"]
    if isinstance(card, CompanyCard):
        fields = card.fields
        about += [_("INN {number}", number=md(fields.inn))] if fields.inn else []
        about += [md(fields.industry)] if fields.industry else []
    elif card.fields.position:
        about.insert(0, md(card.fields.position))
    st.markdown(
        " · ".join(
            [*about, f":gray[{_('since {day}', day=day(card.created_at.astimezone(current_reader().zone).date()))}]"]
        )
    )


def draw_reach(card: CompanyCard | ContactCard) -> None:
    """Draw company, phones, e-mails and other points, address and note."""
    if isinstance(card, ContactCard) and card.company_name:
        if card.company_is_visible and card.fields.company_id:
            page_link("clients", md(card.company_name), icon=":material/apartment:", company=card.fields.company_id)
        else:
            st.markdown(f":material/apartment: {md(card.company_name)}")
    if isinstance(card, CompanyCard) and card.parent_name and card.fields.parent_id:
        name = _("Part of {company}", company=md(card.parent_name))
        page_link("clients", name, icon=":material/account_tree:", company=card.fields.parent_id)
    lines = [f"{POINT_ICONS[point.kind]} {point_link(point)}" for point in card.points]
    if isinstance(card, CompanyCard):
        fields = card.fields
        lines += [f":material/language: {web_link(fields.website)}"] if fields.website else []
        lines += [f":material/location_on: {md(fields.address)}"] if fields.address else []
    if lines:
        st.markdown("  \n".join(lines))
    else:
        st.caption(_("No phone and no e-mail yet. Edit the card to add them: incoming calls will find this client."))
    if card.fields.note:
        with st.container(border=True):
            st.text(card.fields.note)


def draw_people(people: Sequence[ContactLine], hidden: int) -> None:
    """Draw the people of a company."""
    st.markdown(f"**{_('People')}**")
    with st.container(gap="xxsmall"):
        for person in people:
            position = f" :gray[· {md(person.position)}]" if person.position else ""
            page_link("clients", f"**{md(person.name)}**{position}", icon=":material/person:", contact=person.id)
            reach = " · ".join(point_link(point) for point in (person.phone, person.email) if point)
            if reach:
                st.markdown(f":small[{reach}]")
    if hidden:
        st.caption(ngettext("And {n} person known to colleagues.", "And {n} people known to colleagues.", hidden))
    if not people and not hidden:
        st.caption(_("Nobody yet. Who decides, who pays, who calls?"))


def draw_deals(actor: Actor, deals: ClientDeals) -> None:
    """Draw what the client brought and brings, then its deals, the newest first; those of one chain together."""
    with read_scope() as session:
        roots = chain_roots(session, actor, [deal.id for deal in deals.shown])
    chains: dict[int, list[DealLine]] = {}
    for deal in deals.shown:
        chains.setdefault(roots.get(deal.id, deal.id), []).append(deal)
    st.markdown(f"**{_('Deals')}**")
    if deals.totals:
        st.markdown(" ".join(_totals(deals)))
    with st.container(gap="xsmall", key="client_deals"):
        for chain in chains.values():
            _draw_chain(chain)
    rest = deals.visible - len(deals.shown)
    if rest > 0:
        st.caption(ngettext("And {n} older deal.", "And {n} older deals.", rest))
    if deals.hidden:
        st.caption(ngettext("And {n} deal of colleagues.", "And {n} deals of colleagues.", deals.hidden))
    if not deals.shown and not deals.hidden:
        st.caption(_("No deals yet. Open the board, create a deal and choose this client in it."))
        page_link("board", _("To the board"), icon=":material/view_kanban:")


def _draw_chain(deals: Sequence[DealLine]) -> None:
    if len(deals) == 1:
        with st.container(gap=None, border=True):
            _draw_deal(deals[0])
        return
    with st.container(gap="xsmall", border=True):
        st.markdown(f":small[:gray[:material/account_tree: {_('Chain of deals, the newest first')}]]")
        for deal in deals:
            with st.container(gap=None):
                _draw_deal(deal)


def _draw_deal(deal: DealLine) -> None:
    title = f"**\\#{deal.id} {md(deal.title)}** · {md(money(deal.amount_minor, deal.currency))}"
    page_link("deal", title, deal=deal.id)
    badge = STATUS_BADGES[deal.status].format(word=md(deal.stage_name))
    st.markdown(f":small[{badge} {_about(deal)}]")


def _totals(deals: ClientDeals) -> list[str]:
    return [
        STATUS_BADGES[total.status].format(
            word=f"{label(total.status)} {total.count} · {md(money(total.amount_minor, total.currency))}"
        )
        for total in deals.totals
    ]


def _about(deal: DealLine) -> str:
    parts = [md(deal.owner_name), md(deal.pipeline_name)]
    if deal.status is DealStatus.OPEN:
        step = days_away(deal.next_due_at) if deal.next_due_at else _("no next step")
        parts.insert(0, f":material/event: {md(step)}")
    elif deal.closed_at:
        parts.insert(0, day(deal.closed_at.astimezone(current_reader().zone).date()))
    return f":gray[{' · '.join(parts)}]"
