"""Dashboards in a real browser: from the address to the first chart drawn, and to the whole page."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import func, select

from bench.api import HOST, serving
from bench.report import Row
from bench.timing import Taken, summarise
from crm.auth.passwords import hash_password
from crm.db import Database
from crm.models import Deal, Role, User

BAR_MS = 1500.0
PAGES = ("conversion", "losses", "managers", "kpi", "trust")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync")  # fmt: skip
CHART = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
IS_STILL = "[data-testid=stApp][data-test-script-state=notRunning]"
DAYS = 90  # the period that dashboards open with
WAIT_MS = 120_000


def measure_browser(url: str, repeats: int) -> Iterator[Row]:
    """Yield two rows for each dashboard: its figures never read before, and read a moment ago.

    The base must be one to throw away: its first admin gets a password.
    """
    password = secrets.token_urlsafe()
    email, last = _prepare(url, password)
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise LookupError(f"none of {', '.join(BROWSERS)} on the PATH")
    with serving(url) as port, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1366, "height": 850})
        _sign_in(page, f"http://{HOST}:{port}", email, password)
        for name in PAGES:
            cold, warm = [], []
            _opened(page, port, name, last, shift=0)  # modules are loaded, connections made
            for shift in range(1, repeats + 1):
                cold.append(_opened(page, port, name, last, shift=shift))
                warm.append(_opened(page, port, name, last, shift=shift))
            yield _row(f"{name}, first chart, figures not read before", cold)
            yield _row(f"{name}, first chart, figures read before", warm)
        browser.close()


def _row(name: str, taken: Sequence[tuple[float, float]]) -> Row:
    whole = sorted(one[1] for one in taken)[len(taken) // 2]
    times = summarise([Taken(first, 0.0) for first, _whole in taken])
    return Row(name, times, bar_ms=BAR_MS, note=f"the whole page {whole:,.0f} ms")


def _prepare(url: str, password: str) -> tuple[str, date]:
    database = Database(url)
    with database.session_scope() as session:
        admin = session.scalars(select(User).where(User.role == Role.ADMIN).order_by(User.id).limit(1)).one()
        admin.password_hash = hash_password(password)
        newest = session.scalar(select(func.max(Deal.created_at)))
        if newest is None:
            raise LookupError("an empty base")
        found = admin.email, newest.date()
    database.close()
    return found


def _sign_in(page: Page, address: str, email: str, password: str) -> None:
    page.goto(f"{address}/account/sign-in")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("form[action='/account/sign-in'] button[type=submit]").click()
    page.wait_for_url(lambda url: "/account/" not in url)


def _opened(page: Page, port: int, name: str, last: date, *, shift: int) -> tuple[float, float]:
    """Open a dashboard by its address; return milliseconds to the first chart and to the whole page."""
    until = last - timedelta(days=shift)
    since = until - timedelta(days=DAYS - 1)
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(f"http://{HOST}:{port}/{name}?period=dates&since={since}&until={until}", wait_until="commit")
    page.locator(CHART).first.wait_for(timeout=WAIT_MS)
    first = time.perf_counter()
    page.locator(IS_STILL).wait_for(timeout=WAIT_MS)
    return (first - began) * 1000, (time.perf_counter() - began) * 1000
