"""Defaults of new records, list views, apps and tabs of the User Interface API."""

from __future__ import annotations

import pytest

from tests.conftest import Rest

COLLECTION = {
    "count", "currentPageToken", "currentPageUrl", "eTag", "fields", "listInfoETag", "listReference", "nextPageToken",
    "nextPageUrl", "optionalFields", "pageSize", "previousPageToken", "previousPageUrl", "records", "sortBy",
}  # fmt: skip


def test_a_new_record_starts_with_defaults_that_its_fields_may_take(rest: Rest) -> None:
    body = rest.get("/ui-api/record-defaults/create/Opportunity", params={"optionalFields": "Opportunity.IsWon"}).json()
    assert list(body) == ["eTag", "layout", "objectInfos", "record"]
    record = body["record"]
    assert (record["id"], record["apiName"], record["lastModifiedDate"], record["weakEtag"]) == (
        None, "Opportunity", None, 0,
    )  # fmt: skip
    assert body["layout"]["mode"] == "Create"
    assert {"Opportunity", "User"} <= set(body["objectInfos"])
    assert "IsWon" in record["fields"]
    me = rest.get("/ui-api/record-defaults/create/Case").json()["record"]["fields"]
    assert me["Status"]["value"] == "New"
    assert me["OwnerId"]["value"] == me["Owner"]["value"]["id"]


def test_what_a_new_record_starts_with_is_what_it_is_saved_with(rest: Rest) -> None:
    starts = rest.get("/ui-api/record-defaults/create/Task").json()["record"]["fields"]
    made = rest.post("/sobjects/Task", json={}).json()["id"]
    saved = rest.get(f"/sobjects/Task/{made}").json()
    for name in ("Status", "Priority", "OwnerId"):
        assert starts[name]["value"] == saved[name]


def test_a_copy_takes_over_what_may_be_set(rest: Rest) -> None:
    account = rest.post("/sobjects/Account", json={"Name": "Acme", "Industry": "Banking"}).json()["id"]
    record = rest.get(f"/ui-api/record-defaults/clone/{account}").json()["record"]
    assert (record["id"], record["fields"]["Name"]["value"]) == (None, "Acme")
    assert record["fields"]["Industry"] == {"displayValue": "Banking", "value": "Banking"}
    assert rest.get("/ui-api/record-defaults/clone/001000000000001AAA").status_code == 404
    assert rest.get("/ui-api/record-defaults/create/Nothing").status_code in (403, 404)


def test_list_views_are_listed_and_read_page_by_page(rest: Rest) -> None:
    for name in ("Cat", "Ant", "Bee"):
        rest.post("/sobjects/Account", json={"Name": name})
    body = rest.get("/ui-api/list-ui/Account").json()
    assert (body["count"], body["pageSize"], body["objectApiName"]) == (2, 20, "Account")
    every = body["lists"][0]
    assert list(every) == ["apiName", "id", "label", "listUiUrl"]
    shown = rest.get(f"{every['listUiUrl']}?pageSize=2").json()
    assert list(shown) == ["eTag", "info", "records"]
    assert [one["fields"]["Name"]["value"] for one in shown["records"]["records"]] == ["Ant", "Bee"]
    assert set(shown["records"]) == COLLECTION
    rest_of = rest.get(shown["records"]["nextPageUrl"]).json()["records"]
    assert [one["fields"]["Name"]["value"] for one in rest_of["records"]] == ["Cat"]
    assert rest_of["nextPageUrl"] is None
    down = rest.get("/ui-api/list-records/Account/AllAccounts?sortBy=-Account.Name&fields=Account.Phone").json()
    assert [one["fields"]["Name"]["value"] for one in down["records"]] == ["Cat", "Bee", "Ant"]
    assert "Phone" in down["records"][0]["fields"]


def test_a_list_views_info_is_the_same_by_name_and_by_id(rest: Rest) -> None:
    (every, own) = rest.get("/ui-api/list-ui/Account").json()["lists"]
    info = rest.get(f"/ui-api/list-info/Account/{every['apiName']}").json()
    assert info == rest.get(f"/ui-api/list-info/{every['id']}").json()
    assert info["listReference"]["listViewApiName"] == "AllAccounts"
    assert {"fieldApiName": "Name", "label": "Account Name", "lookupId": "Id", "sortable": True} in (
        info["displayColumns"]
    )
    assert rest.get(f"/ui-api/list-records/{own['id']}").json()["count"] == 0
    assert rest.get("/ui-api/list-ui/Account?q=my").json()["count"] == 1


@pytest.mark.parametrize(
    "path", ["list-ui/Account/Nothing", "list-info/00B000000000001AAA", "list-records/Account/Nothing", "apps/x"]
)
def test_lists_and_apps_that_are_not_there(rest: Rest, path: str) -> None:
    assert (answer := rest.get(f"/ui-api/{path}")).status_code == 404
    assert answer.json()[0]["errorCode"] == "NOT_FOUND"


def test_apps_hold_the_tabs_of_objects(rest: Rest) -> None:
    listed = rest.get("/ui-api/apps").json()["apps"]
    assert [one["selected"] for one in listed] == [True, False, False]
    assert rest.get("/ui-api/apps/selected?formFactor=Large").json() == listed[0]
    assert rest.get(f"/ui-api/apps/{listed[1]['appId']}").json() == listed[1]
    names = [one["developerName"] for one in listed[0]["navItems"]]
    assert names[:2] == ["standard-home", "standard-Opportunity"]
    assert rest.get("/ui-api/apps?formFactor=Huge").json()[0]["errorCode"] == "ILLEGAL_QUERY_PARAMETER_VALUE"


def test_tabs_come_page_by_page(rest: Rest) -> None:
    seen: list[str] = []
    url = "/ui-api/nav-items?pageSize=7"
    while url:
        body = rest.get(url).json()
        seen += [one["developerName"] for one in body["navItems"]]
        assert len(body["navItems"]) <= 7
        url = body["nextPageUrl"]
    assert seen[0] == "standard-home"
    assert seen == [one["name"] for one in rest.get("/tabs").json()]
    (account,) = rest.get("/ui-api/nav-items?navItemNames=standard-Account").json()["navItems"]
    assert account["pageReference"]["attributes"]["objectApiName"] == "Account"
    assert rest.get("/ui-api/nav-items?pageSize=0").status_code == 400
