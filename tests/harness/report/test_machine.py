"""The reports for programs: JSON by its schema, JUnit that collectors can read."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from harness.report import junit, machine
from tests.harness.report.samples import REPLAY, SAMPLES, SECRET, broken, fine, in_legs, unsteady

README = (Path(machine.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SCHEMA = json.loads(machine.SCHEMA_FILE.read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """Return the schema with no room for a key that it does not describe."""
    if isinstance(schema, dict):
        tight = {key: closed(value) for key, value in schema.items()}
        return {**tight, "additionalProperties": False} if "properties" in schema else tight
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


def optional(schema: Any) -> Any:
    """Return the schema with every key optional."""
    if isinstance(schema, dict):
        return {key: optional(value) for key, value in schema.items() if key != "required" or isinstance(value, dict)}
    return [optional(item) for item in schema] if isinstance(schema, list) else schema


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == machine.SCHEMA


def test_every_key_that_is_written_is_described() -> None:
    body = json.loads(json.dumps(machine.as_json(list(SAMPLES.values()))))
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(body)


def test_the_documented_example_has_the_form_that_is_written() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    jsonschema.Draft202012Validator(closed(optional(SCHEMA))).validate(json.loads(example))


@pytest.mark.parametrize(
    ("path", "value"),
    [(("trials", 0, "verdicts", 0, "status"), "fine"), (("trials", 0, "seed"), -1), (("schema",), 2), (("ok",), None)],
)
def test_the_schema_refuses_what_is_wrong(path: tuple[Any, ...], value: Any) -> None:
    body = copy.deepcopy(machine.as_json([broken()]))
    part: Any = body
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, SCHEMA)


def test_the_json_report() -> None:
    body = json.loads(json.dumps(machine.as_json([broken(), unsteady(), fine()])))
    assert (body["schema"], body["ok"]) == (1, False)
    first, second, third = body["trials"]
    assert first["verdicts"][0]["property"] == "bulk.row_results_read"
    assert first["verdicts"][0]["evidence"] == [1]
    assert first["verdicts"][0]["journal"][0].startswith("#1 at 0.00s")
    assert first["verdicts"][0]["chain"][0] == "Contact K1: 1 attempt, lost: neither in the org nor dead-lettered"
    assert (
        first["verdicts"][0]["claim"]
        == "When a row failed inside a collection that was answered with HTTP 200, the row is sent again or dead-lettered."
    )
    assert first["faults"] == [
        {"name": "locks", "matched": 1, "fired": 1},
        {"name": "outage", "matched": 0, "fired": 0},
    ]
    assert first["inputs"] == {"total": 2, "landed": 1, "dead-lettered": 0, "skipped": 0, "lost": 1, "duplicated": 0}
    assert (second["ok"], second["baseline"]) == (False, {"met": False, "reason": "2 were lost"})
    assert third["ok"]


def test_families_count_every_verdict_once() -> None:
    trial = machine.as_json([broken()])["trials"][0]
    counts = [count for family in trial["families"] for key, count in family.items() if key != "family"]
    assert sum(counts) == len(trial["verdicts"])
    assert {"family": "delivery", "waived": 1}.items() <= trial["families"][0].items()


def test_the_runs_of_a_trial() -> None:
    trial = machine.as_json([in_legs()])["trials"][0]
    assert [(leg["name"], leg["first"], leg["last"], leg["crashed"]) for leg in trial["legs"]] == [
        ("faults", 1, 1, True), ("restart", 2, 3, False), ("heal", 4, 4, False),
    ]  # fmt: skip
    assert [(run["name"], run["requests"], run["first"], run["commits"]) for run in trial["after"]] == [
        ("redelivery", 1, 5, 3)
    ]


def test_secrets_are_left_out() -> None:
    texts = json.dumps(machine.as_json(list(SAMPLES.values()))), junit.as_junit(list(SAMPLES.values()))
    assert not [text for text in texts if SECRET in text]


def test_the_junit_report_can_be_read_and_counts() -> None:
    root = ElementTree.fromstring(junit.as_junit([broken(), unsteady(), fine()]))
    suites = root.findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["5", "1", "0"]
    failure = suites[0].find("testcase[@name='bulk.row_results_read']/failure")
    assert failure is not None
    told = str(failure.text)
    assert "#1 at 0.00s" in told
    assert "claim: When a row failed" in told
    assert f"run it again: {REPLAY}" in told


def test_files_are_written(tmp_path: Path) -> None:
    machine.write_json([broken()], tmp_path / "x.json")
    junit.write_junit([broken()], tmp_path / "x.xml")
    assert json.loads((tmp_path / "x.json").read_text())["schema"] == 1
    assert ElementTree.parse(tmp_path / "x.xml").getroot().tag == "testsuites"
