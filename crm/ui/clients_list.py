"""The list of clients: search, filters, one line a client, pages."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.auth.permissions import Action, may
from crm.contacts.lists import CLIENT_KINDS, ClientPage, ClientRow, load_clients
from crm.db import read_scope
from crm.i18n import N_, _, ngettext
from crm.ui.client_points import point_link
from crm.ui.device import is_phone
from crm.ui.markdown import md
from crm.ui.nav import page_link

ROWS_SHOWN = 25
LONGEST_TEXT = 200
KIND_CHOICES = {"all": N_("All"), "company": N_("Companies"), "contact": N_("People")}
KIND_ICONS = {"company": ":material/apartment:", "contact": ":material/person:"}
_WIDTHS = [10, 5, 7, 5, 6]
_PAGES_KEY = "clients_pages"
# Links to cards lead to the page they stand on; Streamlit marks such links as the present page.
_PLAIN_LINKS = """<style>
[class*="st-key-client"] a[data-testid="stPageLink-NavLink"]{background:transparent;padding-left:0}
[class*="st-key-client"] a[data-testid="stPageLink-NavLink"]:hover{background:var(--st-secondary-background-color)}
[class*="st-key-client"] a[data-testid="stPageLink-NavLink"] p{font-weight:400;overflow:hidden;text-overflow:ellipsis}
</style>"""

Wanted = tuple[str, tuple[str, ...], int | None]


def draw_list(actor: Actor) -> None:
    """Draw the filters and one page of clients."""
    with read_scope() as session:
        owners = list_owners(session, actor) if may(actor, Action.REASSIGN_DEALS) else {}
    wanted = _draw_filters(owners)
    text, kinds, owner_id = wanted
    # The place in the list belongs to one filter: another one begins at the newest client.
    places: list[int] = st.session_state.setdefault(_PAGES_KEY, {}).setdefault(wanted, [])
    with read_scope() as session:
        page = load_clients(
            session, actor, text=text, kinds=kinds, owner_id=owner_id, page=places[-1] if places else None,
            limit=ROWS_SHOWN,
        )  # fmt: skip
    if not page.rows:
        _draw_empty(wanted, places)
        return
    if is_phone():
        for row in page.rows:
            _draw_short(row)
    else:
        _draw_table(page)
    _draw_pager(places, page.next_page)


def plain_links() -> None:
    """Make links between clients inside containers whose key begins with "client" look like links to other pages."""
    st.html(_PLAIN_LINKS)


def client_link(row: ClientRow, more: str = "") -> None:
    """Draw the link to a client's card; `more` is markdown behind the name."""
    page_link("clients", f"**{md(row.name)}**{more}", icon=KIND_ICONS[row.kind], **{row.kind: row.id})


def _draw_filters(owners: dict[int, str]) -> Wanted:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            _("Find a client"),
            key="clients_text",
            type="search",
            live="300ms",
            placeholder=_("Name, phone, e-mail or INN"),
            label_visibility="collapsed",
            persist_state="session",
            width=340,
        )
        kind = st.segmented_control(
            _("Show"),
            list(KIND_CHOICES),
            default="all",
            required=True,
            format_func=lambda code: _(KIND_CHOICES[code]),
            key="clients_kind",
            label_visibility="collapsed",
            persist_state="session",
        )
        owner_id = None
        if len(owners) > 1:
            owner_id = st.selectbox(
                _("Whose"),
                list(owners),
                index=None,
                format_func=lambda user_id: owners[user_id],
                placeholder=_("Everybody's"),
                label_visibility="collapsed",
                key="clients_owner",
                persist_state="session",
                width=200,
            )
    kinds = (kind,) if kind in CLIENT_KINDS else CLIENT_KINDS
    return (text or "").strip()[:LONGEST_TEXT], kinds, owner_id


def _draw_empty(wanted: Wanted, places: list[int]) -> None:
    if wanted == ("", CLIENT_KINDS, None):
        st.info(
            _(
                "Here will be the companies and people you sell to, each with all its deals. "
                "Add the first one, or bring them in from a file."
            ),
            icon=":material/groups:",
        )
    elif len(wanted[0]) == 1:
        st.caption(_("Write at least two letters."))
    else:
        st.info(
            _(
                "No client of yours matches. Try a part of the name, other digits of the phone, or fewer conditions. "
                "Clients of colleagues are shown to you only through a common deal."
            ),
            icon=":material/search_off:",
        )
    _draw_pager(places, None)


def _draw_table(page: ClientPage) -> None:
    titles = (_("Client"), _("Phone"), _("E-mail"), _("Owner"), _("Deals"))
    for column, title in zip(st.columns(_WIDTHS), titles, strict=True):
        column.caption(title)
    with st.container(gap="xxsmall", key="clients_rows"):
        for row in page.rows:
            name, phone, email, owner, deals = st.columns(_WIDTHS, vertical_alignment="center")
            with name:
                client_link(row, f" :gray[· {md(row.detail)}]" if row.detail else "")
            phone.markdown(f":small[{point_link(row.phone)}]" if row.phone else "")
            email.markdown(f":small[{point_link(row.email)}]" if row.email else "")
            owner.markdown(f":small[{md(row.owner_name)}]")
            deals.markdown(f":small[{_deals(row)}]")


def _draw_short(row: ClientRow) -> None:
    with st.container(gap=None, border=True, key=f"client_{row.kind}_{row.id}"):
        client_link(row)
        about = [md(part) for part in (row.detail, row.owner_name) if part]
        if row.all_deals:
            about.append(_deals(row))
        st.caption(" · ".join(about))
        if row.phone:
            st.markdown(f":material/call: {point_link(row.phone)}")


def _deals(row: ClientRow) -> str:
    if not row.all_deals:
        return ":gray[—]"
    total = ngettext("{n} deal", "{n} deals", row.all_deals)
    return f"**{_('{n} open', n=row.open_deals)}** / {total}" if row.open_deals else f":gray[{total}]"


def _draw_pager(places: list[int], next_page: int | None) -> None:
    with st.container(horizontal=True):
        if places:
            st.button(
                _("Newer"), key="clients_newer", icon=":material/chevron_left:", on_click=_go_back, args=(places,)
            )
        if next_page is not None:
            st.button(
                _("Older"), key="clients_older", icon=":material/chevron_right:", on_click=places.append,
                args=(next_page,),
            )  # fmt: skip


def _go_back(places: list[int]) -> None:
    del places[-1:]
