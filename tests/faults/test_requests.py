"""Faults of whole requests, through the gate."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import pytest

from tests.faults.conftest import Lab

QUERY = ("GET", "/query")
SOQL = "q=SELECT+Id+FROM+Contact"


def code(body: bytes) -> str:
    return str(orjson.loads(body)[0]["errorCode"])


async def read(lab: Lab, **headers: str) -> int:
    return (await lab.send(*QUERY, query=SOQL, **headers)).status


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_without_rules_the_engine_is_empty(lab: Lab) -> None:
    assert lab.faults.empty
    assert await read(lab) == 200
    assert lab.last.strikes == []


async def test_an_error_before_the_work_leaves_nothing_behind(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", error="SERVER_UNAVAILABLE")
    reply = await lab.create()
    assert (reply.status, code(reply.body)) == (503, "SERVER_UNAVAILABLE")
    assert lab.contacts() == []
    assert [(s.rule, s.effect, s.point, s.rows) for s in lab.last.strikes] == [("fault-1", "error", "before", 0)]


async def test_an_error_after_the_work_hides_a_commit(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", error="UNKNOWN_EXCEPTION", at="after")
    reply = await lab.create("K-1")
    assert (reply.status, code(reply.body)) == (500, "UNKNOWN_EXCEPTION")
    assert lab.contacts() == ["K-1"]


async def test_a_status_brings_its_page_and_headers(lab: Lab) -> None:
    lab.fault(on="rest.*", status=503, headers={"Retry-After": "5"}, body="maintenance")
    reply = await lab.create()
    assert (reply.status, reply.headers["Retry-After"], lab.last.retry_after) == (503, "5", "5")
    assert reply.content_type == "text/html;charset=UTF-8"
    assert b"maintenance" in reply.body
    assert lab.contacts() == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("too_busy", "text/html;charset=UTF-8"),
        ('[{"errorCode": "X"}]', "application/json;charset=UTF-8"),
        ("try again", "text/plain;charset=UTF-8"),
        (None, None),
    ],
)
async def test_the_content_type_follows_the_body(lab: Lab, body: str | None, content_type: str | None) -> None:
    lab.fault(on="rest.*", status=502, body=body)
    assert (await lab.create()).content_type == content_type


async def test_a_status_after_the_work_replaces_the_answer(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", status=504, at="after")
    assert (await lab.create("K-1")).status == 504
    assert lab.contacts() == ["K-1"]


@pytest.mark.parametrize(
    ("rule", "delivery", "outcome", "saved"),
    [
        ({"reply": "lost"}, "none", "lost", ["K-1"]),
        ({"reply": "reset"}, "none", "reset", []),
        ({"reply": "reset", "at": "after"}, "none", "lost", ["K-1"]),
        ({"reply": "truncated"}, "cut", "cut", ["K-1"]),
        ({"outage": {"down": "1s", "as": "reset"}}, "none", "reset", []),
    ],
)
async def test_a_reply_may_not_arrive(
    lab: Lab, rule: dict[str, Any], delivery: str, outcome: str, saved: list[str]
) -> None:
    lab.fault(on="rest.sobject.create", **rule)
    reply = await lab.create("K-1")
    assert (reply.delivery, lab.last.outcome, lab.contacts()) == (delivery, outcome, saved)


async def test_a_reset_at_the_edge_is_not_charged(lab: Lab) -> None:
    lab.fault(on="rest.*", reply="reset")
    before = lab.org.limits.usage
    await lab.create()
    assert lab.org.limits.usage == before


async def test_a_malformed_reply_is_whole_but_unreadable(lab: Lab) -> None:
    await lab.create("K-1")
    lab.fault(on="*", reply="malformed")
    reply = await lab.send(*QUERY, query=SOQL)
    assert (reply.status, reply.delivery) == (200, "whole")
    assert lab.last.outcome == "malformed"
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(reply.body)
    empty = await lab.send("PATCH", "/sobjects/Contact/External_Id__c/K-1", {"LastName": "M"})
    assert empty.status == 200
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(empty.body)


async def test_a_trickling_reply_is_whole(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", reply="trickle", lasts="20s")
    reply = await lab.create("K-1")
    assert (reply.status, reply.delivery, reply.seconds, lab.contacts()) == (201, "trickle", 20.0, ["K-1"])


async def test_a_duplicated_request_comes_again_later_and_is_told_apart(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", reply="duplicated", delay="5s", when={"times": 1})
    assert await lab.upsert("K-1", LastName="old") == [None]
    assert await lab.upsert("K-1", LastName="new") == [None]
    first, second = list(lab.journal)
    assert (first.outcome, first.again_at, second.again_at) == ("answered", lab.org.clock.now() + 5, None)
    lab.org.clock.advance(4)
    await settle()
    assert len(lab.journal) == 2
    lab.org.clock.advance(1)
    await settle()
    assert (lab.last.copy_of, lab.last.status, lab.last.outcome) == (first.number, 200, "abandoned")
    assert lab.last.fingerprint == first.fingerprint
    last = list(lab.org.commits())[-1]
    assert (last.exchange, last.values["LastName"]) == (lab.last.number, "old")


async def test_faults_leave_the_second_delivery_alone(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", reply="duplicated", delay=0)
    lab.fault(on="*", error="UNABLE_TO_LOCK_ROW", level="row", records={"every": 1}, when={"skip": 1})
    assert (await lab.create("K-1")).status == 201
    await settle()
    assert (lab.last.codes, lab.last.results[0].errors[0].code) == ((), "DUPLICATE_VALUE")
    assert lab.last.strikes == []
    assert lab.counters() == [(1, 1), (1, 0)]


async def test_a_refused_request_is_not_duplicated(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", reply="duplicated", when={"times": 1})
    await lab.upsert("K-1", Nothing__c="x")
    assert lab.last.again_at is None
    await lab.upsert("K-1")
    assert lab.last.again_at is not None


async def test_a_copy_on_its_way_to_an_org_that_is_gone_is_dropped(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", reply="duplicated", delay="5s")
    await lab.create("K-1")
    lab.org.close()
    lab.org.clock.advance(5)
    await settle()
    assert len(lab.journal) == 1


@pytest.mark.parametrize("how", ["expire", "revoke", "moved"])
async def test_a_session_ends_under_the_caller(lab: Lab, how: str) -> None:
    lab.fault(on="rest.query.run", session=how, when={"times": 1})
    reply = await lab.send(*QUERY, query=SOQL)
    assert (reply.status, code(reply.body)) == (401, "INVALID_SESSION_ID")
    assert await read(lab) == 401
    assert lab.counters() == [(2, 1)]


async def test_an_outage_comes_and_goes_with_the_clock(lab: Lab) -> None:
    lab.fault(on="*", outage={"up": "30s", "down": "10s"})
    seen = []
    for _ in range(9):
        seen.append(await read(lab))
        lab.org.clock.advance(10)
    assert seen == [200, 200, 200, 503, 200, 200, 200, 503, 200]
    assert lab.counters() == [(9, 2)]


async def test_an_outage_without_up_happens_once_and_asks_nobody(lab: Lab) -> None:
    lab.fault(on="*", outage={"down": "10s"})
    reply = await lab.send(*QUERY, query=SOQL, Authorization="Bearer nonsense")
    assert (reply.status, code(reply.body)) == (503, "SERVER_UNAVAILABLE")
    lab.org.clock.advance(10)
    assert await read(lab) == 200
    lab.org.clock.advance(100)
    assert await read(lab) == 200


async def test_a_call_is_refused_while_too_many_are_running(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", limit={"name": "ConcurrentRequests", "remaining": 1})
    assert await read(lab) == 200
    lab.org.limits.admit(99)
    reply = await lab.create()
    assert (reply.status, code(reply.body)) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert lab.last.message is not None
    assert lab.last.message.startswith("ConcurrentRequests")
    lab.org.limits.leave(99)
    assert (await lab.create()).status == 201


async def test_the_journal_keeps_who_called_and_what_it_was_told(lab: Lab) -> None:
    await lab.send("GET", "/query", query="q=SELECT+Id+FROM+Contact", **{"Sforce-Call-Options": "client=sync/1.0, x=y"})
    assert (lab.last.caller, lab.last.limit_info) == ("sync/1.0", lab.org.limits.usage)
    assert lab.last.as_json()["page"] == {"total": 0, "rows": 0, "next": None}


async def test_a_limit_is_spent_from_the_struck_call_on(lab: Lab) -> None:
    lab.fault(on="rest.sobject.*", limit={"name": "DailyApiRequests", "remaining": 0}, when={"skip": 1, "times": 1})
    assert (await lab.create("K-1")).status == 201
    reply = await lab.create("K-2")
    assert (reply.status, code(reply.body)) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert await read(lab) == 403


async def test_latencies_add_up_and_pass_on_the_clock(lab: Lab) -> None:
    lab.fault(on="*", latency="2s")
    lab.fault(on="rest.query.*", latency={"distribution": "uniform", "min": 3, "max": 3}, at="after")
    lab.fault(on="*", latency=1)
    start = lab.org.clock.now()
    call = asyncio.create_task(lab.send(*QUERY, query=SOQL))
    for _ in range(6):
        await settle()
        assert not call.done()
        lab.org.clock.advance(1)
    assert (await call).status == 200
    assert lab.last.end == pytest.approx(start + 6)
    assert sorted(strike.point for strike in lab.last.strikes) == ["after", "before", "before"]


async def test_latency_delays_an_error_too(lab: Lab) -> None:
    lab.fault(on="*", status=503)
    lab.fault(on="*", latency="2s")
    call = asyncio.create_task(lab.send(*QUERY, query=SOQL))
    await settle()
    assert not call.done()
    lab.org.clock.advance(2)
    assert (await call).status == 503
    assert [strike.effect for strike in lab.last.strikes] == ["status", "latency"]


async def test_the_first_rule_that_applies_wins_and_the_others_keep_their_strikes(lab: Lab) -> None:
    lab.fault(on="rest.query.*", status=503, when={"times": 1})
    lab.fault(on="*", status=502, when={"times": 1})
    lab.fault(on="*", reply="lost", when={"times": 1})
    assert await read(lab) == 503
    assert await read(lab) == 502
    assert (await lab.send(*QUERY, query=SOQL)).delivery == "none"
    assert await read(lab) == 200
    assert lab.counters() == [(4, 1), (4, 1), (4, 1)]


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ({"sobject": "contact"}, True),
        ({"sobject": "Account"}, False),
        ({"user": "INTEGRATION@*"}, True),
        ({"user": "someone@*"}, False),
        ({"client": "my-sync/*"}, True),
        ({"client": "curl*"}, False),
        ({"header": {"X-Trace": "a*"}}, True),
        ({"header": {"X-Trace": "b*"}}, False),
        ({"header": {"X-Other": "*"}}, True),
        ({"body": {"LastName": "L"}}, True),
        ({"body": {"LastName": "M"}}, False),
        ({"body": {"Nothing": None}}, False),
        ({"sobject": "Contact", "client": "curl*"}, False),
    ],
)
@pytest.mark.parametrize("effect", [{"status": 418}, {"status": 418, "at": "after"}, {"reply": "lost"}])
async def test_where_narrows_requests_down(
    lab: Lab, where: dict[str, Any], matches: bool, effect: dict[str, Any]
) -> None:
    lab.fault(on="rest.*", where=where, **effect)
    lab.headers = {"User-Agent": "my-sync/1.0", "X-Trace": "abc"}
    reply = await lab.create()
    assert (reply.status == 418 or reply.delivery == "none") is matches
    assert lab.counters() == [(int(matches), int(matches))]


async def test_a_user_is_known_at_the_edge_too(lab: Lab) -> None:
    lab.fault(on="*", reply="reset", where={"user": "integration@*"})
    assert (await lab.send(*QUERY, query=SOQL, Authorization="Bearer other")).status == 401
    assert (await lab.send(*QUERY, query=SOQL)).delivery == "none"


@pytest.mark.parametrize(
    ("soql", "status"),
    [
        ("SELECT Id FROM Contact", 418),
        ("select Id from contact where Name = 'x'", 418),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", 200),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", 200),
    ],
)
async def test_a_query_is_about_the_object_after_its_own_from(lab: Lab, soql: str, status: int) -> None:
    lab.fault(on="rest.query.*", status=418, where={"sobject": "Contact"})
    assert (await lab.send(*QUERY, query="q=" + soql.replace(" ", "+"))).status == status


async def test_a_form_is_a_body_too(lab: Lab) -> None:
    lab.fault(on="rest.*", status=418, where={"body": {"grant_type": "password", "n": 1}})
    lab.headers = {"Content-Type": "application/x-www-form-urlencoded"}
    call = lab.send("POST", "/sobjects/Contact")
    assert (await call).status != 418
    gate = lab.gate.handle

    async def with_form(call: Any) -> Any:
        call.body = b"grant_type=password&n=1"
        return await gate(call)

    lab.gate.handle = with_form  # type: ignore[method-assign]
    assert (await lab.send("POST", "/sobjects/Contact")).status == 418


async def test_skip_and_times_count_calls(lab: Lab) -> None:
    lab.fault(on="rest.query.run", status=503, when={"skip": 2, "times": 3})
    assert [await read(lab) for _ in range(7)] == [200, 200, 503, 503, 503, 200, 200]
    assert lab.counters() == [(7, 3)]


async def test_per_key_counts_each_request_that_comes_again_on_its_own(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", status=503, when={"times": 1, "per": "key"})
    keys = ["K-1", "K-2", "K-1", "K-2", "K-3"]
    assert [(await lab.create(key)).status for key in keys] == [503, 503, 201, 201, 503]


async def test_per_key_after_the_work_counts_records_in_whatever_batch(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", status=504, at="after", when={"times": 1, "per": "key"})
    path = "/composite/sobjects/Contact/External_Id__c"

    async def send(*keys: str) -> int:
        rows = [{"attributes": {"type": "Contact"}, "LastName": "L", "External_Id__c": key} for key in keys]
        return (await lab.send("PATCH", path, {"records": rows})).status

    assert [await send("a", "b"), await send("b"), await send("a"), await send("b", "c")] == [504, 200, 200, 504]


async def test_records_choose_requests_by_the_rows_they_carried(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", reply="lost", records={"keys": ["K-2"]})
    assert [(await lab.create(key)).delivery for key in ("K-1", "K-2")] == ["whole", "none"]
    assert lab.counters() == [(1, 1)]


async def test_between_is_clock_time_since_the_rule_was_added(lab: Lab) -> None:
    lab.org.clock.advance(1000)
    lab.fault(on="*", status=503, when={"between": ["10s", "20s"]})
    seen = []
    for _ in range(4):
        seen.append(await read(lab))
        lab.org.clock.advance(8)
    assert seen == [200, 200, 503, 200]


async def test_a_phase_opens_and_closes_a_rule(lab: Lab) -> None:
    lab.fault(on="*", status=503, when={"phase": "faults"})
    assert await read(lab) == 503
    lab.faults.phase = "heal"
    assert await read(lab) == 200


async def test_chance_is_drawn_from_the_seed(lab: Lab) -> None:
    lab.fault(name="c", on="*", status=503, when={"chance": 0.3})
    first = [await read(lab) for _ in range(100)]
    lab.faults.clear()
    lab.fault(name="c", on="*", status=503, when={"chance": 0.3})
    assert [await read(lab) for _ in range(100)] == first
    assert 15 < first.count(503) < 45
    lab.faults.clear()
    lab.fault(name="d", on="*", status=503, when={"chance": 0.3})
    assert [await read(lab) for _ in range(100)] != first


async def test_rules_can_be_taken_away(lab: Lab) -> None:
    lab.fault(name="a", on="*", status=503)
    lab.fault(name="b", on="*", status=502)
    lab.faults.remove("a")
    assert await read(lab) == 502
    lab.faults.clear()
    assert lab.faults.empty
    assert await read(lab) == 200
    with pytest.raises(KeyError):
        lab.faults.remove("a")


async def test_a_header_may_hold_a_date_to_come(lab: Lab) -> None:
    lab.fault(on="rest.*", status=503, headers={"Retry-After": "date+90s"})
    said = (await lab.send(*QUERY, query=SOQL)).headers["Retry-After"]
    assert 90 <= parsedate_to_datetime(said).timestamp() - lab.org.clock.now() <= 91


async def test_the_codes_of_a_body_in_salesforces_form_are_journaled(lab: Lab) -> None:
    lab.fault(on="rest.*", status=403, body='[{"message": "Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]')
    await lab.send(*QUERY, query=SOQL)
    assert lab.last.codes == ("REQUEST_LIMIT_EXCEEDED",)
