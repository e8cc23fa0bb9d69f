"""`sfmock scenarios`, `new`, `lint`, `schema`, `properties`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from harness.properties import registry
from harness.scenario import catalogue, load
from mock_server.cli import main

ROOT = Path(__file__).parents[2]
Out = pytest.CaptureFixture[str]


def test_the_catalogue_has_families(capsys: Out) -> None:
    assert main(["scenarios"]) == 0
    blocks = capsys.readouterr().out.strip().split("\n\n")
    families = [{line.partition("/")[0] for line in block.splitlines()} for block in blocks]
    assert all(len(family) == 1 for family in families)
    assert len(families) >= 8


def test_the_catalogue_as_json(capsys: Out) -> None:
    assert main(["scenarios", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == [one.name for one in catalogue()]
    assert main(["scenarios", "--json", "row-locks"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["family"], one["expect"][0]) == ("partial", "delivery.nothing_lost")


# -- new


def test_a_new_scenario_loads_and_has_nothing_to_say_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "scenario", "mine/after-release"]) == 0
    assert load(tmp_path / "mine/after-release.yaml").title == "After release"
    assert main(["lint", "mine/after-release.yaml"]) == 0
    assert "nothing to say" in capsys.readouterr().out


def test_a_new_scenario_from_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "scenario", "locks.yaml", "--from", "row-locks"]) == 0
    assert load("locks.yaml").expect == load(ROOT / "scenarios/partial/row-locks.yaml").expect


def test_a_file_that_is_there_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("precious")
    assert main(["new", "scenario", "mine"]) == 2
    assert "mine.yaml is there already; --force" in capsys.readouterr().err
    assert (tmp_path / "mine.yaml").read_text() == "precious"
    assert main(["new", "scenario", "mine", "--force"]) == 0
    assert load("mine.yaml").title == "Mine"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["../mine"], "is no name for a scenario"),
        (["a b"], "is no name for a scenario"),
        (["mine", "--from", "row-lock"], "did you mean 'partial/row-locks'?"),
        (["mine", "--from", "retry/*"], "name one"),
        (["/proc/mine"], "cannot write /proc/mine.yaml"),
    ],
)
def test_what_cannot_be_written(
    arguments: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "scenario", *arguments]) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# -- lint

HEAD = """title: T
org: {fields: {Contact: {Key__c: {type: text, length: 9, externalId: true, unique: true}}}}
inputs: [{sobject: Contact, count: 20, key: Key__c}]
"""


def test_the_bundled_scenarios_have_nothing_pointless(capsys: Out) -> None:
    assert main(["lint", "*", "--strict"]) == 0
    assert f"{len(catalogue())} scenarios, nothing to say" in capsys.readouterr().out


def test_all_errors_of_all_files_are_said(tmp_path: Path, capsys: Out) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("titel: T\nexpect: {retry.bunded: {}}\n")
    second.write_text("title: T\ndeadline: soon\n")
    assert main(["lint", str(first), str(second), "no-such"]) == 2
    err = capsys.readouterr().err
    for part in (
        f"{first}:1:1: ",
        f"{first}:2:",
        f"{second}:2:",
        "did you mean 'retry.bounded'?",
        "no-such: there is no",
    ):
        assert part in err


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("policy: {attempts: 9, base: 1s, factor: 2}\ndeadline: 10s", "4:20: warning: the waits of 9 attempts take 255s"),
        ("policy: {timeout: 10s}\ndeadline: 10s", "warning: the time-out (10s) is not shorter than the deadline"),
        (
            "deadline: 5s\nfaults: [{name: a, on: rest.*, status: 503, when: {between: [6s, 7s]}}]",
            "warning: the rule a begins after the deadline (5s)",
        ),
        (
            "deadline: 5s\nphases: [{name: x, lasts: 6s}, {name: y, faults: [{name: a, on: rest.*, status: 503}]}]",
            "warning: the rule a belongs to a phase that begins after 6s",
        ),
        (
            "deadline: 5s\nfaults: [{name: a, on: '*', outage: {up: 6s, down: 1s}}]",
            "warning: the rule a is up until the deadline (5s) is over",
        ),
        (
            "faults: [{name: a, on: rest.collections.upsert, where: {sobject: Lead}, error: UNABLE_TO_LOCK_ROW}]",
            "warning: the rule a is about Lead, and no input is one (allowed: Contact)",
        ),
        (
            "faults: [{name: a, on: rest.collections.upsert, records: {every: 21}, error: UNABLE_TO_LOCK_ROW}]",
            "warning: the rule a strikes one record in 21, and there are 20 inputs",
        ),
        (
            "faults: [{name: a, on: rest.collections.upsert, status: 503, when: {skip: 5000}}]",
            "warning: the rule a leaves out the first 5000 times",
        ),
        (
            "faults: [{name: a, on: rest.*, status: 503}, {name: b, on: rest.query.run, status: 500}]",
            "warning: the rule b never strikes: the rule a stands before it and strikes every request",
        ),
        (
            "faults: [{name: a, on: rest.collections.upsert, latency: 1s}]\nexpect: {session.refreshed_once: {}}",
            "5:10: warning: session.refreshed_once will not be exercised: no fault here ends a session",
        ),
        (
            "faults: [{name: a, on: rest.query.run, status: 503}]\nexpect: {read.resumed_not_restarted: {}}",
            "warning: read.resumed_not_restarted will not be exercised: no fault here makes a further page",
        ),
        (
            "faults: [{name: a, on: bulk2.query.poll, status: 503}]\nexpect: {read.cursor_expiry_survived: {}}",
            "warning: read.cursor_expiry_survived will not be exercised: no fault here takes a query locator",
        ),
    ],
)  # fmt: skip
def test_what_is_allowed_and_pointless(text: str, warning: str, tmp_path: Path, capsys: Out) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(HEAD + text)
    assert main(["lint", str(file)]) == 0
    out = capsys.readouterr()
    assert warning in out.err
    assert out.err.count("warning") == 1
    assert main(["lint", "--strict", str(file)]) == 2


def test_lint_speaks_of_properties_that_exist() -> None:
    from harness.lint import TRIGGERS

    families = {name.partition(".")[0] for name in registry()}
    assert {name.partition(".")[0] for name in TRIGGERS} <= families


# -- schema


def schema() -> dict[str, object]:
    from harness.scenario_schema import scenario_schema

    return scenario_schema()


def test_the_schema_is_one_and_is_written(tmp_path: Path, capsys: Out) -> None:
    file = tmp_path / "scenario.schema.json"
    assert main(["schema", "scenario", "--write", str(file)]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(file.read_text()))
    assert main(["schema", "scenario"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text())
    assert main(["schema", "scenario", "--write", str(tmp_path / "no/file")]) == 2


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("name", [one.name for one in catalogue()])
def test_the_bundled_scenarios_fit_the_schema(name: str, validator: jsonschema.Draft202012Validator) -> None:
    from mock_server.documents import load as read

    (path,) = [one.path for one in catalogue() if one.name == name]
    assert [error.message for error in validator.iter_errors(read(path).data)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"titel": "T"},
        {"title": "T", "storey": "x"},
        {"title": "T", "time": "unreal"},
        {"title": "T", "policy": {"attempts": 0}},
        {"title": "T", "policy": {"tries": 3}},
        {"title": "T", "deadline": "soon"},
        {"title": "T", "expect": {"retry.bunded": {}}},
        {"title": "T", "expect": {"retry.bounded": {"attempt": 3}}},
        {"title": "T", "skip": ["retry.bunded"]},
        {"title": "T", "inputs": [{"sobject": "Contact", "key": "K"}]},
        {"title": "T", "inputs": [{"sobject": "Contact", "key": "K", "count": 1, "file": "x.csv"}]},
        {"title": "T", "faults": [{"on": "rest.query.run"}]},
        {"title": "T", "faults": [{"on": "rest.query.rum", "status": 503}]},
        {"title": "T", "faults": [{"on": "rest.*", "status": 503, "error": "UNABLE_TO_LOCK_ROW"}]},
        {"title": "T", "faults": [{"on": "rest.*", "error": "UNABLE_TO_LOCK_ROWS"}]},
        {"title": "T", "faults": [{"on": "rest.*", "status": 99}]},
        {"title": "T", "faults": [{"on": "rest.*", "status": 503, "when": {"time": 1}}]},
        {"title": "T", "faults": [{"on": "rest.*", "latency": {"distribution": "normal", "p50": "1s"}}]},
        {"title": "T", "faults": [{"on": "rest.*", "subject": "maim"}]},
        {"title": "T", "phases": [{"lasts": "1s"}]},
        {"title": "T", "dead_letters": {"record": "payload"}},
    ],
    ids=str,
)
def test_what_does_not_fit_the_schema_is_refused_by_the_reader_too(
    wrong: dict[str, object], validator: jsonschema.Draft202012Validator, tmp_path: Path
) -> None:
    from mock_server.documents import DocumentError

    assert list(validator.iter_errors(wrong))
    file = tmp_path / "case.yaml"
    file.write_text(json.dumps(wrong))
    with pytest.raises(DocumentError):
        load(file)


def test_the_schema_knows_the_keys_of_the_reader() -> None:
    from harness import scenario_reading
    from mock_server.faults.effects import EFFECTS
    from mock_server.faults.rule import KEYS

    found = schema()
    assert set(found["properties"]) == set(scenario_reading.KEYS)  # type: ignore[call-overload]
    assert set(found["$defs"]["fault"]["properties"]) == set(KEYS)  # type: ignore[index]
    for effect in EFFECTS:
        assert set(effect.shapes()) == {effect.key, *effect.takes}


# -- properties


def test_every_property_is_listed(capsys: Out) -> None:
    assert main(["properties"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(registry())
    assert main(["properties", "retry.*", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in shown} == {name for name in registry() if name.startswith("retry.")}
    assert all({"judged when", "rule", "likely bug", "source"} <= set(one) for one in shown)


def test_one_property_in_full(capsys: Out) -> None:
    assert main(["properties", "retry.bounded"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("retry.bounded\n")
    assert "parameters: attempts" in out
    assert main(["properties", "retry.bunded"]) == 2
    assert "did you mean 'retry.bounded'?" in capsys.readouterr().err


def test_the_page_of_properties_is_fresh() -> None:
    from harness import properties_page

    written = (ROOT / "harness/PROPERTIES.md").read_text()
    assert written == properties_page.page(), "run `sfmock properties --write harness/PROPERTIES.md`"
