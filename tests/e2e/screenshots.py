"""`make screenshots`: every page over the demo, in both languages, light and dark, on a laptop and on a phone."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.auth.passwords import hash_password
from crm.db import Database
from crm.db.migrate import migrate
from crm.deals.moves import Move, move_deal
from crm.deals.removal import remove_deal
from crm.duplicates.merge_plan import better_survivor
from crm.duplicates.merging import merge_records
from crm.duplicates.scanning import start_scan
from crm.models import BackgroundJob, Channel, Deal, DealStatus, JobStatus, MatchPair, PairState, Stage, User, Workspace
from crm.pipelines.reads import load_pipeline
from crm.settings import ROOT
from crm.ui.nav import PAGES
from tests.e2e.driving import (
    BROWSER_FLAGS,
    PASSWORD,
    browser_path,
    free_port,
    running,
    server_environment,
    settled,
    sign_in,
)

IMAGES = ROOT / "docs" / "img"
README_IMAGE = "board-en-light-laptop.png"
LOCALES = {"ru": "ru-RU", "en": "en-US"}
CURRENCIES = {"ru": "RUB", "en": "USD"}
TABS = {  # beside the one a page opens on
    "pipelines": {"stages": 1, "rules": 2, "links": 5, "map": 6},
    "duplicates": {"merges": 1, "wrong_fields": 2, "bulk": 3},
}
# Beside the one without a question; a place of the page is brought into sight.
VIEWS = {
    "conversion": {"times": ("more=survival", ".st-key-survival")},
    "managers": {"time": ("show=time", "")},
    "kpi": {"weeks": ("by=week", "")},
}
ANALYTICS = ("conversion", "losses", "managers", "kpi", "trust")
MAVEN = ROOT.parent / "shared" / "data" / "maven_crm"
MAVEN_FILES = ("accounts", "products", "sales_pipeline", "sales_teams")
MANAGERS_PAGES = {"today", "board", "deal", "clients"}  # the rest as an administrator
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCREENS: dict[str, ViewportSize] = {
    "laptop": {"width": 1366, "height": 768},
    "phone": {"width": 390, "height": 844},
}
_EXCEPTIONS = {
    "ru": ("Клиент сменил объект, считаем заново", "Занесли дважды по ошибке"),
    "en": ("The client has another site, we count anew", "Entered twice by mistake"),
}
SCAN_SECONDS = 120
QUIET_MILLISECONDS = 700  # charts, fonts and component frames draw after the script has ended


def main() -> None:
    """Make the pictures asked for on the command line; all of them without arguments."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--language", choices=LOCALES, action="append")
    parser.add_argument("--page", choices=[page.name for page in PAGES], action="append")
    parser.add_argument("--into", type=Path, default=IMAGES)
    parser.add_argument("--maven", action="store_true", help=f"dashboards over the Maven data set in {MAVEN} instead")
    chosen = parser.parse_args()
    chosen.into.mkdir(parents=True, exist_ok=True)
    pages = chosen.page or [page.name for page in PAGES]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(BROWSER_FLAGS))
        for language in chosen.language or LOCALES:
            with tempfile.TemporaryDirectory() as folder:
                if chosen.maven:
                    _picture_maven(browser, language, Path(folder), chosen.into)
                else:
                    _picture_language(browser, language, pages, Path(folder), chosen.into)
        browser.close()
    if (chosen.into / README_IMAGE).exists():
        shutil.copyfile(chosen.into / README_IMAGE, chosen.into / "board.png")


