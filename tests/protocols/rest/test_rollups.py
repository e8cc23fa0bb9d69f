"""Roll-ups and computed fields as a client meets them, through every way of saving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest

from mock_server import api
from tests.org.rollups.conftest import summary

KEY = "Line__c.Bill__c"
OBJECTS: dict[str, Any] = {
    "Bill__c": {
        "fields": {
            "Number__c": {"type": "text", "length": 20, "externalId": True, "unique": True},
            "Lines__c": summary("count", KEY),
            "Sum__c": summary("sum", KEY, "Amount__c", ("Void__c", "equals", False)),
            "Last__c": summary("max", KEY, "Due__c"),
        },
        "validationRules": {"Limit": {"condition": "Sum__c > 1000", "message": "A bill has at most 1,000"}},
    },
    "Line__c": {
        "fields": {
            "Bill__c": {"type": "masterdetail", "referenceTo": "Bill__c", "reparentable": True},
            "Number__c": {"type": "text", "length": 20, "externalId": True, "unique": True},
            "Amount__c": {"type": "currency", "precision": 10, "scale": 2},
            "Void__c": {"type": "checkbox"},
            "Due__c": {"type": "date"},
        }
    },
}


@pytest.fixture
def sf(server: api.Server) -> Iterator[Salesforce]:
    org = server.control.create_org(objects=OBJECTS)
    with requests.Session() as http:
        http.verify, http.trust_env = str(server.ca_bundle), False
        yield Salesforce(instance_url=server.https_url, session_id=org.access_token, session=http, version="60.0")
    server.control.delete_org(org.id)


def totals(sf: Salesforce, number: str) -> tuple[Any, ...]:
    found = sf.query(f"SELECT Lines__c, Sum__c, Last__c FROM Bill__c WHERE Number__c = '{number}'")
    (record,) = found["records"]
    return record["Lines__c"], record["Sum__c"], record["Last__c"]


def test_every_way_of_saving_keeps_totals_true(sf: Salesforce) -> None:
    one, other = (sf.Bill__c.create({"Number__c": number})["id"] for number in ("B1", "B2"))
    assert totals(sf, "B1") == (0.0, 0.0, None)
    sf.Line__c.create({"Bill__r": {"Number__c": "B1"}, "Number__c": "L1", "Amount__c": 10.5, "Due__c": "2026-01-01"})
    records = [
        {"attributes": {"type": "Line__c"}, "Bill__c": one, "Amount__c": 20, "Due__c": "2026-02-01"},
        {"attributes": {"type": "Line__c"}, "Bill__c": one, "Amount__c": 40, "Void__c": True},
    ]
    results = sf.restful("composite/sobjects", method="POST", json={"records": records})
    assert totals(sf, "B1") == (3.0, 30.5, "2026-02-01")
    sf.Line__c.upsert("Number__c/L1", {"Amount__c": 11})
    sf.Line__c.upsert("Number__c/L2", {"Bill__c": other, "Amount__c": 5})
    assert totals(sf, "B1") == (3.0, 31.0, "2026-02-01")
    assert totals(sf, "B2") == (1.0, 5.0, None)
    sf.Line__c.update(results[1]["id"], {"Void__c": False, "Bill__c": other})
    sf.Line__c.delete(results[0]["id"])
    assert totals(sf, "B1") == (1.0, 11.0, "2026-01-01")
    assert totals(sf, "B2") == (2.0, 45.0, None)
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
        sf.Bill__c.update(one, {"Sum__c": 1})


def test_a_rule_of_the_master_refuses_the_detail(sf: Salesforce) -> None:
    one = sf.Bill__c.create({"Number__c": "B1"})["id"]
    sf.Line__c.create({"Bill__c": one, "Amount__c": 600})
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.Line__c.create({"Bill__c": one, "Amount__c": 500})
    (error,) = caught.value.content
    assert (error["errorCode"], error["message"]) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A bill has at most 1,000")
    assert totals(sf, "B1") == (1.0, 600.0, None)
    assert sf.query("SELECT COUNT() FROM Line__c")["totalSize"] == 1


def test_standard_objects_compute(sf: Salesforce) -> None:
    deal = sf.Opportunity.create({"Name": "D", "StageName": "Closed Won", "CloseDate": "2026-05-01", "Amount": 80})[
        "id"
    ]
    record = sf.Opportunity.get(deal)
    shown = {name: record[name] for name in ("IsClosed", "IsWon", "Probability", "ExpectedRevenue", "Fiscal")}
    assert shown == {
        "IsClosed": True, "IsWon": True, "Probability": 100.0, "ExpectedRevenue": 80.0, "Fiscal": "2026 2",
    }  # fmt: skip
    case = sf.Case.create({"Subject": "S", "Status": "Closed"})["id"]
    assert sf.Case.get(case)["IsClosed"] is True
    stages = sf.query("SELECT ApiName FROM OpportunityStage WHERE IsClosed = true AND IsWon = false")
    assert [row["ApiName"] for row in stages["records"]] == ["Closed Lost"]
