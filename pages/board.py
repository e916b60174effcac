"""The board: a pipeline's open deals by stage; a drag that breaks a rule asks for what is missing."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.deals.board import Board, BoardFilter
from crm.i18n import _
from crm.pipelines.reads import list_pipelines
from crm.ui.board_view import columns_of, draw_list, draw_more, draw_move_to, filter_bar, read_board
from crm.ui.deal_moves import draw_pending_move, forget_pending_move, try_move
from crm.ui.device import is_phone
from crm.ui.kanban import Column, kanban
from crm.ui.nav import go_to, page_link
from crm.ui.page import open_page, page_fragment

actor = open_page("board")
forget_pending_move()


@page_fragment("board")
def draw_board(actor: Actor, wanted: BoardFilter) -> None:
    """Draw the kanban, or on a phone the list; a drop reruns only this."""
    if is_phone():
        board = read_board(actor, wanted)
        draw_list(actor, board)
    else:
        read: list[Board] = []

        def load() -> list[Column]:
            read.append(read_board(actor, wanted))
            return columns_of(read[-1])

        key = f"board_{wanted.pipeline_id}_{wanted.sort}"
        kanban(load, key=key, on_move=try_move, on_open=lambda deal_id: go_to("deal", deal=deal_id))
        board = read[-1]
    with st.container(horizontal=True):
        draw_move_to(board)
        draw_more(board)
    draw_pending_move()


with read_scope() as session:
    pipelines = list_pipelines(session)
if not pipelines:
    st.info(_("There is no pipeline yet: deals need one to stand in."), icon=":material/filter_alt:")
    page_link("pipelines", _("Create a pipeline"), icon=":material/add:")
    st.stop()
wanted = filter_bar(actor, pipelines)
draw_board(wanted)
