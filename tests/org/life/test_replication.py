"""getUpdated and getDeleted over REST: what they list, until when, and how wrong spans are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce

from mock_server import api
from tests.conftest import Rest

DAY = 86_400.0
START = 1_772_366_400.0  # 2026-03-01T12:00:00Z
Ask = Callable[..., Any]


@pytest.fixture
def rest(server: api.Server) -> Iterator[Rest]:
    org = server.control.create_org(clock="virtual", clock_start=int(START))
    client = Rest(server.url, org.access_token, org)
    yield client
    client.http.close()
    server.control.delete_org(org.id)


@pytest.fixture
def wait(server: api.Server, rest: Rest) -> Callable[[float], None]:
    def forward(seconds: float) -> None:
        server.control.for_org(rest.org.id).advance(seconds)
        rest.token = server.control.for_org(rest.org.id).mint_token()

    return forward


def text(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def ask(rest: Rest, what: str, start: str | None, end: str | None, sobject: str = "Contact") -> Any:
    params = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
    return rest.get(f"/sobjects/{sobject}/{what}/", params=params)


def test_what_changed_within_a_span_is_listed(rest: Rest, wait: Callable[[float], None]) -> None:
    ids = [rest.post("/sobjects/Contact", json={"LastName": name}).json()["id"] for name in "abc"]
    wait(600)
    rest.patch(f"/sobjects/Contact/{ids[1]}", json={"Title": "x"})
    rest.delete(f"/sobjects/Contact/{ids[2]}")
    wait(90)
    answer = ask(rest, "updated", text(0), text(60)).json()
    assert answer == {"ids": [ids[0]], "latestDateCovered": "2026-03-01T12:01:00.000+0000"}
    assert ask(rest, "updated", text(540), text(660)).json()["ids"] == [ids[1]]
    # Up to now, and no further: what is still to come is not covered.
    answer = ask(rest, "updated", text(0), text(7200)).json()
    assert answer == {"ids": ids[:2], "latestDateCovered": "2026-03-01T12:11:00.000+0000"}


def test_what_was_deleted_is_listed_until_it_comes_back(rest: Rest, wait: Callable[[float], None]) -> None:
    account = rest.post("/sobjects/Account", json={"Name": "A"}).json()["id"]
    contact = rest.post("/sobjects/Contact", json={"LastName": "c", "AccountId": account}).json()["id"]
    wait(300)
    rest.delete(f"/sobjects/Account/{account}")
    wait(120)
    answer = ask(rest, "deleted", text(0), text(400))
    assert list(answer.json()) == ["deletedRecords", "earliestDateAvailable", "latestDateCovered"]
    assert answer.json()["deletedRecords"] == [{"deletedDate": "2026-03-01T12:05:00.000+0000", "id": contact}]
    assert ask(rest, "deleted", text(0), text(240)).json()["deletedRecords"] == []


def test_whoever_asks_too_late_for_deletions_is_told(rest: Rest, wait: Callable[[float], None]) -> None:
    contact = rest.post("/sobjects/Contact", json={"LastName": "c"}).json()["id"]
    rest.delete(f"/sobjects/Contact/{contact}")
    wait(14 * DAY)
    assert len(ask(rest, "deleted", text(-60), text(60)).json()["deletedRecords"]) == 1
    wait(2 * DAY)
    refused = ask(rest, "deleted", text(-60), text(60))
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")
    answer = ask(rest, "deleted", text(60), text(3600)).json()
    assert answer["deletedRecords"] == []
    assert answer["earliestDateAvailable"] == "2026-03-01T12:01:00.000+0000"


EARLY = "startDate cannot be more than 30 days ago"
SHORT = "endDate must be at least one minute greater than startDate"


@pytest.mark.parametrize("what", ["updated", "deleted"])
@pytest.mark.parametrize(
    ("start", "end", "status", "code", "message"),
    [
        (text(0), text(0), 400, "INVALID_REPLICATION_DATE", SHORT),
        (text(61), text(119), 400, "INVALID_REPLICATION_DATE", SHORT),
        (text(600), text(0), 400, "INVALID_REPLICATION_DATE", SHORT),
        (text(-30 * DAY - 60), text(0), 400, "INVALID_REPLICATION_DATE", EARLY),
        (text(-30 * DAY), text(0), 200, None, None),
        ("yesterday", text(0), 400, "INVALID_REPLICATION_DATE", "start is not a valid dateTime: yesterday"),
        ("0001-01-01T00:00:00+14:00", text(0), 400, "INVALID_REPLICATION_DATE", None),
        (text(0), None, 400, "MISSING_ARGUMENT", "The parameter end is required"),
        (None, text(0), 400, "MISSING_ARGUMENT", "The parameter start is required"),
        ("", text(0), 400, "MISSING_ARGUMENT", None),
    ],
)
def test_wrong_spans_are_refused(
    rest: Rest, what: str, start: str | None, end: str | None, status: int, code: str | None, message: str | None
) -> None:
    answer = ask(rest, what, start, end)
    assert answer.status_code == status
    if code is not None:
        assert answer.json()[0]["errorCode"] == code
    if message is not None:
        assert answer.json()[0]["message"] == message


@pytest.mark.parametrize(
    "start",
    [
        "2026-03-01T12:00:00Z", "2026-03-01T12:00:59.999Z", "2026-03-01T12:00:00.000+0000", "2026-03-01T12:00",
        "2026-03-01T13:00:00+01:00", "2026-03-01T04:00:00-0800",
    ],
)  # fmt: skip
def test_every_form_of_a_moment_is_read(rest: Rest, wait: Callable[[float], None], start: str) -> None:
    contact = rest.post("/sobjects/Contact", json={"LastName": "c"}).json()["id"]
    wait(120)
    assert ask(rest, "updated", start, text(61)).json()["ids"] == [contact]


def test_a_plus_that_became_a_space_is_still_a_plus(rest: Rest, wait: Callable[[float], None]) -> None:
    contact = rest.post("/sobjects/Contact", json={"LastName": "c"}).json()["id"]
    wait(120)
    answer = rest.get("/sobjects/Contact/updated?start=2026-03-01T11:59:00+00:00&end=2026-03-01T12:01:00+00:00")
    assert answer.json()["ids"] == [contact]


def test_what_cannot_be_replicated_is_refused(rest: Rest) -> None:
    answer = ask(rest, "updated", text(-60), text(60), "LeadStatus")
    assert answer.json()[0]["errorCode"] == "INVALID_TYPE_FOR_OPERATION"
    assert ask(rest, "deleted", text(-60), text(60), "Nope").status_code == 404


def test_simple_salesforce_polls(server: api.Server, rest: Rest, wait: Callable[[float], None]) -> None:
    kept, gone = (rest.post("/sobjects/Contact", json={"LastName": name}).json()["id"] for name in "ab")
    rest.delete(f"/sobjects/Contact/{gone}")
    wait(120)
    with requests.Session() as http:
        http.verify, http.trust_env = str(server.ca_bundle), False
        sf = Salesforce(instance_url=server.https_url, session_id=rest.token, session=http, version="60.0")
        start, end = (datetime.fromtimestamp(START + seconds, UTC) for seconds in (-60, 120))
        assert sf.Contact.updated(start, end)["ids"] == [kept]
        assert [one["id"] for one in sf.Contact.deleted(start, end)["deletedRecords"]] == [gone]
