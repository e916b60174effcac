"""The tab of rules: switches, who creates deals, exceptions of a role; what is chosen stays until it is saved."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from crm.db import Database
from crm.models import Role
from crm.pipelines.reads import load_pipeline
from crm.pipelines.rules import PipelineRules, edit_rules, set_transitions
from crm.pipelines.values import PipelineInfo
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.pages.conftest import OpenShell


@pytest.fixture
def rows(database: Database) -> PipelineRows:
    with database.session_scope() as session:
        return add_pipeline(session)


@pytest.fixture
def at(shell: OpenShell, cast: Cast, rows: PipelineRows) -> AppTest:
    """Return the page with its tab of rules open."""
    opened = shell(cast.vera).run()
    opened.session_state["pipeline_tabs"] = "Rules"
    opened = opened.switch_page("pipelines.py").run()
    assert not opened.exception
    return opened


def saved(database: Database, rows: PipelineRows) -> PipelineInfo:
    with database.read_scope() as session:
        return load_pipeline(session, rows.id)


def test_switches_and_policy_are_saved_together(at: AppTest, database: Database, rows: PipelineRows) -> None:
    prefix = f"rules_{rows.id}"
    assert not [one for one in at.button if one.key == f"{prefix}_save"]
    at.toggle(key=f"{prefix}_forward").set_value(False).run()
    at.button_group(key=f"{prefix}_roles").set_value([Role.ADMIN]).run()
    assert saved(database, rows).forward_only
    at.button(key=f"{prefix}_save").click().run()
    assert not at.exception
    info = saved(database, rows)
    assert (info.forward_only, info.no_skipping, info.creation_roles) == (False, True, frozenset({Role.ADMIN}))
    assert not [one for one in at.button if one.key == f"{prefix}_save"]


def test_what_was_chosen_is_not_saved_over_what_somebody_else_saved(
    at: AppTest, database: Database, cast: Cast, rows: PipelineRows
) -> None:
    prefix = f"rules_{rows.id}"
    at.toggle(key=f"{prefix}_forward").set_value(False).run()
    with database.session_scope() as session:
        edit_rules(session, cast.vera, pipeline_id=rows.id, expected_version=1, rules=PipelineRules(no_skipping=False))
    at.button(key=f"{prefix}_save").click().run()
    assert saved(database, rows).forward_only
    assert at.toggle(key=f"{prefix}_forward").value is False
    assert "Somebody else has changed these rules meanwhile" in at.warning[0].value
    at.button(key=f"{prefix}_discard").click().run()
    assert (at.toggle(key=f"{prefix}_forward").value, at.toggle(key=f"{prefix}_skipping").value) == (True, False)


def test_untouched_switches_follow_what_others_save(
    at: AppTest, database: Database, cast: Cast, rows: PipelineRows
) -> None:
    with database.session_scope() as session:
        edit_rules(session, cast.vera, pipeline_id=rows.id, expected_version=1, rules=PipelineRules(no_skipping=False))
    at.run()
    assert at.toggle(key=f"rules_{rows.id}_skipping").value is False
    assert not at.warning


def test_exceptions_of_several_stages_are_chosen_and_saved_at_once(
    at: AppTest, database: Database, rows: PipelineRows
) -> None:
    first, second, third, _fourth = rows.stages
    key = f"transitions_{rows.id}_manager"
    table = at.dataframe[0].value
    assert list(table["1. Contact made"]) == ["", "–", "–", "–"]
    assert list(table["2. Need found"]) == ["✓", "", "–", "–"]
    at.button_group(key=f"{key}_{first}_{second}_default").set_value("forbidden").run()
    at.selectbox(key=f"transitions_from_{rows.id}").set_value(third).run()
    at.button_group(key=f"{key}_{third}_{first}_default").set_value("allowed").run()
    assert list(at.dataframe[0].value["1. Contact made"]) == ["", "–", "✓ allowed", "–"]
    assert any("2 changes are not saved yet" in one.value for one in at.caption)
    assert saved(database, rows).transitions == {}
    at.button(key=f"{key}_save").click().run()
    assert not at.exception
    assert saved(database, rows).transitions == {
        (Role.MANAGER, first, second): False,
        (Role.MANAGER, third, first): True,
    }
    at.button_group(key=f"{key}_{third}_{first}_allowed").set_value("default").run()
    at.button(key=f"{key}_save").click().run()
    assert saved(database, rows).transitions == {(Role.MANAGER, first, second): False}


def test_exceptions_are_not_saved_over_those_of_somebody_else(
    at: AppTest, database: Database, cast: Cast, rows: PipelineRows
) -> None:
    first, second = rows.stages[:2]
    key = f"transitions_{rows.id}_manager"
    at.button_group(key=f"{key}_{first}_{second}_default").set_value("forbidden").run()
    with database.session_scope() as session:
        set_transitions(
            session, cast.vera, pipeline_id=rows.id, expected_version=1, role=Role.MANAGER,
            exceptions={(second, first): True},
        )  # fmt: skip
    at.run()
    assert at.button(key=f"{key}_save").disabled
    at.button(key=f"{key}_discard").click().run()
    assert list(at.dataframe[0].value["1. Contact made"]) == ["", "✓ allowed", "–", "–"]
