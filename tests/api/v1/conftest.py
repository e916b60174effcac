"""Clients of the REST API behind the real guard: one per person of the cast, and the rows they work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from crm.actor import Actor
from crm.api.app import api
from crm.api.server import middleware
from crm.auth.api_keys import create_api_key
from crm.clock import utc_now
from crm.db import Database
from crm.duplicates.merging import merge_records
from crm.models import Channel, EntityType, MatchPair, NextStep, Objection, ObjectionKind, PairSource, PairState
from crm.settings import get_settings
from tests import factories
from tests.conftest import Cast

ADDRESS = "http://127.0.0.1:8501"
guarded = Starlette(routes=[Mount("/api", app=api)], middleware=middleware(index_html=None, farewell=None))

ClientOf = Callable[..., TestClient]


@dataclass(frozen=True, slots=True)
class World:
    """A pipeline, and one deal with its client for Anna."""

    pipeline: factories.PipelineRows
    deal: int
    company: int
    contact: int
    step: int
    objection: int
    pair: int
    merge: int


@pytest.fixture(autouse=True)
def _wide_rate(own_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_API_REQUESTS_PER_MINUTE", "1000000")
    get_settings.cache_clear()


@pytest.fixture
def world(database: Database, cast: Cast) -> World:
    """Commit a pipeline and Anna's deal with a company and a contact."""
    with database.session_scope() as session:
        pipeline = factories.add_pipeline(session)
        company = factories.add_company(session, cast.anna)
        contact = factories.add_contact(session, cast.anna, phone="+79161234567")
        deal = factories.add_deal(session, cast.anna, pipeline, company_id=company)
        step = session.scalars(select(NextStep.id).where(NextStep.deal_id == deal)).one()
        objection = Objection(
            deal_id=deal, stage_id=pipeline.stages[0], kind=ObjectionKind.REAL, text="Too dear", at=utc_now()
        )
        session.add(objection)
        session.flush()
        objection_id = objection.id
        pair, merge = _add_duplicates(session, cast, contact)
    return World(pipeline, deal, company, contact, step, objection_id, pair, merge)


def _add_duplicates(session: Session, cast: Cast, contact: int) -> tuple[int, int]:
    """Add a contact like the given one and one that was merged into a third; return the pair and the merge."""
    twin = factories.add_contact(session, cast.anna)
    pair = MatchPair(
        entity_type=EntityType.CONTACT, left_id=contact, right_id=twin, weight=9.0, probability=0.99,
        lines=[["prior", -4.0, "", ""], ["phone_equal", 13.0, "+79161234567", "+79161234567"]], guards=[],
        is_automatic=True, rank=0.99, state=PairState.OPEN, source=PairSource.INTAKE, found_at=utc_now(),
    )  # fmt: skip
    session.add(pair)
    kept, hidden = factories.add_contact(session, cast.anna), factories.add_contact(session, cast.anna)
    merge = merge_records(session, cast.boris, entity_type=EntityType.CONTACT, survivor_id=kept, merged_id=hidden)
    return pair.id, merge


@pytest.fixture
def client_of(database: Database, cast: Cast) -> Iterator[ClientOf]:
    """Return `client_of(actor, scopes=...)`: a client with a fresh key of that person."""
    opened: list[TestClient] = []

    def make(actor: Actor, *, scopes: tuple[str, ...] = ("read", "write"), **headers: str) -> TestClient:
        client = TestClient(
            guarded, ADDRESS, headers={"Authorization": f"Bearer {new_key(database, actor, scopes)}"} | headers
        )
        client.__enter__()
        opened.append(client)
        client.get("/api/v1/users/me")  # the first use of a key is written down; later ones within a minute are not
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def anna(client_of: ClientOf, cast: Cast) -> TestClient:
    """Return Anna's client."""
    return client_of(cast.anna)


def new_key(database: Database, actor: Actor, scopes: tuple[str, ...] = ("read", "write"), **columns: Any) -> str:
    """Commit a key of a person and return its token."""
    with database.session_scope() as session:
        made = create_api_key(
            session, actor, name="Test", scopes=scopes, expires_at=columns.get("expires_at"), now=utc_now()
        )
    return made.token


def step_body(**values: Any) -> dict[str, Any]:
    """Return a next step due tomorrow."""
    due_at = (utc_now() + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    return {"kind": "call", "due_at": due_at, "text": "Call back", **values}


def api_actor(actor: Actor) -> Actor:
    """Return the person as acting through the API."""
    return replace(actor, channel=Channel.API)
