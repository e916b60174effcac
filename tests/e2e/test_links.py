"""Links in a real browser: made in the designer, set off on the deal's page, seen as a chain and on the map."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.deals.due_links import run_due_links
from crm.models import Deal, FieldType, LinkKind, LinkOwner, LinkTrigger, StepKind
from crm.pipelines.fields import create_field
from crm.pipelines.link_values import ConditionOp, LinkCondition
from crm.pipelines.links import list_links, load_link
from crm.pipelines.reads import load_fields
from tests.deals.linking import DAY_SECONDS, add_link, children, lose, only_child, win
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import PipelineRows, add_company, add_deal, add_pipeline


@pytest.fixture(scope="module")
def pipelines(server: Server) -> dict[str, PipelineRows]:
    """Insert sales, an active base, a refusal base and returns, the last of them linked to nothing."""
    with server.database.session_scope() as session:
        return {
            "sales": add_pipeline(session, "First sales"),
            "base": add_pipeline(session, "Active base", ["Needs checked", "Offer renewed"]),
            "refusals": add_pipeline(session, "Refusals", ["Reason checked"]),
            "returns": add_pipeline(session, 'Returns "R" <b>&</b> 🚚', ["Goods back"]),
        }


def pick(page: Page, label: str, option: str) -> None:
    page.get_by_role("dialog").get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_link_is_made_in_the_designer_and_a_refusal_keeps_what_was_typed(
    server: Server, pipelines: dict[str, PipelineRows], open_browser: OpenBrowser
) -> None:
    page = open_settled(open_browser("vera"), f"{server.url}/pipelines")
    page.get_by_role("tab", name="Links").click()
    page.get_by_role("button", name="Add a link").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What to do").fill("Thank for the order")
    dialog.get_by_label("What to do").press("Tab")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Choose a pipeline that is in use.")).to_be_visible()
    expect(dialog.get_by_label("What to do")).to_have_value("Thank for the order")
    pick(page, "Create a deal in", "Active base")
    expect(dialog.get_by_label("On the stage")).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Won in “First sales”")).to_be_visible()
    with server.database.read_scope() as session:
        (link,) = list_links(session)
        assert (link.plan.trigger, link.plan.to_pipeline_id) == (LinkTrigger.WON, pipelines["base"].id)
        assert link.plan.step_text == "Thank for the order"


def test_a_won_deal_appears_in_the_other_pipeline_with_the_chain_on_its_page(
    server: Server, pipelines: dict[str, PipelineRows], browser_page: Page
) -> None:
    with server.database.session_scope() as session:
        if not list_links(session):  # the test before has made it where it ran here
            add_link(session, pipelines["sales"], pipelines["base"])
        deal_id = add_deal(session, server.cast.anna, pipelines["sales"], 3, title="Ten tons of sheet")
    open_settled(browser_page, f"{server.url}/deal?deal={deal_id}")
    browser_page.get_by_role("button", name="Paid", exact=True).first.click()
    chain = browser_page.locator(".st-key-deal_chain")
    expect(chain.get_by_text("Active base").first).to_be_visible()
    with server.database.read_scope() as session:
        child_id = only_child(session, deal_id).id
        assert session.get_one(Deal, deal_id).pipeline_id == pipelines["sales"].id
    expect(browser_page.get_by_text(f"Created deal #{child_id} in “Active base”, round 1")).to_be_visible()
    chain.get_by_role("link", name=re.compile(f"#{child_id}")).click()
    settled(browser_page)
    expect(browser_page.get_by_role("heading", name=f"#{child_id} Ten tons of sheet")).to_be_visible()
    expect(
        browser_page.locator(".st-key-deal_chain").get_by_role("link", name=re.compile(f"#{deal_id} "))
    ).to_be_visible()


def test_the_refusals_loop_comes_back_with_round_two_on_its_day_and_returns_stand_alone(
    server: Server, pipelines: dict[str, PipelineRows], open_browser: OpenBrowser
) -> None:
    sales, refusals = pipelines["sales"], pipelines["refusals"]
    with server.database.session_scope() as session:
        add_link(session, sales, refusals, trigger=LinkTrigger.LOST)
        add_link(session, refusals, refusals, trigger=LinkTrigger.LOST, cooldown_seconds=90 * DAY_SECONDS)
        company_id = add_company(session, server.cast.anna, "Loop LLC")
        first = add_deal(session, server.cast.anna, sales, company_id=company_id)
        lose(session, server.cast.anna, first, sales)
        second = only_child(session, first).id
        lose(session, server.cast.anna, second, refusals)
        returned = add_deal(session, server.cast.anna, pipelines["returns"], company_id=company_id)
        lose(session, server.cast.anna, returned, pipelines["returns"])
        assert children(session, returned) == []
    page = open_settled(open_browser("anna"), f"{server.url}/deal?deal={second}")
    expect(page.get_by_text("New deal in “Refusals” on")).to_be_visible()
    run_due_links(server.database, system_actor(), now=utc_now() + timedelta(days=91))
    with server.database.read_scope() as session:
        third = session.scalars(select(Deal).where(Deal.origin_deal_id == second)).one()
    open_settled(page, f"{server.url}/deal?deal={third.id}")
    expect(page.locator(".st-key-deal_chain").get_by_text("round 2")).to_be_visible()
    open_settled(page, f"{server.url}/clients?company={company_id}")
    expect(page.get_by_text("Chain of deals, the newest first")).to_be_visible()


def test_the_map_shows_every_pipeline_by_its_very_name_and_what_went_along(
    server: Server, pipelines: dict[str, PipelineRows], open_browser: OpenBrowser
) -> None:
    odd = 'Odd "O" <i>&</i> 🚚'
    with server.database.session_scope() as session:
        start = add_pipeline(session, odd, ["<script>alert(1)</script>"])
        add_link(session, start, pipelines["base"])
        deal_id = add_deal(session, server.cast.anna, start)
        win(session, server.cast.anna, deal_id)
    page = open_settled(open_browser("vera"), f"{server.url}/pipelines")
    page.get_by_role("tab", name="Map").click()
    drawing = page.locator("svg[role=img]")
    expect(drawing).to_be_visible()
    for name in ("First sales", "Active base", "Refusals", odd):
        expect(drawing.locator(".head", has_text=name)).to_be_visible()
    expect(drawing.locator(".name", has_text="<script>")).to_be_visible()
    arrow = drawing.locator(".arrow", has=page.locator("title", has_text=f"{odd}, Paid → Active base, Needs checked"))
    expect(arrow.locator(".line")).to_have_count(1)
    expect(arrow.locator(".label")).to_have_text("1")
    page.get_by_text("A year").click()
    expect(arrow.locator(".label")).to_have_text("1")


def test_a_link_opens_as_it_stands_and_is_saved_as_it_was(
    server: Server, pipelines: dict[str, PipelineRows], open_browser: OpenBrowser
) -> None:
    sales, base = pipelines["returns"], pipelines["base"]
    with server.database.session_scope() as session:
        field_id = create_field(session, server.cast.vera, name="Region", field_type=FieldType.CHOICE, options="AB")
        (field,) = load_fields(session)
        conditions = (
            LinkCondition("amount", ConditionOp.AT_LEAST, 5_000_050),
            LinkCondition("priority", ConditionOp.IS_ONE_OF, ("hot", "warm")),
            LinkCondition("source", ConditionOp.IS_ONE_OF, ("Site",)),
            LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (sales.reasons[1],)),
            LinkCondition(f"field:{field_id}", ConditionOp.IS_ONE_OF, (field.options[1].code,)),
            LinkCondition("expected_close_on", ConditionOp.EMPTY),
        )
        link_id = add_link(
            session, sales, base, trigger=LinkTrigger.STAGE, from_stage_id=sales.stages[0],
            to_stage_id=base.stages[1], kind=LinkKind.REPEAT_SALE, copied=("source", f"field:{field_id}"),
            owner_rule=LinkOwner.USER, owner_id=server.cast.boris.user_id, delay_seconds=7200, conditions=conditions,
            cooldown_seconds=90 * DAY_SECONDS, max_rounds=3, skip_if_open=True, step_kind=StepKind.EMAIL,
            step_text="Ask", step_due_seconds=1800, is_active=False,
        )  # fmt: skip
        before = load_link(session, link_id).plan
    page = open_settled(open_browser("vera"), f"{server.url}/pipelines")
    page.get_by_role("combobox", name="Pipeline").first.click()
    page.get_by_role("option", name="Returns").click()
    settled(page)
    page.get_by_role("tab", name="Links").click()
    page.locator(f".st-key-edit_link_{link_id} button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("What to do")).to_have_value("Ask")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    with server.database.read_scope() as session:
        after = load_link(session, link_id)
        assert (after.plan, after.version) == (before, 2)
    page.locator(f".st-key-edit_link_{link_id} button").click()
    page.locator(".st-key-link_form_condition_1_drop button").click()
    settled(page)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    with server.database.read_scope() as session:
        assert load_link(session, link_id).plan.conditions == (conditions[0], *conditions[2:])
