"""`sfmock schema import`: what became of each file, and a file that makes the same org."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.scenario import load as load_scenario
from harness.trial import check
from mock_server import api, schema_sources
from mock_server.cli import main
from mock_server.config import ConfigError, Settings, resolve
from mock_server.documents import DocumentError
from mock_server.org.schema.describe import describe
from tests.org.schema.files import RENTAL, custom_object, put, text_field, zipped

Out = pytest.CaptureFixture[str]


def report(capsys: Out, *arguments: Any, status: int = 0) -> dict[str, Any]:
    assert main(["schema", "import", "--json", *map(str, arguments)]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_every_file_is_told(capsys: Out) -> None:
    assert main(["schema", "import", str(RENTAL)]) == 0
    out = capsys.readouterr().out
    assert "Days__c.field-meta.xml: taken: field Rental__c.Days__c" in out
    assert "All.listView-meta.xml: ignored: it is about pages, not about data" in out
    assert "files: 62 taken, 1 ignored, 0 warnings" in out
    assert len(out.splitlines()) == 63 + 2


def test_the_report_as_json(capsys: Out) -> None:
    found = report(capsys, RENTAL)
    assert found["summary"]["objects"] == 8 and found["errors"] == []
    assert {"file", "line", "verdict", "text"} == set(found["files"][0])
    assert "Booking_Ref__c" in found["objects"]["Rental__c"]["fields"]


def test_errors_go_to_stderr_with_file_and_line_and_nothing_is_written(tmp_path: Path, capsys: Out) -> None:
    put(tmp_path, {"objects/Account/fields/A__c.field-meta.xml": text_field("A__c", kind="Txt")})
    assert main(["schema", "import", str(tmp_path), "-o", str(tmp_path / "out.yaml")]) == 2
    told = capsys.readouterr()
    assert "A__c.field-meta.xml:5: there is no field type 'Txt'; did you mean 'Text'? (allowed: " in told.err
    assert "nothing is imported" in told.out
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.parametrize("name", ["schema.yaml", "schema.json"])
def test_what_is_written_makes_the_same_org(tmp_path: Path, capsys: Out, name: str) -> None:
    extra = put(tmp_path / "more", {"objects/Bike__c/fields/Extra__c.field-meta.xml": text_field("Extra__c")})
    report(capsys, RENTAL, extra, "-o", tmp_path / name)
    first, second = (
        schema_sources.check(schema_sources.read(sources)) for sources in ([RENTAL, extra], [tmp_path / name])
    )
    assert set(first.own()) == set(second.own())
    for one in first.own().values():
        other = second.get(one.name)
        assert other is not None
        assert describe(other, "v60.0") == describe(one, "v60.0")
        assert (other.validation_rules, other.record_types, other.fields) == (
            one.validation_rules,
            one.record_types,
            one.fields,
        )
    assert (first.records, first.channels) == (second.records, second.channels)
    again = tmp_path / f"again-{name}"
    report(capsys, tmp_path / name, "-o", again)
    assert again.read_bytes() == (tmp_path / name).read_bytes()


def test_later_sources_count_over_earlier_ones(tmp_path: Path, capsys: Out) -> None:
    project = put(
        tmp_path / "p",
        {
            "objects/Shop__c/Shop__c.object-meta.xml": custom_object("Shop"),
            "objects/Shop__c/fields/Size__c.field-meta.xml": text_field("Size__c"),
        },
    )
    inline = tmp_path / "inline.yaml"
    inline.write_text(
        "fields:\n  shop__c: {Size__c: {type: number}, City__c: {type: text}}\nobjects: {Shop__c: {label: Store}}\n"
    )
    archive = zipped(tmp_path / "z.zip", {"objects/Shop__c.object": custom_object("Outlet")})
    for sources, label, kind in (
        ([project, inline], "Store", "double"),
        ([inline.with_name("none.yaml"), project], None, None),
        ([project, inline, archive], "Outlet", "double"),
        ([project, inline, project], "Shop", "string"),
    ):
        if label is None:
            assert main(["schema", "import", *map(str, sources)]) == 2
            assert "none.yaml:1:1: cannot read the file" in capsys.readouterr().err
            continue
        shop = schema_sources.check(schema_sources.read(sources)).get("Shop__c")
        assert shop is not None
        assert (shop.label, shop.by_name["Size__c"].type, "City__c" in shop.by_name) == (label, kind, True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.yaml",
            "objects:\n  Shop__c:\n    lable: x\n",
            "a.yaml:3:12: there is no setting 'lable'; did you mean 'label'?",
        ),
        ("a.yaml", "fields:\n  Contact:\n    A__c: {type: txt}\n", "a.yaml:3:18: there is no field type 'txt'"),
        ("a.yaml", "tables: {}", "a.yaml:1:1: a schema file is a mapping of `objects` and `fields`"),
        ("a.yaml", "", "a.yaml:1:1: the file is empty"),
        ("a.txt", "x", "a.txt:1: a.txt is no schema; give an SFDX project"),
        ("a.json", "{}", "a.json:1: this JSON is no describe"),
    ],
)
def test_a_source_that_is_wrong(tmp_path: Path, capsys: Out, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    assert main(["schema", "import", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err


def test_a_scenario_names_a_project_beside_it(tmp_path: Path) -> None:
    put(tmp_path / "force-app", {"objects/Shop__c/Shop__c.object-meta.xml": custom_object("Shop")})
    case = tmp_path / "case.yaml"
    case.write_text(
        "title: T\norg: {schema: [./force-app], fields: {Shop__c: {Size__c: {type: text, unique: true}}}}\n"
    )
    check(load_scenario(case))
    case.write_text("title: T\norg:\n  schema: [./force-app]\n  fields: {Shop__c: {Size__c: {type: txt}}}\n")
    with pytest.raises(DocumentError, match=r"case\.yaml:4:38: there is no field type 'txt'"):
        check(load_scenario(case))
    put(tmp_path / "force-app", {"objects/Shop__c/fields/A__c.field-meta.xml": text_field("A__c", kind="Txt")})
    with pytest.raises(DocumentError, match=r"A__c\.field-meta\.xml:5: there is no field type 'Txt'"):
        check(load_scenario(case))


def test_the_fixture_takes_a_project(server: api.Server, tmp_path: Path) -> None:
    from harness.pytest_server import fresh_org

    with fresh_org(server, RENTAL, {"Bike__c": [{"Name": "B"}]}, None, folder=tmp_path, seed=0) as org:
        (bike,) = org.control.records("SELECT Name, In_Service__c FROM Bike__c")
        assert (bike["Name"], bike["In_Service__c"]) == ("B", True)
        assert org.control.records("SELECT DeveloperName FROM Fare__mdt")[0]["DeveloperName"] == "Standard"


def test_serve_takes_several_sources_and_the_settings_file_too(tmp_path: Path) -> None:
    inline = tmp_path / "more.yaml"
    inline.write_text("fields: {Bike__c: {Frame__c: {type: text}}}\n")
    (tmp_path / "sfmock.yaml").write_text(f"schema: [{json.dumps(str(RENTAL))}, {json.dumps(str(inline))}]\n")
    settings = resolve({}, environment={}, file=str(tmp_path / "sfmock.yaml"))
    with api.start(Settings(port=0, schema=settings.schema)) as running:
        running.control.seed("Bike__c", [{"Name": "B", "Frame__c": "steel"}])
        assert running.control.records("SELECT Frame__c FROM Bike__c")[0]["Frame__c"] == "steel"
    assert resolve({"schema": ["a", "b"]}, environment={}).schema == ("a", "b")
    with pytest.raises(DocumentError, match="there is no object 'Bike__c'"):
        api.start(schema=inline)


def test_sources_of_a_settings_file_are_seen_from_it_and_missing_ones_are_told_there(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("fields: {Contact: {Frame__c: {type: text}}}\n")
    file = tmp_path / "sfmock.yaml"
    file.write_text("schema: [more.yaml]\n")
    assert resolve({}, environment={}, file=str(file)).schema == (str(tmp_path / "more.yaml"),)
    for wrong, said in (
        (
            "schema:\n  - more.yaml\n  - mroe.yaml\n",
            "3:5: there is no file or folder 'mroe.yaml'; did you mean 'more.yaml'?",
        ),
        ("schema: " + "x" * 5000, "1:9: there is no file or folder 'xxx"),
    ):
        file.write_text(wrong)
        with pytest.raises(ConfigError) as error:
            resolve({}, environment={}, file=str(file))
        assert str(error.value).startswith(f"{file}:{said}")


def test_a_project_without_metadata_is_told_at_its_file(tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "sfdx-project.json").write_text('{"packageDirectories": [{"path": "src"}]}')
    assert main(["schema", "import", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "sfdx-project.json:1: no file of a schema stands below the folders of packageDirectories" in told


@pytest.mark.parametrize("name", ["a.zip", "a.json", "a.yaml", "a"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, capsys: Out, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert main(["schema", "import", str(tmp_path / name)]) == 2
    assert f"{name}:1: this is no regular file" in capsys.readouterr().err


def test_names_of_any_length_and_bytes_are_refused_in_a_line(tmp_path: Path, capsys: Out) -> None:
    for path in ("x" * 5000, str(tmp_path / ("y" * 300)), "missing.zip"):
        assert main(["schema", "import", path]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
