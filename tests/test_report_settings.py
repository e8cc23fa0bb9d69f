"""Reports in settings, scenarios and orgs made of others: the same declaration everywhere, mistakes with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.scenario import load
from mock_server import api
from mock_server.config import ConfigError, resolve
from mock_server.documents import DocumentError
from mock_server.server import App

WRITTEN = "reports:\n  - name: People\n    folder: All\n    soql: SELECT Name, Email FROM Contact\n"


def test_the_default_org_has_the_reports_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text("port: 0\n" + WRITTEN)
    with api.start(resolve({}, environment={}, file=str(file))) as server:
        assert [(one["name"], one["folder"]) for one in server.control.declared("reports")] == [("People", "All")]
        server.control.declare("reports", {"name": "Later", "soql": "SELECT Id FROM Account"})
        server.control.reset()
        assert [one["name"] for one in server.control.declared("reports")] == ["People"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reports: People\n", "1:10: reports must be a list of reports"),
        ("reports:\n  - name: x\n    sqol: y\n", "3:5: a report has no key 'sqol'"),
        ("reports:\n  - name: x\n", "2:5: a report needs soql"),
        ("reports:\n  - {name: x, soql: a}\n  - {name: x, soql: a}\n", "3:12: there are two reports 'x'"),
        ("reports:\n  - {name: x, soql: a, details: Name}\n", "2:33: details must be a list of fields"),
    ],
)
def test_a_mistake_in_the_settings_has_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        resolve({}, environment={}, file=str(file))
    assert f"sfmock.yaml:{said}" in str(refused.value)


def test_a_query_that_cannot_run_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text("port: 0\nreports:\n  - name: x\n    soql: SELECT Emial FROM Contact\n")
    settings = resolve({}, environment={}, file=str(file))
    with pytest.raises(DocumentError) as refused:
        App(settings)
    assert "sfmock.yaml:4:11: Contact has no field Emial" in str(refused.value)
    assert "Email" in str(refused.value)


def test_a_scenario_declares_reports(tmp_path: Path) -> None:
    file = tmp_path / "reports.yaml"
    body = "".join(f"  {line}\n" for line in WRITTEN.splitlines())
    file.write_text(f"title: Reports\norg:\n{body}")
    assert [one["name"] for one in load(file).org.declared["reports"]] == ["People"]
    file.write_text("title: Reports\norg:\n  reports:\n    - {name: x, query: y}\n")
    with pytest.raises(Exception, match="a report has no key 'query'"):
        load(file)


def test_orgs_made_of_others_have_their_reports(server: Any) -> None:
    made = server.control.create_org(declared={"reports": [{"name": "People", "soql": "SELECT Name FROM Contact"}]})
    control = server.control.for_org(made.id)
    clone = control.clone()
    assert [one["name"] for one in server.control.for_org(clone.id).declared("reports")] == ["People"]
    kept = control.snapshot()
    control.restore(kept)
    assert [one["name"] for one in control.declared("reports")] == ["People"]
    for identifier in (made.id, clone.id):
        server.control.delete_org(identifier)
