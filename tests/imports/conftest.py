"""Small files for tests of imports, and running them the way the edges do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crm.db import Database
from tests.imports.importing import Importer

WriteFile = Callable[..., Path]


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Return `write_file(name, text or bytes, encoding="utf-8")`, which gives the path of a new file."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.fixture
def importer(database: Database, tmp_path: Path) -> Importer:
    """Return what prepares, plans, runs and undoes imports of texts on this database."""
    return Importer(database, tmp_path)
