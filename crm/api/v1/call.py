"""One call of the API: who calls, reading and writing as that person, and the answer's form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Header, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1 import idempotency
from crm.api.v1.gate import PREFIX
from crm.api.v1.idempotency import KeptAnswer
from crm.api.v1.values import Output
from crm.auth.actors import load_actor
from crm.auth.api_keys import FoundKey
from crm.clock import utc_now
from crm.db import read_scope, session_scope
from crm.duplicates.intake import match_changed_records
from crm.errors import InvalidInput, Violation
from crm.i18n import N_
from crm.models import Channel

REPLAYED = "Idempotent-Replay"

Act = Callable[[Session, Actor], Output]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that reads."""

    key: FoundKey

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, Actor]]:
        """Yield a reading session and the key's owner."""
        with read_scope() as session:
            yield session, load_actor(session, self.key.user_id, Channel.API)


@dataclass(frozen=True, slots=True)
class WriteCall:
    """A call that changes something; `fingerprint` tells two requests apart."""

    key: FoundKey
    idempotency_key: str | None
    fingerprint: str

    def perform(self, act: Act, *, status: int = 200, collection: str | None = None) -> Response:
        """Run one command in one transaction as the key's owner and answer with what it left behind.

        A repeat under the same Idempotency-Key gets the answer of the first time. A new record's address is told
        where its collection is named.
        """
        with session_scope() as session:
            actor = load_actor(session, self.key.user_id, Channel.API)
            claimed = self._claim(session)
            if isinstance(claimed, KeptAnswer):
                answer, headers = claimed, {REPLAYED: "true"}
            else:
                answer, headers = KeptAnswer(status, act(session, actor).model_dump(mode="json")), {}
                match_changed_records(session)
                if claimed is not None:
                    idempotency.keep(session, claimed, answer)
        if collection is not None:
            headers["Location"] = f"{PREFIX}{collection}/{answer.body['id']}"
        return json_answer(answer.body, answer.status_code, headers)

    def _claim(self, session: Session) -> int | KeptAnswer | None:
        if self.idempotency_key is None:
            return None
        return idempotency.claim(
            session,
            api_key_id=self.key.id,
            name=self.idempotency_key,
            request_hash=self.fingerprint,
            now=utc_now(),
        )


@dataclass(frozen=True, slots=True)
class VersionedCall(WriteCall):
    """A call that changes a record the client has read before."""

    if_match: int | None

    def expected_version(self, given: int | None) -> int:
        """Return the version the client has seen, from the body or from If-Match.

        Errors: InvalidInput where it is missing or told twice differently.
        """
        if given is not None and self.if_match is not None and given != self.if_match:
            raise InvalidInput([Violation("version_ambiguous", "expected_version")])
        version = given if given is not None else self.if_match
        if version is None:
            raise InvalidInput([Violation("value_required", "expected_version")])
        return version


def answer_of(body: Output) -> Response:
    """Return the answer to a read."""
    return json_answer(body.model_dump(mode="json"), 200, {})


def json_answer(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    """Return a body as JSON, with the record's version as its ETag."""
    if "version" in body:
        headers["ETag"] = f'"{body["version"]}"'
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, headers, media_type="application/json")


async def _call(request: Request) -> Call:
    return Call(request.state.api_key)


async def _write_call(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias=idempotency.HEADER,
            pattern=r"^[\x21-\x7e]{1,200}$",
            description=N_("Your name for this request; a repeat with it gets the first answer and changes nothing"),
        ),
    ] = None,
) -> WriteCall:
    told = (request.method, request.scope["path"], request.headers.get("if-match", ""))
    fingerprint = hashlib.sha256("\n".join(told).encode() + b"\n" + await request.body()).hexdigest()
    return WriteCall(request.state.api_key, idempotency_key, fingerprint)


async def _versioned_call(
    call: Annotated[WriteCall, Depends(_write_call)],
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            pattern=r'^(W/)?"[1-9][0-9]{0,8}"$',
            description=N_("The version you have seen, in quotes; instead of expected_version in the body"),
        ),
    ] = None,
) -> VersionedCall:
    version = int(if_match.removeprefix("W/").strip('"')) if if_match else None
    return VersionedCall(call.key, call.idempotency_key, call.fingerprint, version)


Reading: TypeAlias = Annotated[Call, Depends(_call)]
Writing: TypeAlias = Annotated[WriteCall, Depends(_write_call)]
VersionedWriting: TypeAlias = Annotated[VersionedCall, Depends(_versioned_call)]
