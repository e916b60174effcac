"""Making pipelines in a real browser: a template looked at and created by one click, names pasted and judged."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from crm.db import Database
from crm.models import Pipeline, PipelineLink, User
from crm.pipelines.templates import available_templates
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled

WORDS = {
    "en": ("Create 6 pipelines", "6 pipelines created", "33 stages · 11 links", "New pipeline", "From a file or text"),
    "ru": ("Создать 6 воронок", "Создано 6 воронок", "33 этапа · 11 связей", "Новая воронка", "Из файла или текста"),
}


@pytest.mark.parametrize("language", sorted(WORDS))
def test_trade_is_looked_at_and_created_by_one_click(server: Server, open_browser: OpenBrowser, language: str) -> None:
    page = opened(server, open_browser, language)
    create, created, counts, new, _file = WORDS[language]
    pipelines = next(one for one in available_templates(language) if one.key == "trade").pipelines
    before = counted(server.database)
    if before[0]:
        page.get_by_role("button", name=new).click()
    page.locator(".st-key-template_trade button").click()
    expect(page.get_by_text(counts)).to_be_visible()
    picture = page.locator(".st-key-template_trade_map")
    expect(picture.locator("svg")).to_be_visible()
    for name in pipelines:
        expect(picture).to_contain_text(name)
    assert counted(server.database) == before
    page.get_by_role("button", name=create).click()
    expect(page.get_by_text(created)).to_be_visible()
    expect(page.get_by_role("combobox").first).to_be_visible()
    assert counted(server.database) == (before[0] + 6, before[1] + 11)
    with server.database.read_scope() as session:
        assert set(pipelines) <= set(session.scalars(select(Pipeline.name)))


def test_pasted_names_are_judged_before_they_are_created(server: Server, open_browser: OpenBrowser) -> None:
    page = opened(server, open_browser, "en")
    if counted(server.database)[0]:
        page.get_by_role("button", name="New pipeline").click()
    page.get_by_text("From a file or text", exact=True).click()
    text = page.get_by_label("Names of stages, one a line, or a description in TOML")
    text.fill("Lead from Instagram\nNegotiations\n<b>Objections</b>")
    text.press("Control+Enter")
    expect(page.get_by_text("Fill this in.")).to_be_visible()
    page.get_by_role("textbox", name="Name of the pipeline").fill("Pasted")
    page.get_by_role("textbox", name="Name of the pipeline").press("Enter")
    expect(page.get_by_text("“Lead from Instagram” says where a client came from")).to_be_visible()
    expect(page.get_by_text("<b>Objections</b>").first).to_be_visible()
    page.get_by_role("button", name="Create 1 pipeline").click()
    expect(page.get_by_text("1 pipeline created")).to_be_visible()
    with server.database.read_scope() as session:
        assert session.scalar(select(func.count()).where(Pipeline.name == "Pasted")) == 1


def opened(server: Server, open_browser: OpenBrowser, language: str) -> Page:
    with server.database.session_scope() as session:
        session.get_one(User, server.cast.vera.user_id).language = language
    return open_settled(open_browser("vera"), f"{server.url}/pipelines")


def counted(database: Database) -> tuple[int, int]:
    with database.read_scope() as session:
        return (
            session.scalar(select(func.count(Pipeline.id))) or 0,
            session.scalar(select(func.count(PipelineLink.id))) or 0,
        )
