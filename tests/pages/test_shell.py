"""The frame of every page: who is let in, what stands in the sidebar, how failures are told."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from crm.contacts.search_index import index_records
from crm.db import Database, use_database
from crm.models import User
from crm.ui import page
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.pages.conftest import OpenShell

DASHBOARDS = ["Conversion", "Losses", "Managers", "Key figures", "Data trust"]


def links(at: AppTest) -> list[str]:
    return [link.value for link in at.sidebar.get("page_link")]


def test_signed_out_reader_gets_nothing_but_the_way_to_sign_in(shell: OpenShell, cast: Cast) -> None:
    at = shell(None).run()
    assert not at.exception
    assert [text.value for text in at.markdown] == ["You are signed out."]
    assert [html.value.split('"')[1] for html in at.html] == ["/account/sign-in"]
    assert not at.sidebar.markdown
    assert not at.get("page_link")


def test_sidebar_shows_company_menu_and_reader(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.boris).run()
    assert not at.exception
    assert at.sidebar.markdown[0].value == "**Metal trade**"
    work = ["Today", "Board", "Clients", "Duplicates", "Exceptions"]
    assert links(at) == [*work, *DASHBOARDS, "Import", "Journal", "Settings"]
    assert [caption.value for caption in at.sidebar.caption[:5]] == [
        "Work",
        "Analytics",
        "Set-up",
        "Administration",
        "Head of sales",
    ]


def test_manager_sees_no_pages_of_heads(shell: OpenShell, cast: Cast) -> None:
    assert links(shell(cast.anna).run()) == ["Today", "Board", "Clients", *DASHBOARDS, "Settings"]


@pytest.mark.parametrize("name", ["duplicates", "users", "pipelines", "imports", "audit"])
def test_manager_is_refused_by_link(name: str, shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna).run().switch_page(f"{name}.py").run()
    assert [error.value for error in at.error] == ["Your role does not allow this. Ask your administrator."]


def test_sign_out_is_a_form_and_no_link(shell: OpenShell, cast: Cast) -> None:
    html = shell(cast.anna).run().sidebar.get("html")[0].value
    assert '<form method="post" action="/account/sign-out">' in html


def test_company_with_markup_in_its_name_is_shown_as_typed(shell: OpenShell, cast: Cast, database: Database) -> None:
    from crm.models import Workspace

    with database.session_scope() as session:
        session.get_one(Workspace, 1).name = "![x](http://e.example/a.png) :red[Co]"
    at = shell(cast.anna).run()
    assert r"\!\[x\]" in at.sidebar.markdown[0].value
    assert r"\:red\[Co\]" in at.sidebar.markdown[0].value


def test_language_switch_is_kept_on_the_user(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = shell(cast.anna).run()
    at.get_by_key("own_language").set_value("ru").run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.scalar(select(User.language).where(User.id == cast.anna.user_id)) == "ru"
    assert at.get_by_key("own_language").value == "ru"


def test_search_finds_visible_deals_only(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        own = add_deal(session, cast.anna, pipeline, title="Copper [pipe]")
        foreign = add_deal(session, cast.dina, pipeline, title="Copper wire")
        index_records(session, "deal", [own, foreign])
    at = shell(cast.anna).run()
    at.text_input(key="search_everywhere").set_value("copper").run()
    assert not at.exception
    hits = [link for link in links(at) if link.startswith("\\#")]
    assert len(hits) == 1
    assert hits[0].startswith(rf"\#{own} Copper \[pipe\]")


def test_search_without_hits_says_what_to_try(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna).run()
    at.text_input(key="search_everywhere").set_value("zzzz").run()
    assert "Nothing found. Try a part of the name" in at.sidebar.caption[0].value


@pytest.mark.parametrize("typed", ["%", "_", '"', "*", "NEAR(", "' OR 1=1 --", "\\", "(a+)+$", "#", "-", "a" * 5000])
def test_search_takes_any_text_literally(typed: str, shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna).run()
    at.text_input(key="search_everywhere").set_value(typed).run()
    assert not at.exception
    assert not at.error


def test_search_field_is_emptied_on_another_page(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna).run()
    at.text_input(key="search_everywhere").set_value("copper").run()
    at.switch_page("board.py").run()
    assert at.text_input(key="search_everywhere").value == ""


def test_database_gone_is_told_in_one_sentence(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna)
    use_database(Database("postgresql://nobody@127.0.0.1:9/nothing"))
    at.run()
    assert not at.exception
    assert [error.value for error in at.error] == [
        "The database does not answer right now. Nothing was saved; try again in a minute."
    ]


def test_unforeseen_failure_of_a_page_is_a_sentence_with_a_number(
    shell: OpenShell, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = shell(cast.anna)

    def broken(name: str) -> None:
        raise ZeroDivisionError(name)

    monkeypatch.setattr(page, "open_page", broken)
    at.run()
    assert not at.exception
    assert at.error[0].value.startswith("Something went wrong on our side.")
