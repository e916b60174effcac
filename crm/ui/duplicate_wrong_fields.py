"""Phones, e-mails and taxpayer numbers that stand in a field for names: moved where they belong, one or many."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.contacts.normalise import readable_phone
from crm.db import read_scope
from crm.duplicates.wrong_fields import WrongField, list_wrong_fields, move_to_field
from crm.i18n import N_, _, ngettext
from crm.ui import act
from crm.ui.duplicate_fields import field_words, record_link
from crm.ui.duplicate_queue import KIND_ICONS
from crm.ui.markdown import md
from crm.ui.notices import NoticeKind, flash

PAGE_ROWS = 50
_FOUND = {
    "phone": N_("phone {value} in “{field}”"),
    "email": N_("e-mail {value} in “{field}”"),
    "inn": N_("INN {value} in “{field}”"),
}
_TICK = "wrong_tick_"


def draw_wrong_fields(actor: Actor) -> None:
    """Draw the findings with what each field will hold, and move those that are ticked or one."""
    seen: list[int] = st.session_state.setdefault("wrong_pages", [])
    with read_scope() as session:
        page = list_wrong_fields(session, actor, after=seen[-1] if seen else None, limit=PAGE_ROWS)
    if not page.rows:
        if seen:
            seen.clear()
            st.rerun()
        st.info(
            _("Every phone, e-mail and INN stands where it belongs. When somebody types a phone into the name, "
              "it is found here, and one click puts it right."),
            icon=":material/task_alt:",
        )  # fmt: skip
        return
    ids = [row.id for row in page.rows]
    ticked = [one for one in ids if st.session_state.get(f"{_TICK}{one}")]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.checkbox(_("All on this page"), key="wrong_all", on_change=_tick_all, args=(ids,))
        label = ngettext("Move {n} value where it belongs", "Move {n} values where they belong", len(ticked))
        st.button(
            label if ticked else _("Move where they belong"), key="wrong_move", type="primary",
            icon=":material/drive_file_move:", disabled=not ticked, on_click=_move, args=(ticked,),
        )  # fmt: skip
    with st.container(gap="xsmall", key="wrong_rows"):
        for row in page.rows:
            _draw_finding(row)
    if seen or page.next_page is not None:
        with st.container(horizontal=True):
            if seen:
                st.button(_("Back"), key="wrong_back", icon=":material/chevron_left:", on_click=_drop_last,
                          args=(seen,))  # fmt: skip
            if page.next_page is not None:
                st.button(_("Next {n}", n=PAGE_ROWS), key="wrong_next", icon=":material/chevron_right:",
                          on_click=seen.append, args=(page.next_page,))  # fmt: skip


def found_words(row: WrongField) -> str:
    """Return what stands where it does not belong, as plain text."""
    value = readable_phone(row.value) if row.kind == "phone" else row.value
    return _(_FOUND[row.kind], value=value, field=field_words(row.entity_type, row.field))


def _draw_finding(row: WrongField) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"wrong_{row.id}"):
        st.checkbox(md(row.name), key=f"{_TICK}{row.id}", label_visibility="collapsed", width="content")
        with st.container(gap="xxsmall", width="stretch"):
            record_link(row.entity_type, row.entity_id, f"{KIND_ICONS[row.entity_type]} {md(row.name)}")
            st.caption(f"{md(found_words(row))} · {_('will be “{text}”', text=md(row.cleaned))} · {md(row.owner_name)}")
        st.button(_("Move"), key=f"wrong_move_{row.id}", type="tertiary", icon=":material/drive_file_move:",
                  on_click=_move, args=([row.id],))  # fmt: skip


def _tick_all(ids: list[int]) -> None:
    for one in ids:
        st.session_state[f"{_TICK}{one}"] = st.session_state["wrong_all"]


def _move(finding_ids: list[int]) -> None:
    """Move each in a transaction of its own: one that can't be moved does not hold the others back."""
    moved, refused = 0, set[str]()
    for one in finding_ids:
        outcome = act.run(move_to_field, finding_id=one)
        moved += outcome.ok
        if not outcome.ok:
            refused.add(outcome.full_message)
    if moved:
        flash(ngettext("{n} value moved", "{n} values moved", moved))
    if refused:
        flash(md(" ".join(sorted(refused))), kind=NoticeKind.REFUSED)
    st.session_state["wrong_all"] = False


def _drop_last(seen: list[int]) -> None:
    del seen[-1:]
