"""Row locks between real HTTP clients, on a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import ControlClient, OrgInfo
from tests.conftest import Rest
from tests.waiting import pass_time

WRITERS = 12


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    """An org whose transactions take a second of a clock that stands still."""
    made = server.control.create_org(clock="virtual", journal="whole", settings={"transaction_time": "1s"})
    yield made
    server.control.delete_org(made.id)


@pytest.fixture
def control(server: api.Server, org: OrgInfo) -> ControlClient:
    return server.control.for_org(org.id)


def all_done(server: api.Server, org: OrgInfo, asked: list[Future[Any]], begun: threading.Semaphore) -> list[Any]:
    """Move the clock in small steps until every client has its answer."""
    for _ in asked:
        begun.acquire()
    pass_time(server, org.id, asked, 0.1)
    return [one.result() for one in asked]


@pytest.mark.parametrize("all_or_none", [False, True])
def test_many_clients_of_the_same_rows_are_served_one_after_the_other(
    server: api.Server, org: OrgInfo, control: ControlClient, rest: Rest, all_or_none: bool
) -> None:
    ids = control.seed("Account", [{"Name": f"A{number}"} for number in range(4)])
    control.advance(5)
    mark = control.commits()[-1].number
    begun = threading.Semaphore(0)

    def write(number: int) -> list[dict[str, Any]]:
        # Neighbours take the rows in opposite orders: locks that were taken one by one would wait for each other.
        order = ids if number % 2 else ids[::-1]
        records = [{"attributes": {"type": "Account"}, "id": one, "Name": f"{number}-{one}"} for one in order]
        client = Rest(server.url, org.access_token, org)
        begun.release()
        answer = client.patch("/composite/sobjects", json={"allOrNone": all_or_none, "records": records})
        client.http.close()
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()
        return found

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = all_done(server, org, [pool.submit(write, number) for number in range(WRITERS)], begun)
    saved = {number for number, answer in enumerate(answers) if all(row["success"] for row in answer)}
    # One a second, for the ten seconds that the last ones wait.
    assert 9 <= len(saved) <= WRITERS
    for number, answer in enumerate(answers):
        if number not in saved:
            codes = {row["errors"][0]["statusCode"] for row in answer}
            assert codes <= {"UNABLE_TO_LOCK_ROW", "ALL_OR_NONE_OPERATION_ROLLED_BACK"}
            assert any(ids[0] in row["errors"][0]["message"] for row in answer)
    commits = control.commits(mark)
    assert sorted(commit.values["Name"] for commit in commits) == sorted(f"{n}-{one}" for n in saved for one in ids)
    moments = sorted({commit.at for commit in commits})
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(moments))
    last = commits[-1].values["Name"].partition("-")[0]
    stored = control.records("SELECT Id, Name FROM Account")
    assert {row["Name"] for row in stored} == {f"{last}-{one}" for one in ids}


def test_a_query_for_update_waits_and_holds_until_its_transaction_ends(
    server: api.Server, org: OrgInfo, control: ControlClient, rest: Rest
) -> None:
    (account,) = control.seed("Account", [{"Name": "Acme"}])
    control.advance(5)
    assert rest.query("SELECT Id FROM Account FOR UPDATE").json()["totalSize"] == 1
    begun = threading.Semaphore(0)

    def write() -> int:
        client = Rest(server.url, org.access_token, org)
        begun.release()
        status = client.patch(f"/sobjects/Account/{account}", json={"Name": "Later"}).status_code
        client.http.close()
        return status

    with ThreadPoolExecutor(1) as pool:
        before = control.clock().now
        (status,) = all_done(server, org, [pool.submit(write)], begun)
    assert status == 204
    assert control.commits()[-1].at >= before + 0.999
    answer = rest.query("SELECT Id FROM Account ORDER BY Name FOR UPDATE")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "MALFORMED_QUERY")
