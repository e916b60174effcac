"""Sessions in a real browser and over real WebSockets: who is signed out is out, in every open tab."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from crm.auth.sessions import create_session, sign_out
from crm.clock import utc_now
from crm.models import UserSession
from crm.settings import ROOT
from tests.e2e.driving import PASSWORD, Server, open_settled, settled, sign_in
from tests.factories import add_deal, add_pipeline

OpenBrowser = Callable[..., Page]


def test_deep_link_survives_sign_in_and_reload(server: Server, open_browser: OpenBrowser) -> None:
    with server.database.session_scope() as session:
        deal_id = add_deal(session, server.cast.anna, add_pipeline(session), title="Sheet for the deep link")
    address = f"{server.url}/deal?deal={deal_id}"
    page = open_browser(None)
    page.goto(address)
    expect(page.locator("input[name=next]").first).to_have_value(f"/deal?deal={deal_id}")
    page.locator("input[name=email]").fill("anna@example.com")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    for _opening in ("after signing in", "again"):
        expect(page.get_by_test_id("stMain")).to_contain_text("Sheet for the deep link")
        expect(page).to_have_url(address)
        page.reload()


def test_sign_out_in_one_tab_sends_the_other_to_the_sign_in_page(server: Server, open_browser: OpenBrowser) -> None:
    first = open_browser(None)
    sign_in(first, server.url, "anna")
    settled(first)
    second = first.context.new_page()
    open_settled(second, f"{server.url}/clients")
    open_settled(first, server.url)
    first.get_by_test_id("stSidebar").get_by_test_id("stPopover").get_by_role("button").click()
    first.get_by_role("button", name="Sign out").click()
    first.wait_for_url("**/account/sign-in")
    assert [cookie for cookie in first.context.cookies() if cookie.get("name") == "voronka"] == []
    second.wait_for_timeout(1100)
    second.get_by_test_id("stSidebar").get_by_role("link", name="Board").click()
    second.wait_for_url("**/account/sign-in**")
    first.go_back()
    expect(first.get_by_test_id("stSidebar")).to_have_count(0)


def test_administrator_ends_every_session_from_another_process(server: Server, open_browser: OpenBrowser) -> None:
    page = open_browser(None)
    sign_in(page, server.url, "boris")
    settled(page)
    command = [sys.executable, "-m", "crm.cli", "sessions", "end", "--user", "boris@example.com"]
    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | server.environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "Sessions ended: 1\n"
    page.wait_for_timeout(1100)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Clients").click()
    page.wait_for_url("**/account/sign-in**")


def test_cookie_of_a_session_is_out_of_reach_of_scripts(server: Server, browser_page: Page) -> None:
    open_settled(browser_page, server.url)
    assert "voronka" not in browser_page.evaluate("document.cookie")
    assert browser_page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("cookie", ["", "voronka=", "voronka=forged", "voronka={ended}"])
def test_real_websocket_is_refused_without_a_living_session(server: Server, cookie: str) -> None:
    token = token_of(server)
    with server.database.session_scope() as session:
        sign_out(session, token)
    assert handshake(server, cookie.format(ended=token), server.url) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", None])
def test_real_websocket_of_a_foreign_page_is_refused(server: Server, origin: str | None) -> None:
    assert handshake(server, f"voronka={token_of(server)}", origin) == 403


def test_real_websocket_is_cut_at_the_next_message_after_its_session_ended(server: Server) -> None:
    headers = {"cookie": f"voronka={token_of(server)}"}
    with connect(socket_of(server), origin=Origin(server.url), additional_headers=headers) as socket:
        with server.database.session_scope() as session:
            session.execute(delete(UserSession))
        time.sleep(1.1)
        socket.send(b"\x00 a click")
        received: list[bytes | str] = []
        with pytest.raises(ConnectionClosedError) as caught:
            receive_all(socket, received)
    assert isinstance(received[-1], bytes)
    assert b"/account/sign-in" in received[-1]
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4401


def receive_all(socket: ClientConnection, received: list[bytes | str]) -> None:
    while True:
        received.append(socket.recv(timeout=5))


def token_of(server: Server) -> str:
    with server.database.session_scope() as session:
        return create_session(session, server.cast.anna.user_id or 0, address="", user_agent="", now=utc_now())


def socket_of(server: Server) -> str:
    return server.url.replace("http", "ws", 1) + "/_stcore/stream"


def handshake(server: Server, cookie: str, origin: str | None) -> int:
    """Return the HTTP status of a refused handshake, 101 for an open one."""
    try:
        with connect(
            socket_of(server), origin=Origin(origin) if origin else None, additional_headers={"cookie": cookie}
        ):
            return 101
    except InvalidStatus as error:
        return error.response.status_code