def _picture_language(browser: Browser, language: str, pages: list[str], folder: Path, into: Path) -> None:
    environment = _environment(folder)
    database = Database(environment["CRM_DATABASE_URL"])
    migrate(database)
    with running(environment, folder / "server.log"):
        with database.session_scope() as session:
            session.scalars(select(Workspace)).one().currency = CURRENCIES[language]
        _run_cli(environment, "demo", "fill", "--language", language)
        _scan(database)
        manager, deal_id = _prepare(database, language)
        people = {manager: [name for name in pages if name in MANAGERS_PAGES]}
        people["vera@example.com"] = [name for name in pages if name not in MANAGERS_PAGES]
        for theme, (screen, viewport), email in product(THEMES, SCREENS.items(), people):
            context = browser.new_context(
                locale=LOCALES[language],
                timezone_id="Europe/Moscow",
                color_scheme=theme,
                viewport=viewport,
                has_touch=screen == "phone",
                reduced_motion="reduce",
            )
            page, address = context.new_page(), environment["CRM_PUBLIC_URL"]
            page.goto(f"{address}/account/sign-in")
            page.screenshot(path=into / f"sign_in-{language}-{theme}-{screen}.png")
            sign_in(page, address, email)
            for name in people[email]:
                page.goto(f"{address}/{name}" + (f"?deal={deal_id}" if name == "deal" else ""))
                _picture(page, into / f"{name}-{language}-{theme}-{screen}.png")
                if name == "duplicates" and screen == "phone":
                    _picture_pair(page, into / f"duplicates_pair-{language}-{theme}-{screen}.png")
                if (theme, screen) == ("light", "laptop"):
                    _picture_tabs(page, into, name, f"{language}-{theme}-{screen}.png")
                    _picture_views(page, f"{address}/{name}", into, name, f"{language}-{theme}-{screen}.png")
            context.close()
    database.close()


def _picture_tabs(page: Page, into: Path, name: str, rest: str) -> None:
    for tab, place in TABS.get(name, {}).items():
        settled(page)
        page.get_by_role("tab").nth(place).click()
        if tab == "bulk":  # what it would do
            settled(page)
            page.locator(".st-key-bulk_try button").click()
            expect(page.locator(".st-key-bulk_plan")).to_be_visible()
        _picture(page, into / f"{name}_{tab}-{rest}")


def _picture_views(page: Page, address: str, into: Path, name: str, rest: str) -> None:
    for view, (query, place) in VIEWS.get(name, {}).items():
        page.goto(f"{address}?{query}")
        if place:
            settled(page)
            page.locator(place).evaluate("node => node.scrollIntoView({block: 'center'})")
        _picture(page, into / f"{name}_{view}-{rest}")


def _picture_maven(browser: Browser, language: str, folder: Path, into: Path) -> None:
    """Import the files as an administrator would, and picture the dashboards, light and dark, on a laptop."""
    environment = _environment(folder)
    database = Database(environment["CRM_DATABASE_URL"])
    migrate(database)
    with running(environment, folder / "server.log"):
        with database.session_scope() as session:
            session.scalars(select(Workspace)).one().currency = "USD"
            session.scalars(select(User)).one().language = language
        files = [str(MAVEN / f"{name}.csv") for name in MAVEN_FILES]
        _run_cli(environment, "import", *files, "--mapping", str(ROOT / "tests" / "imports" / "maven.toml"))
        for theme in THEMES:
            context = browser.new_context(
                locale=LOCALES[language], timezone_id="Europe/Moscow", color_scheme=theme, viewport=SCREENS["laptop"],
                reduced_motion="reduce",
            )  # fmt: skip
            page, address = context.new_page(), environment["CRM_PUBLIC_URL"]
            sign_in(page, address, "vera@example.com")
            for name in ANALYTICS:
                page.goto(f"{address}/{name}")
                _picture(page, into / f"{name}_maven-{language}-{theme}-laptop.png")
            context.close()
    database.close()


def _picture_pair(page: Page, path: Path) -> None:
    """Tap the first pair of the list: on a phone it is shown in its place."""
    page.locator(".st-key-duplicates_list [data-testid=stRadioOption]").first.click()
    expect(page.locator(".st-key-duplicates_decision")).to_be_visible()
    _picture(page, path)


def _picture(page: Page, path: Path) -> None:
    settled(page)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_timeout(QUIET_MILLISECONDS)
    page.screenshot(path=path)
    sys.stdout.write(f"{path.name}\n")


