"""`duplicates scan` and `duplicates renormalise` on the command line."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, func, select

from crm.cli.run import main
from crm.db import Database
from crm.duplicates.scan_status import load_scan_status
from crm.models import JobStatus, MatchEvidence, MatchKey, MatchPair
from tests.conftest import Cast
from tests.factories import add_contact


def test_base_is_renormalised_and_scanned(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    with database.session_scope() as session:
        for name in ("Горелов", "Пётр"):
            add_contact(session, cast.anna, name, phone="+79162041853")
        for table in (MatchKey, MatchEvidence):
            session.execute(delete(table))
    assert main(["duplicates", "renormalise"]) == 0
    assert capsys.readouterr().out == "Renormalised: 2\n"
    assert main(["duplicates", "scan", "--processes", "1"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "contact: 2 records, 1 pairs alike, 0 no longer" in told
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(MatchPair)) == 1
        scan = load_scan_status(session, cast.vera)
    assert scan is not None  # the page of duplicates says when
    assert (scan.status, scan.done, scan.total, scan.new_pairs) == (JobStatus.DONE, 2, 2, 1)
