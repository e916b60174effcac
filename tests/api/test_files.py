"""Fetching files that pages made: the right person, once, as an attachment."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from crm.api.files import content_disposition
from crm.auth.downloads import Download, offer_download
from crm.models import UserSession
from tests.api.conftest import HTML, Site
from tests.conftest import Cast

NAME = "отказы.csv"


def offered(site: Site, user_id: int | None) -> str:
    """Make a file for the newest session of a user; return its path."""
    with site.database.read_scope() as session:
        query = select(UserSession.id).where(UserSession.user_id == user_id).order_by(UserSession.id.desc())
        session_id = session.scalars(query).first()
    assert user_id is not None
    assert session_id is not None
    return offer_download(Download(NAME, "text/csv; charset=utf-8", b"a;b\n"), user_id=user_id, session_id=session_id)


def test_file_comes_once_as_an_attachment_that_nothing_runs(site: Site, cast: Cast) -> None:
    anna: TestClient = site.signed_in(cast.anna.user_id)
    path = offered(site, cast.anna.user_id)
    answer = anna.get(path)
    assert (answer.status_code, answer.content) == (200, b"a;b\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert unquote(answer.headers["content-disposition"].rpartition("''")[2]) == NAME
    assert anna.get(path).status_code == 404


def test_nobody_else_gets_it(site: Site, cast: Cast) -> None:
    anna = site.signed_in(cast.anna.user_id)
    path = offered(site, cast.anna.user_id)
    assert site.signed_in(cast.anton.user_id).get(path).status_code == 404
    assert site.signed_in(cast.anna.user_id).get(path).status_code == 404  # another session of hers
    assert site.browser().get(path).status_code == 401
    assert site.browser().get(path, headers=HTML).status_code == 303
    assert anna.get(path).status_code == 200


def test_made_up_tokens_are_not_found(site: Site, cast: Cast) -> None:
    anna = site.signed_in(cast.anna.user_id)
    for token in ("x", "..%2f..%2fcrm.sqlite3", "%00", "a" * 3000):
        assert anna.get(f"/files/{token}").status_code == 404


@pytest.mark.parametrize("name", ['a".csv', "a\r\nSet-Cookie: x=y.csv", "имя; x.csv", "😀.csv", "", "a%20b.csv"])
def test_name_stays_inside_the_header(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert unquote(header.rpartition("''")[2]) == name
