"""Pipelines and users through the API."""

from __future__ import annotations

from starlette.testclient import TestClient

from crm.db import Database
from crm.models import FieldType, Pipeline, StageRequirement, User
from crm.pipelines.fields import create_field
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
