"""Declared callouts: `[{name: Push, object: Account, on: update, request: {url: "{service}/accounts"}}]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mock_server import code_reading
from mock_server.code_reading import check_saves, program, steps_shape, template, text
from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import DURATION, TEXT, Shape, mapping
from mock_server.org.apex.steps import Program, Save, Step
from mock_server.org.apex.templates import Text
from mock_server.org.apex.templates import place as place_of
from mock_server.org.automation import HookError
from mock_server.org.outbound.callouts import LONGEST_TIMEOUT, METHODS, TIMEOUT, Callout, Request, Retry, Soap
from mock_server.org.outbound.causes import Event
from mock_server.org.outbound.targets import SERVICE
from mock_server.outbound import causes
from mock_server.outbound.causes import DeclaredCause, check_url, sobject_of

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject

NOUN = "a callout"
EVENTS: tuple[Event, ...] = ("create", "update", "delete", "undelete", "become")
_EITHER: tuple[Event, ...] = ("create", "update")
KEYS = ("name", *causes.KEYS, "request", "soap", "credential", "timeout", "each", "retry", "then")
ROOTS = ("record", "old", "records", "event", "user", "org", "callout", "given")
"""What places of a request may begin with; `response` is there, too, in `then`."""
_REQUEST = ("method", "url", "path", "headers", "body")
_SOAP = ("operation", "namespace", "fields", "action", "url", "path", "headers")
_RETRY = ("attempts", "wait", "factor")
_WORD = re.compile(r"[A-Za-z_][\w.-]{0,200}", re.ASCII)
_MARK = "\x00service\x00"


@dataclass(frozen=True, slots=True)
class DeclaredCallout:
    """A callout as it was read."""

    callout: Callout
    cause: DeclaredCause

    def check(self, org: Org) -> Callout:
        """Return the callout as the org has it. Raises HookError for what the org cannot have."""
        from dataclasses import replace

        one, outbound = self.callout, org.outbound
        sobject = sobject_of(org, one.sobject)
        at = ("soap" if one.request.soap is not None else "request", "url")
        if one.credential is None:
            check_url(org, _head(one.request.url), at)
        elif outbound.credentials.named(one.credential) is None:
            names = sorted(known.name for known in outbound.credentials)
            raise HookError(f"there is no named credential {one.credential}", "credential", names, one.credential)
        if isinstance(one.then, Program):
            check_saves(one.then, org)
            _check_set(one.then, sobject)
        made = replace(one, sobject=sobject.name, cause=self.cause.check(org, sobject, _EITHER))
        outbound.callouts.check(made)
        return made

    def add_to(self, org: Org) -> Callout:
        """Put the callout in force. Raises HookError."""
        return org.outbound.callouts.add(self.check(org))


def _head(url: Text) -> str:
    """Return the part of a URL that is written out: up to its first place."""
    first = url.parts[0] if url.parts else ""
    head = first if isinstance(first, str) else ""
    whole = head[len(SERVICE) :][:1] in ("/", "?") if head.startswith(SERVICE) else head.count("/") > 2
    if len(url.parts) > 1 and not whole:
        raise HookError("the host of a URL must be written out: places may follow behind it", "url")
    return head


def _check_set(then: Program, sobject: SObject) -> None:
    for step in then.steps:
        if isinstance(step.what, Save) and step.name == _SET:
            for name in step.what.records:
                if name != "Id" and sobject.field(name) is None:
                    names = [field.name for field in sobject.fields]
                    raise HookError(f"{sobject.name} has no field {name}", ("then", "set", name), names, name)


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredCallout, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    return read_each(value, path, problems, "callouts must be a list of callouts", read_one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredCallout | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"a callout must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, NOUN)
    for key in ("name", "object"):
        if key not in reader:
            reader.refuse((), f"a callout needs {key}")
    name, sobject = reader.text("name"), reader.text("object")
    cause = causes.read(reader, EVENTS)
    each = reader.choice("each", ("record", "transaction"))
    credential = reader.text("credential")
    request = _request(reader, credential)
    timeout = reader.seconds("timeout")
    if timeout is not None and not 0.001 <= timeout <= LONGEST_TIMEOUT:
        reader.refuse("timeout", f"a callout waits for 1ms to 120s, not {shown(reader.data['timeout'])}")
    retry = _retry(reader)
    then = _then(reader, cause)
    if len(problems) > before or name is None or sobject is None or request is None:
        return None
    kind: Literal["record", "transaction"] = "transaction" if each == "transaction" else "record"
    callout = Callout(
        name, sobject, request, None, credential, timeout or TIMEOUT, kind, retry, then, dict(value),
    )  # fmt: skip
    return DeclaredCallout(callout, cause)


def _request(reader: Reader, credential: str | None) -> Request | None:
    if ("request" in reader) == ("soap" in reader):
        reader.refuse((), "a callout has a request, or a call of SOAP (soap)")
        return None
    key = "request" if "request" in reader else "soap"
    given = reader.mapping(key)
    if given is None:
        return None
    given.only(_REQUEST if key == "request" else _SOAP, f"a {key}")
    url = _url(given, credential)
    headers = given.mapping("headers")
    listed: dict[str, Text] = {}
    for name in headers.data if headers is not None else ():
        assert headers is not None
        if not isinstance(name, str) or not code_reading.is_header(name):
            headers.refuse(str(name), f"{shown(name)} is no name of a header")
        elif (filled := text(headers, name, ROOTS)) is not None:
            listed[name] = filled
    if key == "soap":
        return _soap(given, url, listed)
    method = given.text("method")
    if method is not None and method.upper() not in METHODS:
        given.refuse("method", f"there is no method {shown(method)}", METHODS, method.upper())
    body = template(given, "body", given.data.get("body"), ROOTS)
    default = "GET" if body is None else "POST"
    return None if url is None else Request((method or default).upper(), url, listed, body)


def _url(given: Reader, credential: str | None) -> Text | None:
    """Read `url`, or behind a credential's `path`. `{service}` is no place to be filled from records."""
    if credential is not None:
        if "url" in given:
            given.refuse("url", "a callout with a credential has a path behind the credential's URL")
        said, key = given.data.get("path", "/"), "path"
        if isinstance(said, str) and not said.startswith("/"):
            given.refuse("path", f"a path begins with /, not {shown(said)}")
            return None
    else:
        said, key = given.data.get("url"), "url"
        if "path" in given:
            given.refuse("path", "a path needs a credential; without one a callout has a url")
        if said is None:
            given.refuse((), "a callout needs a url, or a credential")
            return None
    if not isinstance(said, str) or not said:
        given.refuse(key, f"{key} must be text, not {shown(said)}")
        return None
    marked = Reader({key: said.replace(SERVICE, _MARK)}, given.path, given.problems)
    found = text(marked, key, ROOTS)
    if found is None:
        return None
    return Text(tuple(part.replace(_MARK, SERVICE) if isinstance(part, str) else part for part in found.parts))


