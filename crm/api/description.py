"""The OpenAPI document: what FastAPI gathers, with the key named and the parameters said plainly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from crm.i18n import N_

SCHEME = "key"
_SUCCESSES = {"200": N_("Done"), "201": N_("Created")}


class DescribedApi(FastAPI):
    """An application whose OpenAPI document says how to bring the key."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def operation_name(route: APIRoute) -> str:
    """Return the name of an operation: its function's."""
    return route.name


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return (path, method, operation) of a document, in its order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def allowed_methods(request: Request) -> str:
    """Return the methods that the path of a request knows, as the header Allow lists them."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    known = [(template, method.upper()) for template, method, _operation in operations(request.app.openapi())]
    # A fixed address comes before one with a parameter: "check" is no number of a pair.
    named = {method for template, method in known if template == path}
    fitting = {method for template, method in known if compile_path(template)[0].fullmatch(path)}
    return ", ".join(sorted(named or fitting))


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    document["components"]["securitySchemes"] = {
        SCHEME: {"type": "http", "scheme": "bearer", "description": N_("An API key, which begins with vk_")}
    }
    document["security"] = [{SCHEME: []}]
    for _path, _method, operation in operations(document):
        for status, words in _SUCCESSES.items():
            if status in operation["responses"]:
                operation["responses"][status]["description"] = words
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _without_null(parameter["schema"])
    return document


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    # A parameter is there or not; none of them can be null.
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]}
