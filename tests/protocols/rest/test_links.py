"""Every url that a describe prints leads somewhere; what the rarer ones answer; counts of records."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mock_server import api
from tests.conftest import Rest

OBJECTS = {
    "Bike__c": {"fields": {"Serial__c": {"type": "text"}}},
    "Ride__e": {"fields": {"Bike__c": {"type": "text"}, "Length__c": {"type": "number"}, "Done__c": {"type": "boolean"}}},
}  # fmt: skip
NOT_FOUND = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


@pytest.fixture(scope="module")
def wide(server: api.Server) -> Iterator[Rest]:
    made = server.control.create_org(objects=OBJECTS)
    yield Rest(server.url, made.access_token, made, version="68.0")
    server.control.delete_org(made.id)


@pytest.mark.parametrize("share", [pytest.param(1, marks=pytest.mark.heavy), 12])
def test_every_url_of_every_describe_answers(wide: Rest, share: int) -> None:
    """Walk the urls of all objects; those that all objects have alike, of one in `share` of them."""
    records = {
        "Account": wide.post("/sobjects/Account", json={"Name": "x"}).json()["id"],
        "Case": wide.post("/sobjects/Case", json={"Subject": "x"}).json()["id"],
        "User": wide.org.user_id,
    }
    listed = wide.get("/sobjects").json()["sobjects"]
    assert len(listed) > 700
    walked = set()
    for number, one in enumerate(listed):
        for name, url in one["urls"].items():
            # Knowledge has a prefix that stands for several: kA#.
            prefix = (one["keyPrefix"] or "000").replace("#", "0")
            identifier = records.get(one["name"], f"{prefix}000000000001")
            path = url.replace("{ID}", identifier).replace("{LayoutName}", "UserAlt")
            assert "{" not in path
            common = name in ("describe", "sobject", "rowTemplate", "layouts", "compactLayouts", "quickActions")
            if common and number % share and one["name"] not in records:
                continue
            walked.add(name)
            answer = wide.get(path)
            if name == "eventSeriesUpdates":
                assert answer.status_code == 405
            elif "{ID}" in url and one["name"] not in records:
                assert (answer.status_code, answer.json()) == (404, NOT_FOUND), path
            else:
                assert answer.status_code == 200, (path, answer.text)
    assert walked >= {
        "describe", "layouts", "quickActions", "approvalLayouts", "compactLayouts", "namedLayouts", "eventSchema",
        "passwordUtilities", "push", "caseArticleSuggestions", "caseRowArticleSuggestions", "listviews",
    }  # fmt: skip


def test_the_schema_of_an_event(wide: Rest) -> None:
    whole = wide.get("/sobjects/Ride__e/eventSchema").json()
    assert (whole["name"], whole["type"], [one["name"] for one in whole["fields"]]) == (
        "Ride__e", "expanded-record", ["data", "channel"],
    )  # fmt: skip
    data = whole["fields"][0]["type"]["fields"]
    assert [one["name"] for one in data] == ["schema", "payload", "event"]
    compact = wide.get("/sobjects/ride__E/eventSchema", params={"payloadFormat": "compact"}).json()
    assert compact["type"] == "record"
    assert compact["fields"] == data[1]["type"]["fields"]
    assert [one["name"] for one in compact["fields"]][:2] == ["CreatedDate", "CreatedById"]
    kinds = {one["name"]: one["type"] for one in compact["fields"]}
    assert kinds["Length__c"] == ["null", "double"]
    assert wide.get("/sobjects/Ride__e/eventSchema", params={"payloadFormat": "x"}).status_code == 400
    assert wide.get("/sobjects/Account/eventSchema").json() == NOT_FOUND
    wide.version = "42.0"
    assert wide.get("/sobjects/Ride__e/eventSchema").json()["type"] == "record"
    wide.version = "68.0"


def test_nobody_listens_to_a_channel(wide: Rest) -> None:
    channel = wide.post("/sobjects/StreamingChannel", json={"Name": "/u/news"}).json()["id"]
    path = f"/sobjects/StreamingChannel/{channel}/push"
    assert wide.get(path).json() == {"OnlineUserIds": [], "ChannelName": "/u/news"}
    pushed = wide.post(path, json={"pushEvents": [{"payload": "hello", "userIds": []}]})
    assert pushed.json() == [{"fanoutCount": 0, "userOnlineStatus": {}}]
    assert wide.post(path, json={"pushEvents": 5}).status_code == 400


def test_an_event_belongs_to_no_series(wide: Rest) -> None:
    values = {"Subject": "x", "DurationInMinutes": 10, "ActivityDateTime": "2026-01-01T10:00:00Z"}
    event = wide.post("/sobjects/Event", json=values).json()["id"]
    answer = wide.delete(f"/sobjects/Event/{event}/fromThisEventOnwards")
    assert answer.status_code == 400
    assert wide.get(f"/sobjects/Event/{event}").status_code == 200


def test_records_are_counted(rest: Rest) -> None:
    rest.post("/sobjects/Account", json={"Name": "x"})
    gone = rest.post("/sobjects/Account", json={"Name": "y"}).json()["id"]
    rest.delete(f"/sobjects/Account/{gone}")
    counts = rest.get("/limits/recordCount", params={"sObjects": "account, Contact,Nope,AccountHistory"})
    assert counts.json() == {"sObjects": [{"count": 1, "name": "Account"}, {"count": 0, "name": "Contact"}]}
    whole = {one["name"]: one["count"] for one in rest.get("/limits/recordCount").json()["sObjects"]}
    assert whole["Account"] == 1
    assert whole["User"] >= 1
    rest.version = "39.0"
    assert rest.get("/limits/recordCount").json() == NOT_FOUND


def test_counting_takes_a_look_at_the_setup(server: api.Server, rest: Rest) -> None:
    made = server.control.for_org(rest.org.id).create_user({"objects": {"Account": "read"}})
    assert Rest(server.url, made.access_token, made).get("/limits/recordCount").status_code == 403
