"""What came of a deal: told by number and pipeline, once, and only to who sees it."""

from __future__ import annotations

import pytest

from crm.db import Database
from crm.errors import NotFound
from crm.ui.continuations import continuations, new_ones
from tests.conftest import Cast
from tests.deals.linking import add_link, only_child, win
from tests.factories import add_deal, add_pipeline


def test_only_what_came_since_is_told(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        pipeline, base = add_pipeline(session), add_pipeline(session, "Active [base]")
        add_link(session, pipeline, base)
        deal_id = add_deal(session, cast.anna, pipeline, stage=3)
        before = continuations(session, cast.anna, deal_id)
        win(session, cast.anna, deal_id)
        after = continuations(session, cast.anna, deal_id)
        child = only_child(session, deal_id).id
        assert [deal.id for deal in before] == []
        assert [deal.id for deal in after] == [child]
        assert new_ones(after, before) == rf"A link has made deal \#{child} in “Active \[base\]”."
        assert new_ones(after, after) == ""
        assert continuations(session, cast.anna, child) == []
        with pytest.raises(NotFound):
            continuations(session, cast.dina, deal_id)
