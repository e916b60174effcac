"""Pipelines and users through the API."""

from __future__ import annotations

from starlette.testclient import TestClient

from crm.db import Database
from crm.models import FieldType, Pipeline, Role, StageRequirement, StepKind, User
from crm.pipelines.commands import StagePlan, edit_stage
from crm.pipelines.fields import create_field
from crm.pipelines.rules import PipelineRules, edit_rules, set_transitions
from tests.api.v1.conftest import ClientOf, World
from tests.conftest import Cast


def test_pipeline_tells_stages_fields_and_reasons(
    anna: TestClient, database: Database, cast: Cast, world: World
) -> None:
    with database.session_scope() as session:
        session.add(StageRequirement(stage_id=world.pipeline.stages[2], builtin="amount"))
        field = create_field(
            session, cast.vera, name="Delivery", field_type=FieldType.CHOICE, options=("Pickup", "Truck")
        )
    told = anna.get(f"/api/v1/pipelines/{world.pipeline.id}").json()
    assert [(stage["id"], stage["kind"]) for stage in told["stages"]] == [
        *((stage, "open") for stage in world.pipeline.stages),
        (world.pipeline.won, "won"),
        (world.pipeline.lost, "lost"),
    ]
    assert told["stages"][2]["required"] == ["amount"]
    assert [reason["id"] for reason in told["loss_reasons"]] == world.pipeline.reasons
    assert [(one["key"], one["type"], [option["name"] for option in one["options"]]) for one in told["fields"]] == [
        (f"field:{field}", "choice", ["Pickup", "Truck"])
    ]


def test_pipeline_tells_its_rules(anna: TestClient, database: Database, cast: Cast, world: World) -> None:
    first, second = world.pipeline.stages[:2]
    with database.session_scope() as session:
        rules = PipelineRules(no_skipping=False, creation_roles=frozenset({Role.ADMIN, Role.HEAD}))
        edit_rules(session, cast.vera, pipeline_id=world.pipeline.id, expected_version=1, rules=rules)
        set_transitions(
            session, cast.vera, pipeline_id=world.pipeline.id, expected_version=2, role=Role.HEAD,
            exceptions={(second, first): True},
        )  # fmt: skip
        plan = StagePlan("Need found", "", None, (), ("amount",), (StepKind.MEETING,), "blue", True, 40)
        edit_stage(session, cast.vera, stage_id=second, expected_version=3, plan=plan)
    told = anna.get(f"/api/v1/pipelines/{world.pipeline.id}").json()
    assert (told["forward_only"], told["no_skipping"], told["creation_roles"]) == (True, False, ["head", "admin"])
    assert told["transitions"] == [{"role": "head", "from_stage_id": second, "to_stage_id": first, "is_allowed": True}]
    stage = told["stages"][1]
    assert (stage["required_exit"], stage["step_kinds"]) == (["amount"], ["meeting"])
    assert (stage["color"], stage["accepts_new"], stage["win_percent"]) == ("blue", True, 40)
    (line,) = anna.get("/api/v1/pipelines").json()["items"]
    assert line["creation_roles"] == ["head", "admin"]


def test_archived_pipelines_are_listed_when_asked_for(anna: TestClient, database: Database, world: World) -> None:
    with database.session_scope() as session:
        session.get_one(Pipeline, world.pipeline.id).is_archived = True
    assert anna.get("/api/v1/pipelines").json() == {"items": [], "next_cursor": None}
    listed = anna.get("/api/v1/pipelines", params={"with_archived": "true"}).json()["items"]
    assert [(one["id"], one["is_archived"], one["open_stage_count"]) for one in listed] == [
        (world.pipeline.id, True, 4)
    ]
    assert anna.get("/api/v1/pipelines/999").status_code == 404


def test_users_are_those_whose_records_one_sees(client_of: ClientOf, database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        session.get_one(User, cast.anton.user_id).is_active = False
    names = {
        person.name: [user["name"] for user in client_of(person).get("/api/v1/users").json()["items"]]
        for person in (cast.anna, cast.boris, cast.dina, cast.vera)
    }
    assert names == {
        "Anna": ["Anna"],
        "Boris": ["Anna", "Anton", "Boris"],
        "Dina": ["Dina"],
        "Vera": ["Anna", "Anton", "Boris", "Dina", "Vera"],
    }
    anna = client_of(cast.anna)
    assert anna.get(f"/api/v1/users/{cast.anna.user_id}").json()["name"] == "Anna"
    assert anna.get(f"/api/v1/users/{cast.anton.user_id}").status_code == 404
    assert client_of(cast.vera).get(f"/api/v1/users/{cast.anton.user_id}").json()["is_active"] is False


def test_users_are_told_by_the_page(client_of: ClientOf, cast: Cast) -> None:
    vera = client_of(cast.vera)
    first = vera.get("/api/v1/users", params={"limit": 3}).json()
    rest = vera.get("/api/v1/users", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [user["name"] for user in first["items"] + rest["items"]] == ["Anna", "Anton", "Boris", "Dina", "Vera"]


def test_me_is_the_owner_of_the_key(client_of: ClientOf, cast: Cast) -> None:
    assert client_of(cast.vera, scopes=("read",)).get("/api/v1/users/me").json() == {
        "id": cast.vera.user_id,
        "name": "Vera",
        "role": "admin",
        "team_id": None,
        "language": "en",
        "timezone": "Europe/Moscow",
        "sees_everybody": True,
        "scopes": ["read"],
    }
