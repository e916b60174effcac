"""Signing in through a real provider on this machine, and through tokens no provider would sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from time import sleep, time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import func, select
from starlette.testclient import TestClient

from crm.api import oidc_provider
from crm.auth.sessions import find_session
from crm.models import Event, User, UserSession
from crm.settings import get_settings
from tests.api.conftest import ADDRESS, HTML, Site
from tests.conftest import Cast, UnchangedFactory

PEOPLE: tuple[dict[str, Any], ...] = (
    {"sub": "sub-anna", "email": "Anna@Example.com", "email_verified": True},
    {"sub": "sub-vera", "email": "vera@example.com", "email_verified": False},
    {"sub": "sub-dina", "email": "dina@example.com"},
    {"sub": "sub-text", "email": "boris@example.com", "email_verified": "true"},
    {"sub": "sub-nobody", "email": "nobody@example.com", "email_verified": True},
)
REFUSED = "There is no account here for this identity."
UNPROVEN = "The provider did not confirm who you are."


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Run the provider as a process of its own; return its issuer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    people = [part for person in PEOPLE for part in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), "-n", "true", *people]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        issuer = f"http://127.0.0.1:{port}"
        wait_for(f"{issuer}/.well-known/openid-configuration")
        yield issuer
        process.terminate()


def wait_for(address: str) -> None:
    for _ in range(300):
        try:
            if httpx2.get(address).status_code == 200:
                return
        except httpx2.TransportError:
            sleep(0.1)
    raise TimeoutError(address)


@pytest.fixture(autouse=True)
def configured(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_OIDC_ISSUER", provider)
    monkeypatch.setenv("CRM_OIDC_CLIENT_ID", "voronka")
    monkeypatch.setenv("CRM_OIDC_CLIENT_SECRET", "planted client secret")
    monkeypatch.setenv("CRM_OIDC_LABEL", "Company ID")
    get_settings.cache_clear()


def begun(browser: TestClient, target: str = "") -> str:
    """Press the button on the sign-in page; return the provider's address it leads to."""
    browser.get("/account/sign-in")
    answer = browser.post("/account/oidc/start", data={"csrf": browser.cookies["voronka-form"], "next": target})
    assert answer.status_code == 200, answer.text
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert found is not None
    return unescape(found[1])


def consented(address: str, subject: str) -> str:
    """Sign in at the provider; return where it sends the browser back to, as a path."""
    answer = httpx2.post(address, data={"sub": subject})
    assert answer.status_code in {302, 303}, answer.text
    back = answer.headers["location"]
    assert back.startswith(f"{ADDRESS}/account/oidc/callback?")
    return str(back.removeprefix(ADDRESS))


def sessions(site: Site) -> int:
    with site.database.read_scope() as session:
        return session.scalar(select(func.count(UserSession.id))) or 0


def with_parameter(address: str, **changed: str) -> str:
    split = urlsplit(address)
    values = {name: found[0] for name, found in parse_qs(split.query).items()} | changed
    return urlunsplit(split._replace(query=urlencode(values)))


def test_verified_email_signs_in_and_is_linked(site: Site, cast: Cast) -> None:
    browser = site.browser()
    answer = browser.get(consented(begun(browser, "/deal?deal=7"), "sub-anna"), headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/deal?deal=7")
    with site.database.read_scope() as session:
        found = find_session(session, browser.cookies["voronka"])
        assert found is not None
        assert found.user_id == cast.anna.user_id
        assert session.get_one(User, cast.anna.user_id).oidc_subject == "sub-anna"
        assert [event.kind for event in session.scalars(select(Event).order_by(Event.id))] == [
            "auth.identity_linked",
            "auth.signed_in",
        ]
    again = site.browser()
    assert again.get(consented(begun(again), "sub-anna")).status_code == 303


@pytest.mark.parametrize("subject", ["sub-vera", "sub-dina", "sub-text", "sub-nobody"])
def test_unverified_or_unknown_email_is_refused(site: Site, subject: str) -> None:
    browser = site.browser()
    answer = browser.get(consented(begun(browser), subject), headers=HTML)
    assert answer.status_code == 401
    assert REFUSED in answer.text
    assert sessions(site) == 0
    with site.database.read_scope() as session:
        assert session.scalars(select(User.oidc_subject)).all() == [None] * 5
        assert [event.kind for event in session.scalars(select(Event))] == ["auth.refused"]


def test_switched_off_account_is_refused_though_linked(site: Site, cast: Cast) -> None:
    browser = site.browser()
    browser.get(consented(begun(browser), "sub-anna"))
    with site.database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).is_active = False
    browser = site.browser()
    answer = browser.get(consented(begun(browser), "sub-anna"))
    assert answer.status_code == 401
    assert REFUSED in answer.text


def test_answer_for_another_browser_is_refused(site: Site, unchanged: UnchangedFactory) -> None:
    back = consented(begun(site.browser()), "sub-anna")
    other = site.browser()
    begun(other)
    with unchanged(site.database):
        for browser in (site.browser(), other):
            answer = browser.get(back)
            assert answer.status_code == 400
            assert UNPROVEN in answer.text


@pytest.mark.parametrize("changed", [{"state": "forged"}, {"state": ""}, {"code": "forged"}, {"code": ""}])
def test_changed_answer_is_refused(site: Site, changed: dict[str, str], unchanged: UnchangedFactory) -> None:
    browser = site.browser()
    back = with_parameter(consented(begun(browser), "sub-anna"), **changed)
    with unchanged(site.database):
        assert browser.get(back).status_code == 400


