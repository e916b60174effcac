"""Rules in a real browser: a manager is refused, a head passes with a reason, a policy greys the button out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm.models import (
    Deal,
    DealStatus,
    NextStep,
    Pipeline,
    RequirementMoment,
    Role,
    RuleOverride,
    Stage,
    StageRequirement,
    StepKind,
)
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline

WHY = "The client wants another offer"


@pytest.fixture(scope="module")
def pipeline(server: Server) -> PipelineRows:
    with server.database.session_scope() as session:
        return add_pipeline(session)


def move_on_board(page: Page, server: Server, deal_id: int, stage: str) -> None:
    open_settled(page, f"{server.url}/board")
    page.get_by_role("button", name="Move to...").click()
    page.get_by_role("combobox", name="Deal").click()
    page.get_by_role("option", name=f"#{deal_id} ").click()
    page.get_by_role("combobox", name="Stage").click()
    page.get_by_role("option", name=stage, exact=True).click()
    page.get_by_role("button", name="Move", exact=True).click()


def give_reason(page: Page, label: str, button: str) -> None:
    dialog = page.get_by_test_id("stDialog")
    reason = dialog.get_by_role("textbox", name=label)
    reason.fill("too far")
    reason.press("Tab")
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog.get_by_text("Say why in 10 characters or more: others will read it.")).to_be_visible()
    expect(reason).to_have_value("too far")
    reason.fill(WHY)
    reason.press("Tab")
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_have_count(0)


def test_manager_is_refused_the_way_back_and_a_head_goes_it_with_a_reason(
    server: Server, pipeline: PipelineRows, open_browser: OpenBrowser
) -> None:
    with server.database.session_scope() as session:
        deal_id = add_deal(session, server.cast.anna, pipeline, stage=2, title="Way back")
    anna = open_browser("anna")
    move_on_board(anna, server, deal_id, "Contact made")
    expect(anna.get_by_text("Deals only go forward: “Contact made” is behind.")).to_be_visible()
    expect(anna.get_by_test_id("stDialog")).to_have_count(0)
    boris = open_browser("boris")
    move_on_board(boris, server, deal_id, "Contact made")
    expect(boris.get_by_test_id("stDialog").get_by_text("Deals only go forward")).to_be_visible()
    give_reason(boris, "Why is the rule passed?", "Move anyway")
    with server.database.read_scope() as session:
        assert session.get_one(Deal, deal_id).stage_id == pipeline.stages[0]
        assert session.scalars(select(RuleOverride.reason).where(RuleOverride.deal_id == deal_id)).one() == WHY
    boris.goto(f"{server.url}/exceptions")
    card = boris.locator("[data-testid=stVerticalBlock]", has_text="Way back").last
    expect(card.get_by_text(WHY)).to_be_visible()
    expect(card.get_by_text("moved back").first).to_be_visible()
    boris.get_by_role("link", name="Way back").click()
    expect(boris.get_by_text("1 move past a rule, its reason is on the timeline")).to_be_visible()
    expect(boris.get_by_text(f"Passed a rule (moved back): {WHY}")).to_be_visible()
    anna.goto(f"{server.url}/exceptions")
    expect(anna.get_by_text("Your role does not allow this. Ask your administrator.")).to_be_visible()


def test_head_takes_a_closed_deal_up_again_with_a_next_step(
    server: Server, pipeline: PipelineRows, open_browser: OpenBrowser
) -> None:
    with server.database.session_scope() as session:
        deal_id = add_closed_deal(session, server.cast.anna, pipeline, title="Once more")
        child = add_deal(session, server.cast.anna, pipeline, title="Its child", origin_deal_id=deal_id)
    anna = open_browser("anna")
    anna.goto(f"{server.url}/deal?deal={deal_id}")
    expect(anna.get_by_role("heading", name="Once more")).to_be_visible()
    expect(settled(anna).get_by_role("button", name="Take up again")).to_have_count(0)
    boris = open_browser("boris")
    boris.goto(f"{server.url}/deal?deal={deal_id}")
    boris.get_by_role("button", name="Take up again").click()
    dialog = boris.get_by_test_id("stDialog")
    expect(dialog.get_by_text(f"Its continuation is open: deal #{child} in “First sales”.")).to_be_visible()
    expect(dialog.get_by_role("link", name=f"#{child} Its child")).to_be_visible()
    dialog.get_by_text("Tomorrow").click()
    expect(dialog.get_by_test_id("stDateInput")).not_to_contain_text("yyyy")
    give_reason(boris, "Why is the deal taken up again?", "Take up again")
    expect(boris.get_by_role("button", name="Paid")).to_be_visible()
    with server.database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.status, deal.stage_id) == (DealStatus.OPEN, pipeline.stages[-1])
        assert deal.next_due_at is not None


def test_button_is_greyed_out_where_the_policy_forbids_new_deals(
    server: Server, pipeline: PipelineRows, open_browser: OpenBrowser
) -> None:
    anna = open_browser("anna")
    anna.goto(f"{server.url}/board")
    expect(anna.get_by_role("button", name="Deal", exact=True)).to_be_visible()
    with server.database.session_scope() as session:
        session.get_one(Pipeline, pipeline.id).creation_roles = [Role.HEAD.value, Role.ADMIN.value]
    anna.goto(f"{server.url}/board")
    expect(settled(anna).get_by_role("button", name="Filters")).to_be_visible()
    expect(anna.get_by_role("button", name="Deal", exact=True)).to_be_disabled()
    boris = open_browser("boris")
    boris.goto(f"{server.url}/board")
    expect(boris.get_by_role("button", name="Deal", exact=True)).to_be_enabled()
    with server.database.session_scope() as session:
        session.get_one(Pipeline, pipeline.id).creation_roles = [role.value for role in Role]


def test_admin_removes_a_deal_and_puts_it_back(
    server: Server, pipeline: PipelineRows, open_browser: OpenBrowser
) -> None:
    with server.database.session_scope() as session:
        deal_id = add_deal(session, server.cast.anna, pipeline, title="Entered twice")
    vera = open_browser("vera")
    vera.goto(f"{server.url}/deal?deal={deal_id}")
    vera.get_by_role("button", name="Remove", exact=True).click()
    vera.get_by_label("Why?").fill("Entered twice by one manager")
    vera.get_by_label("Why?").press("Tab")
    vera.get_by_role("button", name="Remove the deal").click()
    vera.wait_for_url("**/board**")
    vera.goto(f"{server.url}/deal?deal={deal_id}")
    expect(vera.get_by_text("There is no such record, or it is not yours to see.")).to_be_visible()
    vera.goto(f"{server.url}/exceptions")
    vera.get_by_role("tab", name="Removed deals").click()
    vera.locator(f".st-key-restore_{deal_id} button").click()
    dialog = vera.get_by_test_id("stDialog")
    dialog.get_by_role("button", name="Put back").click()
    expect(dialog.get_by_text("Plan the next step: an open deal always has one.")).to_be_visible()
    dialog.get_by_text("Tomorrow").click()
    expect(dialog.get_by_test_id("stDateInput")).not_to_contain_text("yyyy")
    dialog.get_by_role("button", name="Put back").click()
    expect(dialog).to_have_count(0)
    with server.database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.status, deal.stage_id) == (DealStatus.OPEN, pipeline.stages[0])


def test_fields_of_the_left_stage_and_the_right_kind_of_step_are_asked_for_in_place(
    server: Server, open_browser: OpenBrowser
) -> None:
    with server.database.session_scope() as session:
        rows = add_pipeline(session, "Repeat sales")
        session.add(StageRequirement(stage_id=rows.stages[0], moment=RequirementMoment.EXIT, builtin="source"))
        session.get_one(Stage, rows.stages[1]).step_kinds = [StepKind.MEETING.value]
        deal_id = add_deal(session, server.cast.anna, rows, title="Asked in place")
    anna = open_browser("anna")
    open_settled(anna, f"{server.url}/deal?deal={deal_id}").get_by_role("button", name="Need found").click()
    dialog = anna.get_by_test_id("stDialog")
    expect(dialog.get_by_text("Meeting", exact=True)).to_be_visible()
    expect(dialog.get_by_text("Call", exact=True)).to_have_count(0)
    expect(dialog.get_by_text("Move anyway...")).to_have_count(0)
    dialog.get_by_role("textbox", name="Source").fill("Fair")
    dialog.get_by_role("textbox", name="Source").press("Tab")
    dialog.get_by_role("button", name="Save and move").click()
    expect(dialog.get_by_text("On “Need found” the next step is one of: Meeting.")).to_be_visible()
    dialog.get_by_text("Tomorrow").click()
    expect(dialog.get_by_test_id("stDateInput")).not_to_contain_text("yyyy")
    dialog.get_by_role("button", name="Save and move").click()
    expect(dialog).to_have_count(0)
    with server.database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.stage_id, deal.source) == (rows.stages[1], "Fair")
        assert StepKind.MEETING in session.scalars(select(NextStep.kind).where(NextStep.deal_id == deal_id)).all()
