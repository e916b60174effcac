"""The journal: who changed what, when and through which door."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.audit import JournalFilter, JournalRow, load_journal
from crm.auth.people import list_people
from crm.db import read_scope
from crm.i18n import _
from crm.i18n.formats import full_moment
from crm.i18n.labels import label
from crm.pipelines.reads import load_fields
from crm.ui.journal import ENTITIES, GROUPS, PERIODS, kinds_of, row_changes, row_record, row_sentence, since_of
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import open_page, page_fragment

PAGE_ROWS = 50
MOST_PEOPLE = 500

open_page("audit")
st.markdown(f"### {_('Journal')}")


def chosen_filter(people: dict[int, str]) -> JournalFilter:
    """Draw the filter bar and return what it asks for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        person = st.selectbox(
            _("Who"),
            list(people),
            index=None,
            format_func=lambda user_id: people[user_id],
            placeholder=_("Everybody"),
            key="audit_person",
            width=170,
        )
        group = st.selectbox(
            _("What"),
            list(GROUPS),
            index=None,
            format_func=lambda code: _(GROUPS[code][0]),
            placeholder=_("Everything"),
            key="audit_group",
            width=170,
        )
        entity = st.selectbox(
            _("Record"),
            list(ENTITIES),
            index=None,
            format_func=lambda code: _(ENTITIES[code]),
            placeholder=_("Any"),
            key="audit_entity",
            width=130,
        )
        number = st.number_input(
            _("Number"), min_value=1, max_value=10**15, value=None, step=1, key="audit_number", width=90
        )
        period = st.segmented_control(
            _("Period"), list(PERIODS), default="week", required=True, format_func=lambda code: _(PERIODS[code]),
            key="audit_period",
        )  # fmt: skip
    record = (entity, int(number)) if entity and number else None
    return JournalFilter(person, kinds_of(group), record, since_of(period or "week"))


def draw_pager(seen: list[int], next_before_id: int | None) -> None:
    """Draw the way to earlier and later events."""
    with st.container(horizontal=True):
        st.button(_("Later"), icon=":material/chevron_left:", disabled=not seen, on_click=drop_last, args=(seen,))
        if next_before_id is not None:
            st.button(_("Earlier"), icon=":material/chevron_right:", on_click=seen.append, args=(next_before_id,))


def drop_last(seen: list[int]) -> None:
    """Go one page back."""
    del seen[-1:]


def draw_details(row: JournalRow, names: dict[str, str], people: dict[int, str]) -> None:
    """Draw an event in full: the record, and each changed field with its old and new value."""
    with st.container(border=True):
        st.markdown(f"**{md(row_sentence(row, names))}**")
        st.caption(f"{full_moment(row.at)} · {md(row.person or _('the program'))} · {label(row.channel)}")
        changes = row_changes(row, names, people)
        if changes:
            columns = list(zip(*changes, strict=True))
            st.dataframe({_("Field"): columns[0], _("Before"): columns[1], _("After"): columns[2]}, hide_index=True)
        if row.deal_id is not None:
            page_link("deal", _("Open the deal"), icon=":material/handshake:", deal=row.deal_id)
        elif row.entity in {"company", "contact"} and row.entity_id is not None:
            page_link("clients", _("Open the client"), icon=":material/groups:", **{row.entity: row.entity_id})


@page_fragment("audit")
def draw_journal(actor: Actor) -> None:
    """Draw filters, one page of events and the chosen event."""
    with read_scope() as session:
        people = {person.id: person.name for person in list_people(session, actor, limit=MOST_PEOPLE)}
        wanted = chosen_filter(people)
        # The place in the list belongs to one filter: another one begins at the newest event.
        seen: list[int] = st.session_state.setdefault("audit_seen", {}).setdefault(wanted, [])
        page = load_journal(session, actor, wanted, before_id=seen[-1] if seen else None, limit=PAGE_ROWS)
        names = {field.key: field.name for field in load_fields(session)}
    if not page.rows:
        st.info(_("Nothing happened here in this period. Choose a longer one, or fewer conditions."))
        draw_pager(seen, None)
        return
    table = {
        _("When"): [full_moment(row.at) for row in page.rows],
        _("What happened"): [row_sentence(row, names) for row in page.rows],
        _("Who"): [row.person or _("the program") for row in page.rows],
        _("Record"): [row_record(row) for row in page.rows],
        _("Door"): [label(row.channel) for row in page.rows],
    }
    selection = st.dataframe(
        table, hide_index=True, height=400, on_select="rerun", selection_mode="single-row",
        key=f"audit_rows_{page.rows[0].id}",
    ).selection.rows  # fmt: skip
    draw_pager(seen, page.next_before_id)
    if selection and selection[0] < len(page.rows):
        draw_details(page.rows[selection[0]], names, people)
    else:
        st.caption(_("Choose a row to see the old and the new values."))


draw_journal()
