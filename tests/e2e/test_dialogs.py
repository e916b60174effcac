"""Dialogs in a real browser: a new deal, a step that is done, a stage that is changed; refusals keep what was typed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm.models import Deal, NextStep, Stage, StepResult, User
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server
from tests.factories import PipelineRows, add_deal, add_pipeline


@pytest.fixture(scope="module")
def pipeline(server: Server) -> PipelineRows:
    with server.database.session_scope() as session:
        return add_pipeline(session)


def choose_tomorrow(page: Page) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Tomorrow").click()
    expect(dialog.get_by_test_id("stDateInput")).not_to_contain_text("yyyy")


def test_new_deal_begins_on_the_first_stage_with_its_step(
    server: Server, pipeline: PipelineRows, browser_page: Page
) -> None:
    browser_page.goto(f"{server.url}/board")
    browser_page.get_by_role("button", name="Deal", exact=True).click()
    dialog = browser_page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Ten tons of pipe")
    dialog.get_by_label("Title").press("Tab")
    dialog.get_by_role("button", name="Create deal").click()
    expect(dialog.get_by_text("Plan the next step: an open deal always has one.")).to_be_visible()
    expect(dialog.get_by_label("Title")).to_have_value("Ten tons of pipe")
    choose_tomorrow(browser_page)
    dialog.get_by_role("button", name="Create deal").click()
    expect(browser_page.get_by_role("heading", name="Ten tons of pipe")).to_be_visible()
    with server.database.read_scope() as session:
        deal = session.scalars(select(Deal).where(Deal.title == "Ten tons of pipe")).one()
        assert (deal.stage_id, deal.owner_id) == (pipeline.stages[0], server.cast.anna.user_id)
        assert session.scalars(select(NextStep.due_at).where(NextStep.deal_id == deal.id)).all() == [deal.next_due_at]


def test_step_is_not_closed_without_the_following_one(
    server: Server, pipeline: PipelineRows, browser_page: Page
) -> None:
    with server.database.session_scope() as session:
        deal_id = add_deal(session, server.cast.anna, pipeline, due_in=timedelta(days=-1))
        step_id = session.scalars(select(NextStep.id).where(NextStep.deal_id == deal_id)).one()
    browser_page.goto(server.url)
    browser_page.locator(f".st-key-done_{step_id} button").click()
    dialog = browser_page.get_by_role("dialog")
    dialog.get_by_label("Notes on the result").fill("No answer twice")
    dialog.get_by_label("Notes on the result").press("Tab")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("This is the last step of an open deal.")).to_be_visible()
    expect(dialog.get_by_label("Notes on the result")).to_have_value("No answer twice")
    choose_tomorrow(browser_page)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    with server.database.read_scope() as session:
        step = session.get_one(NextStep, step_id)
        assert (step.result, step.result_text) == (StepResult.DONE, "No answer twice")
        assert step.done_at is not None
        open_steps = select(NextStep).where(NextStep.deal_id == deal_id, NextStep.done_at.is_(None))
        assert len(session.scalars(open_steps).all()) == 1


def test_changed_stage_is_saved_and_a_refusal_keeps_what_was_typed(
    server: Server, pipeline: PipelineRows, open_browser: OpenBrowser
) -> None:
    page = open_browser("vera")
    page.goto(f"{server.url}/pipelines")
    page.get_by_role("tab", name="Stages").click()
    page.locator(f".st-key-edit_stage_{pipeline.stages[1]} button").click()
    dialog = page.get_by_role("dialog")
    name, criterion = dialog.get_by_label("Name: a finished action"), dialog.get_by_label("Done when")
    name.fill("  ")
    criterion.fill("The need is on paper")
    criterion.press("Tab")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Fill this in.")).to_be_visible()
    expect(criterion).to_have_value("The need is on paper")
    name.fill("Need written down")
    name.press("Tab")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    with server.database.read_scope() as session:
        stage = session.get_one(Stage, pipeline.stages[1])
        assert (stage.name, stage.exit_criterion) == ("Need written down", "The need is on paper")


def test_dialogs_keep_the_readers_language_and_time(
    server: Server, pipeline: PipelineRows, open_browser: OpenBrowser
) -> None:
    with server.database.session_scope() as session:
        session.get_one(User, server.cast.vera.user_id).language = "ru"
    page = open_browser("vera")
    page.goto(f"{server.url}/users")
    page.get_by_role("button", name="Новый пользователь").click()
    dialog = page.get_by_role("dialog")
    save = dialog.get_by_role("button", name="Добавить и создать ссылку")
    dialog.get_by_label("Имя и фамилия").fill("Пётр Смирнов")
    dialog.get_by_label("E-mail").fill("vera@example.com")
    save.click()
    expect(dialog.get_by_text("Этот e-mail уже у другого пользователя")).to_be_visible()
    dialog.get_by_label("E-mail").fill("petr@example.com")
    save.click()
    expect(page.get_by_text("Отправьте эту ссылку")).to_be_visible()
    page.goto(f"{server.url}/pipelines")
    page.get_by_role("tab", name="Этапы").click()
    page.get_by_role("button", name="Добавить этап").click()
    criterion = dialog.get_by_label("Этап пройден, когда")
    criterion.fill("Есть подпись")
    criterion.press("Tab")
    dialog.get_by_role("button", name="Сохранить").click()
    expect(dialog.get_by_text("Заполните это поле.")).to_be_visible()
    expect(criterion).to_have_value("Есть подпись")
