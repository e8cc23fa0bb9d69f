"""The OpenAPI description of every operation that is served, generated from the registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mock_server import __version__
from mock_server.operations import Operation
from mock_server.routing import GRPC, Registry

FORM, XML, JSON, CSV = "application/x-www-form-urlencoded", "text/xml", "application/json", "text/csv"
_NAME = re.compile(r"\{(\w+)\*?\}")
_BODIES = ("POST", "PUT", "PATCH")
_PATH: dict[str, dict[str, Any]] = {
    "version": {"type": "string", "pattern": r"^v\d{2}\.0$", "example": "v60.0"},
    "id": {"type": "string", "example": "001000000000001AAA"},
    "sobject": {"type": "string", "example": "Account"},
    "field": {"type": "string", "example": "Name"},
}
"""What is known of the values of path parameters; any other is a text."""


def description(registry: Registry, server: str | None = None) -> dict[str, Any]:
    """Return an OpenAPI 3.1 document. `server` is the base URL at which the operations are."""
    paths: dict[str, dict[str, Any]] = {}
    templates: dict[str, str] = {}
    for route in registry.routes:
        operation = route.operation
        if operation.method == GRPC or operation.outgoing:
            # The Pub/Sub API's own description is the protocol file.
            continue
        # Two templates that differ in the names of their parameters alone are one path in OpenAPI.
        template = templates.setdefault(_NAME.sub("{}", operation.path), operation.path)
        path = _NAME.sub(r"{\1}", template)
        item = paths.setdefault(path, {})
        # The calls of SOAP share one request, and their envelope tells them apart.
        item.setdefault(operation.method.lower(), _described(operation, template))
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "sfmock",
            "version": __version__,
            "description": "A Salesforce org that runs on your machine.",
        },
        "paths": paths,
        "components": {"securitySchemes": {"session": {"type": "http", "scheme": "bearer"}}},
    }
    if server is not None:
        document["servers"] = [{"url": server}]
    return document


def _described(operation: Operation, template: str) -> dict[str, Any]:
    body = _body(operation)
    return {
        "operationId": f"{operation.name}:{operation.method}:{operation.path}",
        "summary": operation.summary or operation.name,
        "tags": [operation.name.partition(".")[0]],
        "x-operation": operation.name,
        "x-since": operation.since,
        "parameters": list(_parameters(operation, template, in_form=body is FORM)),
        **({"requestBody": {"content": {body: {"schema": _schema(operation, body)}}}} if body else {}),
        "responses": _answers(operation),
        "security": [{"session": []}] if operation.auth else [],
    }


def _answers(operation: Operation) -> dict[str, Any]:
    error = {"default": {"description": "An answer, or an error, in Salesforce's form"}}
    if not operation.gives:
        return error
    return {"200": {"description": "What is asked for", "content": {operation.gives: {}}}, **error}


def _parameters(operation: Operation, template: str, *, in_form: bool) -> Iterator[dict[str, Any]]:
    for name in _NAME.findall(template):
        yield {"name": name, "in": "path", "required": True, "schema": _PATH.get(name, {"type": "string"})}
    if not in_form:
        for name in operation.query:
            yield {"name": name, "in": "query", "schema": {"type": "string"}}


def _body(operation: Operation) -> str | None:
    if operation.method not in _BODIES:
        return None
    if operation.upload:
        return CSV
    if operation.path.startswith("/services/Soap/"):
        return XML
    return FORM if operation.path.startswith("/services/oauth2/") else JSON


def _schema(operation: Operation, body: str) -> dict[str, Any]:
    if body == FORM:
        return {"type": "object", "properties": {name: {"type": "string"} for name in operation.query}}
    return {"type": "string"} if body in (XML, CSV) else {}
