from __future__ import annotations

import os
import time

import pytest

from crm.imports.formats import FileRefused
from crm.imports.run import FileSource
from crm.imports.sources import keep_upload, kept_path, plain_name
from crm.settings import get_settings


def test_upload_is_kept_under_its_hash_outside_every_served_folder() -> None:
    source = keep_upload("../../app.py", b"a;b\n1;2\n")
    path = kept_path(source)
    assert path.read_bytes() == b"a;b\n1;2\n"
    assert source.name == "app.py"
    assert path.name == source.sha256
    assert path.parent == get_settings().data_dir / "uploads" / "imports"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../app.py", "app.py"),
        ("C:\\x\\y.csv", "y.csv"),
        ("\\\\host\\share\\z.csv", "z.csv"),
        ("a\x00b\u202e.csv", "a b.csv"),
        ("con.csv. ", "con.csv"),
        ("x" * 300 + ".csv", "x" * 200 + ".csv"),
        ("", "file"),
        ("..", "file"),
        ("имя 1.csv", "имя 1.csv"),
    ],
)
def test_name_is_only_a_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_too_large_upload_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_IMPORT_MAX_MB", "1")
    get_settings.cache_clear()
    keep_upload("a.csv", b"x" * 1024 * 1024)
    with pytest.raises(FileRefused) as refused:
        keep_upload("a.csv", b"x" * (1024 * 1024 + 1))
    assert refused.value.code == "file_too_large"


def test_old_uploads_go_and_same_content_stays_young() -> None:
    old, same = keep_upload("a.csv", b"a"), keep_upload("b.csv", b"b")
    for source in (old, same):
        os.utime(kept_path(source), (time.time() - 90_000,) * 2)
    os.utime(kept_path(same), (time.time() - 80_000,) * 2)
    keep_upload("again.csv", b"b")
    assert kept_path(same).stat().st_mtime > time.time() - 60
    with pytest.raises(FileRefused) as refused:
        kept_path(old)
    assert refused.value.code == "file_missing"


def test_made_up_hash_names_no_path() -> None:
    for sha256 in ("../../crm.sqlite3", "", "A" * 64):
        with pytest.raises(FileRefused):
            kept_path(FileSource("a.csv", sha256))
