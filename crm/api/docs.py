"""The page /api/docs: the OpenAPI document made readable here, without scripts and without anybody else's server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from crm.api.account_pages import FOLDER, asset_address
from crm.api.description import DescribedApi, operations
from crm.api.incoming import accepted_language
from crm.auth.api_keys import FoundKey
from crm.auth.sessions import FoundSession
from crm.i18n import N_, _, reader
from crm.settings import get_settings

SCHEMAS = "#/components/schemas/"
SUBJECTS = {
    "pipelines": N_("Pipelines"),
    "deals": N_("Deals"),
    "companies": N_("Companies"),
    "contacts": N_("Contacts"),
    "duplicates": N_("Duplicates"),
    "next-steps": N_("Next steps"),
    "objections": N_("Objections"),
    "users": N_("Users"),
}
KINDS = {
    "integer": N_("whole number"),
    "number": N_("number"),
    "string": N_("text"),
    "boolean": N_("true or false"),
    "object": N_("object"),
    "null": "null",
    "date-time": N_("time with its zone"),
    "date": N_("day"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type in words, or the name of a schema that the page describes."""

    text: str
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A parameter or a field: its name, where it stands, its types, what else is known."""

    name: str
    place: str
    is_required: bool
    kinds: tuple[Kind, ...]
    limits: str
    help: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, when it comes, and the schema of its body."""

    status: str
    help: str
    schema: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    name: str
    method: str
    path: str
    summary: str
    help: str
    parameters: tuple[Line, ...]
    body: str | None
    example: str
    answers: tuple[Answer, ...]


def docs_route(app: DescribedApi) -> Route:
    """Return the route of the page about an application; the guard has seen a session or a key."""

    def get_docs(request: Request) -> Response:
        return HTMLResponse(_page(app, _language(request), get_settings().public_url.rstrip("/")))

    return Route("/docs", get_docs, methods=["GET"])


def _language(request: Request) -> str:
    state = request.scope.get("state", {})
    for who in (state.get("session"), state.get("api_key")):
        if isinstance(who, FoundSession | FoundKey):
            return who.language
    return accepted_language(Headers(scope=request.scope).get("accept-language", "")) or "en"


@cache
def _page(app: DescribedApi, language: str, address: str) -> str:
    document = app.openapi()
    templates = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    with reader(language):
        return templates.get_template("api_docs.html").render(
            _=_,
            asset=asset_address,
            language=language,
            address=address,
            description=_(document["info"]["description"]),
            subjects=[(tag, _(title), list(_operations(document, address, tag))) for tag, title in SUBJECTS.items()],
            schemas=[
                (name, tuple(_fields(schema)), tuple(schema.get("enum", ())))
                for name, schema in sorted(document["components"]["schemas"].items())
            ],
        )


def _operations(document: Mapping[str, Any], address: str, tag: str) -> Iterator[Operation]:
    for path, method, operation in operations(dict(document)):
        if tag not in operation["tags"]:
            continue
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        name = _schema_name(body) if body else None
        yield Operation(
            name=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=_(operation["summary"]),
            help=_(operation["description"]) if "description" in operation else "",
            parameters=tuple(
                _line(one["name"], one["schema"], place=one["in"], is_required=one["required"])
                for one in operation.get("parameters", [])
            ),
            body=name,
            example=_example(document, address + "/api" + path, method.upper(), name),
            answers=tuple(_answer(status, answer) for status, answer in sorted(operation["responses"].items())),
        )


def _answer(status: str, answer: Mapping[str, Any]) -> Answer:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return Answer(status, _(answer["description"]), _schema_name(schema))


def _fields(schema: Mapping[str, Any]) -> Iterator[Line]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        yield _line(name, field, is_required=name in required)


def _line(name: str, schema: Mapping[str, Any], *, is_required: bool, place: str = "") -> Line:
    told = schema.get("description", "")
    return Line(name, place, is_required, tuple(_kinds(schema)), _limits(schema), _(told) if told else "")


def _kinds(schema: Mapping[str, Any]) -> Iterator[Kind]:
    if name := _schema_name(schema):
        yield Kind(name, name)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _kinds(one)
    elif "enum" in schema or "const" in schema:
        yield Kind(" · ".join(schema.get("enum") or [schema["const"]]))
    elif schema.get("type") == "array":
        for one in _kinds(schema.get("items", {})):
            yield Kind(_("list of: {kind}", kind=one.text), one.schema)
    elif "type" in schema:
        yield Kind(_(KINDS[schema.get("format", schema["type"])]))


def _limits(schema: Mapping[str, Any]) -> str:
    for one in (schema, *schema.get("anyOf", ())):
        low, high = one.get("minimum"), one.get("maximum")
        if high is not None and high < 2**31 - 1:
            return f"{low}–{high}"
        for bound in ("maxItems", "maxLength"):
            if bound in one:
                return f"≤ {one[bound]}"
    return ""


def _schema_name(schema: Mapping[str, Any]) -> str | None:
    reference = schema.get("$ref", "")
    return reference.removeprefix(SCHEMAS) if reference else None


def _example(document: Mapping[str, Any], address: str, method: str, body: str | None) -> str:
    lines = [f'curl "{address}"', '-H "Authorization: Bearer $KEY"']
    if method != "GET":
        lines.insert(1, f"-X {method}")
    if body is not None:
        schema = document["components"]["schemas"][body]
        example = {name: schema["examples"][0][name] for name in schema["properties"] if name in schema["examples"][0]}
        text = json.dumps(example, ensure_ascii=False, indent=2)
        lines += ['-H "Content-Type: application/json"', f"-d '{text}'"]
    return " \\\n  ".join(lines)
