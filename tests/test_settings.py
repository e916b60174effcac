"""Settings come from the environment, and what follows from them is safe by default."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from crm.settings import ROOT, Settings, get_settings


def test_defaults_need_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_DATA_DIR")
    settings = Settings()
    assert settings.effective_database_url == f"sqlite:///{ROOT / 'data' / 'crm.sqlite3'}"
    assert settings.effective_secret_file == ROOT / "data" / "secret.key"
    assert settings.first_admin_password.get_secret_value() == ""
    assert settings.oidc_issuer == ""
    assert settings.trusted_proxies == ""


def test_data_folder_moves_database_and_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path))
    settings = Settings()
    assert settings.effective_database_url == f"sqlite:///{tmp_path / 'crm.sqlite3'}"
    assert settings.effective_secret_file == tmp_path / "secret.key"


def test_url_and_key_file_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", "postgresql://voronka@db/voronka")
    monkeypatch.setenv("CRM_SECRET_FILE", str(tmp_path / "key"))
    settings = Settings()
    assert settings.effective_database_url == "postgresql://voronka@db/voronka"
    assert settings.effective_secret_file == tmp_path / "key"


@pytest.mark.parametrize(
    ("url", "secure"), [("https://crm.example.com", True), ("http://crm.example.com", False), ("", False)]
)
def test_cookies_are_secure_behind_https(monkeypatch: pytest.MonkeyPatch, url: str, secure: bool) -> None:
    monkeypatch.setenv("CRM_PUBLIC_URL", url)
    assert Settings().secure_cookies is secure


def test_env_file_is_read_and_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("CRM_OIDC_LABEL=Office\nCRM_IMPORT_MAX_MB=7\nOTHER=1\n", encoding="utf-8")
    monkeypatch.setitem(Settings.model_config, "env_file", env_file)
    monkeypatch.setenv("CRM_IMPORT_MAX_MB", "9")
    settings = Settings()
    assert (settings.oidc_label, settings.import_max_mb) == ("Office", 9)


def test_number_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_SESSION_IDLE_HOURS", "soon")
    with pytest.raises(ValidationError, match="session_idle_hours"):
        Settings()


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_OIDC_CLIENT_SECRET", "very-secret")
    monkeypatch.setenv("CRM_FIRST_ADMIN_PASSWORD", "very-secret")
    assert "very-secret" not in f"{Settings()!r} {Settings()}"


def test_settings_are_read_once_and_never_change() -> None:
    assert get_settings() is get_settings()
    with pytest.raises(ValidationError, match="frozen"):
        get_settings().oidc_label = "Other"


def test_make_lists_every_target_that_people_call() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "check", "fix", "demo", "demo-clear", "migrate", "migration", "messages", "lock"):
        assert f"make {target} " in listed
