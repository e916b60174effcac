"""One pair: two records side by side, why they may be the same, what a merge would do, and the decision."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import read_scope
from crm.duplicates.merge_plan import better_survivor, plan_merge
from crm.duplicates.merge_values import MergePlan
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_card import load_pair
from crm.duplicates.pair_decisions import dismiss_pair, reopen_pair, snooze_pair
from crm.duplicates.pair_values import PairCard, PairRow
from crm.errors import ChangedMeanwhile, NotFound
from crm.i18n import _, current_reader
from crm.i18n.formats import day, moment, money
from crm.i18n.labels import label
from crm.i18n.texts import violation_sentence
from crm.models import PairSource, PairState
from crm.ui import act
from crm.ui.component import browser_script
from crm.ui.device import is_phone
from crm.ui.duplicate_cluster import draw_cluster
from crm.ui.duplicate_evidence import draw_evidence
from crm.ui.duplicate_fields import (
    LEFT,
    RIGHT,
    draw_choices,
    draw_sides,
    draw_survivor,
    forget_choices,
    present_choices,
    present_survivor,
    take_all,
)
from crm.ui.duplicate_queue import BRIDGE_ICON, DECIDED, KIND_ICONS, open_pair, wish_next
from crm.ui.duplicate_undo import take_back
from crm.ui.duplicate_words import chance, counts_words
from crm.ui.markdown import md

SNOOZE_DAYS = 7
_KEYS = {"1": "duplicates_merge", "2": "duplicates_dismiss", "3": "duplicates_snooze"}


def draw_pair(actor: Actor, pair_id: int, rows: tuple[PairRow, ...]) -> None:
    """Draw a pair with its decision; `rows` are those of the list beside it."""
    try:
        with read_scope() as session:
            card = load_pair(session, actor, pair_id)
    except NotFound:
        st.info(_("This pair is no longer there: it was decided, or it is not yours to see."),
                icon=":material/search_off:")  # fmt: skip
        return
    _draw_head(card)
    if card.row.state in {PairState.MERGED, PairState.GONE}:
        _draw_decided(card)
        return
    with read_scope() as session:
        ids = (card.left.id, card.right.id)
        better_id = better_survivor(session, actor, card.row.entity_type, ids)
        survivor_id = present_survivor(card, better_id)
        plan = plan_merge(
            session, actor, entity_type=card.row.entity_type, survivor_id=survivor_id,
            merged_id=ids[0] if survivor_id == ids[1] else ids[1],
        )  # fmt: skip
    for violation in plan.refusals:
        st.markdown(f":red[:material/block: {md(violation_sentence(violation))}]")
    _draw_decision(card, plan, rows)
    with st.container(key="duplicates_fields", gap=None):
        draw_survivor(card, better_id)
        draw_choices(card, plan)
        if plan.differing:
            _draw_take_all(card, plan)
    draw_sides(card, plan.equal, plan.currency)
    _draw_preview(plan)
    draw_evidence(card)
    draw_cluster(actor, card, survivor_id)
    browser_script("review_keys")(key="review_keys", data={"buttons": _KEYS}, height=1)


def _draw_head(card: PairCard) -> None:
    row = card.row
    parts = [_("{chance} likely the same", chance=f"**{chance(row.probability)}**")]
    if row.value_minor:
        parts.append(_("{worth} in open deals", worth=f"**{md(money(row.value_minor, card.currency))}**"))
    is_bridge = row.source is PairSource.BRIDGE and row.state is PairState.OPEN
    how = "" if is_bridge else f"{_('found {how}', how=label(row.source))}, "
    parts.append(f":gray[{md(how + moment(row.found_at))}]")
    st.markdown(f"{KIND_ICONS[row.entity_type]} {' · '.join(parts)}")
    if is_bridge:
        st.markdown(
            f"{BRIDGE_ICON} " + _("A new record has a phone or an e-mail of each of the two: most likely all are one.")
        )
    if row.state is PairState.SNOOZED and row.snoozed_until:
        until = row.snoozed_until.astimezone(current_reader().zone).date()
        st.caption(_("Put off until {day}", day=day(until)))


def _draw_decided(card: PairCard) -> None:
    """Draw what became of a pair that is out of the queue for good."""
    row = card.row
    who = md(row.decided_by or _("System"))
    when = md(moment(row.decided_at)) if row.decided_at else ""
    st.markdown(f":material/check_circle: {label(row.state)} :gray[{who} {when}]")
    draw_evidence(card)


def _draw_decision(card: PairCard, plan: MergePlan, rows: tuple[PairRow, ...]) -> None:
    """Draw the warnings and the three ways to decide, with the keys 1, 2 and 3."""
    if plan.warnings:
        told = " ".join(md(violation_sentence(violation)) for violation in plan.warnings)
        st.markdown(f":orange[:material/warning: {told}]")
    after = tuple(one.id for one in card.others)
    with st.container(horizontal=True, key="duplicates_decision"):
        if card.row.state is PairState.NOT_DUPLICATE:  # whoever is of another mind opens it again first
            st.button(
                _("Back into the queue"), key="duplicates_reopen", icon=":material/undo:", on_click=_reopen,
                args=(card.row.id,),
            )  # fmt: skip
            return
        st.button(
            _("Merge"), key="duplicates_merge", type="primary", icon=":material/merge:", shortcut=_key("1"),
            disabled=bool(plan.refusals), on_click=_merge, args=(card, plan, rows, after),
        )  # fmt: skip
        st.button(
            _("Not a duplicate"), key="duplicates_dismiss", icon=":material/call_split:", shortcut=_key("2"),
            on_click=_dismiss, args=(card, rows),
        )  # fmt: skip
        if card.row.state is PairState.OPEN:
            st.button(
                _("Later"), key="duplicates_snooze", icon=":material/schedule:", shortcut=_key("3"),
                help=_("Comes back in a week."), on_click=_snooze, args=(card, rows),
            )  # fmt: skip
        else:
            st.button(
                _("Back into the queue"), key="duplicates_reopen", icon=":material/undo:", on_click=_reopen,
                args=(card.row.id,),
            )  # fmt: skip


def _key(key: str) -> str | None:
    """Return the key of a decision; a phone has none, and no room for its mark."""
    return None if is_phone() else key


def _draw_take_all(card: PairCard, plan: MergePlan) -> None:
    with st.container(horizontal=True, key="duplicates_take_all"):
        for place, told in ((LEFT, _("All from the left")), (RIGHT, _("All from the right"))):
            st.button(
                told, key=f"duplicates_all_{place}", type="tertiary", on_click=take_all, args=(card, plan, place)
            )  # fmt: skip


def _draw_preview(plan: MergePlan) -> None:
    """Tell in one or two lines what a merge moves and what it leaves."""
    moves = counts_words(plan.moves)
    told = _("Merging moves {what}.", what=moves) if moves else _("Nothing has to move.")
    united = counts_words(plan.united)
    if united:
        told += " " + _("Both have {what}: kept once.", what=united)
    stays = counts_words([one for one in plan.stays if one.kind != "events"])  # each record keeps its journal
    if stays:
        told += " " + _("{what} stay in the history.", what=stays)
    st.markdown(f":material/move_up: {md(told)} :gray[{_('Every merge can be undone.')}]")


def _merge(card: PairCard, plan: MergePlan, rows: tuple[PairRow, ...], after: tuple[int, ...]) -> None:
    survivor_id = present_survivor(card, plan.survivor_id)
    survivor, merged = (card.left, card.right) if survivor_id == card.left.id else (card.right, card.left)
    outcome = act.run(
        merge_records,
        entity_type=card.row.entity_type,
        survivor_id=survivor.id,
        merged_id=merged.id,
        survivor_version=survivor.version,
        merged_version=merged.version,
        choices=present_choices(card, plan, survivor_id),
        pair_id=card.row.id,
    )
    name = f"**{md(survivor.name)}**"
    outcome.told(
        _("Merged into {name}", name=name),
        undo=lambda: take_back(outcome.value or 0, card.row.id),
    )
    if isinstance(outcome.error, ChangedMeanwhile):
        forget_choices(card.row.id)
    _go_on(outcome.ok, card, rows, after)


def _dismiss(card: PairCard, rows: tuple[PairRow, ...]) -> None:
    outcome = act.run(dismiss_pair, pair_id=card.row.id)
    outcome.told(_("Not a duplicate, for everyone"), undo=lambda: _reopen(card.row.id))
    _go_on(outcome.ok, card, rows)


def _snooze(card: PairCard, rows: tuple[PairRow, ...]) -> None:
    until = utc_now() + timedelta(days=SNOOZE_DAYS)
    outcome = act.run(snooze_pair, pair_id=card.row.id, until=until)
    told = day(until.astimezone(current_reader().zone).date())
    outcome.told(_("Put off until {day}", day=told), undo=lambda: _reopen(card.row.id))
    _go_on(outcome.ok, card, rows)


def _reopen(pair_id: int) -> None:
    outcome = act.run(reopen_pair, pair_id=pair_id)
    outcome.told(_("Back in the queue"))
    if outcome.ok:
        open_pair(pair_id)
        st.session_state[DECIDED] = True


def _go_on(done: bool, card: PairCard, rows: tuple[PairRow, ...], after: tuple[int, ...] = ()) -> None:
    """Bring the next pair up after a decision; a refused one stays."""
    if done:
        wish_next(rows, card.row.id, after)
        st.session_state[DECIDED] = True
