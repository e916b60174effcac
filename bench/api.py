"""The REST API under load: the real application in a process of its own, asked over kept-alive connections."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bench.moves import Task
from bench.timing import Taken, Times, summarise, timed
from crm.auth.actors import load_actor
from crm.auth.api_keys import create_api_key
from crm.clock import utc_now
from crm.db import Database
from crm.models import Channel, Role, User
from crm.pipelines.values import custom_key
from crm.settings import ROOT

START_SECONDS = 60
HOST = "127.0.0.1"

Ask = Callable[[http.client.HTTPConnection], None]


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests of one kind by so many clients at once."""

    name: str
    clients: int
    per_second: float
    times: Times
    refused: int


def measure_api(url: str, pipeline_id: int, tasks: Sequence[Task], *, each: int) -> list[Rate]:
    """Read, create and move by 1 client and by 8, `each` requests a client; tasks are moves not made yet."""
    database = Database(url)
    tokens = _keys(database, 8)
    database.close()
    rest = iter(tasks)
    rates = []
    kinds: tuple[tuple[str, Callable[[str], Ask]], ...] = (
        ("read a deal", lambda token: _reading(token, next(rest))),
        ("create a deal", lambda token: _creating(token, pipeline_id)),
        ("move a deal", lambda token: _moving(token, next(rest))),
    )
    with serving(url) as port:
        for clients in (1, 8):
            for name, make in kinds:
                planned = [[make(token) for _ in range(each)] for token in tokens[:clients]]
                rates.append(_rate(name, port, planned))
    return rates


def moves_needed(each: int) -> int:
    """Return how many tasks `measure_api` takes."""
    return 2 * each * (1 + 8)


def _rate(name: str, port: int, planned: Sequence[Sequence[Ask]]) -> Rate:
    with ThreadPoolExecutor(len(planned)) as pool:
        began = time.perf_counter()
        done = list(pool.map(lambda asks: _client(port, asks), planned))
        seconds = time.perf_counter() - began
    runs = [run for of_client, _refused in done for run in of_client]
    refused = sum(of_client for _runs, of_client in done)
    return Rate(name, len(planned), round(len(runs) / seconds, 1), summarise(runs), refused)


def _client(port: int, asks: Sequence[Ask]) -> tuple[list[Taken], int]:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    runs, refused = [], 0
    for ask in asks:
        try:
            runs.append(timed(lambda ask=ask: ask(connection)))  # type: ignore[misc]
        except _RefusedRequest:
            refused += 1
    connection.close()
    return runs, refused


class _RefusedRequest(Exception):
    """The server answered with an error."""


def _reading(token: str, task: Task) -> Ask:
    return lambda connection: _ask(connection, token, "GET", f"/api/v1/deals/{task.deal_id}", None)


def _creating(token: str, pipeline_id: int) -> Ask:
    body = {
        "pipeline_id": pipeline_id,
        "title": "Арматура А500 12 мм, Тверь",
        "amount_minor": 98_000_000,
        "priority": "hot",
        "source": "Сайт",
        "next_step": _next_step(),
    }
    return lambda connection: _ask(connection, token, "POST", "/api/v1/deals", body)


def _moving(token: str, task: Task) -> Ask:
    given = task.move.changes.given()
    changes = {
        "amount_minor": given["amount_minor"],
        "source": given["source"],
        "expected_close_on": given["expected_close_on"].isoformat(),
        "custom": {custom_key(field_id): value for field_id, value in given["custom"].items()},
    }
    body = {
        "stage_id": task.move.to_stage_id,
        "expected_version": task.move.expected_version,
        "changes": changes,
        "next_step": _next_step(),
    }
    return lambda connection: _ask(connection, token, "POST", f"/api/v1/deals/{task.deal_id}/move", body)


def _next_step() -> dict[str, Any]:
    due_at = (utc_now() + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    return {"kind": "call", "due_at": due_at, "text": "Позвонить и уточнить объём"}


def _ask(
    connection: http.client.HTTPConnection, token: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 400:
        print(f"{method} {path}: {answer.status} {text[:300]!r}", file=sys.stderr)
        raise _RefusedRequest


def _keys(database: Database, count: int) -> list[str]:
    with database.session_scope() as session:
        admin_id = session.scalars(select(User.id).where(User.role == Role.ADMIN).limit(1)).one()
        actor = load_actor(session, admin_id, Channel.UI)
        made = [
            create_api_key(
                session, actor, name=f"Bench {number}", scopes=("read", "write"), expires_at=None, now=utc_now()
            )
            for number in range(count)
        ]
        return [key.token for key in made]


@contextmanager
def serving(url: str) -> Iterator[int]:
    """Run the application on a base until the block ends; yield its port."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="voronka-bench-") as folder:
        environment = os.environ | {
            "CRM_DATABASE_URL": url,
            "CRM_DATA_DIR": folder,
            "CRM_API_REQUESTS_PER_MINUTE": "100000000",
            "CRM_PUBLIC_URL": f"http://{HOST}:{port}",
        }
        options = ["--host", HOST, "--port", str(port), "--lifespan", "on", "--log-level", "warning"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", *options], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        try:
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server did not start")
