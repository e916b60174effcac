"""The key file: made once, private, one key per purpose."""

from __future__ import annotations

import stat
from pathlib import Path
from threading import Thread

import pytest

from crm.auth import secret_key
from crm.auth.secret_key import signing_key, token_hash
from crm.settings import get_settings


def test_key_file_is_made_private_and_stays() -> None:
    first = signing_key("one")
    path = get_settings().effective_secret_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 32
    secret_key._secret.cache_clear()
    assert signing_key("one") == first


def test_purposes_have_different_keys() -> None:
    assert signing_key("one") != signing_key("two")


def test_many_starting_at_once_read_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret.key"
    read: list[bytes] = []

    def start() -> None:
        secret_key._create_if_missing(path)
        read.append(path.read_bytes())

    threads = [Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 16
    assert len(set(read)) == 1
    assert list(path.parent.iterdir()) == [path]


def test_short_key_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "short.key").write_bytes(b"secret")
    monkeypatch.setenv("CRM_SECRET_FILE", str(tmp_path / "short.key"))
    get_settings.cache_clear()
    with pytest.raises(ValueError, match="not a key file"):
        signing_key("one")


def test_hash_of_a_token_bears_any_text() -> None:
    assert len(token_hash("\ud800 forged \x00")) == 64
