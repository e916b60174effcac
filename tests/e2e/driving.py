"""Starting the real application for browser tests, and what every one of them does with a page."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from crm.db import Database
from crm.settings import ROOT, Settings
from tests.conftest import Cast

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PASSWORD = "six brown horses on ice"
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A running application: its address, its database as the tests may open it, and its people."""

    url: str
    database: Database
    cast: Cast
    environment: dict[str, str]
    log: Path


@dataclass(frozen=True, slots=True)
class Watch:
    """What a page must never do; checked when its test ends."""

    host: str
    wrongs: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Note refusals by the content security policy and requests to foreign hosts."""

        def note_console(message: ConsoleMessage) -> None:
            if "Content Security Policy" in message.text:
                self.wrongs.append(f"refused by policy: {message.text}")

        def note_request(request: Request) -> None:
            address = urlsplit(request.url)
            if address.scheme not in {"data", "blob"} and address.netloc != self.host:
                self.wrongs.append(f"foreign request: {request.url}")

        page.on("console", note_console)
        page.on("request", note_request)


def browser_path() -> str:
    """Return the path of the system's Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, f"browser tests need one of {', '.join(BROWSERS)} on the PATH; `make test` installs it"
    return found


def server_environment(database_url: str, data_dir: Path, port: int) -> dict[str, str]:
    """Return the settings of a server, every one of them, so that none comes from the developer's .env file."""
    plain = {
        f"CRM_{name.upper()}": str(setting.default)
        for name, setting in Settings.model_fields.items()
        if isinstance(setting.default, (str, int))
    }
    return plain | {
        "CRM_DATABASE_URL": database_url,
        "CRM_DATA_DIR": str(data_dir),
        "CRM_SECRET_FILE": str(data_dir / "secret.key"),
        "CRM_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "CRM_FIRST_ADMIN_PASSWORD": "",
        "CRM_OIDC_CLIENT_SECRET": "",
    }


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run the application as `make run` does until the block ends."""
    address = urlsplit(environment["CRM_PUBLIC_URL"])
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(address.port), "--server.address", str(address.hostname)]
    others = {name: value for name, value in os.environ.items() if not name.startswith(("CRM_", "STREAMLIT_"))}
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=others | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_up(process, address.geturl(), log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def sign_in(page: Page, server_url: str, name: str) -> None:
    """Sign in through the form as one of the cast, or by an e-mail, in whatever language it is shown."""
    page.goto(f"{server_url}/account/sign-in")
    page.locator("input[name=email]").fill(name if "@" in name else f"{name}@example.com")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form[action='/account/sign-in'] button[type=submit]").click()
    page.wait_for_url(lambda url: "/account/" not in url)


def settled(page: Page) -> Page:
    """Wait until the script has run and the page shows what it drew."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-connection-state", "CONNECTED", timeout=20_000)
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=20_000)
    return page


def open_settled(page: Page, address: str) -> Page:
    """Go to an address and wait until the page has drawn itself."""
    page.goto(address)
    return settled(page)


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx2.get(f"{url}/healthz", timeout=2).status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the application did not start:\n{log.read_text()[-4000:]}")
