"""`sfmock conform` against an org that is not its own: what it says, what it leaves alone, what it never tells."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mock_server import api
from mock_server.cli import main
from mock_server.conform import runner as running
from mock_server.conform.patterns import Difference
from mock_server.control.client import ControlClient, OrgInfo

Out = pytest.CaptureFixture[str]
FEW = ["--only", "records/*delete*", "--only", "records/create", "--only", "composite/create_*"]
DELETE = "records/delete"


@pytest.fixture
def control(server: api.Server, org: OrgInfo) -> ControlClient:
    return server.control.for_org(org.id)


@pytest.fixture
def conform(server: api.Server, org: OrgInfo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Runs the command against the test's org, with a session from the environment."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    given = {
        "SF_ACCESS_TOKEN": org.access_token, "SF_USERNAME": org.username, "SF_PASSWORD": org.password,
        "SF_SECURITY_TOKEN": org.security_token, "SF_CLIENT_ID": org.client_id, "SF_CLIENT_SECRET": org.client_secret,
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SF_API_VERSION", raising=False)
    yield lambda *options: main(["conform", "--target", server.url, *options])


def left(control: ControlClient) -> int:
    """Count the records of the objects that rows make."""
    return sum(len(control.records(f"SELECT Id FROM {one}")) for one in running.SWEPT)


def test_an_org_that_answers_as_salesforce_does(
    conform: Callable[..., int], control: ControlClient, capsys: Out
) -> None:
    assert conform(*FEW) == 0
    told = capsys.readouterr().out
    assert "sfmock (Developer Edition) at http://127.0.0.1" in told
    assert re.search(r"^(\d+) rows: \1 as expected, 0 drift$", told, re.MULTILINE)
    assert left(control) == 0


def test_each_way_to_log_in(conform: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.delenv("SF_ACCESS_TOKEN")
    assert conform("--only", DELETE) == 0  # OAuth, with name and password
    monkeypatch.delenv("SF_PASSWORD")
    assert conform("--only", DELETE) == 0  # client credentials
    monkeypatch.undo()


def test_the_soap_login_serves_where_there_is_no_app(
    conform: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SF_ACCESS_TOKEN", "SF_CLIENT_ID", "SF_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    assert conform("--only", DELETE) == 0


def test_drift_is_told_with_what_came_and_who_says_otherwise(
    conform: Callable[..., int], control: ControlClient, capsys: Out, tmp_path: Path
) -> None:
    control.add_fault({"on": "rest.sobject.delete", "error": "ENTITY_IS_LOCKED"})
    assert conform("--only", DELETE, "--json", str(tmp_path / "o.json"), "--junit", str(tmp_path / "o.xml")) == 1
    told = capsys.readouterr().out
    assert re.search(r"^drift    records/delete$", told, re.MULTILINE)
    assert "DELETE /sobjects/Account/001" in told and "(records.yaml:" in told
    assert re.search(r'status\n +expected  204\n +came      400 .*"ENTITY_IS_LOCKED"', told)
    assert "source: recorded, MyOutDeskLLC/SalesforcePhp" in told
    (row,) = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert (row["verdict"], row["differences"][0]["where"]) == ("drift", "status")
    (failure,) = ElementTree.parse(tmp_path / "o.xml").iter("failure")
    assert "source: recorded" in (failure.text or "")
    assert left(control) == 0


def test_rows_that_only_a_mock_of_its_own_can_show_are_skipped_with_the_reason(
    conform: Callable[..., int], capsys: Out
) -> None:
    assert conform("--only", "transport/spent_limit", "--only", "transport/outage") == 0
    told = capsys.readouterr().out
    assert told.count("a real org cannot be made to show it") == 2
    assert told.endswith("2 rows: 0 as expected, 0 drift, 2 skipped\n")


def test_an_org_without_the_custom_fields_skips_what_needs_them(
    server: api.Server, conform: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    plain = server.control.create_org()
    monkeypatch.setenv("SF_ACCESS_TOKEN", plain.access_token)
    assert conform("--only", "records/upsert_inserts") == 0
    assert "Contact.External_Id__c" in capsys.readouterr().out
    server.control.delete_org(plain.id)


def test_records_of_others_are_left_alone(conform: Callable[..., int], control: ControlClient) -> None:
    control.seed("Account", [{"Name": "sfmock of somebody else"}, {"Name": "Acme"}])
    assert conform(*FEW) == 0
    assert left(control) == 2


def test_a_file_goes_with_all_its_versions(conform: Callable[..., int], control: ControlClient, capsys: Out) -> None:
    assert conform("--only", "surfaces/blob_of_a_version") == 0
    assert control.records("SELECT Id FROM ContentDocument") == []
    assert capsys.readouterr().err == ""


def test_the_session_of_the_run_is_never_ended(
    conform: Callable[..., int], org: OrgInfo, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    # Some orgs answer a second login with the session of the first.
    reach = running._reach
    monkeypatch.setattr(
        running, "_reach", lambda answer, path: org.access_token if path == "access_token" else reach(answer, path)
    )
    assert conform("--only", "oauth/revoke") == 0
    assert "is not to be ended" in capsys.readouterr().out


def test_another_version_is_asked(conform: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.setenv("SF_API_VERSION", "66.0")
    assert conform("--only", "records/create", "--only", "describe/describe*") == 0
    assert "version 66.0" in capsys.readouterr().out
    monkeypatch.setenv("SF_API_VERSION", "51.0")
    assert conform("--only", "composite/bad_reference_id") == 0
    assert "it came with version 54.0" in capsys.readouterr().out
    monkeypatch.setenv("SF_API_VERSION", "latest")
    assert conform("--only", "records/create") == 2


def test_what_an_interrupted_run_has_made_is_deleted(
    conform: Callable[..., int], control: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[Difference]:
        assert left(control) > 0
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "differences", interrupted)
    assert conform("--only", "records/create") == 130
    assert left(control) == 0


def test_what_was_made_and_never_answered_is_deleted(
    conform: Callable[..., int], control: ControlClient, capsys: Out
) -> None:
    control.add_fault({"on": "rest.sobject.create", "reply": "lost"})
    assert conform("--only", "records/create") == 3
    assert left(control) == 0


def test_a_production_org_is_not_asked(conform: Callable[..., int], control: ControlClient, capsys: Out) -> None:
    body = '{"totalSize":1,"done":true,"records":[{"Name":"Acme","OrganizationType":"Enterprise Edition"}]}'
    once = {"on": "rest.query.run", "status": 200, "body": body, "when": {"times": 1}}
    control.add_fault(once)
    assert conform("--only", DELETE) == 3
    assert "Acme is not asked: it is a production org (Enterprise Edition)" in capsys.readouterr().err
    assert not control.commits()
    control.clear_faults()
    control.add_fault(once)
    assert conform("--only", DELETE, "--yes-production") == 0


def test_an_org_with_few_calls_left_is_not_asked(
    conform: Callable[..., int], control: ControlClient, capsys: Out
) -> None:
    control.set_limit("DailyApiRequests", remaining=300)
    assert conform("--only", DELETE) == 3
    assert "calls left today" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["00Dxx0000000001!nothing", ""])
def test_a_session_that_is_not_taken(
    conform: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: Out, given: str
) -> None:
    monkeypatch.setenv("SF_ACCESS_TOKEN", given)
    monkeypatch.setenv("SF_PASSWORD", "wrong-password")
    assert conform("--only", DELETE) == 3
    told = capsys.readouterr().err
    assert "INVALID_SESSION_ID" in told if given else "invalid_grant: authentication failure" in told
    assert "wrong-password" not in told


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--only", "records/creat"], "no row is called 'records/creat'; did you mean 'records/create'?"),
        (["--json", "/nowhere/at/all.json"], "cannot write /nowhere/at/all.json"),
        (["--target", "http://example.com"], "readable by all between"),
        (["--target", "ftp://example.com"], "is no http or https URL"),
    ],
)
def test_a_wrong_command_line(conform: Callable[..., int], capsys: Out, options: list[str], text: str) -> None:
    assert conform(*options) == 2
    assert text in capsys.readouterr().err


def test_credentials_are_asked_for(server: api.Server, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    for name in ("SF_ACCESS_TOKEN", "SF_PASSWORD", "SF_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert main(["conform", "--target", server.url]) == 2
    assert "SF_ACCESS_TOKEN" in capsys.readouterr().err


def test_nobody_answers(conform: Callable[..., int], capsys: Out) -> None:
    assert conform("--target", "http://127.0.0.1:9") == 3
    assert "http://127.0.0.1:9" in capsys.readouterr().err


def test_the_list_names_sources_and_asks_nobody(capsys: Out) -> None:
    assert main(["conform", "--list", "--only", "saves/*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert all(re.search(r"\[(recorded|documented|recalled)[^]]*\]$", line) for line in lines)


def test_secrets_are_never_told(
    conform: Callable[..., int], org: OrgInfo, capsys: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every row differs, so that every answer is shown.
    def all_differ(row: object, answer: running.Answer, _: object) -> Iterator[Difference]:
        yield Difference("answer", str(row), answer.text)

    monkeypatch.setattr(running, "differences", all_differ)
    files = [str(tmp_path / name) for name in ("o.json", "o.xml")]
    only = ["--only", "oauth/*", "--only", "soap/*"]
    assert conform(*only, "--json", files[0], "--junit", files[1]) == 1
    told = "".join([*capsys.readouterr(), *(Path(file).read_text() for file in files)])
    assert "access_token" in told and "sessionId" in told
    for secret in (org.access_token, org.password, org.client_secret, org.security_token):
        assert secret not in told
    assert not re.search(r"00D\w{12}![\w.]{20}", told)
    assert not re.search(r'"signature":"[^*]', told.replace("\\", ""))


def test_the_command_as_it_is_installed(tmp_path: Path) -> None:
    run = [str(Path(sys.executable).with_name("sfmock")), "conform", "--only", "records/delete*"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\d+ rows: \d+ as expected, 0 drift\n", done.stdout)
