"""Telling while a client is typed who looks like it already: open that one, or add what was typed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from crm.contacts.adding import Added, add_to_client
from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.normalise import readable_phone
from crm.contacts.saving import columns_of
from crm.db import read_scope
from crm.duplicates.hints import hint
from crm.duplicates.pair_values import Hint
from crm.i18n import _
from crm.matching.values import RawRecord
from crm.models import EntityType, PointKind
from crm.ui import act
from crm.ui.duplicate_fields import field_words
from crm.ui.duplicate_words import chance, short_why
from crm.ui.markdown import md
from crm.ui.nav import go_to, page_link
from crm.ui.page import signed_in_actor

ICONS = {EntityType.COMPANY: ":material/apartment:", EntityType.CONTACT: ":material/person:"}
_SHORTEST_NAME = 3
Points = Sequence[tuple[PointKind, str]]


def draw_known(
    entity_type: EntityType, raw: RawRecord, *, key: str, present: tuple[EntityType, int] | None = None,
    points: Points = (), typed: CompanyFields | ContactFields | None = None,
) -> None:  # fmt: skip
    """Draw records like the typed one, each with a link; `present` is the one being edited.

    With `typed`, this and the points can be added to each of them.
    """
    for number, one in enumerate(_found(entity_type, raw)):
        if present == (one.entity_type, one.record_id):
            continue
        with _box(one, f"client_known_{key}_{number}"):
            if one.record_id is None or one.name is None:
                continue
            name = f"{md(one.name)} :gray[· {md(one.owner_name)}]"
            page_link("clients", name, icon=ICONS[one.entity_type], **{one.entity_type.value: one.record_id})
            if typed is None or not (points or _says_more(typed)):
                continue
            if st.button(_("Add to it"), key=f"{key}_add_{number}", icon=":material/add_link:", type="tertiary"):
                _add_to(one, typed, points)


def draw_known_to_choose(entity_type: EntityType, raw: RawRecord, *, key: str, choose: Callable[[int], None]) -> None:
    """Draw records like the typed one where a record is being chosen: without links, which would lose the form."""
    for number, one in enumerate(_found(entity_type, raw)):
        if one.entity_type is not entity_type:
            continue
        with _box(one, f"client_known_{key}_{number}"):
            if one.record_id is None or one.name is None:
                continue
            st.markdown(f"{ICONS[one.entity_type]} {md(one.name)} :gray[· {md(one.owner_name)}]", width="content")
            st.button(_("Choose"), key=f"{key}_choose_{number}", on_click=choose, args=(one.record_id,))


def typed_record(name: str, points: Points, *, company: str = "", inn: str = "") -> RawRecord:
    """Return a client as it is being typed, for comparing."""
    return RawRecord(
        record_id="",
        name=name,
        company=company,
        inn=inn,
        phones=tuple(value for kind, value in points if kind is PointKind.PHONE),
        emails=tuple(value for kind, value in points if kind is PointKind.EMAIL),
    )


def _says_more(typed: CompanyFields | ContactFields) -> bool:
    """Tell whether more than a name is typed."""
    return any(value for name, value in columns_of(typed).items() if name != "name")


def _add_to(one: Hint, typed: CompanyFields | ContactFields, points: Points) -> None:
    """Add what was typed to a record and open it; a refusal is told and the form stays."""
    if one.record_id is None or one.name is None:
        return
    kind = CompanyFields if one.entity_type is EntityType.COMPANY else ContactFields
    fitting = typed if isinstance(typed, kind) else kind(one.name)  # of the other kind only points can be taken
    outcome = act.run(add_to_client, client_id=one.record_id, typed=fitting, points=points)
    outcome.told(None if outcome.value is None else _added_words(one, outcome.value))
    if outcome.ok:
        go_to("clients", **{one.entity_type.value: one.record_id})


def _added_words(one: Hint, added: Added) -> str:
    """Return what was added and what was not, as markdown."""
    name = f"**{md(one.name or '')}**"
    new = ", ".join(
        md(text)
        for text in (*(field_words(one.entity_type, key.removesuffix("_id")) for key in added.filled), *added.points)
    )
    kept = ", ".join(md(field_words(one.entity_type, key.removesuffix("_id"))) for key in added.left_out)
    if not new and not kept:
        return _("{name} has all of this already", name=name)
    told = _("Added: {what}", what=new) if new else _("Nothing was added to {name}", name=name)  # its card is open now
    return f"{told}. {_('Left out: {what}', what=kept)}" if kept else told


def _found(entity_type: EntityType, raw: RawRecord) -> tuple[Hint, ...]:
    actor = signed_in_actor()
    if actor is None or not (raw.phones or raw.emails or raw.inn or len(raw.name + raw.company) >= _SHORTEST_NAME):
        return ()
    with read_scope() as session:
        return hint(session, actor, entity_type, raw)


@contextmanager
def _box(one: Hint, key: str) -> Iterator[None]:
    """Draw why a record is shown; what is drawn inside stands in a row below. A hidden one is told without a name."""
    matched = md(readable_phone(one.matched)) if one.matched else ""
    if one.record_id is None or one.name is None or one.probability is None:
        owner = md(one.owner_name)
        st.info(_("{value} is known to a colleague: {owner}. Ask before you call.", value=matched, owner=owner))
        yield
        return
    with st.container(border=True, gap="xxsmall", key=key):  # a key that begins with "client" makes links plain
        likeness = _("Looks like ({chance}):", chance=chance(one.probability))
        why = md(short_why(one.lines))
        st.caption(_("{value} is known already:", value=matched) if matched else f"{likeness} {why}".rstrip())
        with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
            yield
