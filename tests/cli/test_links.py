"""`links run` on the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database
from crm.models import LinkRun, LinkTrigger
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, children, lose
from tests.factories import add_deal, add_pipeline


def test_links_run_does_what_is_due(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    with database.session_scope() as session:
        sales, refusals = add_pipeline(session), add_pipeline(session, "Refusals")
        add_link(session, sales, refusals, trigger=LinkTrigger.LOST, delay_seconds=DAY_SECONDS)
        deal_id = add_deal(session, cast.anna, sales)
        lose(session, cast.anna, deal_id, sales)
    assert main(["links", "run"]) == 0
    assert capsys.readouterr().out == "Done: 0, broken: 0\n"
    with database.session_scope() as session:
        session.execute(update(LinkRun).values(due_at=utc_now() - timedelta(seconds=1)))
    assert main(["links", "run"]) == 0
    assert capsys.readouterr().out == "Done: 1, broken: 0\n"
    with database.read_scope() as session:
        assert len(children(session, deal_id)) == 1
