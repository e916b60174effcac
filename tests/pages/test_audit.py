"""The journal page: for heads and admins, filtered and paged, hostile text shown as text."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import Database
from crm.events import record
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.pages.conftest import OpenShell


def add_events(database: Database, actor: Actor, owner: Actor, count: int = 1, days_ago: int = 0) -> int:
    with database.session_scope() as session:
        deal_id = add_deal(session, owner, add_pipeline(session, name=f"Sales of {owner.name}"))
        for _number in range(count):
            record(
                session, actor, "deal.moved", "deal", deal_id, at=utc_now() - timedelta(days=days_ago),
                from_stage="[x](http://e.example)", to_stage="<b>Need</b>",
            )  # fmt: skip
    return deal_id


def test_manager_is_refused(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna).run().switch_page("audit.py").run()
    assert at.error[0].value == "Your role does not allow this. Ask your administrator."
    assert not at.dataframe


def test_empty_journal_says_why(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.vera).run().switch_page("audit.py").run()
    assert not at.exception
    assert "Nothing happened here in this period" in at.info[0].value


def test_admin_reads_events_in_words(shell: OpenShell, cast: Cast, database: Database) -> None:
    deal_id = add_events(database, cast.anna, cast.anna)
    at = shell(cast.vera).run().switch_page("audit.py").run()
    assert not at.exception
    table = at.dataframe[0].value
    assert list(table["What happened"]) == ["Moved: [x](http://e.example) → <b>Need</b>"]
    assert list(table["Who"]) == ["Anna"]
    assert list(table["Record"]) == [f"Deal {deal_id}"]
    assert list(table["Door"]) == ["by hand"]


def test_head_reads_only_the_teams_events(shell: OpenShell, cast: Cast, database: Database) -> None:
    add_events(database, cast.anna, cast.anna)
    add_events(database, cast.dina, cast.dina, count=2)
    at = shell(cast.boris).run().switch_page("audit.py").run()
    assert list(at.dataframe[0].value["Who"]) == ["Anna"]
    assert set(at.selectbox(key="audit_person").options) == {"Anna", "Anton", "Boris"}


def test_filters_are_applied(shell: OpenShell, cast: Cast, database: Database) -> None:
    add_events(database, cast.anna, cast.anna)
    dinas = add_events(database, cast.dina, cast.dina)
    at = shell(cast.vera).run().switch_page("audit.py").run()
    at.selectbox(key="audit_person").select(cast.dina.user_id).run()
    assert list(at.dataframe[0].value["Who"]) == ["Dina"]
    at.selectbox(key="audit_person").select(None).run()
    at.selectbox(key="audit_entity").select("deal")
    at.number_input(key="audit_number").set_value(dinas).run()
    assert list(at.dataframe[0].value["Record"]) == [f"Deal {dinas}"]
    at.selectbox(key="audit_group").select("clients").run()
    assert not at.dataframe


@pytest.mark.parametrize(("period", "found"), [("week", False), ("month", True), ("all", True)])
def test_period_is_applied(period: str, found: bool, shell: OpenShell, cast: Cast, database: Database) -> None:
    add_events(database, cast.anna, cast.anna, days_ago=20)
    at = shell(cast.vera).run().switch_page("audit.py").run()
    at.get_by_key("audit_period").set_value(period).run()
    assert bool(at.dataframe) is found


def test_earlier_and_later_events_are_pages(shell: OpenShell, cast: Cast, database: Database) -> None:
    add_events(database, cast.anna, cast.anna, count=60)
    at = shell(cast.vera).run().switch_page("audit.py").run()

    def press(label: str) -> None:
        next(button for button in at.button if button.label == label).click().run()

    assert len(at.dataframe[0].value) == 50
    press("Earlier")
    assert len(at.dataframe[0].value) == 10
    assert "Earlier" not in [button.label for button in at.button]
    press("Later")
    assert len(at.dataframe[0].value) == 50
