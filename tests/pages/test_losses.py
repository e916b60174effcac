"""The page of losses: figures, findings, the dearest lost deals with a comment and the way back to work."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import Database
from crm.models import Activity, ActivityKind, Objection, ObjectionKind, ObjectionOutcome, VisitOutcome
from crm.ui import lost_deals
from crm.ui.markdown import md
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.pages.conftest import OpenShell


def lose(
    session: Session, owner: Actor, pipeline: PipelineRows, *, stage: int = 2, reason: int = 0, **columns: object
) -> int:
    """Insert a deal lost now."""
    values = {"loss_reason_id": pipeline.reasons[reason], "loss_stage_id": pipeline.stages[stage], **columns}
    return add_closed_deal(session, owner, pipeline, VisitOutcome.LOST, stage, **values)


def open_losses(shell: OpenShell, actor: Actor) -> AppTest:
    at = shell(actor).run().switch_page("losses.py").run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(one.value for one in (*at.markdown, *at.caption, *at.text, *at.info))


def figures(at: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in at.metric}


def test_empty_base_says_so(shell: OpenShell, cast: Cast) -> None:
    at = open_losses(shell, cast.boris)
    assert "#### Figures begin with the first deal" in [one.value for one in at.markdown]
    assert not at.metric


def test_period_without_losses_says_so(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_deal(session, cast.anna, add_pipeline(session))
    at = open_losses(shell, cast.boris)
    assert at.info[0].value == "Nothing was lost in this period."
    assert figures(at) == {"Lost deals": "0", "Lost money": "₽0", "Share of losses": "—", "Not real deals": "0"}
    assert not [one for one in at.button if str(one.key).startswith("figure_open_")]


def test_figures_leave_out_what_was_no_loss(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        for _number in range(3):
            lose(session, cast.anna, pipeline, amount_minor=100_000_00)
        lose(session, cast.anna, pipeline, reason=2, amount_minor=900_000_00)
        add_closed_deal(session, cast.anna, pipeline)
    at = open_losses(shell, cast.boris)
    assert figures(at)["Lost deals"] == "3"
    assert figures(at)["Share of losses"] == "75%"
    assert figures(at)["Not real deals"] == "1"
    assert f"#### {md('“Offer sent” lost 3 of 3 deals, mostly for: Price')}" in texts(at)


def test_figure_opens_its_deals(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        lose(session, cast.anna, pipeline, title="Pipes")
        lose(session, cast.anna, pipeline, reason=2, title="Spam")
    at = open_losses(shell, cast.boris)
    at.button(key="figure_open_invalid").click().run()
    assert not at.exception
    assert at.query_params["open"] == "totals~invalid"
    assert md("All deals · not real deals: 1 deal") in texts(at)


def test_manager_sees_own_losses_and_cannot_take_up(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        own = lose(session, cast.anna, pipeline, title="Pipes", loss_note="Went to <b>others</b>")
        lose(session, cast.boris, pipeline, title="Sheets")
    at = open_losses(shell, cast.anna)
    assert figures(at)["Lost deals"] == "1"
    assert "Went to <b>others</b>" in [one.value for one in at.text]
    assert f"lost_{own}_comment_add_0" in {one.key for one in at.button}
    assert f"lost_{own}_save" not in {one.key for one in at.button}


def test_comment_stands_on_the_card_and_in_the_list(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        deal_id = lose(session, cast.anna, add_pipeline(session))
    at = open_losses(shell, cast.boris)
    at.button(key=f"lost_{deal_id}_comment_add_0").click().run()
    assert any("Fill this in" in one.value for one in (*at.error, *at.caption, *at.markdown))
    at.text_area(key=f"lost_{deal_id}_comment_text_0").set_value("Offer [the smaller](x) pack").run()
    at.button(key=f"lost_{deal_id}_comment_add_0").click().run()
    assert "Offer [the smaller](x) pack" in [one.value for one in at.text]
    with database.read_scope() as session:
        row = session.scalars(select(Activity).where(Activity.deal_id == deal_id)).one()
        assert (row.kind, row.text, row.author_id) == (
            ActivityKind.NOTE,
            "Offer [the smaller](x) pack",
            cast.boris.user_id,
        )


def test_dearest_come_first_and_more_on_demand(
    shell: OpenShell, cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_deals, "PAGE_ROWS", 1)
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        cheap = lose(session, cast.anna, pipeline, amount_minor=100)
        dear = lose(session, cast.anna, pipeline, amount_minor=900)
    at = open_losses(shell, cast.boris)
    shown = {one.key for one in at.button}
    assert f"lost_{dear}_save" in shown
    assert f"lost_{cheap}_save" not in shown
    at.button(key="lost_more").click().run()
    assert f"lost_{cheap}_save" in {one.key for one in at.button}


def test_stage_of_most_objections_is_the_title_where_enough_are_settled(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        deal_id = lose(session, cast.anna, pipeline)
        for number in range(10):
            outcome = ObjectionOutcome.OVERCOME if number < 4 else ObjectionOutcome.NOT_OVERCOME
            session.add(
                Objection(deal_id=deal_id, stage_id=pipeline.stages[2], kind=ObjectionKind.REAL, text="Too dear",
                          outcome=outcome, at=utc_now())
            )  # fmt: skip
    title = md("Clients object most on “Offer sent”: 40% are overcome")
    assert f"#### {title}" in texts(open_losses(shell, cast.boris))
