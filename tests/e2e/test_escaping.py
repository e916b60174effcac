"""Hostile and odd names through `md` in a real browser: shown letter by letter, asking no host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from crm.settings import ROOT
from tests.e2e.driving import free_port
from tests.e2e.escaping_page import TYPED

START_SECONDS = 60


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run the page of all texts in a server of its own."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("escaping_page.py"))]
    command += ["--server.port", url.rsplit(":", 1)[1], "--server.address", "127.0.0.1"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        for _second in range(START_SECONDS):
            try:
                httpx2.get(f"{url}/_stcore/health", timeout=2).raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(1)
        yield url
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="module")
def foreign_requests() -> list[str]:
    """Collect what the browser asked other hosts for."""
    return []


@pytest.fixture(scope="module")
def drawn(address: str, browser: Browser, foreign_requests: list[str]) -> Iterator[Page]:
    page = browser.new_context().new_page()

    def note(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            foreign_requests.append(request.url)

    page.on("request", note)
    page.goto(address)
    expect(page.get_by_text("drawn", exact=True)).to_be_visible(timeout=30_000)
    page.wait_for_timeout(1_000)  # formulas and emoji are loaded late
    yield page
    page.context.close()


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u2060", "")).strip()


@pytest.mark.parametrize("number", range(len(TYPED)), ids=[repr(typed) for typed in TYPED])
def test_text_is_shown_as_typed(number: int, drawn: Page) -> None:
    for place, before in (("markdown", ""), ("label", ""), ("caption", "before ")):
        shown = drawn.locator(f".st-key-{place}_{number}")
        assert plain(shown.inner_text()) == plain(f"{before}{TYPED[number]}"), place
        tags = shown.evaluate(
            "node => [...node.querySelectorAll('[data-testid=stMarkdownContainer] *')].map(one => one.tagName)"
        )
        assert set(tags) <= {"P", "BR"}, place


def test_no_text_made_the_browser_call_outside(drawn: Page, foreign_requests: list[str]) -> None:
    assert foreign_requests == []
