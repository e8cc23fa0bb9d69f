"""Duplicate rules as clients meet them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest

from mock_server import api
from mock_server.org.schema import Schema, SchemaError
from tests.conftest import Rest

EMAIL = {"match": [{"field": "Email"}]}
HEADER = "Sforce-Duplicate-Rule-Header"
Org = Callable[..., Rest]


@pytest.fixture
def with_rules(server: api.Server) -> Iterator[Org]:
    made: list[Rest] = []

    def make(**rules: Any) -> Rest:
        org = server.control.create_org(objects={"Contact": {"duplicateRules": rules}})
        made.append(Rest(server.url, org.access_token, org))
        return made[-1]

    yield make
    for one in made:
        one.http.close()
        server.control.delete_org(one.org.id)


def contact(**values: Any) -> dict[str, Any]:
    return {"LastName": "Lovelace", "Email": "ada@x.org", **values}


def create(rest: Rest, header: str | None = None, **values: Any) -> Any:
    return rest.post("/sobjects/Contact", json=contact(**values), headers={HEADER: header})


def test_a_blocked_duplicate_is_told_with_what_it_duplicates(with_rules: Org) -> None:
    rest = with_rules(Same_Mail=EMAIL)
    first = create(rest).json()["id"]
    refused = create(rest, Email="ADA@x.org")
    assert refused.status_code == 400
    url = f"/services/data/v60.0/sobjects/Contact/{first}"
    assert refused.json() == [
        {
            "duplicateResut": {
                "allowSave": False,
                "duplicateRule": "Same_Mail",
                "duplicateRuleEntityType": "Contact",
                "errorMessage": "Use one of these records?",
                "matchResults": [
                    {
                        "entityType": "Contact",
                        "errors": [],
                        "matchEngine": "ExactMatchEngine",
                        "matchRecords": [
                            {
                                "additionalInformation": [],
                                "fieldDiffs": [],
                                "matchConfidence": 100.0,
                                "record": {"attributes": {"type": "Contact", "url": url}, "Id": first},
                            }
                        ],
                        "rule": "Same_Mail_Match",
                        "size": 1,
                        "success": True,
                    }
                ],
            },
            "errorCode": "DUPLICATES_DETECTED",
            "message": "Use one of these records?",
        }
    ]
    assert list(refused.json()[0]) == ["duplicateResut", "errorCode", "message"]


@pytest.mark.parametrize(
    ("rule", "header", "status"),
    [
        ({"action": "block"}, None, 400),
        ({"action": "block"}, "allowSave=true", 400),
        ({"action": "allow"}, None, 400),
        ({"action": "allow"}, "allowSave=false", 400),
        ({"action": "allow"}, "allowSave=true", 201),
        ({"action": "allow"}, "ALLOWSAVE = True, includeRecordDetails=false,runAsCurrentUser=false", 201),
        ({"action": "allow"}, "includeRecordDetails=true; allowSave=true; runAsCurrentUser=true", 201),
        ({"action": "allow"}, "rubbish", 400),
        ({"action": "allow", "alert": False}, None, 201),
        ({"onCreate": "allow", "alert": False, "onUpdate": "block"}, None, 201),
        ({"active": False}, None, 201),
    ],
)
def test_who_may_save_a_duplicate(with_rules: Org, rule: dict[str, Any], header: str | None, status: int) -> None:
    rest = with_rules(Same_Mail={**EMAIL, **rule})
    assert create(rest, header).status_code == 201
    again = create(rest, header)
    assert again.status_code == status
    if status == 400:
        assert again.json()[0]["duplicateResut"]["allowSave"] is (rule.get("action") == "allow")


def test_details_of_the_record_are_shown_to_who_wants_them(with_rules: Org) -> None:
    rest = with_rules(Same_Mail={**EMAIL, "message": "Look before you save"})
    create(rest, FirstName="Ada")
    (refused,) = create(rest, "includeRecordDetails=true").json()
    assert refused["message"] == "Look before you save"
    (match,) = refused["duplicateResut"]["matchResults"][0]["matchRecords"]
    assert match["record"]["Name"] == "Ada Lovelace"


@pytest.mark.parametrize(
    ("match", "stored", "new", "same"),
    [
        ([{"field": "Email"}], {"Email": None}, {"Email": None}, False),
        ([{"field": "Email"}, {"field": "Phone"}], {"Phone": "1"}, {"Phone": "1"}, True),
        ([{"field": "Email"}, {"field": "Phone"}], {"Phone": "1"}, {"Phone": "2"}, False),
        ([{"field": "Email"}, {"field": "Phone"}], {}, {}, False),
        ([{"field": "Email"}, {"field": "Phone", "blank": "matchBlank"}], {}, {}, True),
        ([{"field": "Email"}, {"field": "Phone", "blank": "matchBlank"}], {"Phone": "1"}, {}, False),
        ([{"field": "Name"}], {"FirstName": "Ada"}, {"FirstName": "ADA"}, True),
        ([{"field": "Name"}], {"FirstName": "Ada"}, {"FirstName": "Eve"}, False),
        ([{"field": "LastName", "method": "fuzzy"}], {"LastName": "Núñez"}, {"LastName": "nunez"}, True),
        ([{"field": "Phone", "method": "phone"}], {"Phone": "+1 415 555 0100"}, {"Phone": "(415) 555-0100"}, True),
        ([{"field": "LastName"}], {"LastName": "x' OR 1=1 --"}, {"LastName": "X' or 1=1 --"}, True),
    ],
)
def test_what_counts_as_a_duplicate(
    with_rules: Org, match: list[Any], stored: dict[str, Any], new: dict[str, Any], same: bool
) -> None:
    rest = with_rules(Rule={"match": match})
    assert create(rest, **stored).status_code == 201
    assert create(rest, **new).status_code == (400 if same else 201)


def test_any_alternative_is_enough(with_rules: Org) -> None:
    rest = with_rules(Rule={"match": [{"field": "Email"}], "or": [[{"field": "Phone"}, {"field": "LastName"}]]})
    create(rest, Phone="1")
    assert create(rest, Email="eve@x.org", Phone="1").status_code == 400
    assert create(rest, Email="eve@x.org", Phone="1", LastName="Else").status_code == 201


def test_rows_of_one_call_are_compared_too_and_what_is_refused_is_not_there(with_rules: Org) -> None:
    rest = with_rules(Same_Mail=EMAIL)
    mails = ["a@x.org", "a@x.org", "b@x.org", "A@x.org"]
    records = [{"attributes": {"type": "Contact"}, **contact(Email=mail)} for mail in mails]
    results = rest.post("/composite/sobjects", json={"records": records}).json()
    assert [result["success"] for result in results] == [True, False, True, False]
    (error,) = results[3]["errors"]
    assert (error["statusCode"], error["message"], error["fields"]) == (
        "DUPLICATES_DETECTED", "Use one of these records?", [],
    )  # fmt: skip
    (match,) = error["duplicateResult"]["matchResults"]
    assert [one["record"]["Id"] for one in match["matchRecords"]] == [results[0]["id"]]
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 2


def test_updates_are_compared_when_they_touch_what_the_rule_looks_at(with_rules: Org) -> None:
    rest = with_rules(Same_Mail={**EMAIL, "onCreate": "allow", "alert": False})
    first, second = create(rest).json()["id"], create(rest, Email="eve@x.org").json()["id"]
    twin = create(rest).json()["id"]
    assert rest.patch(f"/sobjects/Contact/{second}", json={"Email": "ada@x.org"}).status_code == 400
    assert rest.patch(f"/sobjects/Contact/{twin}", json={"Title": "Twin"}).status_code == 204
    rest.delete(f"/sobjects/Contact/{twin}")
    assert rest.patch(f"/sobjects/Contact/{first}", json={"Email": "ADA@x.org"}).status_code == 204
    rest.delete(f"/sobjects/Contact/{first}")
    assert rest.patch(f"/sobjects/Contact/{second}", json={"Email": "ada@x.org"}).status_code == 204


def test_simple_salesforce_reads_the_answer(server: api.Server, with_rules: Org) -> None:
    rest = with_rules(Same_Mail={**EMAIL, "action": "allow"})
    rest.http.verify, rest.http.trust_env = str(server.ca_bundle), False
    client = Salesforce(instance_url=server.https_url, session_id=rest.token, session=rest.http, version="60.0")
    first = client.Contact.create(contact())["id"]
    with pytest.raises(SalesforceMalformedRequest) as caught:
        client.Contact.create(contact())
    (error,) = caught.value.content
    assert error["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    assert client.Contact.create(contact(), headers={HEADER: "allowSave=true"})["success"]


@pytest.mark.parametrize(
    ("rule", "path", "message"),
    [
        ({}, ("match",), "a list of fields to compare is needed here"),
        ({"match": [{"field": "Nope__c"}]}, ("match", 0, "field"), "there is no field"),
        ({"match": [{"field": "Email", "method": "magic"}]}, ("match", 0, "method"), "there is no way to compare"),
        ({"match": [{"field": "Email", "blank": "what"}]}, ("match", 0, "blank"), "there is no word for blanks"),
        ({**EMAIL, "action": "explode"}, ("action",), "there is no action"),
        ({**EMAIL, "alret": True}, ("alret",), "there is no setting"),
        ({**EMAIL, "or": [{"field": "Phone"}]}, ("or", 0), "a list of fields to compare is needed here"),
    ],
)
def test_a_wrong_rule_is_told_where_it_stands(rule: dict[str, Any], path: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        Schema().add({"Contact": {"duplicateRules": {"Rule": rule}}}, {})
    assert caught.value.path == ("objects", "Contact", "duplicateRules", "Rule", *path)
    assert caught.value.message.startswith(message)
