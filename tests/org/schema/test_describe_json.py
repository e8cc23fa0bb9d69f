"""Saved describes as a source of a schema, and the way back: what an org says of itself makes the same objects."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from mock_server import schema_sources
from mock_server.documents import DocumentError
from mock_server.org.schema import Schema
from mock_server.org.schema.describe import describe
from tests.org.schema.files import RENTAL, load


def field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name, "type": kind, "custom": name.endswith("__c"), "length": 40, **more}


SHOP = {
    "name": "Shop__c", "label": "Shop", "labelPlural": "Shops", "keyPrefix": "a7Z", "custom": True, "queryable": True,
    "createable": True, "updateable": True,
    "fields": [
        field("Id", "id", length=18, nillable=False, createable=False, updateable=False),
        field("Name", nameField=True),
        field("Owner__c", "reference", referenceTo=["Contact"], relationshipName="Owner__r"),
        field("Gone__c", "reference", referenceTo=["npsp__Gone__c"], relationshipName="Gone__r"),
        field("Kind__c", "picklist", picklistValues=[{"value": "A", "label": "Aa", "active": True, "defaultValue": True},
                                                      {"value": "B", "label": "B", "active": False}]),
        field("Sort__c", "picklist", controllerName="Kind__c", dependentPicklist=True, picklistValues=[
            {"value": "X", "validFor": base64.b64encode(b"\x40").decode()},
            {"value": "Y", "validFor": base64.b64encode(b"\xc0").decode()}]),
        field("Sum__c", "currency", calculated=True, calculatedFormula="1 + 1", precision=18, scale=2, length=0),
    ],
}  # fmt: skip
CONTACT = {
    "name": "Contact",
    "fields": [field("LastName"), field("Key__c", unique=True, externalId=True, idLookup=True)],
    "childRelationships": [{"childSObject": "Shop__c", "field": "Owner__c", "relationshipName": "Shops__r"}],
}


def save(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


def made(*sources: Path) -> Schema:
    return schema_sources.check(schema_sources.read(sources))


@pytest.mark.parametrize("form", ["sf", "bare", "list", "folder", "results"])
def test_describes_in_every_form_they_are_saved_in(tmp_path: Path, form: str) -> None:
    if form == "folder":
        (tmp_path / "d").mkdir()
        save(tmp_path / "d/Shop.json", {"status": 0, "result": SHOP, "warnings": []})
        save(tmp_path / "d/Contact.json", CONTACT)
        save(tmp_path / "d/package.json", {"name": "x"})
        schema = made(tmp_path / "d")
    elif form == "bare":
        schema = made(save(tmp_path / "a.json", CONTACT), save(tmp_path / "b.json", SHOP))
    elif form == "list":
        schema = made(save(tmp_path / "a.json", [SHOP, CONTACT]))
    elif form == "results":
        schema = made(save(tmp_path / "a.json", {"result": [SHOP, CONTACT]}))
    else:
        schema = made(save(tmp_path / "a.json", {"result": CONTACT}), save(tmp_path / "b.json", {"result": SHOP}))
    shop, contact = schema.get("Shop__c"), schema.get("Contact")
    assert shop is not None and contact is not None
    assert shop.key_prefix == "a7Z" and schema.by_prefix("a7Z") is shop
    assert {"queryable", "createable"} <= shop.flags and "deletable" not in shop.flags
    assert [one.name for one in shop.fields] == ["Id", "Name", "Owner__c", "Kind__c", "Sort__c", "Sum__c"]
    assert (shop.by_name["Sum__c"].formula, shop.by_name["Sum__c"].scale) == ("1 + 1", 2)
    assert [(v.value, v.label, v.active, v.default) for v in shop.by_name["Kind__c"].picklist] == [
        ("A", "Aa", True, True),
        ("B", "B", False, False),
    ]
    assert [value.valid_for for value in shop.by_name["Sort__c"].picklist] == [("B",), ("A", "B")]
    key = contact.by_name["Key__c"]
    assert (key.unique, key.external_id, key.length, key.custom) == (True, True, 40, True)
    assert "AccountId" in contact.by_name, "the rest of a bundled object stays"
    if form != "sf":
        assert contact.child("Shops__r") is not None


def test_a_project_described_and_read_again_is_the_same_org(tmp_path: Path) -> None:
    schema, _ = load(RENTAL)
    names = [one.name for one in schema.own().values()]
    told = {name: describe(found, "v60.0") for name in names if (found := schema.get(name)) is not None}
    again = made(save(tmp_path / "all.json", list(told.values())))
    for name in (
        "Rental__c",
        "Bike__c",
        "Rental_Line__c",
        "Bike_Moved__e",
        "Fare__mdt",
        "Shop_Config__c",
        "Bike__Share",
    ):
        found = again.get(name)
        assert found is not None
        body = json.loads(json.dumps(describe(found, "v60.0")))
        expected = json.loads(json.dumps(told[name]))
        for one in (body, expected):
            one.pop("urls")
            one.pop("childRelationships")
        fields = {one["name"]: one for one in body.pop("fields")}
        for one in expected.pop("fields"):
            # A describe does not say what a lookup's filter is.
            one.pop("filteredLookupInfo")
            differing = {
                key: (value, fields[one["name"]][key])
                for key, value in one.items()
                if fields[one["name"]][key] != value
            }
            assert not differing, (name, one["name"], differing)
        assert body == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.json:1: not valid JSON"),
        (b'{"name":\n\n "Shop__c"', "x.json:3: not valid JSON"),
        (b"[1, 2]", "x.json:1: this JSON is no describe"),
        (b'{"fields": {}, "objects": {"Shop__c": {"lable": 1}}}', "x.json:1: there is no setting 'lable'"),
        (json.dumps({**SHOP, "fields": [{"name": "A__c", "type": "nope"}]}).encode(), "x.json:1: there is no field type 'nope'"),
        (json.dumps({**SHOP, "fields": [field("A__c", length="long")]}).encode(), "x.json:1: str is not what a describe holds"),
        (json.dumps({**SHOP, "fields": [{"type": "string"}]}).encode(), "x.json:1: a field of 'Shop__c' has no name"),
        (json.dumps({**SHOP, "keyPrefix": "ab"}).encode(), "x.json:1: a key prefix has three letters or digits"),
        (json.dumps({"name": 5, "fields": []}).encode(), "x.json:1: a describe needs the name of its object"),
        (b"[" * 100_000, "x.json:1: not valid JSON"),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_describe_that_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DocumentError) as refused:
        made(tmp_path / "x.json")
    assert message in str(refused.value)
