"""Two records side by side: who stays, a choice for each differing field, the rest as it will be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from enum import Enum
from html import escape
from typing import Any

import streamlit as st

from crm.duplicates.merge_values import EqualField, MergeField, MergePlan, Side
from crm.duplicates.pair_values import PairCard, PairSide
from crm.i18n import N_, _, current_reader, ngettext
from crm.i18n.formats import day, money, number
from crm.i18n.labels import label
from crm.i18n.texts import FIELD_NAMES, field_name
from crm.models import EntityType
from crm.ui.markdown import md
from crm.ui.nav import page_link

LEFT, RIGHT, BOTH = "left", "right", "both"
LONGEST_VALUE = 300
_CHOOSE = "choose"  # the rule of a field whose default is refused
_WHY = {  # rules that need a word; the others are plain to see
    "cleaner": N_("Chosen: the name without a number in it."),
    "fuller": N_("Chosen: the name that says more."),
    "valid": N_("Chosen: the INN whose check digits are right; the other one holds a slip."),
    "joined": N_("Both notes are kept, one below the other."),
    _CHOOSE: N_("Both or none of the INNs have right check digits; look which is this company's."),
}
LINK_OF = {EntityType.CONTACT: ("clients", "contact"), EntityType.COMPANY: ("clients", "company"),
           EntityType.DEAL: ("deal", "deal")}  # fmt: skip


def present_survivor(card: PairCard, better_id: int) -> int:
    """Return who stays: what was chosen for this pair, else `better_id`."""
    chosen = st.session_state.get(_survivor_key(card))  # None where a name changed under the mark
    return better_id if chosen is None else int(chosen)


def forget_choices(pair_id: int) -> None:
    """Drop what was chosen in a pair: its records are others now than those that were looked at."""
    stays, takes = f"duplicates_stays_{pair_id}", f"duplicates_take_{pair_id}_"
    for key in [name for one in st.session_state if (name := str(one)) == stays or name.startswith(takes)]:
        del st.session_state[key]


def draw_survivor(card: PairCard, better_id: int) -> None:
    """Draw the choice of who stays; `better_id` is chosen first."""
    sides = {card.left.id: card.left, card.right.id: card.right}
    if st.session_state.get(_survivor_key(card)) not in sides:
        st.session_state[_survivor_key(card)] = better_id
    st.radio(
        _("Stays"), list(sides), format_func=lambda one: f"**{md(sides[one].name)}**", key=_survivor_key(card),
        horizontal=True, width="stretch",
    )  # fmt: skip


def draw_choices(card: PairCard, plan: MergePlan) -> None:
    """Draw a choice for each differing field; `present_choices` tells what was chosen."""
    stays = _stays(card, plan.survivor_id)
    for field in plan.differing:
        texts = {
            LEFT: _shown(field, field.survivor if stays == LEFT else field.merged, plan.currency),
            RIGHT: _shown(field, field.merged if stays == LEFT else field.survivor, plan.currency),
            BOTH: _("Both, one below the other"),
        }
        offered = [one for one in (LEFT, RIGHT, BOTH) if _side_of(one, stays) in field.offered]
        key = _choice_key(card, field)
        if st.session_state.get(key) not in offered:  # where a person has to choose, nothing is chosen beforehand
            st.session_state[key] = None if field.why == _CHOOSE else _place_of(field.default, stays)
        asks = f" :orange[· {_('choose')}]" if st.session_state[key] is None else ""
        st.radio(
            md(merge_field_name(field, plan.entity_type)) + asks, offered, format_func=texts.__getitem__, key=key,
            horizontal=True, width="stretch", help=_(_WHY[field.why]) if field.why in _WHY else None,
        )  # fmt: skip


def present_choices(card: PairCard, plan: MergePlan, survivor_id: int) -> dict[str, Side]:
    """Return what was chosen for each differing field, as the command takes it."""
    stays, default = _stays(card, survivor_id), _stays(card, plan.survivor_id)
    places = {
        field.name: st.session_state.get(_choice_key(card, field), _place_of(field.default, default))
        for field in plan.differing
    }
    return {name: _side_of(place, stays) for name, place in places.items() if place is not None}


def take_all(card: PairCard, plan: MergePlan, place: str) -> None:
    """Choose every field from one record; serves as a callback."""
    stays = _stays(card, plan.survivor_id)
    for field in plan.differing:
        if _side_of(place, stays) in field.offered:
            st.session_state[_choice_key(card, field)] = place


def draw_sides(card: PairCard, equal: Sequence[EqualField], currency: str | None) -> None:
    """Draw what is not chosen: points, deals, since when; and, folded, what both have alike."""
    left, right = card.left, card.right
    rows = [
        (_("Reach"), _points(left), _points(right)),
        (_("Deals"), _deals(card, left), _deals(card, right)),
        (_("Since"), _since(left), _since(right)),
    ]
    if card.row.entity_type is EntityType.DEAL:
        rows = [rows[-1]]
    st.html(_table([row for row in rows if row[1] or row[2]]))
    with st.container(horizontal=True, key="duplicates_links"):
        for place, side in ((LEFT, left), (RIGHT, right)):
            with st.container(key=f"duplicates_link_{place}", width="content"):
                name = f"\\#{side.id} {md(side.name)}"
                record_link(card.row.entity_type, side.id, name, ":material/open_in_new:")
    same = [
        (merge_field_name(one, card.row.entity_type), plain_value(one.kind, one.value, currency))
        for one in equal
        if one.value
    ]
    if same:
        with st.expander(ngettext("{n} field is the same in both", "{n} fields are the same in both", len(same))):
            st.html(_table([(name, escape(value), None) for name, value in same]))


def record_link(entity_type: EntityType, record_id: int, label: str, icon: str | None = None) -> None:
    """Draw the link to a record's page; `label` is markdown."""
    page, param = LINK_OF[entity_type]
    page_link(page, label, icon=icon, **{param: record_id})


