"""The pages of invitations and password resets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from crm.auth.one_time_links import create_link, is_living
from crm.auth.passwords import verify_password
from crm.clock import utc_now
from crm.models import OneTimeToken, TokenKind, User, UserSession
from tests.api.conftest import HTML, Site
from tests.conftest import Cast, UnchangedFactory

FormOf = Callable[..., dict[str, str]]
KINDS = [TokenKind.INVITE, TokenKind.RESET]
NEW = "four dry ships"


def link(site: Site, cast: Cast, kind: TokenKind) -> str:
    with site.database.session_scope() as session:
        token = create_link(session, kind, cast.anna.user_id, utc_now())
    return f"/account/{kind.value}/{token}"


def save(browser: TestClient, form_of: FormOf, path: str, password: str = NEW, again: str | None = None):  # type: ignore[no-untyped-def]
    form = form_of(browser, path, password=password, password_again=password if again is None else again)
    return browser.post(path, data=form)


@pytest.mark.parametrize("kind", KINDS)
def test_link_sets_the_password_signs_in_and_dies(site: Site, cast: Cast, form_of: FormOf, kind: TokenKind) -> None:
    old = site.signed_in(cast.anna.user_id)
    path, browser = link(site, cast, kind), site.browser()
    answer = save(browser, form_of, path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/", headers=HTML).status_code == 200
    assert old.get("/", headers=HTML).status_code == 303
    with site.database.read_scope() as session:
        assert verify_password(session.get_one(User, cast.anna.user_id).password_hash, NEW)
    for method in ("GET", "POST"):
        again = browser.request(
            method, path, data={"csrf": browser.cookies["voronka-form"], "password": NEW} if method == "POST" else None
        )
        assert again.status_code == 404
        assert "This link no longer works" in again.text


@pytest.mark.parametrize("kind", KINDS)
def test_looking_at_a_link_does_not_spend_it(
    site: Site, cast: Cast, kind: TokenKind, unchanged: UnchangedFactory
) -> None:
    path = link(site, cast, kind)
    with unchanged(site.database):
        for _ in range(3):
            assert site.browser().get(path, headers=HTML).status_code == 200
            assert site.browser().head(path).status_code in {200, 405}


@pytest.mark.parametrize(
    ("password", "again", "told"),
    [
        (NEW, "four dry shops", "The two passwords differ."),
        ("password1234", None, "among the first that are guessed"),
        ("short", None, "at least 12 characters"),
        ("anna@example.com", None, "leans on your name"),
    ],
)
def test_unusable_password_is_told_and_the_link_lives_on(
    site: Site, cast: Cast, form_of: FormOf, password: str, again: str | None, told: str, unchanged: UnchangedFactory
) -> None:
    path, browser = link(site, cast, TokenKind.INVITE), site.browser()
    with unchanged(site.database):
        answer = save(browser, form_of, path, password, again)
    assert answer.status_code == 422
    assert told in answer.text
    assert f'value="{password}"' not in answer.text.replace('value="anna@example.com" autocomplete="username"', "")
    with site.database.read_scope() as session:
        assert is_living(session, TokenKind.INVITE, path.rsplit("/", 1)[1], utc_now())


def test_form_without_its_token_spends_nothing(site: Site, cast: Cast, unchanged: UnchangedFactory) -> None:
    path = link(site, cast, TokenKind.RESET)
    with unchanged(site.database):
        answer = site.browser().post(path, data={"password": NEW, "password_again": NEW})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/account/invite/forged", "/account/reset/forged", "/account/setup/forged"])
def test_forged_link_is_dead(site: Site, path: str) -> None:
    answer = site.browser().get(path, headers=HTML)
    assert answer.status_code == 404
    assert "This link no longer works" in answer.text


def test_link_of_one_kind_opens_no_other_page(site: Site, cast: Cast) -> None:
    token = link(site, cast, TokenKind.INVITE).rsplit("/", 1)[1]
    for kind in ("reset", "setup"):
        assert site.browser().get(f"/account/{kind}/{token}").status_code == 404


def test_name_of_a_user_is_text_on_the_page(site: Site, cast: Cast) -> None:
    with site.database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).name = "<script>alert(1)</script>{{7*7}}{name}"
    page = site.browser().get(link(site, cast, TokenKind.INVITE)).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}{name}" in page


def test_two_tabs_spend_a_link_once(site: Site, cast: Cast, form_of: FormOf) -> None:
    path, browser = link(site, cast, TokenKind.RESET), site.browser()
    form = form_of(browser, path, password=NEW, password_again=NEW)
    statuses = sorted(browser.post(path, data=form).status_code for _ in range(2))
    assert statuses == [303, 404]
    with site.database.read_scope() as session:
        assert session.scalar(select(func.count(UserSession.id))) == 1
        assert session.scalar(select(func.count(OneTimeToken.id)).where(OneTimeToken.used_at.is_(None))) == 0
