"""`sfmock prove` and `sfmock scenarios`: the exit statuses of the command contract, and the files they write."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mock_server.cli import main

SUBJECTS = Path(__file__).parents[1] / "subjects"
SCENARIO = """
title: {title}
story: A test of the command line.
org:
  fields: {{Contact: {{External_Id__c: {{type: text, length: 64, externalId: true, unique: true}}}}}}
inputs:
  - {{sobject: Contact, count: 25, key: External_Id__c, fields: {{LastName: last_name, Email: email}}}}
faults:
  - {{name: rule, on: {on}, records: {{every: 5}}, error: FIELD_CUSTOM_VALIDATION_EXCEPTION}}
expect:
  {expect}: {{}}
"""


def scenario(
    folder: Path,
    *,
    title: str = "Rows are refused",
    on: str = "rest.collections.upsert",
    expect: str = "dead_letter.complete",
) -> str:
    file = folder / "case.yaml"
    file.write_text(SCENARIO.format(title=title, on=on, expect=expect))
    return str(file)


def subject(name: str) -> str:
    return f"{sys.executable} {SUBJECTS / name}.py"


def test_all_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "junit")}
    flags = [word for kind, file in files.items() for word in (f"--{kind}", str(file))]
    assert main(["prove", scenario(tmp_path), "--run", subject("correct"), "--seed", "3", *flags]) == 0
    out = capsys.readouterr()
    assert "dead_letter.complete" in out.out
    assert "\x1b" not in out.out + out.err
    body = json.loads(files["json"].read_text())
    assert (body["ok"], body["trials"][0]["seed"]) == (True, 3)
    assert body["trials"][0]["inputs"] == {
        "total": 25, "landed": 20, "dead-lettered": 5, "skipped": 0, "lost": 0, "duplicated": 0,
    }  # fmt: skip
    assert ElementTree.parse(files["junit"]).getroot().tag == "testsuites"
    assert "<title>sfmock: all held" in files["html"].read_text()


def test_something_violated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", scenario(tmp_path), "--run", subject("swallows_row_errors")]) == 1
    out = capsys.readouterr().out
    assert "likely bug:" in out
    assert "run it again: sfmock prove" in out


def test_a_fault_that_never_fired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = scenario(tmp_path, on="rest.collections.create", expect="delivery.nothing_lost")
    assert main(["prove", file, "--run", subject("correct")]) == 1
    assert "armed, but never fired: rule" in capsys.readouterr().out


def test_a_required_property_not_exercised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", scenario(tmp_path, expect="session.refreshed_once"), "--run", subject("correct")]) == 1
    assert "required, but not exercised: session.refreshed_once" in capsys.readouterr().out


def test_a_steady_state_that_is_not_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", scenario(tmp_path), "--run", "echo nothing to do; exit 9"]) == 1
    out = capsys.readouterr().out
    assert "steady state not met" in out
    assert "exited with status 9" in out
    assert "| nothing to do" in out


def test_a_command_that_cannot_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", scenario(tmp_path), "--run", "/no/such/program"]) == 3
    assert "could not be started" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expect": "delivery.nothing_lots"}, "delivery.nothing_lost"),
        ({"on": "rest.colections.upsert"}, "rest.collections.upsert"),
    ],
)
def test_a_wrong_scenario_runs_nothing(
    change: dict[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "ran"
    right = tmp_path / "right"
    right.mkdir()
    arguments = ["prove", scenario(right), scenario(tmp_path, **change), "--run", f"touch {mark}"]
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
    assert not mark.exists()


@pytest.mark.parametrize(
    "flags",
    [
        ["--seed", "-1"],
        ["--seed", "x"],
        ["--timeout", "0"],
        ["--timeout", "soon"],
        ["--json", "/no/such/folder/x.json"],
        ["--dlq", "gopher://x"],
        ["--dlq", "no/such/folder/x.jsonl"],
        ["--dlq", "sqlite:///none.db#letters"],
        ["--dlq", "redis://127.0.0.1:1/0/letters"],
    ],
)
def test_a_wrong_command_line_runs_nothing(flags: list[str], tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    try:
        status = main(["prove", scenario(tmp_path), "--run", f"touch {mark}", *flags])
    except SystemExit as stop:
        status = int(stop.code or 0)
    assert status == 2
    assert not mark.exists()


def test_an_unknown_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "no-such-scenario", "--run", "true"]) == 2
    assert "no-such-scenario" in capsys.readouterr().err


def test_virtual_time_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(scenario(tmp_path))
    file.write_text(file.read_text() + "time: virtual\n")
    assert main(["prove", str(file), "--run", "true"]) == 2
    assert "time: virtual" in capsys.readouterr().err


def test_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line]
    assert names
    assert main(["scenarios", names[0]]) == 0
    assert names[0] in capsys.readouterr().out


def test_a_resumable_subject_is_run_once_more_when_the_faults_have_stopped(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = f"echo run >> {runs}; {subject('correct')}"
    arguments = ["prove", scenario(tmp_path, expect="retry.permanent_not_retried"), "--run", command]
    main([*arguments, "--resumable"])
    assert runs.read_text().count("run") == 3  # the baseline, the faults, the heal


def test_several_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out.json"
    main(["prove", scenario(tmp_path), "--run", subject("correct"), "--seed", "5", "--seeds", "3", "--json", str(file)])
    assert [trial["seed"] for trial in json.loads(file.read_text())["trials"]] == [5, 6, 7]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--seed", "-1"], "a seed is a whole number from 0 to"),
        (["--seed", "1e3"], "a seed is a whole number from 0 to"),
        (["--seed", "9007199254740992"], "a seed is a whole number from 0 to 9007199254740991"),
        (["--seeds", "0"], "a number of seeds is a whole number from 1"),
        (["--timeout", "soon"], "a time is a number of seconds"),
    ],
)
def test_numbers_that_cannot_be(
    flags: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["prove", scenario(tmp_path), "--run", "true", *flags])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def test_time_may_be_chosen_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = scenario(tmp_path)
    assert main(["prove", case, "--run", "node sync.js", "--time", "virtual"]) == 2
    assert "'node' is no Python program" in capsys.readouterr().err
    assert main(["prove", case, "--run", subject("correct"), "--redrive", "node again.js", "--time", "virtual"]) == 2
    assert "'node' is no Python program" in capsys.readouterr().err
    assert main(["prove", case, "--run", subject("swallows_row_errors"), "--time", "virtual"]) == 1
    assert "--time virtual" in capsys.readouterr().out


def test_a_crash_point_needs_real_time(capsys: pytest.CaptureFixture[str]) -> None:
    crash = ["prove", "row-locks", "crash-after-commit", "--run", subject("correct"), "--time", "virtual"]
    assert main(crash) == 2
    said = capsys.readouterr()
    assert "crash-after-commit.yaml" in said.err
    assert "a crash point needs real time" in said.err
    assert not said.out


def test_a_trial_that_was_not_run_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.trial import Trial

    run = Trial.run

    def interrupted(self: Trial, *given: object) -> object:
        if self.seed == 4:
            raise KeyboardInterrupt
        return run(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Trial, "run", interrupted)
    file = tmp_path / "part.json"
    page = tmp_path / "part.html"
    words = ["prove", scenario(tmp_path), "--run", subject("correct"), "--seed", "3", "--seeds", "3"]
    with contextlib.suppress(KeyboardInterrupt):
        assert main([*words, "--json", str(file), "--html", str(page)]) != 0
    body = json.loads(file.read_text())
    assert [(trial["seed"], trial["ok"]) for trial in body["trials"]] == [(3, True), (4, False), (5, False)]
    assert body["ok"] is False
    assert "not run" in page.read_text()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--run", " "], 2, "--run names no command"),
        (["--run", "true", "--dlq", ""], 2, "names no queue"),
        (["--run", "true", "--json", "out", "--html", "out"], 2, "two reports cannot be written to one file"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    assert main(["prove", scenario(tmp_path), *words]) == status
    assert said in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["prove", scenario(tmp_path), "--run", subject("correct"), "--time", "virtual", "--json", "/dev/full"]
    assert main(words) == 1
    assert "cannot write /dev/full" in capsys.readouterr().err
