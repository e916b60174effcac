"""The sign-in page: in by password, out again, and everything that is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from crm.auth.sessions import find_session
from crm.models import Event, SignInBucket, User, UserSession
from crm.settings import get_settings
from tests.api.conftest import ADDRESS, HTML, PASSWORD, Site
from tests.conftest import Cast, UnchangedFactory

FormOf = Callable[..., dict[str, str]]
PATH = "/account/sign-in"
FOREIGN_TARGETS = (
    "//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https://evil.example",
    "/%2f/evil.example", "/%5cevil.example", "javascript:alert(1)", "/deal\r\nSet-Cookie: a=b", "/deal%0d%0ax",
    "/account/sign-out", "/account/sign-in", "/api/v1/deals", "/deal/../../x", "/deal;//evil", "///evil.example",
    "deal", " /deal", "/deal#//evil", "/" + "a" * 2000, "/deal?x=<script>", "/@evil.example", "data:text/html,x",
)  # fmt: skip


def attempt(browser: TestClient, form_of: FormOf, **fields: str):  # type: ignore[no-untyped-def]
    form = form_of(browser, PATH, **{"email": "anna@example.com", "password": PASSWORD, **fields})
    return browser.post(PATH, data=form, headers=HTML)


def sessions(site: Site) -> int:
    with site.database.read_scope() as session:
        return session.scalar(select(func.count(UserSession.id))) or 0


def test_right_password_signs_in_and_opens_home(site: Site, cast: Cast, form_of: FormOf) -> None:
    browser = site.browser()
    answer = attempt(browser, form_of)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    with site.database.read_scope() as session:
        found = find_session(session, browser.cookies["voronka"])
    assert found is not None
    assert found.user_id == cast.anna.user_id
    assert browser.get("/deal").status_code == 200


@pytest.mark.parametrize(
    "target", ["/deal?deal=1042", "/", "/board?pipeline=1&view=list", "/clients?q=%D0%9C%D0%B8%D1%80"]
)
def test_sign_in_goes_where_the_reader_wanted(site: Site, form_of: FormOf, target: str) -> None:
    assert attempt(site.browser(), form_of, next=target).headers["location"] == target


@pytest.mark.parametrize("target", FOREIGN_TARGETS)
def test_sign_in_never_leads_elsewhere(site: Site, form_of: FormOf, target: str) -> None:
    answer = attempt(site.browser(), form_of, next=target)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {line.split("=")[0] for line in answer.headers.get_list("set-cookie")} == {"voronka", "voronka-device"}


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(site: Site, form_of: FormOf) -> None:
    answer = attempt(site.browser(), form_of)
    session, device = (line for line in answer.headers.get_list("set-cookie"))
    assert session.startswith("voronka=")
    assert "; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax" in session
    assert "Secure" not in session
    assert "; HttpOnly;" in device
    assert "SameSite=strict" in device


def test_cookies_behind_tls_are_secure_and_kept_to_the_host(
    site: Site, form_of: FormOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PUBLIC_URL", "https://127.0.0.1:8501")
    get_settings.cache_clear()
    browser = site.browser()
    browser.base_url = "https://127.0.0.1:8501"  # type: ignore[assignment]
    shown = browser.get(PATH, headers=HTML)
    form = {"csrf": browser.cookies["__Host-voronka-form"], "email": "anna@example.com", "password": PASSWORD}
    answer = browser.post(PATH, data=form)
    lines = shown.headers.get_list("set-cookie") + answer.headers.get_list("set-cookie")
    assert [line.split("=")[0] for line in lines] == [
        "__Host-voronka-form", "__Host-voronka", "__Host-voronka-device",
    ]  # fmt: skip
    assert all("; Secure" in line and "; Path=/;" in line and "Domain" not in line for line in lines)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("anna@example.com", "wrong password here"),
        ("anna@example.com", ""),
        ("anna@example.com", PASSWORD + " "),
        ("anton@example.com", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("not an e-mail", PASSWORD),
        ("", ""),
        ("' OR 1=1 --", "x"),
        ("anna@example.com\x00", PASSWORD),
        ("x" * 20_000, "y" * 20_000),
    ],
)
def test_every_refusal_is_told_alike(site: Site, form_of: FormOf, email: str, password: str) -> None:
    browser = site.browser()
    answer = attempt(browser, form_of, email=email, password=password)
    assert answer.status_code == 401
    assert "The e-mail or the password is wrong." in answer.text
    assert "voronka" not in browser.cookies
    assert sessions(site) == 0


def test_switched_off_account_is_refused_like_an_unknown_one(site: Site, cast: Cast, form_of: FormOf) -> None:
    with site.database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).is_active = False
    answer = attempt(site.browser(), form_of)
    assert answer.status_code == 401
    assert "The e-mail or the password is wrong." in answer.text


def test_refused_form_keeps_the_email_but_not_the_password(site: Site, form_of: FormOf) -> None:
    answer = attempt(
        site.browser(), form_of, email='anna"><script>@example.com', password="my wrong secret", next="/deal?deal=7"
    )
    assert 'value="anna&#34;&gt;&lt;script&gt;@example.com"' in answer.text
    assert "my wrong secret" not in answer.text
    assert 'name="next" value="/deal?deal=7"' in answer.text


def test_many_wrong_passwords_wait_and_say_how_long(site: Site, form_of: FormOf, unchanged: UnchangedFactory) -> None:
    browser = site.browser()
    for _ in range(5):
        assert attempt(browser, form_of, password="wrong password here").status_code == 401
    with unchanged(site.database):
        answer = attempt(browser, form_of)  # the right one, too early
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 2
    assert "Too many attempts" in answer.text
    assert "voronka" not in browser.cookies


def test_owner_comes_in_from_a_known_browser_while_others_guess(site: Site, form_of: FormOf) -> None:
    owner, guesser = site.browser(), site.browser()
    attempt(owner, form_of)
    for _ in range(6):
        attempt(guesser, form_of, password="wrong password here")
    assert attempt(guesser, form_of).status_code == 429
    assert attempt(owner, form_of).status_code == 303


def test_forged_forwarded_address_moves_no_bucket(site: Site, form_of: FormOf) -> None:
    browser = site.browser()
    for number in range(3):
        browser.headers["x-forwarded-for"] = f"203.0.113.{number}"
        attempt(browser, form_of, email=f"user{number}@example.com")
    with site.database.read_scope() as session:
        keys = session.scalars(select(SignInBucket.key).where(SignInBucket.key.startswith("address:"))).all()
    assert len(keys) == 1


def test_new_session_replaces_the_browsers_old_one(site: Site, form_of: FormOf) -> None:
    browser = site.browser()
    browser.cookies.set("voronka", "planted-before-sign-in", domain="127.0.0.1")
    attempt(browser, form_of)
    first = browser.cookies["voronka"]
    assert first != "planted-before-sign-in"
    attempt(browser, form_of)
    assert browser.cookies["voronka"] != first
    assert sessions(site) == 1


@pytest.mark.parametrize("token", [None, "", "wrong", "A" * 43])
def test_form_without_its_token_changes_nothing(
    site: Site, form_of: FormOf, unchanged: UnchangedFactory, token: str | None
) -> None:
    browser = site.browser()
    form = form_of(browser, PATH, email="anna@example.com", password=PASSWORD)
    form.pop("csrf")
    with unchanged(site.database):
        answer = browser.post(PATH, data=form if token is None else {**form, "csrf": token})
    assert answer.status_code == 403
    assert "The page was open for too long" in answer.text
    assert 'value="anna@example.com"' in answer.text


def test_token_without_its_cookie_changes_nothing(site: Site, form_of: FormOf, unchanged: UnchangedFactory) -> None:
    form = form_of(site.browser(), PATH, email="anna@example.com", password=PASSWORD)
    with unchanged(site.database):
        assert site.browser().post(PATH, data=form).status_code == 403
        assert site.browser().post(PATH, data={**form, "csrf": ""}).status_code == 403


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"email": "anna@example.com"}', "application/json"),
        (b"email=anna", "text/plain"),
        (b"email=anna", ""),
        (b"a=1&a=2", "application/x-www-form-urlencoded"),
        (b"&".join(b"f%d=1" % number for number in range(200)), "application/x-www-form-urlencoded"),
    ],
)
def test_body_that_is_no_form_is_refused(site: Site, body: bytes, kind: str, unchanged: UnchangedFactory) -> None:
    with unchanged(site.database):
        answer = site.browser().post(PATH, content=body, headers={"content-type": kind})
    assert answer.status_code == 422
    assert "The form came broken" in answer.text


def test_sign_out_ends_the_session_and_clears_the_browser(site: Site, cast: Cast, form_of: FormOf) -> None:
    browser = site.browser()
    attempt(browser, form_of)
    token = browser.cookies["voronka"]
    answer = browser.post("/account/sign-out", headers={"origin": ADDRESS})
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert "voronka" not in browser.cookies
    browser.cookies.set("voronka", token, domain="127.0.0.1")
    assert browser.get("/", headers=HTML).status_code == 303
    assert sessions(site) == 0


def test_sign_out_is_no_link(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    assert browser.get("/account/sign-out").status_code in {404, 405}
    assert sessions(site) == 1


def test_nothing_changes_by_looking(site: Site, cast: Cast, unchanged: UnchangedFactory) -> None:
    browser = site.signed_in(cast.anna.user_id)
    with unchanged(site.database):
        for path in (
            PATH,
            f"{PATH}?lang=ru",
            "/account/setup/x",
            "/account/invite/x",
            "/account/reset/x",
            "/healthz",
            "/",
        ):
            browser.get(path, headers=HTML)


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en-US,en;q=0.9", "en"),
        ("de,ru;q=0.5", "ru"),
        ("de", "en"),
        ("", "en"),
        ("ru;q=x", "en"),
    ],
)
def test_page_speaks_the_browsers_language(site: Site, accept_language: str, language: str) -> None:
    answer = site.browser().get(PATH, headers={"accept-language": accept_language})
    assert f'<html lang="{language}">' in answer.text


def test_chosen_language_is_kept(site: Site) -> None:
    browser = site.browser()
    browser.headers["accept-language"] = "en"
    assert '<html lang="ru">' in browser.get(f"{PATH}?lang=ru&next=%2Fdeal").text
    shown = browser.get(PATH)
    assert '<html lang="ru">' in shown.text
    assert 'href="?lang=en"' in shown.text


def test_fields_suit_password_keepers(site: Site) -> None:
    page = site.browser().get(PATH).text
    assert 'type="email"' in page
    assert 'autocomplete="username"' in page
    assert 'type="password"' in page
    assert 'autocomplete="current-password"' in page


def test_page_of_a_fresh_installation_says_where_to_begin(empty_site: Site) -> None:
    page = empty_site.browser().get(PATH).text
    assert "Open the link that the server printed" in page


def test_password_and_token_are_in_no_event_and_no_log(
    site: Site, form_of: FormOf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    browser = site.browser()
    attempt(browser, form_of, password="wrong planted secret")
    attempt(browser, form_of)
    with site.database.read_scope() as session:
        told = str([event.details for event in session.scalars(select(Event))]) + caplog.text
    for secret in ("wrong planted secret", PASSWORD, browser.cookies["voronka"]):
        assert secret not in told
