"""Headers by which a call says how it wants to be treated."""

from __future__ import annotations

import pytest

from mock_server import api
from tests.conftest import Rest

MRU = {"Sforce-Mru": "updateMru=true"}


def test_records_become_recent_where_a_call_asks_for_it(rest: Rest) -> None:
    first = rest.post("/sobjects/Contact", json={"LastName": "first"}, headers=MRU).json()["id"]
    second = rest.post("/sobjects/Contact", json={"LastName": "second"}).json()["id"]
    account = rest.post("/sobjects/Account", json={"Name": "Acme"}, headers={"Sforce-Mru": "UPDATEMRU = TRUE"}).json()[
        "id"
    ]
    assert {one["Id"] for one in rest.get("/recent").json()} == {first, account}
    rest.get(f"/sobjects/Contact/{second}", headers={"Sforce-Mru": "updateMru=false"})
    assert {one["Id"] for one in rest.get("/recent").json()} == {first, account}
    rest.get(f"/sobjects/Contact/{second}", headers=MRU)
    assert {one["Id"] for one in rest.get("/recent").json()} == {first, second, account}
    items = rest.get("/sobjects/Account").json()["recentItems"]
    url = f"/services/data/v60.0/sobjects/Account/{account}"
    assert items == [{"attributes": {"type": "Account", "url": url}, "Id": account, "Name": "Acme"}]
    rest.patch(f"/sobjects/Contact/{first}", json={"LastName": "renamed"}, headers=MRU)
    assert "renamed" in {one["Name"] for one in rest.get("/sobjects/Contact").json()["recentItems"]}


@pytest.mark.parametrize("value", ["TRUE", "false"])
@pytest.mark.parametrize("sobject", ["Account", "Case", "Lead"])
def test_a_record_is_its_creators(rest: Rest, sobject: str, value: str) -> None:
    values = {"Account": {"Name": "x"}, "Case": {"Subject": "x"}, "Lead": {"LastName": "x", "Company": "y"}}[sobject]
    made = rest.post(f"/sobjects/{sobject}", json=values, headers={"Sforce-Auto-Assign": value})
    assert made.status_code == 201, made.text
    assert rest.get(f"/sobjects/{sobject}/{made.json()['id']}").json()["OwnerId"] == rest.org.user_id


@pytest.mark.parametrize(
    ("value", "code"),
    [("maybe", "INVALID_HEADER"), ("", "INVALID_HEADER"), ("01Q000000000001", "INVALID_CROSS_REFERENCE_KEY")],
)
def test_a_rule_that_is_none(rest: Rest, value: str, code: str) -> None:
    answer = rest.post("/sobjects/Case", json={"Subject": "x"}, headers={"Sforce-Auto-Assign": value})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert rest.query("SELECT COUNT() FROM Case").json()["totalSize"] == 0
    other = rest.post("/sobjects/Contact", json={"LastName": "x"}, headers={"Sforce-Auto-Assign": value})
    assert other.status_code == 201


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("batchSize=200", 200), ("BATCHSIZE = 300", 300), ("batchSize=1", 200), ("batchSize=999999999999", 450),
        ("batchSize=-5", 450), ("batchSize=x", 450), ("", 450), ("nonsense", 450), ("a=b; batchSize=250", 250),
    ],
)  # fmt: skip
def test_pages_are_of_the_size_that_is_asked_for(rest: Rest, value: str, size: int) -> None:
    for start in range(0, 450, 150):
        records = [{"attributes": {"type": "Contact"}, "LastName": f"{start + n}"} for n in range(150)]
        assert rest.post("/composite/sobjects", json={"records": records}).status_code == 200
    page = rest.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": value})
    assert (page.status_code, len(page.json()["records"])) == (200, size)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sforce-Call-Options": "client=loader/1, defaultNamespace=acme"},
        {"Sforce-Call-Options": "client=loader/1"},
        {"Sforce-Call-Options": ";;="},
        {"x-sfdc-packageversion-acme": "1.2"},
        {"x-sfdc-packageversion-acme": "nonsense"},
        {"X-Chatter-Entity-Encoding": "false"},
    ],
)
def test_other_headers_are_taken(server: api.Server, rest: Rest, headers: dict[str, str]) -> None:
    assert rest.query("SELECT Id FROM Contact", headers=headers).status_code == 200
    (entry,) = server.control.for_org(rest.org.id).journal()
    assert entry["caller"] == ("loader/1" if "client=loader/1" in str(headers) else None)
