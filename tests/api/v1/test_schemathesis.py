"""Requests made up from the OpenAPI document: none breaks the program, none is answered off the document."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from crm.api.app import api
from crm.db import Database
from tests.api.v1.conftest import ADDRESS, World, guarded, new_key
from tests.conftest import Cast

# Rules of the business refuse most of what the document allows by its form, and are meant to.
BUSINESS_RULES = [positive_data_acceptance]
IDS = ("pipeline_id", "stage_id", "deal_id", "company_id", "contact_id", "step_id", "user_id", "owner_id")

MAX_ID = 2**63 - 1


def document(*, with_keys: bool) -> BaseSchema:
    """Return the document to make requests of; `with_keys` makes up keys too."""
    generation = GenerationConfig(with_security_parameters=with_keys)
    project = ProjectConfig(generation=generation)
    config = SchemathesisConfig(seed=2026, projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_dict(api.openapi(), config=config)
    schema.app = guarded
    return schema


for_manager, for_nobody = document(with_keys=False), document(with_keys=True)
bounded = settings(
    max_examples=6, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


@for_manager.hook
def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Lead every other address to the records that exist: the first of each kind."""
    return path_parameters and {name: _present(name, value) for name, value in path_parameters.items()}


@for_manager.hook
def map_body(_context: Any, body: Any) -> Any:
    """Lead every other body to records and versions that exist."""
    return _present("", body)


@pytest.fixture
def manager_key(database: Database, cast: Cast, world: World) -> str:
    return new_key(database, cast.anna)


@for_manager.parametrize()
@bounded
def test_manager_is_answered_as_the_document_says(case: schemathesis.Case, manager_key: str) -> None:
    case.call_and_validate(
        base_url=f"{ADDRESS}/api",
        headers={"Authorization": f"Bearer {manager_key}"},
        excluded_checks=BUSINESS_RULES,
    )


# The guard refuses before any record is asked for: one database is enough.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@for_nobody.parametrize()
@bounded
def test_nobody_is_answered_as_the_document_says(case: schemathesis.Case, database: Database) -> None:
    answer = case.call_and_validate(base_url=f"{ADDRESS}/api", excluded_checks=BUSINESS_RULES)
    assert answer.status_code == 401


def _present(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _present(inner, one) for inner, one in value.items()}
    known = name in IDS or name == "expected_version"
    even = type(value) is int and 0 < value <= MAX_ID and value % 2 == 0
    return 1 if known and even else value
