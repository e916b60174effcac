"""The pipelines page: making one from a template, changing and retiring stages, reasons and fields."""

from __future__ import annotations

from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from crm.db import Database
from crm.models import LossReason, Pipeline, Stage
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.pages.conftest import OpenShell


def page(shell: OpenShell, cast: Cast) -> AppTest:
    return shell(cast.vera).run().switch_page("pipelines.py").run()


def test_empty_page_teaches_and_a_template_makes_the_first_pipeline(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    at = page(shell, cast)
    assert "A pipeline is one process of your company" in at.info[0].value
    at.get_by_key("template_trade").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.scalars(select(Pipeline.name).order_by(Pipeline.position)).first() == "First sales"
    assert "**Request received**" in " ".join(one.value for one in at.markdown)


def test_stage_with_deals_does_not_vanish_without_a_target(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        rows = add_pipeline(session)
        add_deal(session, cast.anna, rows, stage=1)
    at = page(shell, cast)
    at.get_by_key(f"retire_stage_{rows.stages[1]}").click().run()
    assert "1 open deal stands on it." in [one.value for one in at.markdown]
    at.get_by_key("retire_go").click().run()
    with database.read_scope() as session:
        assert session.get_one(Stage, rows.stages[1]).retired_at is None


def test_reason_is_switched_off_from_its_row(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        rows = add_pipeline(session)
    at = page(shell, cast)
    at.get_by_key(f"reason_{rows.reasons[0]}_active").set_value(False).run()
    at.get_by_key(f"reason_{rows.reasons[0]}_save").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.get_one(LossReason, rows.reasons[0]).is_active is False
