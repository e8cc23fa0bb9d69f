"""Validation rules, formula fields and default formulas, as a client of the REST API meets them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest

from mock_server import api

OBJECTS: dict[str, Any] = {
    "Rental__c": {
        "fields": {
            "Days__c": {"type": "number", "precision": 4},
            "Start__c": {"type": "date"},
            "Price__c": {"type": "currency", "precision": 16, "scale": 2},
            "Discount__c": {"type": "percent", "precision": 5, "scale": 2},
            "Status__c": {"type": "picklist", "values": ["Open", "Done"]},
            "Customer__c": {"type": "lookup", "referenceTo": "Account"},
            "Reference__c": {"type": "text", "length": 20, "externalId": True, "unique": True},
            "End__c": {"type": "date", "formula": "Start__c + Days__c"},
            "Net__c": {"type": "currency", "scale": 2, "formula": "Price__c * (1 - Discount__c)", "blankAsZero": True},
            "Who__c": {"type": "text", "formula": "Customer__r.Name & ' (' & TEXT(Status__c) & ')'"},
            "Booked__c": {"type": "text", "length": 80, "defaultFormula": "$User.Username"},
        },
        "validationRules": {
            "Days_Positive": {"condition": "Days__c < 1", "message": "Days must be at least 1.", "field": "Days__c"},
            "Done_Needs_Customer": {
                "condition": 'AND(ISPICKVAL(Status__c, "Done"), ISBLANK(Customer__c))',
                "message": 'Who "rented" it?',
            },
            "Phone": {
                "condition": 'AND(NOT(ISBLANK(Customer__r.Phone)), NOT(REGEX(Customer__r.Phone, "(\\\\d+)+")))',
                "message": "digits only",
            },
        },
    }
}


@pytest.fixture(scope="module")
def sf(server: api.Server) -> Iterator[Salesforce]:
    made = server.control.create_org(objects=OBJECTS)
    with requests.Session() as http:
        http.verify = str(server.ca_bundle)
        http.trust_env = False
        client = Salesforce(instance_url=server.https_url, session_id=made.access_token, session=http, version="60.0")
        account = client.Account.create({"Name": "Acme"})["id"]
        for days, price, discount in ((3, 100.1, 15), (1, 20, None), (9, 50, 100)):
            client.Rental__c.create(
                {"Days__c": days, "Start__c": "2024-02-27", "Price__c": price, "Discount__c": discount,
                 "Customer__c": account, "Status__c": "Open", "Reference__c": f"R{days}"}
            )  # fmt: skip
        yield client
    server.control.delete_org(made.id)


def refused(work: Any, *arguments: Any) -> tuple[int, Any]:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        work(*arguments)
    return caught.value.status, caught.value.content


def test_a_rule_refuses_a_create_and_an_update(sf: Salesforce) -> None:
    error = {
        "message": "Days must be at least 1.",
        "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "fields": ["Days__c"],
    }
    assert refused(sf.Rental__c.create, {"Days__c": 0}) == (400, [error])
    made = sf.Rental__c.get_by_custom_id("Reference__c", "R1")
    assert refused(sf.Rental__c.update, made["Id"], {"Days__c": -1}) == (400, [error])
    assert refused(sf.Rental__c.upsert, "Reference__c/R1", {"Days__c": -1}) == (400, [error])
    assert sf.Rental__c.get(made["Id"])["Days__c"] == 1.0


def test_several_rules_give_several_errors(sf: Salesforce) -> None:
    status, content = refused(sf.Rental__c.create, {"Days__c": 0, "Status__c": "Done"})
    assert status == 400
    assert [(one["message"], one["fields"]) for one in content] == [
        ("Days must be at least 1.", ["Days__c"]),
        ('Who "rented" it?', []),
    ]


def test_rows_of_a_collection_are_judged_one_by_one(sf: Salesforce) -> None:
    rows = [{"attributes": {"type": "Rental__c"}, "Days__c": days} for days in (5, 0, 6)]
    answers = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
    assert [one["success"] for one in answers] == [True, False, True]
    assert answers[1]["errors"] == [
        {
            "statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "message": "Days must be at least 1.",
            "fields": ["Days__c"],
        }
    ]
    for one in answers:
        if one["success"]:
            sf.Rental__c.delete(one["id"])


def test_a_formula_field_is_read_only(sf: Salesforce) -> None:
    status, content = refused(sf.Rental__c.create, {"Days__c": 1, "Net__c": 5})
    assert (status, content[0]["errorCode"], content[0]["fields"]) == (
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        ["Net__c"],
    )


def test_formula_fields_filter_sort_and_show(sf: Salesforce) -> None:
    found = sf.query(
        "SELECT Reference__c, End__c, Net__c, Who__c, Booked__c FROM Rental__c "
        "WHERE Net__c < 90 AND End__c >= 2024-02-28 AND Who__c LIKE 'acme%' ORDER BY Net__c DESC"
    )["records"]
    assert [(one["Reference__c"], one["End__c"], one["Net__c"], one["Who__c"]) for one in found] == [
        ("R3", "2024-03-01", 85.09, "Acme (Open)"),
        ("R1", "2024-02-28", 20.0, "Acme (Open)"),
        ("R9", "2024-03-07", 0.0, "Acme (Open)"),
    ]
    assert found[0]["Booked__c"].startswith("integration")
    record = sf.Rental__c.get_by_custom_id("Reference__c", "R3")
    assert (record["End__c"], record["Net__c"], record["Who__c"]) == ("2024-03-01", 85.09, "Acme (Open)")
    grouped = sf.query("SELECT End__c, SUM(Net__c) total FROM Rental__c GROUP BY End__c ORDER BY End__c")["records"]
    assert [(one["End__c"], one["total"]) for one in grouped] == [
        ("2024-02-28", 20.0), ("2024-03-01", 85.09), ("2024-03-07", 0.0)
    ]  # fmt: skip


def test_a_describe_tells_of_formulas(sf: Salesforce) -> None:
    fields = {field["name"]: field for field in sf.Rental__c.describe()["fields"]}
    assert (fields["Net__c"]["calculated"], fields["Net__c"]["calculatedFormula"]) == (
        True,
        "Price__c * (1 - Discount__c)",
    )
    assert fields["Net__c"]["formulaTreatNullNumberAsZero"] is True
    assert fields["Booked__c"]["defaultValueFormula"] == "$User.Username"


def test_a_pattern_that_explodes_holds_nobody_up(sf: Salesforce) -> None:
    account = sf.Account.create({"Name": "Slow", "Phone": "1" * 39 + "x"})["id"]
    status, content = refused(sf.Rental__c.create, {"Days__c": 1, "Customer__c": account})
    assert (status, content[0]["message"]) == (400, "digits only")


def test_a_formula_that_does_not_compile_refuses_the_schema(server: api.Server) -> None:
    broken = {"X__c": {"validationRules": {"Bad": {"condition": "ISBLANK(Nam)", "message": "m"}}}}
    with pytest.raises(Exception, match=r"Field Nam does not exist\. Check spelling\. \(line 1, column 9") as caught:
        server.control.create_org(objects=broken)
    assert "objects.X__c.validationRules.Bad.condition" in str(caught.value)
