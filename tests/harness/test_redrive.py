"""Redrives against a real server: what they are given, what is put back, and what is judged of them."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.evidence import Evidence
from harness.letters import Letter, QueueError
from harness.result import TrialResult
from harness.scenario import Scenario, load
from harness.subjects import CommandSubject, Run
from harness.trial import run_trial
from mock_server import api
from mock_server.cli import main

TEXT = """
title: Contacts
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true}}}
inputs:
  - {sobject: Contact, count: 30, key: External_Id__c, fields: {LastName: last_name, Email: email}}
faults:
  - {name: rule, on: rest.collections.*, records: {keys: [C-000022, C-000030]}, error: FIELD_CUSTOM_VALIDATION_EXCEPTION}
"""
STALE = "expect: {dead_letter.redrive_not_stale: {}}"
SINK = "expect: {dead_letter.sink_failure_survived: {}}"


def scenario(folder: Path, *more: str) -> Scenario:
    file = folder / "case.yaml"
    file.write_text("\n".join((TEXT, *more)))
    return load(file, name="case")


def send(run: Run, rows: Any, method: str = "PATCH", path: str = "/Contact/External_Id__c") -> list[Any]:
    """Send rows in one collection; return those that were not saved, each with its error."""
    answer = requests.request(
        method,
        f"{run.credentials.instance_url}/services/data/v60.0/composite/sobjects{path}",
        json={"records": [{"attributes": {"type": "Contact"}, **row.record} for row in rows]},
        headers={"Authorization": f"Bearer {run.credentials.access_token}"},
        timeout=30,
    )
    pairs = zip(rows, answer.json(), strict=True)
    return [(row, result["errors"][0]) for row, result in pairs if not result["success"]]


def upsert(run: Run, rows: Any) -> list[Any]:
    return [row for row, _ in send(run, rows)]


def letter_of(row: Any, error: dict[str, Any]) -> dict[str, Any]:
    cause = {"code": error["statusCode"], "message": error["message"]}
    return {"record": row.record, "key": row.key, "error": cause, "attempts": 1, "failed_at": "2026-03-01T10:00:00Z"}


def sync(run: Run) -> None:
    with run.dlq_path.open("a") as queue:
        queue.writelines(json.dumps(letter_of(*refused)) + "\n" for refused in send(run, run.inputs))


def redrive(run: Run, letters: list[Letter]) -> None:
    upsert(run, run.inputs)
    run.dlq_path.write_text("")


def proved(result: TrialResult) -> Evidence:
    assert result.evidence is not None, result.baseline
    return result.evidence


def statuses(result: TrialResult) -> dict[str, str]:
    found = {verdict.property: verdict.status for verdict in result.verdicts}
    return {name.partition(".")[2]: status for name, status in found.items() if "redrive" in name}


def test_a_redrive_is_run_twice_with_what_was_dead_lettered(server: api.Server, tmp_path: Path) -> None:
    seen: list[tuple[list[str], list[str | None], str]] = []

    def watched(run: Run, letters: list[Letter]) -> None:
        seen.append(([row.key for row in run.inputs], [letter.key for letter in letters], run.dlq_path.read_text()))
        redrive(run, letters)

    result = run_trial(scenario(tmp_path), sync, server=server, redrive=watched)
    assert result.ok, result.violated
    keys = ["C-000022", "C-000030"]
    assert [call[:2] for call in seen] == [(keys, keys)] * 2
    assert seen[0][2] == seen[1][2] != ""  # put back as if the first redrive had been cut off
    assert statuses(result) == {
        "redrive_lands": "held",
        "redrive_idempotent": "held",
        "redrive_not_stale": "not exercised",
    }
    after = proved(result).after
    assert [len(run.exchanges) for run in after.values()] == [1, 1]
    assert not after["redrive"].letters


def test_a_redrive_that_creates_is_found_out(server: api.Server, tmp_path: Path) -> None:
    def create(run: Run, letters: list[Letter]) -> None:
        send(run, run.inputs, "POST", "")
        run.dlq_path.write_text("")

    result = run_trial(scenario(tmp_path), sync, server=server, redrive=create)
    (verdict,) = result.violated
    assert verdict.property == "dead_letter.redrive_idempotent"
    assert "2 redriven inputs in the org more than once: Contact C-000022, Contact C-000030" in verdict.reason


def test_a_record_that_was_changed_since_must_stay(server: api.Server, tmp_path: Path) -> None:
    result = run_trial(scenario(tmp_path, STALE), sync, server=server, redrive=redrive)
    (verdict,) = result.violated
    assert verdict.property == "dead_letter.redrive_not_stale"
    assert "Contact C-000022 (LastName)" in verdict.reason
    assert proved(result).after["redrive again"].newer.keys() == {21, 29}


def test_what_a_letter_lost_is_lost(server: api.Server, tmp_path: Path) -> None:
    def forgetful(run: Run) -> None:
        for row, error in send(run, run.inputs):
            letter = letter_of(row, error) | {"record": {"External_Id__c": row.key, "email": "other@example.com"}}
            run.dlq_path.open("a").write(json.dumps(letter) + "\n")

    records: list[Any] = []

    def watched(run: Run, letters: list[Letter]) -> None:
        records.extend(row.record for row in run.inputs[:1])

    run_trial(scenario(tmp_path), forgetful, server=server, redrive=watched)
    assert records[0] == {"External_Id__c": "C-000022", "Email": "other@example.com"}


def test_without_letters_there_is_no_redrive(server: api.Server, tmp_path: Path) -> None:
    calls: list[Any] = []
    quiet = scenario(tmp_path)
    result = run_trial(quiet, lambda run: upsert(run, run.inputs), server=server, redrive=lambda *a: calls.append(a))
    assert calls == []
    assert not proved(result).after


def test_a_redrive_that_fails_is_a_finding(server: api.Server, tmp_path: Path) -> None:
    def fail(run: Run, letters: list[Letter]) -> None:
        raise OSError("no route")

    result = run_trial(scenario(tmp_path), sync, server=server, redrive=fail)
    assert [verdict.property for verdict in result.violated] == ["dead_letter.redrive_lands"]
    assert "OSError" in (proved(result).after["redrive"].process.error or "")


def test_a_queue_that_a_redrive_has_spoilt_is_left_alone(server: api.Server, tmp_path: Path) -> None:
    left: list[bool] = []

    def spoil(run: Run, letters: list[Letter]) -> None:
        left.append(run.dlq_path.is_dir())
        upsert(run, run.inputs)
        if run.dlq_path.is_file():
            run.dlq_path.unlink()
            run.dlq_path.mkdir()

    result = run_trial(scenario(tmp_path), sync, server=server, redrive=spoil)
    assert proved(result).after
    assert left == [False, True]


def test_letters_that_cannot_be_put_back_are_told(server: api.Server, tmp_path: Path) -> None:
    def divert(run: Run, letters: list[Letter]) -> None:
        upsert(run, run.inputs)
        run.dlq_path.unlink()
        run.dlq_path.symlink_to(tmp_path / "nowhere" / "at all")

    with pytest.raises(QueueError, match="the letters cannot be put back"):
        run_trial(scenario(tmp_path), sync, server=server, redrive=divert)


def test_letters_in_a_table_are_redriven(server: api.Server, tmp_path: Path) -> None:
    database = tmp_path / "queue.db"
    with sqlite3.connect(database) as setup:
        setup.execute(
            "CREATE TABLE letters (id INTEGER PRIMARY KEY, payload TEXT, why TEXT, attempts INT, failed_at TEXT)"
        )

    def into_the_table(run: Run) -> None:
        with sqlite3.connect(database) as queue:
            for row, error in send(run, run.inputs):
                why = f"{error['statusCode']}: {error['message']}"
                values = (json.dumps(row.record), why, 1, "2026-03-01T10:00:00Z")
                queue.execute("INSERT INTO letters (payload, why, attempts, failed_at) VALUES (?, ?, ?, ?)", values)

    def out_of_the_table(run: Run, letters: list[Letter]) -> None:
        upsert(run, run.inputs)
        with sqlite3.connect(database) as queue:
            queue.execute("DELETE FROM letters")

    mapped = scenario(tmp_path, "dead_letters: {record: $.payload, error: $.why}")
    url = f"sqlite:///{database}#letters"
    result = run_trial(mapped, into_the_table, server=server, redrive=out_of_the_table, dead_letters=url)
    assert result.ok, result.violated
    assert statuses(result)["redrive_lands"] == statuses(result)["redrive_idempotent"] == "held"


def test_a_command_is_told_where_the_inputs_of_the_letters_are(server: api.Server, tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = CommandSubject(f'cat "$SFMOCK_INPUTS" "$SFMOCK_DLQ" >> {told}; exit 3')
    result = run_trial(scenario(tmp_path), sync, server=server, redrive=command)
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    assert [line["key"] for line in lines] == ["C-000022", "C-000030"] * 4
    assert lines[0]["key_field"] == "External_Id__c"
    assert proved(result).after["redrive again"].process.exit_code == 3


# -- a queue that cannot be written


def stubborn(run: Run) -> None:
    """Drops what it cannot write."""
    for refused in send(run, run.inputs):
        with suppress(OSError), run.dlq_path.open("a") as queue:
            queue.write(json.dumps(letter_of(*refused)) + "\n")


def ticks_off(run: Run) -> None:
    """Drops what it cannot write, and never comes back to it."""
    done = run.workdir / "done"
    if not done.exists():
        done.touch()
        stubborn(run)


def resumed(run: Run) -> None:
    """Stops where it cannot write, and begins anew when it is run again."""
    refused = [letter_of(*refused) for refused in send(run, run.inputs)]
    run.dlq_path.write_text("".join(json.dumps(letter) + "\n" for letter in refused))


@pytest.mark.parametrize(
    ("subject", "resumable", "status"),
    [
        (sync, False, "held"),
        (stubborn, False, "violated"),
        (ticks_off, True, "violated"),
        (resumed, True, "held"),
    ],
)
def test_a_queue_is_broken_when_the_scenario_says_so(
    subject: Callable[[Run], None], resumable: bool, status: str, server: api.Server, tmp_path: Path
) -> None:
    result = run_trial(scenario(tmp_path, SINK), subject, server=server, resumable=resumable)
    found = {verdict.property: verdict.status for verdict in result.verdicts}
    assert found["dead_letter.sink_failure_survived"] == status
    assert proved(result).broken_queue is not None


def test_a_queue_of_ones_own_is_never_broken(server: api.Server, tmp_path: Path) -> None:
    result = run_trial(scenario(tmp_path, SINK), sync, server=server, dead_letters=list)
    assert result.judgement is not None
    assert [verdict.property for verdict in result.judgement.missing] == ["dead_letter.sink_failure_survived"]


# -- the page


def test_the_examples_of_the_page_run(server: api.Server, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "harness/README.md").read_text().partition("## Dead letters")[2]
    (example,) = re.findall(r"```python\n(.*?)```", page.partition("## Verdicts")[0], re.DOTALL)
    (mapping,) = re.findall(r"```yaml\n(.*?)```", page.partition("## Verdicts")[0], re.DOTALL)
    names: dict[str, Any] = {"upsert": upsert, "sync": sync}
    exec(example, names)
    result = run_trial(scenario(tmp_path), sync, server=server, redrive=names["redrive"])
    assert result.ok, result.violated
    letters = scenario(tmp_path, mapping).dead_letters
    assert letters is not None and letters.attempts == ("headers", "tries")


def test_the_command_line_takes_a_redrive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario(tmp_path)
    subject = f"{sys.executable} {Path(__file__).parents[1] / 'subjects' / 'correct.py'}"
    arguments = ["prove", str(tmp_path / "case.yaml"), "--run", subject, "--redrive", f"{subject} redrive"]
    assert main(arguments) == 0
    assert re.search(r"dead_letter.redrive_lands +held", capsys.readouterr().out)
    assert main([*arguments[:-1], "true"]) == 1
    out = capsys.readouterr().out
    assert "not in the org after the redrive" in out
    assert "--redrive true" in out


def test_a_redrive_goes_by_the_clock_of_its_trial(server: api.Server, tmp_path: Path) -> None:
    """In virtual time a pause of an hour before the redrive costs nothing, and the changes in between are later."""

    def patient(run: Run, letters: list[Letter]) -> None:
        time.sleep(3600)
        redrive(run, letters)

    result = run_trial(scenario(tmp_path, STALE, "time: virtual"), sync, server=server, redrive=patient)
    assert [verdict.property for verdict in result.violated] == ["dead_letter.redrive_not_stale"]
    assert result.seconds < 1_800
