"""The pipelines page: making one from a template, changing and retiring stages, reasons and fields."""

from __future__ import annotations

from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from crm.db import Database
from crm.models import LossReason, Pipeline, Stage
from crm.pipelines.descriptions import read_description
from crm.pipelines.links import list_links
from crm.pipelines.templates import create_from_template
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.pages.conftest import OpenShell


def page(shell: OpenShell, cast: Cast) -> AppTest:
    return shell(cast.vera).run().switch_page("pipelines.py").run()


def test_empty_page_teaches_and_a_template_is_created_after_its_preview(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    at = page(shell, cast)
    assert "A pipeline is one process of your company" in at.info[0].value
    assert not [one for one in at.button if one.key == "new_pipeline_back"]
    at.get_by_key("template_trade").click().run()
    assert not at.exception
    assert "33 stages · 11 links · 10 deal fields · 15 reasons of loss" in drawn(at)
    assert "Won in “First sales” → **new deal in “Active base”**, first stage" in drawn(at)
    assert names_of(database) == []
    at.get_by_key("template_create").click().run()
    assert not at.exception
    assert names_of(database) == [
        "First sales", "Active base", "Regular clients", "Refusal base", "Cold sales", "Returns",
    ]  # fmt: skip
    assert at.toast[0].value == "6 pipelines created"
    assert at.selectbox(key="pipeline_chosen").value == 1


def test_new_pipeline_is_left_as_it_was_entered(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
        second = add_pipeline(session, name="Second")
    at = page(shell, cast)
    at.selectbox(key="pipeline_chosen").set_value(second.id).run()
    at.get_by_key("new_pipeline").click().run()
    at.get_by_key("new_pipeline_back").click().run()
    assert at.selectbox(key="pipeline_chosen").value == second.id


def test_pasted_names_are_judged_and_created(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = page(shell, cast)
    at.get_by_key("new_pipeline_way").set_value("description").run()
    at.get_by_key("description_text").set_value("1. Contact made\n2. In progress").run()
    assert ":small[:red[:material/error: Fill this in.]]" in drawn(at)
    at.get_by_key("description_name").set_value("Pasted").run()
    assert "“In progress” is a place to wait" in drawn(at)
    at.get_by_key("description_create").click().run()
    assert not at.exception
    assert names_of(database) == ["Pasted"]


def test_mistakes_of_a_description_are_told_with_their_places(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = page(shell, cast)
    at.get_by_key("new_pipeline_way").set_value("description").run()
    text = '[[pipelines]]\nname = "<b>x</b>"\n[[pipelines.stages]]\nname = ""\nnorm = "soon"\n'
    at.get_by_key("description_text").set_value(text).run()
    assert not at.exception
    assert "pipeline 1, stage 1, name: Fill this in." in drawn(at)
    assert "pipeline 1, stage 1, norm: Write a length of time such as 15m, 24h or 3d." in drawn(at)
    assert "description_create" not in [one.key for one in at.button]
    assert at.get_by_key("description_text").value == text


def test_own_pipelines_are_shown_as_a_description(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        create_from_template(session, cast.vera, template="product", language="en")
    at = page(shell, cast)
    at.get_by_key("new_pipeline").click().run()
    at.get_by_key("new_pipeline_way").set_value("description").run()
    assert not at.code
    at.session_state["description_export"] = True
    at.run()
    assert len(read_description(at.code[0].value).links) == 12
    first = names_of(database)[0]
    at.get_by_key("description_exported").set_value([1]).run()
    read = read_description(at.code[0].value)
    assert ([one.name.spoken("en") for one in read.pipelines], read.links) == ([first], ())


def test_links_that_move_are_created_as_copies(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = page(shell, cast)
    at.get_by_key("new_pipeline_way").set_value("description").run()
    text = (
        '[[pipelines]]\nname = "A"\n[[pipelines.stages]]\nname = "Paid"\n'
        '[[links]]\nfrom = "A"\ntrigger = "won"\nto = "A"\nmode = "move"\nmax_rounds = 2\n'
    )
    at.get_by_key("description_text").set_value(text).run()
    assert "1 link moves deals. It will copy them here" in at.warning[0].value
    at.get_by_key("description_create").click().run()
    with database.read_scope() as session:
        assert [one.plan.max_rounds for one in list_links(session)] == [2]


def test_empty_pipeline_keeps_what_was_typed_after_a_refusal(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = page(shell, cast)
    at.get_by_key("new_pipeline_way").set_value("empty").run()
    at.get_by_key("own_pipeline_name").set_value("Own").run()
    at.get_by_key("own_pipeline_go").click().run()
    assert "Fill this in." in drawn(at)
    assert at.get_by_key("own_pipeline_name").value == "Own"
    at.get_by_key("own_pipeline_stage").set_value("Contact made").run()
    at.get_by_key("own_pipeline_go").click().run()
    assert names_of(database) == ["Own"]


def drawn(at: AppTest) -> str:
    return "\n".join(one.value for one in at.markdown)


def names_of(database: Database) -> list[str]:
    with database.read_scope() as session:
        return list(session.scalars(select(Pipeline.name).order_by(Pipeline.position)))


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
