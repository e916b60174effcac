"""Settings of the installation, read once from environment variables that begin with CRM_."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every setting; docs/admin.md lists the same names (a test compares them)."""

    model_config = SettingsConfigDict(env_prefix="CRM_", env_file=ROOT / ".env", extra="ignore", frozen=True)

    database_url: str = Field(default="", description="SQLAlchemy URL; empty means data/crm.sqlite3")
    data_dir: Path = Field(default=ROOT / "data", description="Database, uploads, backups, secret key")
    public_url: str = Field(default="http://127.0.0.1:8501", description="Address that links in messages point to")
    secret_file: Path | None = Field(default=None, description="Key file; default data_dir/secret.key")
    sqlite_synchronous: str = Field(default="FULL", description="FULL or NORMAL")
    session_idle_hours: int = Field(default=12, description="A session unused this long ends")
    session_max_days: int = Field(default=30, description="A session older than this ends")
    trusted_proxies: str = Field(default="", description="Comma-separated addresses whose forwarded headers count")
    first_admin_email: str = Field(default="", description="Makes the first admin without the one-time link")
    first_admin_password: SecretStr = Field(default=SecretStr(""), description="Password of that admin")
    oidc_issuer: str = Field(default="", description="OpenID provider; empty switches OIDC off")
    oidc_client_id: str = Field(default="", description="Client id at the provider")
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), description="Client secret at the provider")
    oidc_label: str = Field(default="SSO", description="Name of the provider on the sign-in page")
    api_requests_per_minute: int = Field(default=600, description="Rate limit of one API key")
    worker: Literal["inside", "outside"] = Field(default="inside", description="Where background work is done")
    import_max_mb: int = Field(default=50, description="Largest import file")
    import_max_rows: int = Field(default=1_000_000, description="Most rows in one import file")
    import_max_columns: int = Field(default=200, description="Most columns in one import file")
    import_max_cell_chars: int = Field(default=32_767, description="Longest cell of an import file")
    import_max_unpacked_mb: int = Field(default=200, description="Largest XLSX file once unpacked")

    @property
    def effective_database_url(self) -> str:
        """Return the configured URL, or the SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'crm.sqlite3'}"

    @property
    def effective_secret_file(self) -> Path:
        """Return the path of the key file."""
        return self.secret_file or self.data_dir / "secret.key"

    @property
    def secure_cookies(self) -> bool:
        """Tell whether the public address is https, so that cookies must be Secure."""
        return self.public_url.startswith("https://")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process."""
    return Settings()