def _environment(folder: Path) -> dict[str, str]:
    return server_environment(f"sqlite:///{folder / 'crm.sqlite3'}", folder, free_port()) | {
        "CRM_FIRST_ADMIN_EMAIL": "vera@example.com",
        "CRM_FIRST_ADMIN_PASSWORD": PASSWORD,
    }


def _run_cli(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "crm.cli", *arguments],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=True,
    )


def _scan(database: Database) -> None:
    """Let the running application look for duplicates, as the button of the page does; worth is told in their money."""
    with database.session_scope() as session:
        session.scalars(select(Workspace)).one().currency = session.scalars(select(Deal.currency)).first() or ""
        admin = session.scalars(select(User).where(User.email == "vera@example.com")).one()
        start_scan(session, load_actor(session, admin.id, Channel.UI))
    for _second in range(SCAN_SECONDS):
        with database.read_scope() as session:
            if (
                session.scalars(select(BackgroundJob.status).order_by(BackgroundJob.id.desc())).first()
                is JobStatus.DONE
            ):
                return
        time.sleep(1)
    raise RuntimeError("the scan did not end")


def _prepare(database: Database, language: str) -> tuple[str, int]:
    """Let the busiest manager sign in, in the language; return the e-mail and the open deal that has come furthest."""
    open_deals = select(Deal).where(Deal.status == DealStatus.OPEN).subquery()
    busiest = select(open_deals.c.owner_id).group_by(open_deals.c.owner_id).order_by(func.count().desc()).limit(1)
    with database.session_scope() as session:
        manager = session.get_one(User, session.scalars(busiest).one())
        manager.password_hash = hash_password(PASSWORD)
        admin = session.scalars(select(User).where(User.email == "vera@example.com")).one()
        admin.name, admin.language, manager.language = "Vera" if language == "en" else "Вера", language, language
        _leave_exceptions(session, load_actor(session, admin.id, Channel.UI), language)
        _leave_merge(session, load_actor(session, admin.id, Channel.UI))
        furthest = select(open_deals.c.id).where(open_deals.c.owner_id == manager.id)
        deal_id = session.scalars(furthest.order_by(open_deals.c.stage_id.desc(), open_deals.c.id).limit(1)).one()
        return manager.email, deal_id


def _leave_merge(session: Session, admin: Actor) -> None:
    """Merge the surest pair: what the history of merges shows."""
    query = select(MatchPair).where(MatchPair.is_automatic, MatchPair.state == PairState.OPEN)
    pair = session.scalars(query.order_by(MatchPair.weight.desc(), MatchPair.id)).first()
    if pair is None:
        raise RuntimeError("the demo holds no sure pair")
    ids = (pair.left_id, pair.right_id)
    stays = better_survivor(session, admin, pair.entity_type, ids)
    merge_records(
        session, admin, entity_type=pair.entity_type, survivor_id=stays,
        merged_id=ids[0] if stays == ids[1] else ids[1], pair_id=pair.id,
    )  # fmt: skip


def _leave_exceptions(session: Session, admin: Actor, language: str) -> None:
    """Move a deal back with a reason and remove the newest one: what the page of exceptions shows."""
    query = select(Deal).where(Deal.status == DealStatus.OPEN).join(Stage, Stage.id == Deal.stage_id)
    back = session.scalars(query.where(Stage.position == 1).order_by(Deal.id)).first()
    newest = session.scalars(query.order_by(Deal.id.desc())).first()
    if back is None or newest is None:
        raise RuntimeError("the demo holds no open deals")
    why = _EXCEPTIONS[language]
    first = load_pipeline(session, back.pipeline_id).open_stages[0]
    move_deal(session, admin, deal_id=back.id, move=Move(first.id, override_reason=why[0]))
    remove_deal(session, admin, deal_id=newest.id, expected_version=newest.version, reason=why[1])


if __name__ == "__main__":
    main()