def test_refusal_at_the_provider_is_told(site: Site, unchanged: UnchangedFactory) -> None:
    browser = site.browser()
    address = begun(browser)
    state = parse_qs(urlsplit(address).query)["state"][0]
    with unchanged(site.database):
        answer = browser.get(f"/account/oidc/callback?{urlencode({'error': 'access_denied', 'state': state})}")
    assert answer.status_code == 400
    assert UNPROVEN in answer.text


def test_answer_works_once(site: Site) -> None:
    browser = site.browser()
    back = consented(begun(browser), "sub-anna")
    visit = browser.cookies["voronka-visit"]
    assert browser.get(back).status_code == 303
    assert "voronka-visit" not in browser.cookies
    assert browser.get(back).status_code == 400
    browser.cookies.set("voronka-visit", visit, domain="127.0.0.1")
    assert browser.get(back).status_code == 400


def test_token_for_another_nonce_is_refused(site: Site, unchanged: UnchangedFactory) -> None:
    browser = site.browser()
    back = consented(with_parameter(begun(browser), nonce="another"), "sub-anna")
    with unchanged(site.database):
        assert browser.get(back).status_code == 400


def test_way_out_is_bound_and_tells_no_secret(site: Site) -> None:
    query = parse_qs(urlsplit(begun(site.browser())).query)
    assert query["redirect_uri"] == [f"{ADDRESS}/account/oidc/callback"]
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["state"][0]) >= 43
    assert len(query["nonce"][0]) >= 43
    assert "openid email" in query["scope"][0]
    assert "planted" not in str(query)


def test_start_needs_the_forms_token(site: Site) -> None:
    browser = site.browser()
    browser.get("/account/sign-in")
    assert browser.post("/account/oidc/start", data={"csrf": "forged"}).status_code == 403
    assert "voronka-visit" not in browser.cookies


def test_foreign_target_is_dropped_also_this_way(site: Site) -> None:
    browser = site.browser()
    assert browser.get(consented(begun(browser, "//evil.example"), "sub-anna")).headers["location"] == "/"


def test_redirect_address_ignores_the_host_header(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = site.browser()
    browser.headers["x-forwarded-host"] = "evil.example"
    browser.headers["host"] = "localhost:8501"
    assert "evil" not in begun(browser)


def test_without_a_provider_there_is_no_button_and_no_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Sign in with Company ID" in site.browser().get("/account/sign-in").text
    monkeypatch.setenv("CRM_OIDC_ISSUER", "")
    get_settings.cache_clear()
    browser = site.browser()
    assert "/account/oidc/start" not in browser.get("/account/sign-in").text
    assert browser.post("/account/oidc/start", data={"csrf": browser.cookies["voronka-form"]}).status_code == 404
    assert browser.get("/account/oidc/callback?code=x&state=y").status_code == 404


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:1", "http://id.example.com", "ftp://id.example.com", "nonsense"])
def test_unreachable_or_unprotected_provider_is_told(site: Site, issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_OIDC_ISSUER", issuer)
    get_settings.cache_clear()
    browser = site.browser()
    browser.get("/account/sign-in")
    answer = browser.post("/account/oidc/start", data={"csrf": browser.cookies["voronka-form"]})
    assert answer.status_code == 400
    assert UNPROVEN in answer.text


KEY = RSAKey.generate_key(2048, {"kid": "one"})
METADATA = {"issuer": "https://id.example.com", "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"]}


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time())
    good = {
        "iss": "https://id.example.com", "sub": "sub-1", "aud": "voronka", "exp": now + 300,
        "iat": now, "nonce": "nonce",
    }  # fmt: skip
    return {name: value for name, value in (good | changed).items() if value is not None}


def checked(token: str) -> dict[str, Any]:
    keys = {"keys": [KEY.as_dict(private=False)]}
    return dict(oidc_provider._checked_claims({"id_token": token}, keys, METADATA, "nonce"))


def test_signed_token_of_the_provider_is_believed() -> None:
    token = jwt.encode({"alg": "RS256", "kid": "one"}, claims(), KEY)
    assert checked(token)["sub"] == "sub-1"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example.com"}, {"iss": None}, {"aud": "other"}, {"aud": None}, {"sub": None},
        {"exp": 1}, {"exp": None}, {"iat": 4_000_000_000}, {"nonce": "other"}, {"nonce": None},
        {"aud": ["voronka", "other"], "azp": "other"},
    ],
    ids=str,
)  # fmt: skip
def test_signed_token_with_a_wrong_claim_is_not_believed(changed: dict[str, Any]) -> None:
    token = jwt.encode({"alg": "RS256", "kid": "one"}, claims(**changed), KEY)
    with pytest.raises(oidc_provider.UNBELIEVABLE):
        checked(token)


def sealed_with(secret: bytes, text: str) -> str:
    return base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_unsigned_or_self_signed_token_is_not_believed() -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    good = jwt.encode({"alg": "RS256", "kid": "one"}, claims(), KEY)
    head, body, signature = good.split(".")
    mixed_head = base64url(b'{"alg":"HS256","kid":"one"}')  # the public key as if it were a shared secret
    mixed = f"{mixed_head}.{body}"
    forged = [
        f"eyJhbGciOiJub25lIn0.{body}.",
        f"{head}.{body}.",
        f"{head}.{body[:-2]}AA.{signature}",
        jwt.encode({"alg": "RS256", "kid": "one"}, claims(), stranger),
        f"{mixed}.{sealed_with(KEY.as_pem(private=False), mixed)}",
        "",
        "a.b.c",
    ]
    for token in forged:
        with pytest.raises(oidc_provider.UNBELIEVABLE):
            checked(token)
