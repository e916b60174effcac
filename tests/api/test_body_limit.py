"""Bodies past their limit are refused by what really comes, not by what is announced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm.api.body_limit import API_LIMIT, FORM_LIMIT, MEGABYTE, limit_of
from crm.settings import get_settings
from tests.api.conftest import Site
from tests.conftest import Cast

UPLOAD = "/_stcore/upload_file/session/file"


def chunks(size: int) -> Iterator[bytes]:
    for start in range(0, size, 64 * 1024):
        yield b"x" * min(64 * 1024, size - start)


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/account/sign-in", FORM_LIMIT), ("/any", FORM_LIMIT), ("/api/v1/deals", API_LIMIT), (UPLOAD, 51 * MEGABYTE)],
)
def test_limit_of_a_path(path: str, limit: int) -> None:
    assert limit_of(path) == limit


def test_upload_limit_follows_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_IMPORT_MAX_MB", "3")
    get_settings.cache_clear()
    assert limit_of(UPLOAD) == 4 * MEGABYTE


@pytest.mark.parametrize("announced", [True, False])
def test_body_at_the_limit_passes_and_one_byte_more_does_not(site: Site, cast: Cast, announced: bool) -> None:
    browser = site.signed_in(cast.anna.user_id)
    for size, status in ((FORM_LIMIT, 200), (FORM_LIMIT + 1, 413)):
        answer = browser.post("/any", content=b"x" * size if announced else chunks(size))
        assert answer.status_code == status
    assert answer.json()["code"] == "body_too_large"


def test_false_announcement_does_not_help(site: Site, cast: Cast) -> None:
    browser = site.signed_in(cast.anna.user_id)
    answer = browser.post("/any", content=chunks(3 * FORM_LIMIT), headers={"content-length": "10"})
    assert answer.status_code == 413


def test_large_form_before_sign_in_is_refused(site: Site) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for content in (b"email=" + b"a" * FORM_LIMIT, chunks(5 * MEGABYTE)):
        assert site.browser().post("/account/sign-in", content=content, headers=headers).status_code == 413
