"""Declared code: steps that query, save, fail or answer, one after the other, on what the request brought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mock_server.org.apex.templates import Place, Template, Text, TypeMismatch, fill
from mock_server.org.automation.execution import ApexError

if TYPE_CHECKING:
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.records.changes import RowResult

VERBS = ("insert", "update", "upsert", "delete", "undelete")


@dataclass(frozen=True, slots=True)
class Answer:
    """What ends the code: a status, headers and a body, or the values of an action's outputs."""

    status: int = 200
    headers: Mapping[str, Template] = field(default_factory=dict)
    body: Template = None


@dataclass(frozen=True, slots=True)
class Query:
    """Keep the records of a query."""

    soql: Text


@dataclass(frozen=True, slots=True)
class Save:
    """Save records; keep what became of each."""

    verb: str
    sobject: str
    records: Template
    key: str = "Id"
    all_or_none: bool = True


@dataclass(frozen=True, slots=True)
class Raise:
    """Fail with an exception of Apex."""

    kind: str
    message: Text


@dataclass(frozen=True, slots=True)
class Call:
    """Call a service, and keep its answer; for code that can wait for one. `request` is for who sends it to read."""

    request: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `only` is a value that must be there, or with `unless` must not be, for it to be done."""

    what: Query | Save | Raise | Answer | Call
    name: str | None = None
    only: Place | None = None
    unless: bool = False


class Raised(ApexError):
    """An exception that a step asks for; `line` is the step's number."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, and the answer after the last of them."""

    steps: tuple[Step, ...]
    answer: Answer

    @property
    def saves(self) -> Iterator[tuple[int, Save]]:
        """Yield what it saves, with the number of the step."""
        return ((number, one.what) for number, one in enumerate(self.steps) if isinstance(one.what, Save))

    def run(self, scope: Mapping[str, Any], org: InnerOrg) -> Answer:
        """Return the filled answer. Raises ApexError, whose `line` is the step's number from 1."""
        known = dict(scope)
        number = 1
        try:
            for step in self.steps:
                if step.only is None or _there(step.only.value(known)) is not step.unless:
                    if isinstance(step.what, Answer):
                        return _filled(step.what, known)
                    found = _done(step.what, known, org)
                    if step.name is not None:
                        known[step.name] = found
                number += 1
            return _filled(self.answer, known)
        except ApexError as error:
            error.line = number
            raise


def _there(value: Any) -> bool:
    """Tell whether a value is something: not null, false, nor empty."""
    return value is not None and value is not False and value not in ("", [], {})


def _filled(answer: Answer, scope: Mapping[str, Any]) -> Answer:
    headers = {name: value.text(scope) for name, value in answer.headers.items()}
    return Answer(answer.status, headers, fill(answer.body, scope))


def _done(what: Query | Save | Raise | Call, scope: Mapping[str, Any], org: InnerOrg) -> Any:
    if isinstance(what, Raise):
        raise Raised(what.kind, what.message.text(scope))
    if isinstance(what, Call):
        return org.called(what.request, scope)
    if isinstance(what, Query):
        return org.query(what.soql.soql(scope))
    return [_told(result) for result in _saved(what, _rows(what, fill(what.records, scope)), org)]


def _rows(save: Save, given: Any) -> list[Any]:
    listed = given if isinstance(given, list) else [] if given is None else [given]
    plain = save.verb in ("delete", "undelete")
    for one in listed:
        if not isinstance(one, Mapping) and not (plain and isinstance(one, str)):
            raise TypeMismatch(f"Invalid conversion from runtime type {type(one).__name__} to SObject")
    return listed


def _saved(save: Save, rows: list[Any], org: InnerOrg) -> list[RowResult]:
    if save.verb in ("delete", "undelete"):
        ids = [one if isinstance(one, str) else str(one.get("Id") or one.get("id") or "") for one in rows]
        work = org.delete if save.verb == "delete" else org.undelete
        return work(save.sobject, ids, all_or_none=save.all_or_none)
    # Records of a query say of which type they are; a save does not take that for a field.
    records = [{name: value for name, value in one.items() if name != "attributes"} for one in rows]
    if save.verb == "upsert":
        return org.upsert(save.sobject, records, save.key, all_or_none=save.all_or_none)
    if save.verb == "insert":
        return org.insert(save.sobject, records, all_or_none=save.all_or_none)
    return org.update(save.sobject, records, all_or_none=save.all_or_none)


def _told(result: RowResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "success": result.success,
        "created": result.created,
        "errors": [
            {"statusCode": error.code, "message": error.message, "fields": list(error.fields or ())}
            for error in result.errors
        ],
    }
