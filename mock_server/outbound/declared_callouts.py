"""Declared callouts: `[{name: Push, object: Account, on: update, request: {url: "{service}/accounts"}}]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mock_server.code_reading import check_saves, program, steps_shape, template
from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import DURATION, TEXT, Shape, mapping
from mock_server.org.apex.steps import Call, Program, Save, Step
from mock_server.org.apex.templates import Text, places
from mock_server.org.apex.templates import place as place_of
from mock_server.org.automation import HookError
from mock_server.org.outbound.callouts import LONGEST_TIMEOUT, METHODS, TIMEOUT, Callout, Retry
from mock_server.org.outbound.causes import Event
from mock_server.org.outbound.targets import SERVICE
from mock_server.outbound import causes
from mock_server.outbound.causes import DeclaredCause, check_url, sobject_of
from mock_server.outbound.request_reading import ROOTS, read_request, request_of

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject

NOUN = "a callout"
EVENTS: tuple[Event, ...] = ("create", "update", "delete", "undelete", "become")
_EITHER: tuple[Event, ...] = ("create", "update")
KEYS = ("name", *causes.KEYS, "request", "soap", "credential", "timeout", "each", "retry", "then")
_RETRY = ("attempts", "wait", "factor")


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
        _check_fields(one, sobject)
        if isinstance(one.then, Program):
            for step in one.then.steps:
                if isinstance(step.what, Call) and one.credential is None:
                    check_url(org, _head(step.what.request.url), "then")
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
    request = read_request(reader, credential)
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

    def calls(step: Reader, known: Sequence[str]) -> Call | None:
        inner = step.mapping("callout")
        request = None if inner is None else request_of(inner, reader.text("credential"), known)
        return None if request is None else Call(request)

    if isinstance(value, list):
        inner = Reader({"steps": value}, reader.path, reader.problems)
        before = len(reader.problems)
        found = program(inner, roots, {}, http=False, calls=calls)
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
    more = program(given, (*roots, _SET) if steps else roots, {}, http=False, calls=calls)
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


def _check_fields(one: Callout, sobject: SObject) -> None:
    """Raise HookError for a request that takes a value from a field that the record has not."""
    request = one.request
    where, key = ("request" if request.soap is None else "soap"), ("url" if one.credential is None else "path")
    filled = {key: request.url, "headers": request.headers}
    filled |= {"body": request.body} if request.soap is None else {"fields": request.soap.fields}
    known = {name.lower() for name in sobject.by_name}
    for path, place in places(filled, (where,)):
        # `records[0].Name` has a number before the name.
        names = [step for step in place.steps if isinstance(step, str)]
        if place.root in ("record", "old", "records") and names and names[0].lower() not in known:
            raise HookError(f"{sobject.name} has no field {names[0]}", path, tuple(sobject.by_name), names[0])


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
    further = mapping({"method": TEXT, **where, "body": {}})
    name: Shape = {**TEXT, "description": "what later steps call the answer"}
    call = mapping({"callout": further, "as": name, "if": TEXT, "unless": TEXT}, required=("callout",))
    steps["items"]["anyOf"].append(call)
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
