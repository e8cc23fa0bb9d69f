"""Retry conformance: one request, one failure, and what a client must make of it. The cases are data, see
`scenarios/conformance/`."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.exchanges import read_exchange
from harness.org import OrgHandle
from harness.subjects import Run, canaries_of, environment_of
from mock_server import documents

if TYPE_CHECKING:
    from harness.evidence import Process
    from harness.exchanges import Exchange
    from harness.subjects import Subject
    from mock_server.api import Server

UNSUPPORTED = 77
"""The exit status of a client that does not offer the operation of a case."""
_SPAN = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Case:
    """One request and one failure. `requests` and `logins` are the least and most that are right."""

    name: str
    group: str
    operation: str
    request: Mapping[str, Any]
    faults: tuple[Mapping[str, Any], ...]
    requests: _SPAN
    logins: _SPAN
    outcome: str
    lookup: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a case. `problems` says what is wrong; `supported` is False where the client does not offer it."""

    case: Case
    problems: tuple[str, ...]
    supported: bool = True

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Suite:
    """All cases, and the object that they are about."""

    sobject: str
    key_field: str
    there: str
    new: tuple[str, ...]
    cases: tuple[Case, ...]


def bundled() -> Path:
    return Path(str(files("scenarios"))) / "conformance" / "salesforce_retry.yaml"


def load(path: Path | None = None) -> Suite:
    """Read the cases. Raises DocumentError."""
    data = documents.load(path or bundled()).data
    about = data["object"]
    return Suite(about["sobject"], about["key_field"], about["there"], tuple(about["new"]), tuple(_cases(data)))


def _cases(data: Mapping[str, Any]) -> Iterator[Case]:
    for group, given in data["classes"].items():
        for operation in given["operations"]:
            for instruction, expect in given["after"].items():
                yield Case(
                    name=f"{group}/{operation}/{instruction}",
                    group=group,
                    operation=operation,
                    request=data["requests"][operation],
                    faults=tuple({"on": operation, **rule} for rule in data["instructions"][instruction]),
                    requests=_span(expect["requests"]),
                    logins=_span(expect.get("logins", 0)),
                    outcome=expect["outcome"],
                    lookup=bool(expect.get("lookup")),
                )


def _span(value: int | Sequence[int]) -> _SPAN:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def chosen(suite: Suite, patterns: Sequence[str]) -> list[Case]:
    """Return the cases that any of the globs means; all where there is none."""
    return [case for case in suite.cases if not patterns or any(fnmatchcase(case.name, glob) for glob in patterns)]


def try_case(server: Server, suite: Suite, case: Case, subject: Subject, *, timeout: float = 60.0) -> Finding:
    """Give a subject one request to make on a fresh org, with the faults of the case. Raises SubjectError."""
    text = {"type": "text", "length": 20, "externalId": True, "unique": True}
    info = server.control.create_org(fields={suite.sobject: {suite.key_field: text}}, journal="whole")
    folder = Path(tempfile.mkdtemp(prefix="sfmock-"))
    try:
        org = OrgHandle(info, server)
        (there,) = org.records.seed(suite.sobject, [{suite.key_field: suite.there, "LastName": "There"}])
        task = _task(suite, case, there, org)
        (folder / "task.json").write_text(json.dumps(task, indent=2), encoding="utf-8")
        paths = {"SFMOCK_TASK": folder / "task.json", "SFMOCK_WORKDIR": folder}
        for rule in case.faults:
            org.control.add_fault(rule)
        run = Run(
            org=org,
            inputs=(),
            dlq_path=folder / "dead-letters.jsonl",
            workdir=folder,
            environment=environment_of(org, paths, 0),
            canaries=canaries_of(org),
            timeout=timeout,
        )
        return _judge(suite, case, there, org, subject.run(run))
    finally:
        server.control.delete_org(info.id)
        shutil.rmtree(folder, ignore_errors=True)


def _task(suite: Suite, case: Case, there: str, org: OrgHandle) -> dict[str, Any]:
    known = {"id": there, "there": suite.there, "new": suite.new[0], "new2": suite.new[1]}

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], value)
        if isinstance(value, Mapping):
            return {key: filled(inner) for key, inner in value.items()}
        return [filled(inner) for inner in value] if isinstance(value, list) else value

    return {
        "case": case.name,
        "operation": case.operation,
        "method": case.request["method"],
        "path": f"/services/data/v{org.api_version}/{filled(case.request['path'])}",
        "body": filled(case.request.get("body")),
        "sobject": suite.sobject,
        "key_field": suite.key_field,
        "id": there,
        "keys": list(suite.new),
    }


def _judge(suite: Suite, case: Case, there: str, org: OrgHandle, process: Process) -> Finding:
    if process.exit_code == UNSUPPORTED:
        return Finding(case, (), supported=False)
    exchanges = [read_exchange(entry) for entry in org.journal()]
    said = process.exit_code == 0 if process.exit_code is not None else process.error is None
    problems: list[str] = []
    if process.timed_out:
        problems.append("the client did not end in time")
    elif process.exit_code not in (None, 0, 1) or process.signal:
        how = process.signal or f"exit status {process.exit_code}"
        problems.append(f"the client ended with {how}; 0 says success, 1 failure, {UNSUPPORTED} not offered")
    elif case.outcome != "either" and said != (case.outcome == "success"):
        problems.append(f"the client says {'success' if said else 'failure'}, and {case.outcome} is right")
    problems += _counted(case, exchanges)
    if said and case.lookup and not _looked_up(case, exchanges):
        problems.append("success is claimed, and nothing was read that could tell")
    problems += _records(suite, case, there, org, said)
    return Finding(case, tuple(problems))


def _counted(case: Case, exchanges: Sequence[Exchange]) -> Iterator[str]:
    sent = sum(exchange.operation == case.operation for exchange in exchanges)
    logins = sum(exchange.is_login for exchange in exchanges)
    for what, number, (least, most) in (("requests", sent, case.requests), ("logins", logins, case.logins)):
        if not least <= number <= most:
            right = f"{least}" if least == most else f"{least} to {most}"
            yield f"{number} {what}, and {right} are right"


def _looked_up(case: Case, exchanges: Sequence[Exchange]) -> bool:
    place = next((place for place, one in enumerate(exchanges) if one.operation == case.operation), len(exchanges))
    return any(not one.is_write and not one.is_login and one.failure is None for one in exchanges[place + 1 :])


def _records(suite: Suite, case: Case, there: str, org: OrgHandle, said: bool) -> Iterator[str]:
    rows = org.records.query(f"SELECT Id, LastName, {suite.key_field} FROM {suite.sobject}")  # noqa: S608
    keys = [row[suite.key_field] for row in rows]
    template = json.dumps(case.request)
    written = [key for name, key in zip(("{new}", "{new2}"), suite.new, strict=True) if name in template]
    for key in {*keys}:
        if keys.count(key) > 1:
            yield f"{key} is there {keys.count(key)} times"
    if not said:
        return
    for key in written:
        if key not in keys:
            yield f"success is claimed, and {key} is not there"
    old = next((row for row in rows if row["Id"] == there), None)
    if case.operation.endswith(".update") and (old is None or old["LastName"] != "Changed"):
        yield "success is claimed, and the record is not changed"
    if case.operation.endswith(".delete") and old is not None:
        yield "success is claimed, and the record is still there"
