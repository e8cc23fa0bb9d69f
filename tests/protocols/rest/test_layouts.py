"""Layouts, compact layouts, list views, quick actions; and what a describe answers to who has it already."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest

from tests.conftest import Rest

MASTER = "012000000000000AAA"
# As clients' own type definitions name them.
LAYOUT = {
    "buttonLayoutSection": dict, "detailLayoutSections": list, "editLayoutSections": list, "feedView": None,
    "highlightsPanelLayoutSection": None, "id": str, "multirowEditLayoutSections": list, "offlineLinks": list,
    "quickActionList": dict, "relatedContent": dict, "relatedLists": list, "saveOptions": list,
}  # fmt: skip
ITEM = ["editableForNew", "editableForUpdate", "label", "layoutComponents", "placeholder", "required"]


def items(layout: dict[str, Any], key: str = "detailLayoutSections") -> list[dict[str, Any]]:
    return [item for section in layout[key] for row in section["layoutRows"] for item in row["layoutItems"]]


@pytest.mark.parametrize("name", ["Account", "Contact", "Case", "User", "Task"])
def test_a_layout_has_rows_of_items_for_the_fields(rest: Rest, name: str) -> None:
    body = rest.get(f"/sobjects/{name}/describe/layouts").json()
    assert list(body) == ["layouts", "recordTypeMappings", "recordTypeSelectorRequired"]
    (layout,) = body["layouts"]
    assert list(layout) == list(LAYOUT)
    for key, kind in LAYOUT.items():
        assert layout[key] is None if kind is None else isinstance(layout[key], kind)
    described = {field["name"]: field for field in rest.get(f"/sobjects/{name}/describe").json()["fields"]}
    for section in [*layout["detailLayoutSections"], *layout["editLayoutSections"]]:
        assert section["parentLayoutId"] == layout["id"]
        assert section["rows"] == len(section["layoutRows"])
        assert all(len(row["layoutItems"]) == row["numItems"] == section["columns"] for row in section["layoutRows"])
    for item in [*items(layout), *items(layout, "editLayoutSections")]:
        assert list(item) == ITEM
        for component in item["layoutComponents"]:
            if component["type"] == "Field":
                assert component["details"] == described[component["value"]]
    assert layout == rest.get(f"/sobjects/{name}/describe/layouts/{MASTER}").json()


def test_the_mappings_of_a_layout_have_the_picklists_of_each_record_type(rest: Rest) -> None:
    (mapping,) = rest.get("/sobjects/Account/describe/layouts").json()["recordTypeMappings"]
    assert (mapping["developerName"], mapping["recordTypeId"], mapping["master"]) == ("Master", MASTER, True)
    by_name = {one["picklistName"]: one["picklistValues"] for one in mapping["picklistsForRecordType"]}
    assert "Prospect" in {value["value"] for value in by_name["Type"]}


def test_a_compound_field_is_one_item_with_its_parts(rest: Rest) -> None:
    (layout,) = rest.get("/sobjects/Contact/describe/layouts").json()["layouts"]
    by_label = {item["label"]: item for item in items(layout)}
    (address,) = by_label["Mailing Address"]["layoutComponents"]
    assert {part["value"] for part in address["components"]} >= {"MailingStreet", "MailingCity", "MailingCountry"}
    assert [part["value"] for part in by_label["Created By"]["layoutComponents"]] == [
        "CreatedById",
        ", ",
        "CreatedDate",
    ]
    name = next(
        item for item in items(layout) if item["layoutComponents"] and item["layoutComponents"][0]["value"] == "Name"
    )
    assert name["required"] and name["editableForNew"]
    assert "CreatedById" not in str(
        [
            item["layoutComponents"][0]["value"]
            for item in items(layout, "editLayoutSections")
            if item["layoutComponents"]
        ]
    )


def test_compact_layouts_say_which_one_is_in_use(rest: Rest) -> None:
    body = rest.get("/sobjects/Account/describe/compactLayouts").json()
    assert list(body) == ["compactLayouts", "defaultCompactLayoutId", "recordTypeCompactLayoutMappings", "urls"]
    (layout,) = body["compactLayouts"]
    assert (layout["name"], layout["id"], layout["objectType"]) == ("SYSTEM", None, "Account")
    assert layout["fieldItems"][0]["layoutComponents"][0]["value"] == "Name"
    (mapping,) = body["recordTypeCompactLayoutMappings"]
    assert (mapping["recordTypeId"], mapping["compactLayoutName"]) == (MASTER, "SYSTEM")
    assert rest.get(body["urls"]["primary"]).json() == layout == rest.get(mapping["urls"]["compactLayout"]).json()
    assert rest.get("/compactLayouts", params={"q": "Account,Contact"}).json()["Account"] == layout


def test_a_compact_layout_that_somebody_made_is_the_one_in_use(server: Any) -> None:
    layouts = {"Short": {"label": "In short", "fields": ["Name", "Size__c"]}}
    made = server.control.create_org(
        objects={"Thing__c": {"fields": {"Size__c": {"type": "text"}}, "compactLayouts": layouts}}
    )
    rest = Rest(server.url, made.access_token, made)
    body = rest.get("/sobjects/Thing__c/describe/compactLayouts").json()
    assert [one["name"] for one in body["compactLayouts"]] == ["Short", "SYSTEM"]
    assert body["defaultCompactLayoutId"] == body["compactLayouts"][0]["id"] is not None
    assert [item["label"] for item in body["compactLayouts"][0]["fieldItems"]] == ["Thing Name", "Size"]
    rest.http.close()
    server.control.delete_org(made.id)


@pytest.mark.parametrize(
    "path",
    [
        "/sobjects/AccountFeed/describe/layouts", "/sobjects/Nothing__c/describe/layouts",
        "/sobjects/Account/describe/layouts/012000000000001AAA", "/sobjects/Account/describe/layouts/x",
        "/sobjects/Account/describe/compactLayouts/x", "/sobjects/Account/describe/namedLayouts/UserAlt",
        "/sobjects/Attachment/quickActions", "/sobjects/Account/listviews/x", "/sobjects/Attachment/listviews",
        "/sobjects/User/describe/namedLayouts/Other", "/compactLayouts?q=Nothing",
    ],
)  # fmt: skip
def test_what_an_object_does_not_have_is_not_found(rest: Rest, path: str) -> None:
    answer = rest.get(path)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_small_resources_around_a_describe(rest: Rest) -> None:
    assert rest.get("/sobjects/Account/describe/approvalLayouts").json() == {"approvalLayouts": []}
    (layout,) = rest.get("/sobjects/Global/describe/layouts").json()["layouts"]
    assert list(layout) == list(LAYOUT)
    user = rest.get("/sobjects/User/describe").json()
    (named,) = user["namedLayoutInfos"]
    assert named["name"] == "UserAlt"
    assert rest.get(named["urls"]["layout"]).json()["layouts"][0]["id"]


def test_a_list_view_describes_itself_and_gives_its_records(rest: Rest) -> None:
    for place in range(3):
        rest.post("/sobjects/Account", json={"Name": f"A{place}", "Phone": "1"})
    body = rest.get("/sobjects/Account/listviews").json()
    assert (body["done"], body["size"], body["sobjectType"]) == (True, 2, "Account")
    every, own = body["listviews"]
    assert [every["developerName"], own["developerName"]] == ["AllAccounts", "MyAccounts"]
    assert rest.get(every["url"]).json() == every
    described = rest.get(every["describeUrl"]).json()
    assert described["query"].startswith("SELECT Name, ")
    assert rest.query(described["query"]).json()["totalSize"] == 3
    found = rest.get(every["resultsUrl"], params={"limit": 2}).json()
    assert (found["size"], found["done"], found["label"]) == (2, False, "All Accounts")
    assert [record["columns"][0] for record in found["records"]] == [
        {"fieldNameOrPath": "Name", "value": "A0"},
        {"fieldNameOrPath": "Name", "value": "A1"},
    ]
    assert rest.get(own["resultsUrl"]).json()["size"] == 3
    for wrong in ("x", "-1", "9999", "1.5"):
        assert rest.get(every["resultsUrl"], params={"limit": wrong}).status_code == 400


@pytest.mark.parametrize("path", ["/sobjects", "/sobjects/Account/describe"])
def test_nothing_is_sent_again_that_has_not_changed(rest: Rest, path: str) -> None:
    first = rest.get(path)
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    later = format_datetime(parsedate_to_datetime(modified) + timedelta(hours=1), usegmt=True)
    earlier = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)
    asked: list[tuple[dict[str, str], int]] = [
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f'"00000000", {tag}'}, 304),
        ({"If-None-Match": f'{tag[:-1]}--gzip"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"00000000"'}, 200),
        ({"If-None-Match": '"00000000"', "If-Modified-Since": later}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": later}, 304),
        ({"If-Modified-Since": earlier}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Modified-Since": ""}, 200),
    ]
    for headers, status in asked:
        answer = rest.get(path, headers=headers)
        assert answer.status_code == status, headers
        assert (answer.headers["ETag"], answer.headers["Last-Modified"]) == (tag, modified)
        if status == 304:
            assert answer.content == b""


def test_a_change_of_the_schema_is_a_modification(server: Any) -> None:
    from mock_server.org.org import Org

    org = Org(77, clock="virtual", start=1_000_000.0)
    assert org.schema.changed == 1_000_000.0
    org.clock.advance(60)
    assert org.schema.changed == 1_000_000.0
    org.schema.add({}, {"Account": {"New__c": {"type": "text"}}})
    assert org.schema.changed == 1_000_060.0
    org.close()
