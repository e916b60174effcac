"""Streamlit's page in the reader's language."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from crm.api.html_lang import rewrite_page
from crm.models import User
from tests.api.conftest import HTML, INDEX, Site
from tests.conftest import Cast


@pytest.mark.parametrize("language", ["ru", "en"])
def test_page_says_the_readers_language_and_our_name(site: Site, cast: Cast, language: str) -> None:
    with site.database.session_scope() as session:
        session.execute(update(User).values(language=language))
    answer = site.signed_in(cast.anna.user_id).get("/deal", headers={**HTML, "accept-encoding": "gzip"})
    assert answer.text == f'<!DOCTYPE html>\n<html lang="{language}">\n<head><title>Voronka</title></head></html>'
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "etag" not in answer.headers


def test_page_takes_the_companys_language_where_the_reader_chose_none(site: Site, cast: Cast) -> None:
    assert '<html lang="en">' in site.signed_in(cast.anna.user_id).get("/", headers=HTML).text


def test_what_no_reader_opens_as_a_page_stays_as_it_is(site: Site, cast: Cast) -> None:
    assert site.signed_in(cast.anna.user_id).get("/component/x/index.html", headers={"accept": "*/*"}).text == INDEX


def test_unknown_page_is_left_alone() -> None:
    assert rewrite_page(b"<p>other</p>", "ru") == b"<p>other</p>"
