"""The story of the linter in a real browser: a bad funnel becomes a clean one, fix by fix, and no stay is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from crm.models import Deal, DealStatus, LintRun, Objection, Stage, StageVisit
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import PipelineRows
from tests.pipelines.linter.funnels import BAD_STAGES, add_good_pipeline, stage_names, travel_many

MOST_FIXES = 20
TYPED = (
    "Потребность выявлена",
    "Презентация проведена",
    "Договор подписан",
    "Условия согласованы",
    "Счёт выставлен",
    "Заявка получена",
)


@pytest.fixture
def funnel(server: Server) -> PipelineRows:
    """Put the ten worst stages in, three deals on each."""
    with server.database.session_scope() as session:
        rows = add_good_pipeline(session, "Продажи", BAD_STAGES)
        for place in range(len(BAD_STAGES)):
            travel_many(session, server.cast.anna, rows, (0, place) if place else (0,), 3)
    return rows


def test_bad_funnel_becomes_clean_fix_by_fix(server: Server, funnel: PipelineRows, open_browser: OpenBrowser) -> None:
    with server.database.read_scope() as session:
        before = dict(session.execute(select(StageVisit.id, StageVisit.stage_id)).all())
        deals = session.scalar(select(func.count()).select_from(Deal))
    page = open_settled(open_browser("vera"), f"{server.url}/pipelines")
    expect(page.get_by_text("“Возражения” is no step of the sale")).to_be_visible()
    names = iter(TYPED)
    for _turn in range(MOST_FIXES):
        settled(page)
        button = page.locator("[class*='st-key-fix_L']:not([class*='st-key-fix_L01']) button").first
        # `count` does not wait for what is still being drawn.
        expect(button.or_(page.get_by_text("In good health: nothing to mend"))).to_be_visible()
        if not button.count():
            break
        button.click()
        mend(page, names)
    with server.database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Deal)) == deals
        kept = select(StageVisit.id, StageVisit.stage_id).where(StageVisit.id.in_(before))
        assert dict(session.execute(kept).all()) == before
        left = stage_names(session, funnel.id)
        assert not set(left) & set(BAD_STAGES)
        retired = select(Stage.id).where(Stage.retired_at.is_not(None))
        stranded = select(Deal.id).where(Deal.status == DealStatus.OPEN, Deal.stage_id.in_(retired))
        assert session.scalars(stranded).all() == []
        assert session.scalar(select(func.count()).select_from(Deal).where(Deal.source == "ВК")) == 3
        assert session.scalar(select(func.count()).select_from(Objection)) == 3
        assert session.scalar(select(func.count()).select_from(Deal).where(Deal.status == DealStatus.LOST)) == 6
        scores = session.scalars(select(LintRun.score).order_by(LintRun.id)).all()
    assert scores == sorted(scores)
    assert scores[-1] == 100
    expect(page.get_by_text("In good health: nothing to mend")).to_be_visible()


def mend(page: Page, names: Iterator[str]) -> None:
    """Click a fix through its dialog; where it asks for a name, type the next one."""
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("What has been done when a deal is here?")
    go = dialog.get_by_role("button", name="Mend it")
    expect(go).to_be_visible()
    settled(page)
    if field.count():
        field.fill(next(names))
        field.press("Tab")
        settled(page)
    go.click()
    expect(dialog).to_have_count(0)
    settled(page)
