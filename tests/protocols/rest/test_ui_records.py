"""Records of the User Interface API: read by fields and by layout, saved, with its own errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest

# Alphabetical, as the guide's example has them.
RECORD = [
    "apiName", "childRelationships", "eTag", "fields", "id", "lastModifiedById", "lastModifiedDate", "recordTypeId",
    "recordTypeInfo", "systemModstamp", "weakEtag",
]  # fmt: skip
EXCEPTION = ["constituentField", "duplicateRecordError", "errorCode", "field", "fieldLabel", "message"]
NOWHERE = "001000000000001AAA"


@pytest.fixture
def account(rest: Rest) -> str:
    body = {"Name": "Acme", "AnnualRevenue": 1250, "Industry": "Banking"}
    return str(rest.post("/sobjects/Account", json=body).json()["id"])


@pytest.fixture
def contact(rest: Rest, account: str) -> str:
    body = {"LastName": "Doe", "AccountId": account, "Birthdate": "2001-02-03"}
    return str(rest.post("/sobjects/Contact", json=body).json()["id"])


def test_a_record_has_values_and_what_a_person_sees(rest: Rest, account: str) -> None:
    fields = "Account.Name,Account.AnnualRevenue,Account.Industry,account.createddate,Account.Phone"
    body = rest.get(f"/ui-api/records/{account}", params={"fields": fields}).json()
    assert list(body) == RECORD
    assert body["fields"]["Name"] == {"displayValue": None, "value": "Acme"}
    assert body["fields"]["AnnualRevenue"] == {"displayValue": "$1,250.00", "value": 1250.0}
    assert body["fields"]["Industry"] == {"displayValue": "Banking", "value": "Banking"}
    assert body["fields"]["Phone"] == {"displayValue": None, "value": None}
    made = body["fields"]["CreatedDate"]["value"]
    assert made.endswith("Z")
    assert list(body["fields"]) == sorted(body["fields"])
    assert (body["id"], body["apiName"], body["childRelationships"]) == (account, "Account", {})
    assert body["weakEtag"] > 1_000_000_000_000
    assert len(body["eTag"]) == 32


def test_spanning_fields_are_records_in_records(rest: Rest, account: str, contact: str) -> None:
    fields = "Contact.Account.Name,Contact.Account.Owner.Name,Contact.ReportsTo.Name"
    found = rest.get(f"/ui-api/records/{contact}", params={"fields": fields}).json()["fields"]
    above = found["Account"]
    assert above["displayValue"] == "Acme"
    assert list(above["value"]) == RECORD
    assert (above["value"]["apiName"], above["value"]["id"]) == ("Account", account)
    assert set(above["value"]["fields"]) == {"Id", "Name", "Owner"}
    assert above["value"]["fields"]["Owner"]["value"]["apiName"] == "User"
    assert found["ReportsTo"] == {"displayValue": None, "value": None}


def test_optional_fields_may_be_missing_and_required_ones_not(rest: Rest, contact: str) -> None:
    asked = {"fields": "Contact.Name", "optionalFields": "Contact.Nope__c,Contact.Email"}
    assert set(rest.get(f"/ui-api/records/{contact}", params=asked).json()["fields"]) == {"Email", "Name"}
    reply = rest.get(f"/ui-api/records/{contact}", params={"fields": "Contact.Nope__c"})
    assert reply.status_code == 400
    (error,) = reply.json()
    assert list(error) == ["errorCode", "message"]
    assert error["errorCode"] == "INVALID_FIELD"
    assert error["message"].startswith("INVALID_FIELD: \nSELECT LastModifiedDate, Nope__c, Id, LastModifiedById FROM")
    assert "ERROR at Row:1:Column:26\nNo such column 'Nope__c' on entity 'Contact'." in error["message"]


@pytest.mark.parametrize(
    ("asked", "code", "part"),
    [
        ({"fields": "Name"}, "ILLEGAL_QUERY_PARAMETER_VALUE", "Expected '.' in all qualified names: Name is invalid"),
        ({"fields": "Account.Na me"}, "ILLEGAL_QUERY_PARAMETER_VALUE", "not a valid field name"),
        ({"fields": "Account.Name FROM User"}, "ILLEGAL_QUERY_PARAMETER_VALUE", "not a valid field name"),
        ({}, "ILLEGAL_QUERY_PARAMETER_VALUE", "fields, optionalFields and layoutTypes"),
        ({"layoutTypes": "Huge"}, "ILLEGAL_QUERY_PARAMETER_VALUE", "enum value of type: LayoutType"),
        ({"layoutTypes": "Full", "modes": "Look"}, "ILLEGAL_QUERY_PARAMETER_VALUE", "enum value of type: Mode"),
        (
            {"fields": "Account.Name", "childRelationships": "Account.Nopes"},
            "INVALID_TYPE",
            "The related lists UI API does not currently support this entity",
        ),
        (
            {"fields": "Account.Name", "childRelationships": "Account.Contacts", "pageSize": "0"},
            "NUMBER_OUTSIDE_VALID_RANGE",
            "pageSize parameter must be between 1 and 2000",
        ),
        (
            {"fields": "Account.Name", "childRelationships": "Account.Contacts", "pageToken": "x"},
            "ILLEGAL_QUERY_PARAMETER_VALUE",
            'For input string: "x"',
        ),
        ({"fields": "Account." + "Parent." * 6 + "Name"}, "INVALID_FIELD", "INVALID_FIELD: "),
    ],
)
def test_what_is_asked_for_wrongly_is_refused(
    rest: Rest, account: str, asked: dict[str, str], code: str, part: str
) -> None:
    reply = rest.get(f"/ui-api/records/{account}", params=asked)
    assert reply.status_code == 400, reply.text
    (error,) = reply.json()
    assert error["errorCode"] == code
    assert part in error["message"]


@pytest.mark.parametrize("identifier", [NOWHERE, "nothing", "zzz000000000001AAA", "a" * 300, "%00"])
def test_a_record_that_is_not_there_is_not_found(rest: Rest, identifier: str) -> None:
    reply = rest.get(f"/ui-api/records/{identifier}", params={"fields": "Account.Name"})
    assert reply.status_code == 404
    assert reply.json() == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


def test_a_layout_chooses_fields_and_what_they_refer_to(rest: Rest, account: str, contact: str) -> None:
    full = rest.get(f"/ui-api/records/{contact}", params={"layoutTypes": "Full"}).json()["fields"]
    assert {"FirstName", "LastName", "MailingCity", "Account", "AccountId", "Owner", "CreatedDate"} <= set(full)
    assert full["Account"]["value"]["id"] == account
    create = rest.get(f"/ui-api/records/{contact}", params={"layoutTypes": "Full", "modes": "Create"}).json()["fields"]
    assert "CreatedDate" not in create
    compact = rest.get(f"/ui-api/records/{contact}", params={"layoutTypes": "Compact"}).json()["fields"]
    assert set(compact) < set(full) | {"Name"}


def test_a_batch_answers_for_each_record(rest: Rest, account: str, contact: str) -> None:
    url = f"/ui-api/records/batch/{contact},{NOWHERE},{account}"
    body = rest.get(url, params={"fields": "Contact.Name,Account.Name"}).json()
    assert body["hasErrors"] is True
    assert [one["statusCode"] for one in body["results"]] == [200, 404, 200]
    assert body["results"][0]["result"]["fields"]["Name"]["value"] == "Doe"
    assert body["results"][1]["result"] == [
        {"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}
    ]
    assert rest.get(f"/ui-api/records/batch/{account}", params={"fields": "Account.Name"}).json()["hasErrors"] is False
    many = ",".join([account] * 201)
    assert rest.get(f"/ui-api/records/batch/{many}", params={"fields": "Account.Name"}).status_code == 400


def test_child_records_come_in_pages(rest: Rest, account: str) -> None:
    for name in "abc":
        rest.post("/sobjects/Contact", json={"LastName": name, "AccountId": account})
    asked = {"fields": "Account.Name", "childRelationships": "Account.Contacts", "pageSize": "2"}
    (page,) = rest.get(f"/ui-api/records/{account}", params=asked).json()["childRelationships"].values()
    assert page["count"] == 2
    assert (page["currentPageToken"], page["nextPageToken"], page["previousPageToken"]) == ("0", "2", None)
    rest_of = rest.get(page["nextPageUrl"]).json()
    assert (rest_of["count"], rest_of["nextPageUrl"], rest_of["previousPageToken"]) == (1, None, "0")


def test_related_lists_are_sorted_paged_and_counted(rest: Rest, account: str) -> None:
    for name in "abc":
        rest.post("/sobjects/Contact", json={"LastName": name, "AccountId": account})
    url = f"/ui-api/related-list-records/{account}/Contacts"
    body = rest.get(url, params={"fields": "Contact.LastName", "sortBy": "-Contact.LastName", "pageSize": 2}).json()
    assert [one["fields"]["LastName"]["value"] for one in body["records"]] == ["c", "b"]
    assert body["listReference"]["relatedListId"] == "Contacts"
    assert body["nextPageToken"] == "2"
    asked = {"fields": ["Contact.LastName"], "sortBy": ["Contact.LastName"], "pageToken": "2", "pageSize": 2}
    posted = rest("POST", f"/services/data/v60.0{url}", json=asked).json()
    assert [one["fields"]["LastName"]["value"] for one in posted["records"]] == ["c"]
    counted = rest.get(f"/ui-api/related-list-count/{account}/Contacts", params={"maxCount": 2}).json()
    assert (counted["count"], counted["hasMore"]) == (2, True)
    lists = rest.get("/ui-api/related-list-info/Account").json()["relatedLists"]
    assert "Contacts" in {one["relatedListId"] for one in lists}
    assert rest.get(url, params={"sortBy": "Contact.Nope"}).json()[0]["errorCode"] == "ILLEGAL_QUERY_PARAMETER_VALUE"


def test_records_are_made_changed_and_deleted(rest: Rest) -> None:
    reply = rest.post("/ui-api/records", json={"apiName": "account", "fields": {"Name": "New", "Site": "Here"}})
    assert reply.status_code == 201
    made = reply.json()
    assert list(made) == RECORD
    assert made["fields"]["Site"]["value"] == "Here"
    changed = rest.patch(f"/ui-api/records/{made['id']}", json={"fields": {"Site": "There"}})
    assert (changed.status_code, changed.json()["fields"]["Site"]["value"]) == (200, "There")
    assert rest.get(f"/sobjects/Account/{made['id']}").json()["Site"] == "There"
    gone = rest.delete(f"/ui-api/records/{made['id']}")
    assert (gone.status_code, gone.text) == (204, "")
    again = rest.delete(f"/ui-api/records/{made['id']}")
    assert (again.status_code, again.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    assert rest.delete(f"/ui-api/records/{NOWHERE}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "under", "constituent", "code"),
    [
        ({"Name": None}, "Name", None, "REQUIRED_FIELD_MISSING"),
        ({"BillingCity": "x" * 41}, "BillingAddress", "BillingCity", "STRING_TOO_LONG"),
        ({"Website": "x" * 256}, "Website", None, "STRING_TOO_LONG"),
    ],
)
def test_a_refused_save_tells_its_errors_by_field(
    rest: Rest, account: str, fields: dict[str, Any], under: str, constituent: str | None, code: str
) -> None:
    reply = rest.patch(f"/ui-api/records/{account}", json={"fields": fields})
    assert reply.status_code == 400
    body = reply.json()
    assert list(body) == ["enhancedErrorType", "message", "output"]
    assert body["enhancedErrorType"] == "RecordError"
    assert body["message"] == "An error occurred while trying to update the record. Please try again."
    assert body["output"]["errors"] == []
    (error,) = body["output"]["fieldErrors"][under]
    assert list(error) == EXCEPTION
    assert (error["errorCode"], error["field"], error["constituentField"]) == (code, under, constituent)


def test_errors_of_no_field_are_general(rest: Rest) -> None:
    reply = rest.post("/ui-api/records", json={"apiName": "Contact", "fields": {"LastName": "x", "Nope__c": 1}})
    assert reply.status_code == 400
    assert reply.json()["output"]["errors"][0]["errorCode"] == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"fields": {"Name": "x"}}, "POST_BODY_PARSE_ERROR"),
        ({"apiName": "Account"}, "POST_BODY_PARSE_ERROR"),
        ({"apiName": "Account", "fields": []}, "POST_BODY_PARSE_ERROR"),
        ({"apiName": "Account", "fields": {"Name": {"a": 1}}}, "POST_BODY_PARSE_ERROR"),
        ({"apiName": ["Account"], "fields": {}}, "POST_BODY_PARSE_ERROR"),
        ({"apiName": "Nope__c", "fields": {}}, "INSUFFICIENT_ACCESS"),
        ({"apiName": "CronTrigger", "fields": {}}, "INVALID_TYPE"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_a_body_that_is_no_record_is_refused(rest: Rest, body: Any, code: str) -> None:
    reply = rest.post("/ui-api/records", json=body)
    assert 400 <= reply.status_code < 500
    assert [one["errorCode"] for one in reply.json()] == [code]


def test_a_record_that_others_changed_meanwhile_is_not_overwritten(rest: Rest, account: str) -> None:
    old = {"If-Unmodified-Since": "2001-01-01T00:00:00.000Z"}
    reply = rest.patch(f"/ui-api/records/{account}", json={"fields": {"Name": "Mine"}}, headers=old)
    assert reply.status_code == 400
    (error,) = reply.json()["output"]["errors"]
    assert error["errorCode"] == "CollisionDetectedException"
    assert "was modified by Integration User during your edit session" in error["message"]
    known = rest.get(f"/ui-api/records/{account}", params={"fields": "Account.Name"}).json()["lastModifiedDate"]
    fresh = {"If-Unmodified-Since": known}
    assert rest.patch(f"/ui-api/records/{account}", json={"fields": {"Name": "M"}}, headers=fresh).status_code == 200


def test_record_ui_has_records_layouts_and_objects_at_once(rest: Rest, account: str, contact: str) -> None:
    body = rest.get(f"/ui-api/record-ui/{contact},{account}").json()
    assert list(body) == ["eTag", "layoutUserStates", "layouts", "objectInfos", "records"]
    assert set(body["records"]) == {contact, account}
    layout = body["layouts"]["Contact"]["012000000000000AAA"]["Full"]["View"]
    assert set(body["layoutUserStates"][layout["id"]]["sectionUserStates"]) == {one["id"] for one in layout["sections"]}
    assert {"Account", "Contact", "User"} <= set(body["objectInfos"])


def test_the_api_came_with_its_version(rest: Rest, account: str) -> None:
    reply = rest.get(f"/services/data/v40.0/ui-api/records/{account}?fields=Account.Name")
    assert reply.status_code == 404
