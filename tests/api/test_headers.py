"""Security headers stand on every answer, whatever it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit

from crm.api.headers import content_security_policy
from crm.settings import get_settings
from tests.api.conftest import HTML, Site
from tests.conftest import Cast

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
}
# Paths for strangers and for Anna: a page, a redirect, refusals, a file, the API, a broken page.
STRANGE = (
    "/account/sign-in",
    "/today",
    "/media/x.csv",
    "/account/invite/x",
    "/api/v1/deals",
    "/healthz",
    "/account/assets/none",
)
INNER = ("/", "/media/x.csv", "/broken", "/auth/login", "/api/openapi.json", "/api/nothing")


def test_headers_stand_on_every_answer(site: Site, cast: Cast) -> None:
    strange, anna = site.browser(), site.signed_in(cast.anna.user_id)
    answers = [strange.get(path, headers=HTML) for path in STRANGE] + [anna.get(path, headers=HTML) for path in INNER]
    answers.append(strange.get("/", headers={"host": "evil.example"}))
    answers.append(strange.post("/account/sign-in", headers={"origin": "https://evil.example"}))
    assert {answer.status_code for answer in answers} == {200, 303, 400, 401, 403, 404, 500}
    for answer in answers:
        assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS, answer.url
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store", answer.url
        assert "strict-transport-security" not in answer.headers


def test_answers_behind_tls_ask_for_tls_for_a_year_at_least(
    site: Site, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PUBLIC_URL", "https://127.0.0.1:8501")
    get_settings.cache_clear()
    for path in STRANGE:
        value = site.browser().get(path, headers=HTML).headers["strict-transport-security"]
        assert int(re.fullmatch(r"max-age=(\d+)", value)[1]) >= 365 * 24 * 3600  # type: ignore[index]


def test_policy_allows_no_inline_script_but_streamlits_own() -> None:
    index = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    policy = dict(part.split(" ", 1) for part in content_security_policy(index).split("; "))
    sources = policy["script-src"].split()
    assert sources[0] == "'self'"
    assert len(sources) == 1 + len(re.findall(r"<script>", index))
    assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", source) for source in sources[1:])
    assert policy["object-src"] == "'none'"
    assert policy["default-src"] == policy["connect-src"] == policy["form-action"] == policy["base-uri"] == "'self'"
    assert "unsafe-eval" not in str(policy)
    assert "http:" not in str(policy)


def test_our_pages_bring_no_inline_script_or_handler(site: Site) -> None:
    for path in ("/account/sign-in", "/account/invite/x"):
        page = site.browser().get(path).text
        assert re.findall(r"<script(?![^>]*\bsrc=\"/account/assets/)", page) == []
        assert re.findall(r"\son\w+=", page) == []
        assert re.findall(r"(?:href|src|action)=\"(?:https?:)?//", page) == []


def test_own_files_are_cached_by_their_content(site: Site) -> None:
    page = site.browser().get("/account/sign-in").text
    for address in set(re.findall(r'"(/account/assets/[^"]+)"', page)):
        answer = site.browser().get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\?v=[0-9a-f]{12}$", address)


def test_broken_page_tells_a_number_and_nothing_else(site: Site, cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    answer = site.signed_in(cast.anna.user_id).get("/broken", headers=HTML)
    assert answer.status_code == 500
    number = re.fullmatch(r"Something broke on our side. Number of the incident: ([0-9a-f]{8})", answer.text)
    assert number is not None
    assert number[1] in caplog.text
