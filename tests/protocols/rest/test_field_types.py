"""Each field type over REST: what is written, what is read back, and Salesforce's error for what does not fit."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simple_salesforce import Salesforce

from tests.conftest import Rest

if TYPE_CHECKING:
    from mock_server import api

OBJECTS = {
    "Boss__c": {"fields": {"Code__c": {"type": "text", "length": 20, "externalId": True, "unique": True}}},
    "Kit__c": {
        "nameField": {"type": "autonumber", "format": "K-{YYYY}{MM}-{000}"},
        "fields": {
            "Text__c": {"type": "text", "length": 10},
            "Area__c": {"type": "textarea"},
            "Long__c": {"type": "longtextarea", "length": 300},
            "Rich__c": {"type": "html", "length": 1000},
            "Number__c": {"type": "number", "precision": 6, "scale": 2},
            "Count__c": {"type": "number", "precision": 18, "scale": 0},
            "Money__c": {"type": "currency", "precision": 16, "scale": 2},
            "Share__c": {"type": "percent", "precision": 5, "scale": 1},
            "Check__c": {"type": "checkbox"},
            "Day__c": {"type": "date"},
            "Moment__c": {"type": "datetime"},
            "Hour__c": {"type": "time"},
            "Email__c": {"type": "email"},
            "Phone__c": {"type": "phone"},
            "Url__c": {"type": "url"},
            "Open__c": {"type": "picklist", "values": ["Red", "Blue"]},
            "Strict__c": {
                "type": "picklist",
                "restricted": True,
                "values": ["Small", {"value": "Large", "label": "Very large"}, {"value": "Old", "active": False}],
            },
            "Many__c": {"type": "multiselectpicklist", "restricted": True, "values": ["a", "b", "c"]},
            "Loose__c": {"type": "multiselectpicklist", "values": ["a", "b"]},
            "Depends__c": {
                "type": "picklist",
                "restricted": True,
                "controller": "Strict__c",
                "values": [{"value": "S1", "validFor": ["Small"]}, {"value": "L1", "validFor": ["Large", "Small"]}],
            },
            "OnCheck__c": {
                "type": "picklist",
                "restricted": True,
                "controller": "Check__c",
                "values": [{"value": "yes", "validFor": ["checked"]}, {"value": "no", "validFor": ["unchecked"]}],
            },
            "Free__c": {
                "type": "picklist",
                "controller": "Strict__c",
                "values": [{"value": "F1", "validFor": ["Small"]}],
            },
            "Secret__c": {"type": "encryptedtext", "length": 20, "mask": "X", "maskType": "lastFour"},
            "Card__c": {"type": "encryptedtext", "maskType": "creditCard"},
            "Place__c": {"type": "location", "scale": 4},
            "Sum__c": {"type": "number", "formula": "Number__c * 2"},
            "Boss__c": {"type": "lookup", "referenceTo": "Boss__c"},
            "Serial__c": {"type": "autonumber", "format": "S-{0000}"},
        },
    },
    "Part__c": {
        "fields": {
            "Kit__c": {"type": "masterdetail", "referenceTo": "Kit__c"},
            "Movable__c": {"type": "masterdetail", "referenceTo": "Boss__c", "reparentable": True},
        }
    },
}


@pytest.fixture(scope="module")
def kit(server: api.Server) -> Iterator[Rest]:
    made = server.control.create_org(objects=OBJECTS)
    client = Rest(server.url, made.access_token, made)
    yield client
    client.http.close()
    server.control.delete_org(made.id)


def create(kit: Rest, sobject: str = "Kit__c", **values: Any) -> str:
    answer = kit.post(f"/sobjects/{sobject}", json=values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def read(kit: Rest, identifier: str, *fields: str, sobject: str = "Kit__c") -> Any:
    answer = kit.get(f"/sobjects/{sobject}/{identifier}", params={"fields": ",".join(fields)})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body[fields[0]] if len(fields) == 1 else [body[field] for field in fields]


KEPT: list[tuple[str, Any, Any]] = [
    ("Text__c", "  a b\t", "a b"),
    ("Text__c", "\u00a0x", "\u00a0x"),  # Java trims blanks, not what Unicode calls white space
    ("Text__c", "", None),
    ("Text__c", "a\u0000b", "ab"),
    ("Text__c", "'; DROP--", "'; DROP--"),
    ("Text__c", "é" * 10, "é" * 10),
    ("Area__c", "one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour"),
    ("Long__c", "x" * 300, "x" * 300),
    ("Rich__c", "<p>Hello <b>you</b></p>", "<p>Hello <b>you</b></p>"),
    ("Number__c", 1.005, 1.01),
    ("Number__c", -1.005, -1.01),
    ("Number__c", "12.5", 12.5),
    ("Number__c", "+1e2", 100.0),
    ("Number__c", 9999.99, 9999.99),
    ("Number__c", 0.004, 0.0),
    ("Number__c", -0.001, 0.0),
    ("Number__c", 7, 7.0),
    ("Count__c", 123456789012345678, 123456789012345680.0),
    ("Count__c", 2.5, 3.0),
    ("Money__c", "10000.555", 10000.56),
    ("Share__c", 99.95, 100.0),
    ("Check__c", True, True),
    ("Check__c", "true", True),
    ("Check__c", None, False),
    ("Day__c", "2024-02-29", "2024-02-29"),
    ("Day__c", "1700-01-01", "1700-01-01"),
    ("Day__c", "4000-12-31", "4000-12-31"),
    ("Day__c", "2024-02-29Z", "2024-02-29"),
    ("Day__c", "2024-02-29T23:30:00-02:00", "2024-03-01"),
    ("Moment__c", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00.000+0000"),
    ("Moment__c", "2024-02-29T10:00:00.999Z", "2024-02-29T10:00:00.000+0000"),
    ("Moment__c", "2024-02-29T10:00:00.123456789+01:00", "2024-02-29T09:00:00.000+0000"),
    ("Moment__c", "2024-02-29T10:00:00-0530", "2024-02-29T15:30:00.000+0000"),
    ("Moment__c", "2024-02-29T10:00", "2024-02-29T10:00:00.000+0000"),
    ("Hour__c", "09:30", "09:30:00.000Z"),
    ("Hour__c", "23:59:59.9Z", "23:59:59.900Z"),
    ("Email__c", "Ada.Lovelace@Example.COM", "ada.lovelace@example.com"),
    ("Phone__c", "+1 (415) 555-1212", "+1 (415) 555-1212"),
    ("Url__c", "example.com", "example.com"),
    ("Open__c", "blue", "Blue"),
    ("Open__c", "Green", "Green"),
    ("Strict__c", "LARGE", "Large"),
    ("Many__c", "c;A;c", "a;c"),
    ("Many__c", ";;", None),
    ("Loose__c", "z;b", "b;z"),
    ("Secret__c", "4111222233334444", "X" * 12 + "4444"),
    ("Secret__c", "123", "123"),
    ("Card__c", "4111222233334444", "****-****-****-4444"),
]


@pytest.mark.parametrize(("field", "given_value", "stored"), KEPT)
def test_a_value_is_kept_in_its_fields_form(kit: Rest, field: str, given_value: Any, stored: Any) -> None:
    identifier = create(kit, **{field: given_value})
    assert read(kit, identifier, field) == stored
    (record,) = kit.query(f"SELECT {field} FROM Kit__c WHERE Id = '{identifier}'").json()["records"]
    assert record[field] == stored
    other = create(kit)
    assert kit.patch(f"/sobjects/Kit__c/{other}", json={field: given_value}).status_code == 204
    assert read(kit, other, field) == stored


REFUSED: list[tuple[str, Any, str, str]] = [
    ("Text__c", "x" * 11, "STRING_TOO_LONG", "Text: data value too large: xxxxxxxxxxx (max length=10)"),
    ("Area__c", "x" * 256, "STRING_TOO_LONG", f"Area: data value too large: {'x' * 256} (max length=255)"),
    ("Number__c", 10000, "NUMBER_OUTSIDE_VALID_RANGE", "Number: value outside of valid range on numeric field: 10000"),
    ("Number__c", 9999.995, "NUMBER_OUTSIDE_VALID_RANGE", "Number: value outside of valid range on numeric field: 9999.995"),
    ("Count__c", "1e18", "NUMBER_OUTSIDE_VALID_RANGE", "Count: value outside of valid range on numeric field: 1e18"),
    ("Day__c", "1699-12-31", "FIELD_INTEGRITY_EXCEPTION", "Day: invalid date: Thu Dec 31 00:00:00 GMT 1699"),
    ("Day__c", "4001-01-01", "FIELD_INTEGRITY_EXCEPTION", "Day: invalid date: Mon Jan 01 00:00:00 GMT 4001"),
    ("Moment__c", "4001-01-01T10:00:00Z", "FIELD_INTEGRITY_EXCEPTION", "Moment: invalid date: Mon Jan 01 10:00:00 GMT 4001"),
    ("Email__c", "nobody", "INVALID_EMAIL_ADDRESS", "Email: invalid email address: nobody"),
    ("Email__c", "a@b", "INVALID_EMAIL_ADDRESS", "Email: invalid email address: a@b"),
    ("Strict__c", "Huge", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Strict: bad value for restricted picklist field: Huge"),
    ("Strict__c", "Old", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Strict: bad value for restricted picklist field: Old"),
    ("Many__c", "a;z", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Many: bad value for restricted picklist field: z"),
    ("Boss__c", "nonsense", "MALFORMED_ID", "Boss: id value of incorrect type: nonsense"),
    ("Boss__c", "001000000000001AAA", "MALFORMED_ID", "Boss: id value of incorrect type: 001000000000001AAA"),
    ("Place__Latitude__s", 90.5, "NUMBER_OUTSIDE_VALID_RANGE", "Place (Latitude): value outside of valid range on numeric field: 90.5"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "code", "message"), REFUSED)
def test_a_value_that_does_not_fit_is_refused(kit: Rest, field: str, value: Any, code: str, message: str) -> None:
    answer = kit.post("/sobjects/Kit__c", json={field: value})
    assert (answer.status_code, answer.json()) == (400, [{"message": message, "errorCode": code, "fields": [field]}])
    identifier = create(kit)
    assert kit.patch(f"/sobjects/Kit__c/{identifier}", json={field: value}).json()[0]["errorCode"] == code


READ_ONLY = ["Sum__c", "Serial__c", "Name", "Place__c", "CreatedDate", "IsDeleted"]


@pytest.mark.parametrize("field", READ_ONLY)
def test_what_the_org_reckons_is_not_written(kit: Rest, field: str) -> None:
    value = {"latitude": 1, "longitude": 2} if field == "Place__c" else "1"
    answer = kit.post("/sobjects/Kit__c", json={field: value})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert answer.json()[0]["fields"] == [field]


MISFITS: list[tuple[str, str, str]] = [
    ("Text__c", "12", "string from VALUE_NUMBER_INT value 12"),
    ("Text__c", "1.5", "string from VALUE_NUMBER_FLOAT value 1.5"),
    ("Text__c", "true", "string from VALUE_TRUE value true"),
    ("Text__c", "{}", "string from START_OBJECT value {"),
    ("Text__c", "[1]", "string from START_ARRAY value ["),
    ("Number__c", '"abc"', "double from VALUE_STRING value abc"),
    ("Number__c", '"NaN"', "double from VALUE_STRING value NaN"),
    ("Number__c", '"1_0"', "double from VALUE_STRING value 1_0"),
    ("Number__c", '"١"', "double from VALUE_STRING value ١"),
    ("Number__c", '""', "double from VALUE_STRING value "),
    ("Money__c", "false", "double from VALUE_FALSE value false"),
    ("Check__c", '"maybe"', "boolean from VALUE_STRING value maybe"),
    ("Check__c", "1", "boolean from VALUE_NUMBER_INT value 1"),
    ("Day__c", '"2023-02-29"', "date from VALUE_STRING value 2023-02-29"),
    ("Day__c", "20240101", "date from VALUE_NUMBER_INT value 20240101"),
    ("Moment__c", '"2024-01-01"', "datetime from VALUE_STRING value 2024-01-01"),
    ("Moment__c", '"2024-01-01T25:00:00Z"', "datetime from VALUE_STRING value 2024-01-01T25:00:00Z"),
    ("Hour__c", '"9:30"', "time from VALUE_STRING value 9:30"),
    ("Strict__c", "5", "string from VALUE_NUMBER_INT value 5"),
    ("Boss__c", "5", "string from VALUE_NUMBER_INT value 5"),
]


@pytest.mark.parametrize(("field", "value", "text"), MISFITS)
def test_a_value_of_the_wrong_json_type_refuses_the_request(kit: Rest, field: str, value: str, text: str) -> None:
    body = f'{{"{field}": {value}}}'
    answer = kit.post("/sobjects/Kit__c", data=body.encode(), headers={"Content-Type": "application/json"})
    column = len(field) + 6
    message = (
        f"Cannot deserialize instance of {text} or request may be missing a required field at [line:1, column:{column}]"
    )
    assert (answer.status_code, answer.json()) == (400, [{"message": message, "errorCode": "JSON_PARSER_ERROR"}])


BODIES = [
    (b'{"Number__c": NaN}', "JSON_PARSER_ERROR", "Non-standard token 'NaN'"),
    (b'{"Number__c": -Infinity}', "JSON_PARSER_ERROR", "Non-standard token 'Infinity'"),
    (b'{"Number__c": 1e400}', "NUMBER_OUTSIDE_VALID_RANGE", "Number: value outside of valid range"),
    (b'{"Number__c": ' + b"9" * 400 + b"}", "NUMBER_OUTSIDE_VALID_RANGE", "Number: value outside of valid range"),
    (b'{"Number__c": ' + b"9" * 5000 + b"}", "NUMBER_OUTSIDE_VALID_RANGE", "Number: value outside of valid range"),
    (b'{"Number__c": "' + b"9" * 5000 + b'"}', "NUMBER_OUTSIDE_VALID_RANGE", "Number: value outside of valid range"),
    (b'{"' + b"N" * 5000 + b'__c": 1}', "INVALID_FIELD", "No such column 'NNN"),
    (
        b'{"Text__c": ' + b'{"a":' * 150 + b"1" + b"}" * 151,
        "JSON_PARSER_ERROR",
        "Cannot deserialize instance of string",
    ),
    (b'{"Text__c": ' + b'{"a":' * 800 + b"1" + b"}" * 801, "JSON_PARSER_ERROR", "Document nesting depth"),
    (b'{"Text__c": ' + b"[" * 100_000, "JSON_PARSER_ERROR", "Document nesting depth"),
    (b'{"Boss__r": {"Code__c": {"a": [1]}}}', "JSON_PARSER_ERROR", "Cannot deserialize instance of string"),
    (b'{"Boss__r": {"Code__c": "none"}}', "INVALID_FIELD", "Foreign key external ID: none not found for field Code__c"),
    (b'{"Boss__r": 5}', "JSON_PARSER_ERROR", "Cannot deserialize instance of"),
    (b'{"Text__c" "x"}', "JSON_PARSER_ERROR", "Unexpected character"),
    (b"[]", "JSON_PARSER_ERROR", "Cannot deserialize"),
]


@pytest.mark.parametrize(("body", "code", "start"), BODIES, ids=range(len(BODIES)))
def test_bodies_at_the_edge_of_json(kit: Rest, body: bytes, code: str, start: str) -> None:
    answer = kit.post("/sobjects/Kit__c", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()
    assert error["errorCode"] == code
    assert error["message"].startswith(start)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"Strict__c": "Small", "Depends__c": "S1"}, None),
        ({"Strict__c": "Large", "Depends__c": "L1"}, None),
        ({"Strict__c": "Large", "Depends__c": "S1"}, "Depends__c"),
        ({"Depends__c": "S1"}, "Depends__c"),
        ({"Check__c": True, "OnCheck__c": "yes"}, None),
        ({"Check__c": False, "OnCheck__c": "yes"}, "OnCheck__c"),
        ({"OnCheck__c": "no"}, None),
        ({"Strict__c": "Large", "Free__c": "F1"}, None),
        ({"Free__c": "Anything"}, None),
    ],
)
def test_a_restricted_dependent_value_fits_its_controlling_value(
    kit: Rest, values: dict[str, Any], refused: str | None
) -> None:
    answer = kit.post("/sobjects/Kit__c", json=values)
    if refused is None:
        assert answer.status_code == 201, answer.text
    else:
        assert answer.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        assert answer.json()[0]["fields"] == [refused]


def test_an_update_looks_at_the_controlling_value_that_is_stored(kit: Rest) -> None:
    identifier = create(kit, Strict__c="Large")
    refused = kit.patch(f"/sobjects/Kit__c/{identifier}", json={"Depends__c": "S1"})
    assert refused.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert kit.patch(f"/sobjects/Kit__c/{identifier}", json={"Depends__c": "L1"}).status_code == 204
    assert (
        kit.patch(f"/sobjects/Kit__c/{identifier}", json={"Strict__c": "Small", "Depends__c": "S1"}).status_code == 204
    )


def test_a_place_is_written_by_its_parts_and_read_whole(kit: Rest) -> None:
    identifier = create(kit, Place__Latitude__s=48.85661, Place__Longitude__s="2.35222")
    assert read(kit, identifier, "Place__c") == {"latitude": 48.8566, "longitude": 2.3522}
    assert read(kit, identifier, "Place__Latitude__s", "Place__Longitude__s") == [48.8566, 2.3522]
    half = kit.patch(f"/sobjects/Kit__c/{identifier}", json={"Place__Latitude__s": None})
    assert half.json()[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"
    assert kit.post("/sobjects/Kit__c", json={"Place__Longitude__s": 1}).status_code == 400
    empty = kit.patch(f"/sobjects/Kit__c/{identifier}", json={"Place__Latitude__s": None, "Place__Longitude__s": None})
    assert empty.status_code == 204
    assert read(kit, identifier, "Place__c") is None
    poles = create(kit, Place__Latitude__s=-90, Place__Longitude__s=180)
    assert read(kit, poles, "Place__c") == {"latitude": -90.0, "longitude": 180.0}


def test_an_address_is_written_by_its_parts_and_read_whole(kit: Rest) -> None:
    identifier = create(kit, "Account", Name="A", BillingCity="Paris", BillingLatitude=48.8566, BillingLongitude=2.3522)
    assert read(kit, identifier, "BillingAddress", sobject="Account") == {
        "city": "Paris", "country": None, "geocodeAccuracy": None, "latitude": 48.8566, "longitude": 2.3522,
        "postalCode": None, "state": None, "street": None,
    }  # fmt: skip
    refused = kit.patch(f"/sobjects/Account/{identifier}", json={"BillingAddress": {"city": "Rome"}})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_auto_numbers_count_in_their_format(kit: Rest) -> None:
    first, second = create(kit), create(kit)
    (name, serial), (next_name, next_serial) = (read(kit, one, "Name", "Serial__c") for one in (first, second))
    assert name[:2] == "K-" and len(name.split("-")[1]) == 6 and name.split("-")[1].isdigit()
    assert int(next_name.split("-")[2]) == int(name.split("-")[2]) + 1
    assert int(next_serial.removeprefix("S-")) == int(serial.removeprefix("S-")) + 1


def test_a_parent_is_found_by_its_external_id(kit: Rest) -> None:
    boss = create(kit, "Boss__c", Code__c="B1")
    identifier = create(kit, Boss__r={"Code__c": "b1"})
    assert read(kit, identifier, "Boss__c") == boss
    assert kit.patch(f"/sobjects/Kit__c/{identifier}", json={"Boss__r": None}).status_code == 204
    assert read(kit, identifier, "Boss__c") is None


def test_a_master_is_changed_only_where_its_field_allows(kit: Rest) -> None:
    kits, bosses = [create(kit), create(kit)], [create(kit, "Boss__c"), create(kit, "Boss__c", Code__c="M2")]
    part = create(kit, "Part__c", Kit__c=kits[0], Movable__c=bosses[0])
    refused = kit.patch(f"/sobjects/Part__c/{part}", json={"Kit__c": kits[1]})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert kit.patch(f"/sobjects/Part__c/{part}", json={"Movable__c": bosses[1]}).status_code == 204
    last = kit.patch(f"/sobjects/Part__c/{part}", json={"Movable__r": {"Code__c": "M2"}})
    assert last.status_code == 204, last.text


@pytest.mark.parametrize(
    ("field", "sobject", "allowed"),
    [
        ("WhatId", "Account", True),
        ("WhoId", "Account", False),
        ("WhoId", "Contact", True),
        ("WhatId", "Contact", False),
    ],
)
def test_a_reference_to_several_objects_checks_the_object(kit: Rest, field: str, sobject: str, allowed: bool) -> None:
    target = create(kit, sobject, **({"Name": "A"} if sobject == "Account" else {"LastName": "A"}))
    answer = kit.post("/sobjects/Task", json={"Subject": "Call", field: target})
    if allowed:
        assert answer.status_code == 201, answer.text
    else:
        assert answer.json()[0]["errorCode"] == "MALFORMED_ID"
        assert answer.json()[0]["message"].endswith(f"id value of incorrect type: {target}")


def test_a_file_comes_as_base64_and_is_read_as_bytes(kit: Rest) -> None:
    account = create(kit, "Account", Name="A")
    content = bytes(range(256)) * 3
    file = create(kit, "Attachment", Name="a.bin", ParentId=account, Body=b64encode(content).decode())
    path, length = read(kit, file, "Body", "BodyLength", sobject="Attachment")
    assert (path, length) == (f"/services/data/v60.0/sobjects/Attachment/{file}/Body", 768)
    raw = kit.get(path)
    assert (raw.status_code, raw.content) == (200, content)
    (row,) = kit.query(f"SELECT Body FROM Attachment WHERE Id = '{file}'").json()["records"]
    assert row["Body"] == path
    bad = kit.post("/sobjects/Attachment", json={"Name": "x", "ParentId": account, "Body": "***"})
    assert bad.json()[0]["errorCode"] == "JSON_PARSER_ERROR"
    assert kit.get("/sobjects/Attachment/00P000000000001AAA/Body").status_code == 404
    assert kit.get("/sobjects/Attachment/nonsense/Body").status_code == 404


def test_a_file_comes_in_a_multipart_body(kit: Rest) -> None:
    account = create(kit, "Account", Name="A")
    record = json.dumps({"Name": "b.txt", "ParentId": account})
    parts = {
        "entity_document": ("", record, "application/json"),
        "Body": ("b.txt", b"raw \x00\r\n bytes", "text/plain"),
    }
    answer = kit.post("/sobjects/Attachment", files=parts)
    assert answer.status_code == 201, answer.text
    assert kit.get(f"/sobjects/Attachment/{answer.json()['id']}/Body").content == b"raw \x00\r\n bytes"
    for body, kind in ((b"--x\r\n", "multipart/form-data; boundary=x"), (b"", "multipart/form-data")):
        refused = kit("POST", "/sobjects/Attachment", data=body, headers={"Content-Type": kind})
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_MULTIPART_REQUEST")
    assert kit("POST", "/sobjects/Account", files=parts).status_code == 415


def test_simple_salesforce_finds_out_which_values_depend_on_which(kit: Rest) -> None:
    salesforce = Salesforce(instance_url=kit.url, session_id=kit.token, version="60.0")
    salesforce.base_url = f"{kit.url}/services/data/v60.0/"
    kind = salesforce.Kit__c
    kind.base_url = f"{kit.url}/services/data/v60.0/sobjects/Kit__c/"
    fields = {field["name"]: field for field in kind.describe()["fields"]}
    assert fields["Depends__c"]["controllerName"] == "Strict__c"
    assert [value["validFor"] for value in fields["Depends__c"]["picklistValues"]] == ["gAAA", "wAAA"]
    assert [value["validFor"] for value in fields["OnCheck__c"]["picklistValues"]] == ["QAAA", "gAAA"]
    assert (fields["Secret__c"]["mask"], fields["Secret__c"]["maskType"]) == ("X", "lastFour")
    assert fields["Sum__c"]["calculatedFormula"] == "Number__c * 2"
    assert fields["Place__Latitude__s"]["compoundFieldName"] == "Place__c"
    assert kind.metadata()["objectDescribe"]["custom"] is True
    layout = kind.describe_layout("012000000000000AAA")
    shown = {
        component["value"]
        for section in layout["detailLayoutSections"]
        for row in section["layoutRows"]
        for item in row["layoutItems"]
        for component in item["layoutComponents"]
    }
    assert {"Name", "Text__c", "Place__c", "Boss__c", "CreatedById"} <= shown
    assert not {"Place__Latitude__s", "Id", "IsDeleted", "SystemModstamp"} & shown


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=30)
    | st.dates().map(str) | st.datetimes().map(lambda at: at.isoformat() + "Z") | st.times().map(str)
    | st.sampled_from(["a;b", "Small", "yes", "1e5", "001000000000001AAA", "x@y.zz", "2024-02-29T10:00:00+01:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
WRITABLE = [
    *(name for name, kind in OBJECTS["Kit__c"]["fields"].items() if name not in (*READ_ONLY, "Place__c")),  # type: ignore[attr-defined]
    "Place__Latitude__s",
]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(field=st.sampled_from(WRITABLE), value=JSON_VALUES)
def test_any_value_is_stored_in_a_form_that_reads_back_the_same_or_is_refused(
    kit: Rest, field: str, value: Any
) -> None:
    along = {"Place__Longitude__s": 1} if field == "Place__Latitude__s" and value is not None else {}
    body = json.dumps({field: value, **along}).encode()
    answer = kit.post("/sobjects/Kit__c", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (201, 400), answer.text
    if answer.status_code == 400:
        assert all(error["errorCode"] and error["message"] for error in answer.json())
        return
    stored = read(kit, answer.json()["id"], field)
    if field in ("Secret__c", "Card__c"):
        return
    again = create(kit, **{field: stored, **along})
    assert read(kit, again, field) == stored
