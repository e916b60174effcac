"""Files for one fetch: by the right person and session, once, in time."""

from __future__ import annotations

import os
import time

from crm.auth.downloads import LIFETIME_SECONDS, Download, offer_download, take_download
from crm.settings import get_settings

REPORT = Download("отчёт.csv", "text/csv; charset=utf-8", b"a;b\n\n1;2\n")


def token_of(path: str) -> str:
    return path.removeprefix("/files/")


def test_file_is_given_once_as_it_was() -> None:
    token = token_of(offer_download(REPORT, user_id=1, session_id=2))
    assert take_download(token, user_id=1, session_id=2) == REPORT
    assert take_download(token, user_id=1, session_id=2) is None
    assert list((get_settings().data_dir / "uploads" / "downloads").iterdir()) == []


def test_others_do_not_get_it_and_do_not_spend_it() -> None:
    token = token_of(offer_download(REPORT, user_id=1, session_id=2))
    assert take_download(token, user_id=3, session_id=2) is None
    assert take_download(token, user_id=1, session_id=4) is None
    assert take_download(token, user_id=1, session_id=2) is not None


def test_old_file_is_not_given_and_is_removed_by_the_next_one() -> None:
    token = token_of(offer_download(REPORT, user_id=1, session_id=2))
    (path,) = (get_settings().data_dir / "uploads" / "downloads").iterdir()
    os.utime(path, (time.time() - LIFETIME_SECONDS - 1,) * 2)
    assert take_download(token, user_id=1, session_id=2) is None
    offer_download(REPORT, user_id=1, session_id=2)
    assert not path.exists()


def test_token_is_not_kept_and_names_no_path() -> None:
    token = token_of(offer_download(REPORT, user_id=1, session_id=2))
    names = [path.name for path in (get_settings().data_dir / "uploads" / "downloads").iterdir()]
    assert len(token) > 40
    assert token not in names
    for made_up in ("", "../../crm.sqlite3", names[0], "x" * 5000, "\ud800"):
        assert take_download(made_up, user_id=1, session_id=2) is None
