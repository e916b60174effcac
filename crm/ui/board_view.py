"""The board page's parts: filter bar, columns for the kanban, the list that phones show."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.clock import utc_now
from crm.db import read_scope
from crm.deals.board import (
    CARDS_SHOWN,
    Board,
    BoardCard,
    BoardColumn,
    BoardFilter,
    BoardSort,
    StepState,
    Total,
    board_sources,
    load_board,
)
from crm.i18n import N_, _
from crm.i18n.formats import days_away, duration, money, short_money
from crm.i18n.labels import label
from crm.models import Priority, Role
from crm.pipelines.values import PipelineSummary, StageInfo
from crm.ui.deal_moves import attempt_move, try_move
from crm.ui.device import is_phone
from crm.ui.forms import PRIORITY_ICONS
from crm.ui.kanban import Card, Column, ColumnKind, StepColour
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.new_deal import draw_new_deal
from crm.ui.page import redraw
from crm.ui.refusals import barred

STATE_WORDS = {
    StepState.NONE: N_("No step"),
    StepState.OVERDUE: N_("Overdue"),
    StepState.TODAY: N_("Today"),
    StepState.LATER: N_("Later"),
}
SORT_WORDS = {BoardSort.NEXT_STEP: N_("Next step first"), BoardSort.HOT_FIRST: N_("Hot first")}
_REFUSED = "board_refused_move"
# Plain signs: cards of the component hold text only.
_PRIORITY_SIGNS = {Priority.HOT: "▲ ", Priority.WARM: "", Priority.COLD: "▽ "}


def filter_bar(actor: Actor, pipelines: list[PipelineSummary]) -> BoardFilter:
    """Draw the filters and "Deal", and return what they ask for; they survive a visit to another page."""
    names = {pipeline.id: pipeline.name for pipeline in pipelines}
    with st.container(horizontal=not is_phone(), vertical_alignment="bottom", gap="small"):
        pipeline_id = st.selectbox(
            _("Pipeline"),
            list(names),
            format_func=lambda one: names[one],
            key="board_pipeline",
            label_visibility="collapsed",
            width="stretch" if is_phone() else 190,
            persist_state="session",
        )
        text = st.text_input(
            _("Find on the board"),
            key="board_text",
            placeholder=_("Deal or client"),
            label_visibility="collapsed",
            width="stretch" if is_phone() else 170,
            persist_state="session",
            icon=":material/search:",
        )
        states = st.pills(
            _("Next step"),
            list(StepState),
            selection_mode="multi",
            format_func=lambda one: _(STATE_WORDS[one]),
            key="board_states",
            label_visibility="collapsed",
            persist_state="session",
        )
        with st.container(horizontal=True, width="stretch" if is_phone() else "content", gap="small"):
            with st.popover(_("Filters"), icon=":material/tune:"):
                owners, priorities, sources, sort = _more_filters(actor, pipeline_id)
            draw_new_deal(actor, pipeline_id)
    return BoardFilter(
        pipeline_id=pipeline_id,
        owner_ids=frozenset(owners),
        priorities=frozenset(priorities),
        sources=frozenset(sources),
        step_states=frozenset(states),
        text=text or "",
        sort=sort,
        shown=st.session_state.get("board_shown", {}),
    )


def _more_filters(actor: Actor, pipeline_id: int) -> tuple[list[int], list[Priority], list[str], BoardSort]:
    with read_scope() as session:
        owners = list_owners(session, actor)
        sources = board_sources(session, actor, pipeline_id)
    chosen_owners: list[int] = []
    if actor.role is not Role.MANAGER or len(owners) > 1:
        chosen_owners = st.multiselect(
            _("Owner"), list(owners), format_func=lambda one: owners[one], key="board_owners",
            placeholder=_("Everybody"), persist_state="session",
        )  # fmt: skip
    priorities = st.pills(
        _("Priority"),
        list(Priority),
        selection_mode="multi",
        format_func=lambda one: f"{PRIORITY_ICONS[one]} {label(one)}",
        key="board_priorities",
        persist_state="session",
    )
    chosen_sources = st.multiselect(
        _("Source"), sources, key="board_sources", placeholder=_("Any source"), persist_state="session"
    )
    sort = st.segmented_control(
        _("Order"),
        list(BoardSort),
        format_func=lambda one: _(SORT_WORDS[one]),
        default=BoardSort.NEXT_STEP,
        required=True,
        key="board_sort",
        persist_state="session",
    )
    return chosen_owners, list(priorities), chosen_sources, sort or BoardSort.NEXT_STEP


def read_board(actor: Actor, wanted: BoardFilter) -> Board:
    """Return the board as it is now."""
    with read_scope() as session:
        return load_board(session, actor, wanted)


def columns_of(board: Board) -> list[Column]:
    """Return the board as columns of the kanban: open stages, then the closing zones."""
    open_columns = [
        Column(
            id=column.stage.id,
            title=column.stage.name,
            cards=tuple(_card(card) for card in column.cards),
            summary=total_text(column.total),
            tooltip=_tooltip(column.stage),
            color=column.stage.color or "",
        )
        for column in board.columns
    ]
    won, lost = board.pipeline.won_stage, board.pipeline.lost_stage
    return [
        *open_columns,
        Column(won.id, won.name, (), total_text(board.won), _("Drop here to close as won. Counts this month."),
               kind=ColumnKind.WON),
        Column(lost.id, lost.name, (), total_text(board.lost), _("Drop here to close as lost. Counts this month."),
               kind=ColumnKind.LOST),
    ]  # fmt: skip


def total_text(total: Total) -> str:
    """Return a count with its sums: "12 · 3.4 M ₽"."""
    sums = [short_money(amount, currency) for currency, amount in sorted(total.sums.items())]
    return " · ".join([str(total.count), *sums])


def draw_more(board: Board) -> None:
    """Draw a button for each column that holds more cards than it shows."""
    hidden = [column for column in board.columns if column.total.count > len(column.cards)]
    if not hidden:
        return
    with st.container(horizontal=True, gap="small"):
        for column in hidden:
            rest = column.total.count - len(column.cards)
            st.button(
                _("{stage}: {rest} more", stage=md(column.stage.name), rest=rest),
                key=f"more_{column.stage.id}",
                icon=":material/expand_more:",
                type="tertiary",
                on_click=_show_more,
                args=(column,),
            )


def draw_move_to(board: Board) -> None:
    """Draw "Move to...": the board's moves without a mouse."""
    cards = {card.id: card for column in board.columns for card in column.cards}
    stages = {stage.id: stage for stage in (*board.pipeline.open_stages, board.pipeline.won_stage)}
    lost = board.pipeline.lost_stage
    with st.popover(_("Move to..."), icon=":material/drive_file_move:"):
        deal_id = st.selectbox(
            _("Deal"),
            list(cards),
            format_func=lambda one: f"#{one} {cards[one].title}",
            index=None,
            key="move_to_deal",
            placeholder=_("Choose a deal"),
        )
        stage_id = st.selectbox(
            _("Stage"),
            [*stages, lost.id],
            format_func=lambda one: lost.name if one == lost.id else stages[one].name,
            index=None,
            key="move_to_stage",
            placeholder=_("Choose a stage"),
        )
        # Here and not in a notice: on a phone the popover covers the page.
        *tried, refusal = st.session_state.get(_REFUSED) or (None, None, "")
        if refusal and tried == [deal_id, stage_id]:
            st.error(md(refusal), icon=":material/block:")
        with st.container(horizontal=True):
            if st.button(_("Move"), key="move_to_go", type="primary", disabled=deal_id is None or stage_id is None):
                if deal_id is not None and stage_id is not None:
                    __, refusal = attempt_move(deal_id, stage_id)
                    st.session_state[_REFUSED] = (deal_id, stage_id, refusal)
                redraw()
            if deal_id is not None:
                page_link("deal", _("Open the deal"), icon=":material/open_in_new:", deal=deal_id)


