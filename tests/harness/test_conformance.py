"""Retry conformance: the cases are sound, a right client passes all of them, and wrong ones are found out."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import conformance
from harness.conformance import Case, Suite
from harness.subjects import CallableSubject, CommandSubject, Run
from mock_server import api
from mock_server.cli import main

EXAMPLE = conformance.bundled().parent / "example.mjs"
SUITE = conformance.load()
node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def test_every_operation_of_a_case_exists_in_its_idempotency_class() -> None:
    operations = api.operations().by_name
    for case in SUITE.cases:
        assert case.operation in operations
        if case.group in ("always", "conditional", "never"):
            assert operations[case.operation].replay == case.group, case.name


def test_every_request_and_instruction_is_used() -> None:
    from mock_server.documents import load

    data = load(conformance.bundled()).data
    used = {case.name.rpartition("/")[2] for case in SUITE.cases}
    assert (set(data["requests"]), set(data["instructions"])) == ({case.operation for case in SUITE.cases}, used)


QUICK = (
    "never/*",
    "session/rest.sobject.create/*",
    "quota/rest.query.run/*",
    "conditional/rest.collections.upsert/lost-answer",
)


@node
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if case in conformance.chosen(SUITE, QUICK) else pytest.mark.heavy)
        for case in SUITE.cases
    ],
)
def test_the_example_in_another_language_is_right(server: api.Server, case: Case) -> None:
    found = conformance.try_case(server, SUITE, case, CommandSubject(f"node {EXAMPLE}"))
    assert found.ok, found.problems


def send(run: Run, *, login: bool = False) -> requests.Response:
    task = json.loads(Path(run.environment["SFMOCK_TASK"]).read_text())
    token = run.credentials.access_token
    if login:
        form = {
            "grant_type": "client_credentials",
            "client_id": run.credentials.client_id,
            "client_secret": run.credentials.client_secret,
        }
        token = requests.post(f"{run.credentials.login_url}/services/oauth2/token", data=form, timeout=30).json()[
            "access_token"
        ]
    return requests.request(
        task["method"],
        run.credentials.instance_url + task["path"],
        json=task["body"],
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )


def never_again(run: Run) -> None:
    send(run).raise_for_status()


def blindly_again(run: Run) -> None:
    for _ in range(3):
        try:
            answer = send(run)
        except requests.ConnectionError:
            continue
        if answer.ok:
            return
    raise RuntimeError("failed")


def for_ever(run: Run) -> None:
    for _ in range(20):
        if send(run).ok:
            return
    raise RuntimeError("failed")


def says_yes(run: Run) -> None:
    send(run)


@pytest.mark.parametrize(
    ("name", "client", "problem"),
    [
        ("conditional/rest.sobject.upsert/busy", never_again, "1 requests, and 2 are right"),
        ("conditional/rest.sobject.upsert/busy", never_again, "the client says failure, and success is right"),
        ("never/rest.sobject.create/lost-answer", blindly_again, "3 requests, and 1 are right"),
        ("permanent/rest.sobject.upsert/refused", blindly_again, "3 requests, and 1 are right"),
        ("bounded/rest.query.run/busy-for-ever", for_ever, "20 requests, and 2 to 10 are right"),
        ("never/rest.sobject.create/busy", says_yes, "success is claimed, and N-1 is not there"),
        ("never/rest.sobject.create/torn-answer", lambda run: None, "success is claimed, and nothing was read"),
        ("session/rest.query.run/session-ended", never_again, "0 logins, and 1 are right"),
    ],
)
def test_a_wrong_client_is_found_out(server: api.Server, name: str, client: Any, problem: str) -> None:
    (case,) = conformance.chosen(SUITE, [name])
    found = conformance.try_case(server, SUITE, case, CallableSubject(client))
    assert any(problem in text for text in found.problems), found.problems


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "client.py"
    program.write_text("import sys; sys.exit(77)")
    file = tmp_path / "out.json"
    arguments = ["conformance", "mixed/*", "--run", f"{sys.executable} {program}", "--json", str(file)]
    assert main(arguments) == 0
    assert "2 cases: 0 right, 0 wrong, 2 not offered" in capsys.readouterr().out
    program.write_text("import sys; sys.exit(3)")
    assert main(arguments) == 1
    assert "exit status 3; 0 says success, 1 failure, 77 not offered" in capsys.readouterr().out
    assert [row["ok"] for row in json.loads(file.read_text())] == [False, False]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["no/such"], 2, "no case is called no/such"),
        (["mixed/*"], 2, "give the client with --run"),
        (["mixed/*", "--run", "/no/such/client"], 3, "could not be started"),
    ],
)
def test_what_cannot_be_tried(arguments: list[str], status: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", *arguments]) == status
    assert text in capsys.readouterr().err


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--list", "never/rest.sobject.create/*"]) == 0
    assert (
        "never/rest.sobject.create/lost-answer  1 requests; either, success only after a read"
        in capsys.readouterr().out
    )


def test_a_suite_is_plain_data() -> None:
    assert isinstance(SUITE, Suite)
    assert len({case.name for case in SUITE.cases}) == len(SUITE.cases) >= 80
