"""Declared Apex REST endpoints: `[{path: /orders/{number}, method: GET, body: {...}}]`, from YAML or JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.code_reading import ANSWER, answer_shape, check_saves, program, steps_shape, texts
from mock_server.documents import Problem, Steps, nearest
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import TEXT, Shape, mapping
from mock_server.org.apex.endpoints import (
    METHODS,
    Endpoint,
    Request,
    Response,
    check_path,
    methods_of,
    named_after,
    parameters,
)
from mock_server.org.apex.steps import Program
from mock_server.org.automation import HookError

if TYPE_CHECKING:
    from mock_server.org.org import Org

KEYS = (
    "path", "method", "class", "namespace", "profiles", "permissionSets", "mode", "steps", "status", "headers", "body",
)  # fmt: skip
NOUN = "an endpoint"
ROOTS = ("path", "query", "body", "header", "user")
"""What places of an endpoint may begin with."""
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
MODES = ("user", "system")
_OF_THE_PATH = re.compile(r"\{\s*path\.([\w-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class DeclaredCode:
    """What an endpoint runs whose steps are declared."""

    program: Program

    def __call__(self, request: Request) -> Response:
        scope = {
            "path": request.path,
            "query": request.query,
            # Who reads or deletes sends none that code would see.
            "body": request.body if request.method in _WITH_BODY else None,
            "header": request.headers,
            "user": {"id": request.user_id, "username": request.username},
        }
        answer = self.program.run(scope, request.org)
        return Response(answer.body, answer.status, answer.headers)


@dataclass(frozen=True, slots=True)
class DeclaredEndpoint:
    """An endpoint that is known by its steps and its answer."""

    endpoint: Endpoint
    program: Program

    def check(self, org: Org) -> None:
        """Raise HookError for what this org does not have, or has already."""
        org.endpoints.check(self.endpoint)
        check_saves(self.program, org)

    def add_to(self, org: Org) -> Endpoint:
        """Put the endpoint in force. Raises HookError."""
        self.check(org)
        return org.endpoints.add(self.endpoint)


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredEndpoint, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    return read_each(value, path, problems, "apexrest must be a list of endpoints", read_one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredEndpoint | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"an endpoint must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, "an endpoint")
    where = reader.text("path")
    if "path" not in reader:
        reader.refuse((), "an endpoint needs path")
    elif where is not None:
        try:
            check_path(where)
        except HookError as error:
            reader.refuse("path", str(error))
    mode = reader.choice("mode", MODES)
    code = program(reader, ROOTS, {key: reader.data.get(key) for key in ANSWER}, http=True)
    methods = _methods(reader)
    name, namespace = reader.text("class"), reader.text("namespace")
    profiles, sets = texts(reader, "profiles"), texts(reader, "permissionSets")
    _known_parameters(reader, where)
    if len(problems) > before or where is None:
        return None
    endpoint = Endpoint(
        name or named_after(where),
        where,
        methods,
        DeclaredCode(code),
        namespace,
        profiles,
        sets,
        mode == "system",
        dict(value),
    )
    return DeclaredEndpoint(endpoint, code)


def _methods(reader: Reader) -> tuple[str, ...]:
    value = reader.data.get("method")
    if value is None:
        return ("GET",)
    if value == [] or not isinstance(value, str | list):
        reader.refuse("method", f"method must be one or a list of them, not {shown(value)}", METHODS)
        return ()
    listed = [value] if isinstance(value, str) else value
    for place, one in enumerate(listed):
        if not isinstance(one, str) or one.upper() not in METHODS:
            at = ("method",) if isinstance(value, str) else ("method", place)
            reader.refuse(at, f"there is no method {shown(one)}", METHODS, one)
    return methods_of([one for one in listed if isinstance(one, str)])


def _known_parameters(reader: Reader, where: str | None) -> None:
    """Refuse `{path.nummer}` where the path has no such parameter."""
    if where is None:
        return
    names = parameters(where)
    for at, text in _texts(reader.data, ()):
        for name in _path_names(text):
            if name not in names:
                near = nearest(name, names) if names else None
                said = f"the path {where} has no {{{name}}}"
                reader.problems.append(Problem((*reader.path, *at), said, names, near))


def _texts(value: Any, path: Steps) -> Any:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if path or key in ("steps", *ANSWER):
                yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, (*path, place))
    elif isinstance(value, str):
        yield path, value


def _path_names(text: str) -> list[str]:
    return _OF_THE_PATH.findall(text.replace("{{", ""))


def as_json(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as it is declared; one of code has `code: true`."""
    told: dict[str, Any] = {"class": endpoint.name, "path": endpoint.path, "method": list(endpoint.methods)}
    if endpoint.namespace:
        told["namespace"] = endpoint.namespace
    if endpoint.declared is not None:
        told = {**endpoint.declared, **told}
    return told | {"code": endpoint.declared is None}


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    method: Shape = {"enum": [*METHODS, *(one.lower() for one in METHODS)]}
    names: Shape = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
    return mapping(
        {
            "path": {
                "type": "string",
                "pattern": "^/.",
                "description": "below /services/apexrest: /orders/{number}, or /orders/* for all that follows",
            },
            "method": {"anyOf": [method, {"type": "array", "items": method, "minItems": 1}], "description": "GET"},
            "class": {**TEXT, "description": "what its errors call it: OrderService"},
            "namespace": {**TEXT, "description": "of a managed package: it stands before the path"},
            "profiles": {**names, "description": "whose users may call it"},
            "permissionSets": {**names, "description": "whose users may call it"},
            "mode": {
                "enum": list(MODES),
                "description": "whose permissions its steps have: user or system",
            },
            "steps": steps_shape(http=True),
            **answer_shape(),
        },
        required=("path",),
        description="an Apex REST endpoint",
    )
