"""What a scenario defines in its org, wherever it is written: which keys are unique, and schema files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.definitions import definitions, uniqueness
from harness.scenario import Scenario, load
from harness.trial import check
from mock_server.documents import DocumentError

KEY = "{External_Id__c: {type: text, length: 64, externalId: true%s}}"
UNIQUE = ", unique: true"


def scenario(folder: Path, org: str, file: str | None = None) -> Scenario:
    (folder / "case.yaml").write_text(f"title: T\norg: {{{org}}}\n")
    if file is not None:
        (folder / "schema.yaml").write_text(file)
    return load(folder / "case.yaml")


@pytest.mark.parametrize("unique", [True, False], ids=["unique", "loose"])
@pytest.mark.parametrize(
    ("org", "file"),
    [
        ("fields: {Shop__c: %s}", None),
        ("objects: {Shop__c: {fields: %s}}", None),
        ("schema: [schema.yaml]", "fields: {Shop__c: %s}"),
        ("schema: [schema.yaml]", "objects: {Shop__c: {label: Shop, fields: %s}}"),
        ("schema: [schema.yaml], fields: {Shop__c: {Size__c: {type: number}}}", "fields: {Shop__c: %s}"),
    ],
    ids=["fields", "objects", "fields in a file", "objects in a file", "a file and more"],
)
def test_a_key_is_unique_wherever_it_is_defined(tmp_path: Path, org: str, file: str | None, unique: bool) -> None:
    key = KEY % (UNIQUE if unique else "")
    case = scenario(tmp_path, org.replace("%s", key), file and file.replace("%s", key))
    assert uniqueness(definitions(case))["shop__c", "external_id__c"] is unique


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("objects: [a]", "schema.yaml:1:10: objects is a mapping of object names"),
        ("fields: 3", "schema.yaml:1:9: fields is a mapping of object names"),
        ("fields:\n  Contact: [a]", "schema.yaml:2:12: Contact must be a mapping"),
        ("objects: {Shop__c: }", "schema.yaml:1:20: Shop__c must be a mapping"),
        ("tables: {}", "a schema file is a mapping of `objects` and `fields` "),
    ],
)
def test_a_schema_file_that_is_wrong_is_refused_at_its_line(tmp_path: Path, file: str, message: str) -> None:
    with pytest.raises(DocumentError) as refused:
        check(scenario(tmp_path, "schema: [schema.yaml]", file))
    assert message in str(refused.value)
