"""Signed-out visitors get the sign-in page and nothing else, whatever they ask for and however they ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from crm.api import security
from crm.api.security import PUBLIC_PATHS, is_public
from crm.api.server import routes
from crm.auth.api_keys import create_api_key
from crm.auth.sessions import sign_out
from crm.clock import utc_now
from crm.db import Database, use_database
from crm.models import ApiKey, User, UserSession
from crm.settings import get_settings
from tests.api.conftest import ADDRESS, HTML, Site
from tests.conftest import Cast, UnchangedFactory

DEEP_LINKS = ("/", "/today", "/deal?deal=1042", "/board", "/users", "/%D1%81%D0%B4%D0%B5%D0%BB%D0%BA%D0%B0")
INNER_PATHS = (
    "/static/js/index.js",
    "/media/0123456789abcdef0123456789abcdef.csv",
    "/component/streamlit_sortables/index.html",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/script-health-check",
    "/favicon.png",
    "/api/v1/deals",
    "/api/docs",
    "/api/openapi.json",
    "/api/nothing",
    "/deal/_stcore/health",
)
TRICKS = (
    "/account/sign-in/",
    "/account/sign-in/../../today",
    "/account/setup/",
    "/account/setup/..",
    "/account/setup/../../today",
    "/account/setup/x/today",
    "/account/assets/../../../settings.py",
    "/account/assets/",
    "//account/sign-in",
    "/ACCOUNT/SIGN-IN",
    "/account/sign-in;x",
    "/account/sign-in%2f..%2f..%2ftoday",
    "/account/sign-out",
    "/account/other",
    "/healthz/",
    "/healthz/../today",
    "/API/v1/deals",
)
ORIGIN = {"origin": ADDRESS}
SOCKET = ADDRESS.replace("http", "ws", 1)  # the test client would name another host
FOREIGN_ORIGINS = ("https://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1", "", "file://")

Cookie = Callable[[Site, Cast], str]


def no_cookie(_site: Site, _cast: Cast) -> str:
    return ""


def forged(_site: Site, _cast: Cast) -> str:
    return "A" * 43


def truncated(site: Site, cast: Cast) -> str:
    return site.token_of(cast.anna.user_id)[:-1]


def hash_as_token(site: Site, cast: Cast) -> str:
    site.token_of(cast.anna.user_id)
    with site.database.read_scope() as session:
        return session.scalars(select(UserSession.token_hash)).one()


def ended(site: Site, cast: Cast) -> str:
    token = site.token_of(cast.anna.user_id)
    with site.database.session_scope() as session:
        sign_out(session, token)
    return token


def idle(site: Site, cast: Cast) -> str:
    token = site.token_of(cast.anna.user_id)
    with site.database.session_scope() as session:
        session.execute(update(UserSession).values(last_seen_at=utc_now() - timedelta(hours=12)))
    return token


def too_old(site: Site, cast: Cast) -> str:
    token = site.token_of(cast.anna.user_id)
    with site.database.session_scope() as session:
        session.execute(update(UserSession).values(created_at=utc_now() - timedelta(days=30)))
    return token


def of_switched_off_user(site: Site, cast: Cast) -> str:
    token = site.token_of(cast.anna.user_id)
    with site.database.session_scope() as session:
        session.execute(update(User).values(is_active=False))
    return token


COOKIES: tuple[Cookie, ...] = (
    no_cookie, forged, truncated, hash_as_token, ended, idle, too_old, of_switched_off_user,
)  # fmt: skip


def browser_with(site: Site, token: str) -> TestClient:
    browser = site.browser()
    if token:
        browser.cookies.set("voronka", token, domain="127.0.0.1")
    return browser


@pytest.mark.parametrize("cookie", COOKIES)
def test_page_without_a_living_session_leads_to_the_sign_in_page(site: Site, cast: Cast, cookie: Cookie) -> None:
    browser = browser_with(site, cookie(site, cast))
    for path in DEEP_LINKS:
        answer = browser.get(path, headers=HTML)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/account/sign-in")
        assert answer.text == ""
    assert site.pages.seen == []


@pytest.mark.parametrize("cookie", COOKIES)
def test_nothing_inside_answers_without_a_living_session(site: Site, cast: Cast, cookie: Cookie) -> None:
    browser = browser_with(site, cookie(site, cast))
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        for path in INNER_PATHS:
            assert browser.request(method, path).status_code == 401, (method, path)
    assert site.pages.seen == []


@pytest.mark.parametrize("cookie", COOKIES)
def test_websocket_without_a_living_session_is_closed_before_it_opens(site: Site, cast: Cast, cookie: Cookie) -> None:
    browser = browser_with(site, cookie(site, cast))
    for path in ("/_stcore/stream", "/", "/today", "/account/sign-in", "/healthz", "/api/v1/deals", "/invented"):
        with pytest.raises(WebSocketDisconnect) as caught, browser.websocket_connect(f"{SOCKET}{path}", headers=ORIGIN):
            pass
        assert caught.value.code == 4401
    assert site.pages.seen == []


@pytest.mark.parametrize("path", TRICKS)
def test_tricks_with_the_path_open_nothing(site: Site, path: str) -> None:
    answer = site.browser().get(path, headers=HTML)
    assert answer.status_code in {303, 400, 401, 404}
    assert "<form" not in answer.text
    assert site.pages.seen == []


@pytest.mark.parametrize("path", TRICKS)
def test_tricks_are_not_public(path: str) -> None:
    assert not is_public(path)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example/account/sign-in?", "127.0.0.1@evil.example", "[::", ""],
)
def test_foreign_host_gets_nothing(site: Site, cast: Cast, host: str) -> None:
    for browser in (site.browser(), site.signed_in(cast.anna.user_id)):
        for path in ("/", "/account/sign-in", "/account/setup/x", "/api/v1/deals"):
            answer = browser.get(path, headers={"host": host, **HTML})
            assert answer.status_code == 400
            assert "evil" not in answer.text
    assert site.pages.seen == []


def test_health_answers_any_host_without_a_session(site: Site) -> None:
    answer = site.browser().get("/healthz", headers={"host": "10.0.0.7:8501"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_public_address_is_a_known_host(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_PUBLIC_URL", "https://crm.example.com")
    get_settings.cache_clear()
    assert site.browser().get("/account/sign-in", headers={"host": "crm.example.com"}).status_code == 200
    assert site.browser().get("/account/sign-in", headers={"host": "CRM.example.com:443"}).status_code == 200


def test_deep_link_is_remembered(site: Site) -> None:
    answer = site.browser().get("/deal?deal=1042&tab=notes", headers=HTML)
    assert answer.headers["location"] == "/account/sign-in?next=%2Fdeal%3Fdeal%3D1042%26tab%3Dnotes"
    assert site.browser().get("/", headers=HTML).headers["location"] == "/account/sign-in"


def test_living_session_passes(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    for path in ("/", "/deal?deal=1", "/media/x.csv", "/_stcore/metrics"):
        assert browser.get(path).status_code == 200
    with browser.websocket_connect(f"{SOCKET}/_stcore/stream", headers=ORIGIN) as socket:
        socket.send_text("click")
        assert socket.receive_text() == "drawn"
    assert len(site.pages.seen) == 5


def test_streamlits_own_sign_in_is_walled_up(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    for path in ("/auth/login", "/auth/logout", "/oauth2callback"):
        assert browser.get(path, headers=HTML).status_code == 404
    assert site.pages.seen == []


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_websocket_of_a_foreign_page_is_refused(site: Site, cast: Cast, origin: str) -> None:
    browser = site.signed_in(cast.anna.user_id)
    with (
        pytest.raises(WebSocketDisconnect),
        browser.websocket_connect(f"{SOCKET}/_stcore/stream", headers={"origin": origin}),
    ):
        pass
    assert site.pages.seen == []


def test_websocket_without_an_origin_is_refused(site: Site, cast: Cast) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        site.signed_in(cast.anna.user_id).websocket_connect(f"{SOCKET}/_stcore/stream"),
    ):
        pass


def test_websocket_of_the_public_address_passes_behind_a_proxy(
    site: Site, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PUBLIC_URL", "https://crm.example.com")
    get_settings.cache_clear()
    browser = site.browser()
    browser.headers["cookie"] = f"__Host-voronka={site.token_of(cast.anna.user_id)}"
    with browser.websocket_connect(f"{SOCKET}/_stcore/stream", headers={"origin": "https://crm.example.com"}) as socket:
        socket.send_text("click")
        assert socket.receive_text() == "drawn"


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_form_of_a_foreign_page_changes_nothing(
    site: Site, cast: Cast, origin: str, unchanged: UnchangedFactory
) -> None:
    browser = site.signed_in(cast.anna.user_id)
    with unchanged(site.database):
        for path in ("/account/sign-in", "/account/sign-out", "/_stcore/upload_file/x/y", "/today"):
            for method in ("POST", "PUT", "DELETE"):
                assert browser.request(method, path, headers={"origin": origin}).status_code == 403
    assert site.pages.seen == []


def test_open_tab_is_cut_at_its_next_message_after_sign_out(
    site: Site, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "RECHECK_SECONDS", 0.05)
    browser = site.signed_in(cast.anna.user_id)
    with browser.websocket_connect(f"{SOCKET}/_stcore/stream", headers=ORIGIN) as socket:
        socket.send_text("before")
        assert socket.receive_text() == "drawn"
        with site.database.session_scope() as session:
            sign_out(session, browser.cookies["voronka"])
        time.sleep(0.1)
        socket.send_text("after")
        assert socket.receive_bytes() == b"/account/sign-in"
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text()
    assert caught.value.code == 4401
    assert site.pages.messages == ["before"]


def test_open_tab_is_closed_for_now_while_the_database_does_not_answer(
    site: Site, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "RECHECK_SECONDS", 0.05)
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    browser = site.signed_in(cast.anna.user_id)
    with browser.websocket_connect(f"{SOCKET}/_stcore/stream", headers=ORIGIN) as socket:
        use_database(gone)
        time.sleep(0.1)
        socket.send_text("click")
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text()
        use_database(site.database)
    gone.close()
    assert caught.value.code == 1013
    assert site.pages.messages == []


def test_recheck_takes_a_second_at_most() -> None:
    assert security.RECHECK_SECONDS <= 1


def test_guard_denies_when_the_database_does_not_answer(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    use_database(gone)
    try:
        answer = browser.get("/", headers=HTML)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert browser.get("/healthz").status_code == 503
        with pytest.raises(WebSocketDisconnect), browser.websocket_connect(f"{SOCKET}/_stcore/stream", headers=ORIGIN):
            pass
    finally:
        use_database(site.database)
        gone.close()
    assert site.pages.seen == []


def test_last_sight_is_written_once_a_minute(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    long_ago = utc_now() - timedelta(hours=3)

    def seen_at() -> object:
        with site.database.read_scope() as session:
            return session.scalars(select(UserSession.last_seen_at)).one()

    first = seen_at()
    browser.get("/")
    assert seen_at() == first
    with site.database.session_scope() as session:
        session.execute(update(UserSession).values(last_seen_at=long_ago))
    browser.get("/")
    assert seen_at() != long_ago


def key_of(site: Site, cast: Cast) -> str:
    with site.database.session_scope() as session:
        key = create_api_key(session, cast.anna, name="Site", scopes=["read"], expires_at=None, now=utc_now())
    return key.token


def test_key_opens_the_api_and_its_description_but_no_page(site: Site, cast: Cast) -> None:
    headers = {"authorization": f"Bearer {key_of(site, cast)}"}
    browser = site.browser()
    assert browser.get("/api/v1/nothing", headers=headers).status_code == 404
    assert browser.get("/api/openapi.json", headers=headers).status_code == 200
    for path in ("/", "/media/x.csv", "/_stcore/metrics"):
        assert browser.get(path, headers=headers).status_code == 401
    with site.database.read_scope() as session:
        assert session.scalars(select(ApiKey.last_used_at)).one() is not None


def test_cookie_opens_the_description_but_not_the_api(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    assert browser.get("/api/openapi.json").status_code == 200
    for method in ("GET", "POST", "PATCH", "DELETE"):
        assert browser.request(method, "/api/v1/deals").status_code == 401


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer vk_forged", "Basic dms6eA==", "Token {key}", "{key}"]
)
def test_malformed_key_opens_nothing(site: Site, cast: Cast, value: str) -> None:
    headers = {"authorization": value.format(key=key_of(site, cast))}
    assert site.browser().get("/api/v1/deals", headers=headers).status_code == 401


def test_revoked_key_and_key_of_a_switched_off_user_open_nothing(site: Site, cast: Cast) -> None:
    headers = {"authorization": f"Bearer {key_of(site, cast)}"}
    with site.database.session_scope() as session:
        session.execute(update(ApiKey).values(revoked_at=utc_now()))
    assert site.browser().get("/api/v1/deals", headers=headers).status_code == 401
    with site.database.session_scope() as session:
        session.execute(update(ApiKey).values(revoked_at=None))
        session.execute(update(User).values(is_active=False))
    assert site.browser().get("/api/v1/deals", headers=headers).status_code == 401


def test_public_paths_are_exactly_our_routes_for_strangers() -> None:
    inner = {"/account/sign-out", "/account", "/api", "/today", "/files/{token:path}"}
    patterns = {getattr(route, "path", "") for route in routes()} - inner
    assert {pattern.split("{")[0] for pattern in patterns} == set(PUBLIC_PATHS)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_public_page_knows_no_other_method(site: Site, method: str) -> None:
    for path in ("/healthz", "/account/sign-in", "/account/setup/x", "/account/assets/account.css"):
        assert site.browser().request(method, path).status_code == 401
    assert site.pages.seen == []


def test_nothing_under_account_reaches_streamlit(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    for path in ("/account/sign-out", "/account/other", "/account/setup/x/y", "/account/"):
        assert browser.get(path, headers=HTML).status_code == 404
    assert site.browser().post("/account/assets/account.css").status_code == 404
    assert site.pages.seen == []


def test_refusals_carry_no_cors_header(site: Site) -> None:
    for origin in ("https://evil.example", "null"):
        answer = site.browser().get("/account/sign-in", headers={"origin": origin})
        assert not [name for name in Headers(raw=answer.headers.raw) if name.startswith("access-control")]
