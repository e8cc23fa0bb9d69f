"""Reads declared code, from YAML or JSON: the steps of endpoints and actions, and the templates in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mock_server.documents import Problem, Steps, nearest
from mock_server.faults.reader import Reader, shown
from mock_server.faults.shapes import TEXT, Shape, mapping
from mock_server.org.apex import templates
from mock_server.org.apex.steps import VERBS, Answer, Call, Program, Query, Raise, Save, Step
from mock_server.org.apex.templates import Place, TemplateError, Text
from mock_server.org.automation import HookError

if TYPE_CHECKING:
    from mock_server.org.org import Org

KINDS = ("query", "save", "raise", "answer")
_OWN = {
    "query": ("query", "as", "if", "unless"),
    "save": ("save", "object", "records", "key", "allOrNone", "as", "if", "unless"),
    "raise": ("raise", "if", "unless"),
    "answer": ("answer", "if", "unless"),
    "callout": ("callout", "as", "if", "unless"),
}
ANSWER = ("status", "headers", "body")
_RAISE = ("exception", "message")
_NAME = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]{0,254}", re.ASCII)
MOST_STEPS = 100
ReadCall = Callable[[Reader, Sequence[str]], "Call | None"]


def flag(reader: Reader, key: str, default: bool) -> bool:
    value = reader.data.get(key)
    if value is None or isinstance(value, bool):
        return default if value is None else value
    reader.refuse(key, f"{key} must be true or false, not {shown(value)}")
    return default


def texts(reader: Reader, key: str) -> tuple[str, ...]:
    """Read one text or a list of them."""
    value = reader.data.get(key)
    listed = value if isinstance(value, list) else [] if value is None else [value]
    found = []
    for place, one in enumerate(listed):
        if isinstance(one, str) and one.strip():
            found.append(one)
        else:
            reader.refuse((key, place) if isinstance(value, list) else key, f"{key} names texts, not {shown(one)}")
    return tuple(found)


def is_header(name: str) -> bool:
    """Tell whether a text can be the name of a header."""
    return _HEADER.fullmatch(name) is not None


def template(reader: Reader, key: str, value: object, roots: Sequence[str]) -> Any:
    """Read a JSON value with places. What is wrong is noted at the text that holds it."""
    try:
        return templates.read(value, roots)
    except TemplateError as error:
        _misread(reader, key, error)
        return None


def text(reader: Reader, key: str, roots: Sequence[str]) -> Text | None:
    """Read a text with places."""
    given = reader.text(key)
    if given is None:
        return None
    try:
        return Text.read(given, roots)
    except TemplateError as error:
        _misread(reader, key, error)
        return None


def _misread(reader: Reader, key: str, error: TemplateError) -> None:
    reader.refuse((key, *error.path), str(error), error.allowed, error.like)


def program(
    reader: Reader, roots: Sequence[str], ending: Mapping[str, Any], *, http: bool, calls: ReadCall | None = None
) -> Program:
    """Read `steps` and the answer behind them. `roots` are what places may begin with before the first step.

    `calls` reads steps that call a service, where the code can wait for one.
    """
    value = reader.data.get("steps")
    steps: list[Step] = []
    known = list(roots)
    if value is not None and not isinstance(value, list):
        reader.refuse("steps", f"steps must be a list, not {shown(value)}")
        value = None
    if value is not None and len(value) > MOST_STEPS:
        reader.refuse("steps", f"there are at most {MOST_STEPS} steps, not {len(value)}")
    for place, item in enumerate((value or ())[:MOST_STEPS]):
        step = _step(item, (*reader.path, "steps", place), reader.problems, known, http, calls)
        if step is not None:
            steps.append(step)
            if step.name is not None:
                known.append(step.name)
    return Program(tuple(steps), answer(Reader(ending, reader.path, reader.problems), known, http=http))


def check_saves(program: Program, org: Org) -> None:
    """Raise HookError for steps that save records of objects which an org does not have."""
    for number, save in program.saves:
        if org.schema.get(save.sobject) is None:
            text = f"this org has no object {save.sobject}"
            raise HookError(text, ("steps", number, "object"), org.schema.names(), save.sobject)


def answer(reader: Reader, roots: Sequence[str], *, http: bool) -> Answer:
    if not http:
        return Answer(body=template(reader, "values", reader.data.get("values"), roots))
    status = reader.count("status", 200, 599)
    headers = reader.mapping("headers")
    found: dict[str, Any] = {}
    for name in headers.data if headers is not None else ():
        assert headers is not None
        if not isinstance(name, str) or not _HEADER.fullmatch(name):
            headers.refuse(str(name), f"{shown(name)} is no name of a header")
        elif (filled := text(headers, name, roots)) is not None:
            found[name] = filled
    return Answer(status or 200, found, template(reader, "body", reader.data.get("body"), roots))


def _step(
    value: object, path: Steps, problems: list[Problem], roots: list[str], http: bool, calls: ReadCall | None
) -> Step | None:
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"a step must be a mapping, not {shown(value)}", KINDS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    kinds = KINDS if calls is None else (*KINDS, "callout")
    named = [kind for kind in kinds if kind in reader]
    if len(named) != 1:
        unknown = next((key for key in value if key not in kinds), None)
        near = nearest(unknown, kinds) if unknown is not None and not named else None
        said = f"{', '.join(kinds[:-1])} and {kinds[-1]}"
        problems.append(Problem(path, f"a step is one of {said}", kinds, near))
        return None
    kind = named[0]
    reader.only(_OWN[kind], f"a step that is a {kind}")
    name = _name(reader, roots)
    if "if" in reader and "unless" in reader:
        reader.refuse("unless", "a step has an if or an unless, not both")
    key = "unless" if "unless" in reader else "if"
    condition = _place(reader, key, roots) if key in reader else None
    what = calls(reader, roots) if calls is not None and kind == "callout" else _READERS[kind](reader, roots, http)
    return None if len(problems) > before or what is None else Step(what, name, condition, key == "unless")


def _name(reader: Reader, roots: Sequence[str]) -> str | None:
    name = reader.text("as")
    if name is not None and not _NAME.fullmatch(name):
        reader.refuse("as", f"a name is a word, not {shown(name)}")
    elif name is not None and name in roots:
        reader.refuse("as", f"{name} is something already")
    return name


def _place(reader: Reader, key: str, roots: Sequence[str]) -> Place | None:
    given = reader.text(key)
    if given is None:
        return None
    try:
        return templates.place(given.strip().removeprefix("{").removesuffix("}"), roots)
    except TemplateError as error:
        _misread(reader, key, error)
        return None


def _query(reader: Reader, roots: Sequence[str], http: bool) -> Query | None:
    soql = text(reader, "query", roots)
    return None if soql is None else Query(soql)


def _save(reader: Reader, roots: Sequence[str], http: bool) -> Save | None:
    verb = reader.choice("save", VERBS)
    sobject = reader.text("object")
    for key in ("object", "records"):
        if key not in reader:
            reader.refuse((), f"a save needs {key}")
    if verb != "upsert" and "key" in reader:
        reader.refuse("key", "only an upsert has a key")
    records = template(reader, "records", reader.data.get("records"), roots)
    all_or_none = flag(reader, "allOrNone", True)
    key = reader.text("key") or "Id"
    return None if verb is None or sobject is None else Save(verb, sobject, records, key, all_or_none)


def _raise(reader: Reader, roots: Sequence[str], http: bool) -> Raise | None:
    if isinstance(reader.data["raise"], str):
        message = text(reader, "raise", roots)
        return None if message is None else Raise("System.Exception", message)
    given = reader.mapping("raise")
    if given is None:
        return None
    given.only(_RAISE, "an exception")
    kind = given.text("exception") or "System.Exception"
    if not _EXCEPTION.fullmatch(kind):
        given.refuse("exception", f"an exception is named like System.QueryException, not {shown(kind)}")
    message = text(given, "message", roots) if "message" in given else Text(())
    return None if message is None else Raise(kind, message)


def _answer(reader: Reader, roots: Sequence[str], http: bool) -> Answer | None:
    given = reader.mapping("answer")
    if given is None:
        return None
    given.only(ANSWER if http else ("values",), "an answer")
    return answer(given, roots, http=http)


_READERS: dict[str, Any] = {"query": _query, "save": _save, "raise": _raise, "answer": _answer}


def steps_shape(*, http: bool) -> Shape:
    """Return the JSON Schema of `steps`."""
    condition: Shape = {**TEXT, "description": "a value that must be there: `{found[0]}`"}
    shared = {"if": condition, "unless": {**TEXT, "description": "a value that must not be there"}}
    name: Shape = {**TEXT, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "what later steps call the result"}
    query = mapping({"query": {**TEXT, "description": "SOQL with places"}, "as": name, **shared}, required=("query",))
    save = mapping(
        {
            "save": {"enum": list(VERBS)},
            "object": TEXT,
            "records": {"description": "a record, a list of them, or a place that holds them"},
            "key": {**TEXT, "description": "of an upsert: the field that finds records (Id)"},
            "allOrNone": {"type": "boolean", "description": "whether a row that fails is an exception (true)"},
            "as": name,
            **shared,
        },
        required=("save", "object", "records"),
    )
    exception = mapping({"exception": TEXT, "message": TEXT})
    fail = mapping({"raise": {"anyOf": [TEXT, exception]}, **shared}, required=("raise",))
    answered = mapping(answer_shape() if http else {"values": {"type": "object"}})
    answered = mapping(answer_shape() if http else {"values": {"type": "object"}})
    ending = mapping({"answer": answered, **shared}, required=("answer",))
    return {"type": "array", "items": {"anyOf": [query, save, fail, ending]}, "maxItems": MOST_STEPS}


def answer_shape() -> dict[str, Shape]:
    return {
        "status": {"type": "integer", "minimum": 200, "maximum": 599},
        "headers": {"type": "object", "additionalProperties": TEXT},
        "body": {"description": "a JSON value with places; text where Content-Type says so"},
    }
