"""`subject: kill | stop`: what the org does while somebody else ends the client."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
import pytest

from mock_server.faults.effects import subject
from mock_server.operations import Call, Operation, Reply
from tests.faults.conftest import DATA, Lab


async def create(lab: Lab, gone: Callable[[], bool] | None) -> Reply:
    call = Call(
        operation=Operation("unknown", "*", "", "read"),
        method="POST",
        raw_path=f"{DATA}/sobjects/Contact",
        raw_query="",
        headers={"Authorization": f"Bearer {lab.token}", "Content-Type": "application/json"},
        body=orjson.dumps({"LastName": "L", "External_Id__c": "K-1"}),
        base_url="http://127.0.0.1:8080",
        gone=gone,
    )
    return await lab.gate.handle(call)


@pytest.mark.parametrize(("at", "outcome", "there"), [("before", "reset", []), ("after", "lost", ["K-1"])])
async def test_a_killed_client_gets_no_answer(lab: Lab, at: str, outcome: str, there: list[str]) -> None:
    lab.fault(name="crash", on="rest.sobject.create", subject="kill", at=at)
    looks: Iterator[bool] = iter([False, False, True])
    reply = await create(lab, lambda: next(looks))
    assert (reply.delivery, lab.last.outcome, lab.contacts()) == ("none", outcome, there)
    assert next(looks, None) is None


async def test_a_client_that_never_leaves_is_cut_off(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LONGEST_HOLD", 0.02)
    lab.fault(name="crash", on="rest.sobject.create", subject="kill")
    assert (await create(lab, lambda: False)).delivery == "none"


async def test_a_client_of_whom_nothing_is_known_is_not_waited_for(lab: Lab) -> None:
    lab.fault(name="crash", on="rest.sobject.create", subject="kill")
    assert (await create(lab, None)).delivery == "none"


@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_client_that_is_to_stop_is_answered(lab: Lab, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    monkeypatch.setattr(subject, "STOP_HOLD", 0.001)
    lab.fault(name="stop", on="rest.sobject.create", subject="stop", at=at)
    reply = await create(lab, lambda: False)
    assert (reply.status, reply.delivery, lab.last.outcome, lab.counters()) == (201, "whole", "answered", [(1, 1)])