def draw_list(actor: Actor, board: Board) -> None:
    """Draw the board as a list by stage, each deal with "Move to...": for phones."""
    for column in board.columns:
        st.markdown(f"**{md(column.stage.name)}** · {md(total_text(column.total))}")
        if not column.cards:
            st.caption(_("No deals here."))
        for card in column.cards:
            _list_item(actor, board, column, card)
    won, lost = total_text(board.won), total_text(board.lost)
    st.caption(_("This month: won {won}, lost {lost}", won=md(won), lost=md(lost)))


def _move(deal_id: int, stage_id: int) -> None:
    try_move(deal_id, stage_id)


def _list_item(actor: Actor, board: Board, column: BoardColumn, card: BoardCard) -> None:
    following = board.pipeline.next_stage(column.stage)
    bar = barred(actor, board.pipeline, column.stage, following)
    lost = board.pipeline.lost_stage
    with st.container(border=True, gap="xsmall"):
        page_link("deal", f"**\\#{card.id} {md(card.title)}**", deal=card.id)
        st.markdown("  \n".join(md(line) for line in card_lines(card)))
        with st.container(horizontal=True):
            st.button(
                md(following.name),
                key=f"list_next_{card.id}",
                icon=":material/arrow_forward:",
                on_click=_move,
                args=(card.id, following.id),
                disabled=bool(bar),
                help=md(bar) or None,
            )
            st.button(
                _("Lost"), key=f"list_lost_{card.id}", type="tertiary", on_click=_move,
                args=(card.id, lost.id),
            )  # fmt: skip
        if bar:
            st.caption(f":material/block: {md(bar)}")


def card_lines(card: BoardCard) -> tuple[str, ...]:
    """Return the plain lines under a card's title: client and owner, amount, priority and age, next step in words."""
    age = int((utc_now() - card.stage_entered_at).total_seconds())
    who = " · ".join(part for part in (card.client, card.owner_name) if part)
    heat = f"{_PRIORITY_SIGNS[card.priority]}{label(card.priority)} · {duration(age)}"
    return who, money(card.amount_minor, card.currency), heat, step_words(card)


def step_words(card: BoardCard) -> str:
    """Return what a card's next step tells, in words beside the colour."""
    if card.next_due_at is None:
        return _(STATE_WORDS[StepState.NONE])
    return days_away(card.next_due_at)


def _card(card: BoardCard) -> Card:
    return Card(card.id, card.title, card_lines(card), StepColour(card.step_state.value))


def _tooltip(stage: StageInfo) -> str:
    norm = _("Norm: {norm}", norm=duration(stage.norm_seconds)) if stage.norm_seconds else ""
    return "\n".join(part for part in (stage.exit_criterion, norm) if part)


def _show_more(column: BoardColumn) -> None:
    shown = dict(st.session_state.get("board_shown", {}))
    shown[column.stage.id] = len(column.cards) + CARDS_SHOWN
    st.session_state["board_shown"] = shown