def merge_field_name(field: MergeField | EqualField, entity_type: EntityType) -> str:
    """Return a field's name for the reader, as plain text."""
    return field.label if field.label is not None else field_words(entity_type, field.name)


def field_words(entity_type: EntityType | None, name: str) -> str:
    """Return the name of a built-in field for the reader, as plain text."""
    if (entity_type, name) == (EntityType.CONTACT, "name"):
        return _("Full name")
    return field_name(name) if name in FIELD_NAMES else name


def plain_value(kind: str, value: Any, currency: str | None) -> str:
    """Return a field's value as plain text; a dash for none."""
    if value is None or value == "":
        return "—"
    return _SHOWN.get(kind, _text)(value, currency)


def _shown(field: MergeField, value: Any, currency: str | None) -> str:
    return md(plain_value(field.kind, value, currency))


def _text(value: Any, _currency: str | None) -> str:
    text = label(value) if isinstance(value, Enum) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _money(value: Any, currency: str | None) -> str:
    return money(int(value), currency or "")


def _date(value: Any, _currency: str | None) -> str:
    return day(value if isinstance(value, date) else date.fromisoformat(str(value)[:10]))


def _number(value: Any, _currency: str | None) -> str:
    return number(value)


def _yes_no(value: Any, _currency: str | None) -> str:
    return _("Yes") if value else _("No")


def _choice(value: Any, _currency: str | None) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


_SHOWN: dict[str, Callable[[Any, str | None], str]] = {
    "money": _money,
    "date": _date,
    "number": _number,
    "yes_no": _yes_no,
    "choice": _choice,
}


def _points(side: PairSide) -> str:
    lines = [f"<b>{escape(point.value)}</b>" if point.in_both else escape(point.value) for point in side.points]
    return "<br>".join(lines)


def _deals(card: PairCard, side: PairSide) -> str:
    if not side.deals:
        return "—"
    told = ngettext("{n} deal", "{n} deals", side.deals)
    if side.open_deals and side.open_minor:
        told += ", " + _("{n} open: {worth}", n=side.open_deals, worth=money(side.open_minor, card.currency))
    elif side.open_deals:  # without an amount, or in another currency than the company's
        told += ", " + _("{n} open", n=side.open_deals)
    return escape(told)


def _since(side: PairSide) -> str:
    return escape(f"{day(side.created_at.astimezone(current_reader().zone).date())} · {side.owner_name}")


def _table(rows: Sequence[tuple[str, str, str | None]]) -> str:
    cells = []
    for name, left, right in rows:
        cells.append(f'<div class="name">{escape(name)}</div><div>{left}</div>')
        cells.append("<div></div>" if right is None else f"<div>{right}</div>")
    return f'<div class="voronka-sides">{"".join(cells)}</div>'


def _survivor_key(card: PairCard) -> str:
    return f"duplicates_stays_{card.row.id}"


def _choice_key(card: PairCard, field: MergeField) -> str:
    return f"duplicates_take_{card.row.id}_{field.name.replace(':', '_')}"


def _stays(card: PairCard, survivor_id: int) -> str:
    return LEFT if survivor_id == card.left.id else RIGHT


def _place_of(side: Side, stays: str) -> str:
    if side is Side.BOTH:
        return BOTH
    other = RIGHT if stays == LEFT else LEFT
    return stays if side is Side.SURVIVOR else other


def _side_of(place: str, stays: str) -> Side:
    if place == BOTH:
        return Side.BOTH
    return Side.SURVIVOR if place == stays else Side.MERGED
