"""The page of exceptions: for heads and admins, counted, filtered, paged; administrators put deals back."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.db import Database
from crm.deals.moves import Move, move_deal
from crm.deals.removal import remove_deal, restore_deal
from crm.ui import exceptions_view
from crm.ui.markdown import md
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.pages.conftest import OpenShell

WHY = "The <b>client</b> asked for [more](http://e.example)"


def passed(session: Session, owner: Actor, head: Actor, pipeline: PipelineRows, title: str = "Pipes") -> int:
    deal_id = add_deal(session, owner, pipeline, stage=2, title=title)
    move_deal(session, head, deal_id=deal_id, move=Move(pipeline.stages[0], override_reason=WHY))
    return deal_id


def test_manager_is_refused(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna).run().switch_page("exceptions.py").run()
    assert at.error[0].value == "Your role does not allow this. Ask your administrator."


def test_empty_page_says_what_will_stand_there(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.boris).run().switch_page("exceptions.py").run()
    assert not at.exception
    assert [info.value.split(".")[0] for info in at.info] == [
        "No rule was passed in this period",
        "No deal was removed in this period",
    ]


def test_head_reads_moves_with_counts_and_reasons_of_the_own_team(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        passed(session, cast.anna, cast.boris, pipeline)
        passed(session, cast.anna, cast.vera, pipeline)
        passed(session, cast.dina, cast.vera, pipeline)
    at = shell(cast.boris).run().switch_page("exceptions.py").run()
    assert not at.exception
    assert [one.value for one in at.text] == [WHY, WHY]
    assert any(one.value == "**2 moves past a rule**" for one in at.markdown)
    assert set(at.button_group(key="exceptions_person").options) == {"Vera · 1", "Boris · 1"}
    assert at.button_group(key="exceptions_rule").options == ["moved back · 2"]
    at.button_group(key="exceptions_person").set_value(cast.vera.user_id).run()
    assert len(at.text) == 1


def test_lists_are_paged(shell: OpenShell, cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exceptions_view, "PAGE_ROWS", 2)
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        for _number in range(3):
            passed(session, cast.anna, cast.boris, pipeline)
    at = shell(cast.vera).run().switch_page("exceptions.py").run()
    assert len(at.text) == 2
    at.button(key="overrides_earlier").click().run()
    assert len(at.text) == 1
    at.button(key="overrides_later").click().run()
    assert len(at.text) == 2


def test_removed_deals_are_listed_and_only_administrators_put_them_back(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, add_pipeline(session), title="Zinc [x](http://e.example)")
        remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    head = shell(cast.boris).run().switch_page("exceptions.py").run()
    assert [one.value for one in head.text] == [WHY]
    assert not [one for one in head.button if one.key == f"restore_{deal_id}"]
    admin = shell(cast.vera).run().switch_page("exceptions.py").run()
    assert admin.button(key=f"restore_{deal_id}").label == "Put back"
    assert any(md("Zinc [x](http://e.example)") in one.value for one in admin.markdown)


def test_deals_that_all_came_back_are_counted_and_shown_on_demand(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        deal_id = add_closed_deal(session, cast.anna, add_pipeline(session))
        remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
        restore_deal(session, cast.vera, deal_id=deal_id)
    at = shell(cast.boris).run().switch_page("exceptions.py").run()
    assert at.info[-1].value == "1 deal was removed in this period; it is back."
    at.button(key="exceptions_show_restored").click().run()
    assert [one.value for one in at.text] == [WHY]
    assert at.toggle(key="exceptions_restored").value