def _soap(given: Reader, url: Text | None, headers: dict[str, Text]) -> Request | None:
    operation, namespace = given.text("operation"), given.text("namespace")
    for key in ("operation", "namespace"):
        if key not in given:
            given.refuse((), f"a call of SOAP needs {key}")
    if operation is not None and not _WORD.fullmatch(operation):
        given.refuse("operation", f"{shown(operation)} is no name of an element")
    fields = given.data.get("fields")
    _check_names(given, ("fields",), fields)
    filled = template(given, "fields", fields, ROOTS)
    if url is None or operation is None or namespace is None:
        return None
    soap = Soap(operation, namespace, filled, given.text("action") or "")
    return Request("POST", url, headers, None, soap)


def _check_names(given: Reader, at: tuple[str | int, ...], value: object) -> None:
    """Refuse what cannot be the name of an element."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str) or not _WORD.fullmatch(name):
                given.refuse((*at, str(name)), f"{shown(name)} is no name of an element", at_key=True)
            _check_names(given, (*at, str(name)), inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _check_names(given, (*at, place), inner)
    elif at == ("fields",) and value is not None:
        given.refuse("fields", f"fields must be a mapping, not {shown(value)}")


def _retry(reader: Reader) -> Retry:
    given = reader.mapping("retry")
    if given is None:
        return Retry(attempts=1)
    given.only(_RETRY, "a retry")
    factor = given.data.get("factor")
    if factor is not None and (
        isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor <= 10
    ):
        given.refuse("factor", f"factor must be a number from 1 to 10, not {shown(factor)}")
        factor = None
    wait = given.seconds("wait")
    plain = Retry()
    return Retry(
        given.count("attempts", 1, 50) or plain.attempts,
        plain.wait if wait is None else wait,
        plain.factor if factor is None else float(factor),
    )


_SET = "set"


def _then(reader: Reader, cause: DeclaredCause) -> Program | None:
    """Read what follows an answer: steps, or `{set: {...}}` for fields of the record."""
    value = reader.data.get("then")
    if value is None:
        return None
    roots = (*ROOTS, "response")
    if isinstance(value, list):
        inner = Reader({"steps": value}, reader.path, reader.problems)
        before = len(reader.problems)
        found = program(inner, roots, {}, http=False)
        for place, problem in enumerate(reader.problems[before:], before):
            reader.problems[place] = _moved(problem, len(reader.path))
        return found
    given = reader.mapping("then")
    if given is None:
        return None
    given.only((_SET, "steps"), "what follows an answer (then)")
    steps: list[Step] = []
    values = given.mapping(_SET)
    if values is not None:
        if "delete" in cause.on:
            given.refuse(_SET, "a deleted record has no fields to set")
        only = place_of("response.ok", roots)
        records = {"Id": Text.read("{record.Id}", roots), **(template(given, _SET, dict(values.data), roots) or {})}
        steps.append(Step(Save("update", reader.text("object") or "", records), _SET, only))
    more = program(given, (*roots, _SET) if steps else roots, {}, http=False)
    return Program((*steps, *more.steps), more.answer)


def _moved(problem: Problem, depth: int) -> Problem:
    """Return a problem of the steps below `then`, which has no `steps` of its own."""
    from dataclasses import replace

    path = problem.path
    return (
        replace(problem, path=(*path[:depth], "then", *path[depth + 1 :]))
        if path[depth:][:1] == ("steps",)
        else problem
    )


def as_json(callout: Callout) -> dict[str, Any]:
    """Return a callout as it is declared; one of code has `code: true`."""
    told = {"name": callout.name, "object": callout.sobject, "timeout": callout.timeout}
    return {**(callout.declared or {}), **told, "code": callout.declared is None}


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    headers: Shape = {"type": "object", "additionalProperties": TEXT}
    where: dict[str, Shape] = {
        "url": {**TEXT, "description": "a URL; {service} stands for the service under test"},
        "path": {**TEXT, "pattern": "^/", "description": "behind the URL of the credential"},
        "headers": headers,
    }
    steps = steps_shape(http=False)
    return mapping(
        {
            "name": {**TEXT, "pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
            **causes.shapes(EVENTS),
            "request": mapping(
                {"method": {"enum": [*METHODS, *(one.lower() for one in METHODS)]}, **where, "body": {}}
            ),
            "soap": mapping(
                {"operation": TEXT, "namespace": TEXT, "fields": {"type": "object"}, "action": TEXT, **where},
                required=("operation", "namespace"),
            ),
            "credential": {**TEXT, "description": "a named credential"},
            "timeout": {**DURATION, "description": "how long an answer may take: up to 120s (10s)"},
            "each": {
                "enum": ["record", "transaction"],
                "description": "one callout a record, or one for all of a save",
            },
            "retry": mapping(
                {
                    "attempts": {"type": "integer", "minimum": 1, "maximum": 50},
                    "wait": DURATION,
                    "factor": {"type": "number", "minimum": 1, "maximum": 10},
                },
                description="how often it is tried where it fails; Apex tries once",
            ),
            "then": {"anyOf": [steps, mapping({"set": {"type": "object"}, "steps": steps})]},
        },
        required=("name", "object"),
        description="a callout",
    )
