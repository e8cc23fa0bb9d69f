"""Faults of single rows, through the gate."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from mock_server.faults.engine import row_key
from mock_server.faults.rule import RuleError
from mock_server.org.records.changes import Change
from tests.faults.conftest import Lab

LOCK = "UNABLE_TO_LOCK_ROW"


async def test_every_nth_record_fails_again_and_again_and_the_others_are_saved(lab: Lab) -> None:
    lab.fault(name="locks", on="rest.collections.*", records={"every": 3}, error=LOCK)
    keys = ["a", "b", "c", "d", "e", "f"]
    assert await lab.upsert(*keys) == [None, None, LOCK, None, None, LOCK]
    assert [(s.rule, s.effect, s.point, s.rows) for s in lab.last.strikes] == [("locks", "error", "row", 2)]
    assert await lab.upsert("c", "f") == [LOCK, LOCK]
    assert await lab.upsert("f", "a", "g", "h", "i") == [LOCK, None, None, None, LOCK]
    assert lab.contacts() == ["a", "b", "d", "e", "g", "h"]


async def test_times_per_key_count_each_records_own_attempts(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", records={"keys": ["a", "b"]}, when={"times": 2, "per": "key"}, error=LOCK)
    assert await lab.upsert("a", "x") == [LOCK, None]
    assert await lab.upsert("a", "b") == [LOCK, LOCK]
    assert await lab.upsert("a", "b") == [None, LOCK]
    assert await lab.upsert("a", "b") == [None, None]
    assert lab.counters() == [(4, 3)]


async def test_times_per_call_count_requests_that_carry_a_chosen_row(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", records={"keys": ["a", "b"]}, when={"skip": 1, "times": 1}, error=LOCK)
    assert await lab.upsert("x") == [None]
    assert await lab.upsert("a") == [None]
    assert await lab.upsert("a", "b") == [LOCK, LOCK]
    assert await lab.upsert("a", "b") == [None, None]
    assert lab.counters() == [(3, 1)]


async def test_an_error_that_saves_give_strikes_all_rows_when_none_are_chosen(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", error=LOCK)
    assert await lab.upsert("a", "b") == [LOCK, LOCK]


async def test_a_row_that_is_refused_rolls_an_all_or_none_request_back(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", error=LOCK, records={"last": 1})
    assert await lab.upsert("a", "b", all_or_none=True) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", LOCK]
    assert lab.contacts() == []


async def test_a_row_may_be_saved_and_reported_as_failed(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", error="UNKNOWN_EXCEPTION", level="row", at="after", records={"keys": ["b", "x"]})
    assert await lab.upsert("a", "b") == [None, "UNKNOWN_EXCEPTION"]
    assert lab.contacts() == ["a", "b"]
    assert [(s.point, s.rows) for s in lab.last.strikes] == [("after", 1)]
    assert [result.success for result in lab.last.results] == [True, False]


async def test_a_row_that_failed_by_itself_is_not_struck_after_the_save(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", error="UNKNOWN_EXCEPTION", level="row", at="after")
    assert await lab.upsert("a", LastName=None) == ["REQUIRED_FIELD_MISSING"]
    assert lab.last.strikes == []
    assert lab.counters() == [(1, 0)]


async def test_each_row_is_won_by_the_first_rule_that_is_about_it(lab: Lab) -> None:
    lab.fault(on="*", error=LOCK, records={"keys": ["a", "b"]})
    lab.fault(on="*", error="ENTITY_IS_LOCKED", records={"keys": ["b", "c"]})
    assert await lab.upsert("a", "b", "c", "d") == [LOCK, LOCK, "ENTITY_IS_LOCKED", None]
    assert lab.counters() == [(1, 1), (1, 1)]


async def test_a_row_error_leaves_the_request_to_the_rules_for_requests(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", error=LOCK)
    lab.fault(on="rest.sobject.create", reply="lost")
    reply = await lab.create()
    assert reply.delivery == "none"
    assert [strike.effect for strike in lab.last.strikes] == ["error", "reply"]


async def test_a_single_record_gets_its_error_as_the_answer(lab: Lab) -> None:
    lab.fault(on="rest.sobject.*", error="STORAGE_LIMIT_EXCEEDED", when={"times": 1})
    reply = await lab.create()
    assert reply.status == 400
    assert orjson.loads(reply.body)[0]["errorCode"] == "STORAGE_LIMIT_EXCEEDED"
    assert (await lab.create()).status == 201


async def test_rows_are_narrowed_down_by_object_and_condition(lab: Lab) -> None:
    lab.fault(on="*", where={"sobject": "contact"}, error=LOCK, records={"where": "LastName LIKE 'b%'"})
    records = [
        {"attributes": {"type": "Contact"}, "LastName": "Bad"},
        {"attributes": {"type": "Account"}, "Name": "Bad"},
        {"attributes": {"type": "Contact"}, "LastName": "Good"},
    ]
    reply = await lab.send("POST", "/composite/sobjects", {"records": records})
    assert [row["success"] for row in orjson.loads(reply.body)] == [False, True, True]


async def test_a_condition_sees_stored_values_that_were_not_sent(lab: Lab) -> None:
    saved = orjson.loads((await lab.create("K-1", Title="Boss")).body)["id"]
    await lab.create("K-2", Title="Clerk")
    lab.fault(on="*", error=LOCK, records={"where": "Title = 'boss' AND Id != null"})
    assert (await lab.send("PATCH", f"/sobjects/Contact/{saved}", {"LastName": "M"})).status == 400
    assert await lab.upsert("K-1", "K-2") == [LOCK, None]
    assert (await lab.send("PATCH", f"/sobjects/Contact/{saved}", {"title": "Clerk"})).status == 204


async def test_a_lock_error_names_the_row_that_exists_or_the_parent_of_a_new_one(lab: Lab) -> None:
    contact = orjson.loads((await lab.create("K-1")).body)["id"]
    account = orjson.loads((await lab.send("POST", "/sobjects/Account", {"Name": "A"})).body)["id"]
    lab.fault(on="*", where={"sobject": "Contact"}, error=LOCK)
    on_update = await lab.send("PATCH", "/sobjects/Contact/External_Id__c/K-1", {"LastName": "M"})
    assert contact in orjson.loads(on_update.body)[0]["message"]
    on_create = await lab.create("K-2", AccountId=account)
    assert account in orjson.loads(on_create.body)[0]["message"]


async def test_a_code_with_two_meanings_takes_the_one_of_rows(lab: Lab) -> None:
    lab.fault(on="*", error="REQUIRED_FIELD_MISSING")
    assert b"Required fields are missing" in (await lab.create()).body


@pytest.mark.parametrize(
    ("rule", "path", "nearest"),
    [
        ({"where": {"sobject": "Contcat"}}, ("where", "sobject"), "Contact"),
        (
            {"where": {"sobject": "Contact"}, "records": {"where": "LastNam = 'x'"}},
            ("records", "where"),
            "LastName",
        ),
        ({"name": "taken"}, ("name",), None),
    ],
)
def test_what_this_org_does_not_have_is_refused(
    lab: Lab, rule: dict[str, Any], path: tuple[str, ...], nearest: str | None
) -> None:
    lab.fault(name="taken", on="*", error=LOCK)
    with pytest.raises(RuleError) as caught:
        lab.fault(on="*", error=LOCK, **rule)
    (problem,) = caught.value.problems
    assert (tuple(problem.path), problem.nearest) == (path, nearest)
    assert len(lab.faults.rules) == 1


async def test_a_row_is_known_by_its_external_id_whichever_way_it_comes(lab: Lab) -> None:
    saved = orjson.loads((await lab.create("K-1")).body)["id"]
    bare = orjson.loads((await lab.send("POST", "/sobjects/Contact", {"LastName": "L"})).body)["id"]
    org = lab.org
    assert row_key(org, Change("upsert", "contact", {}, key_field="External_Id__c", key="K-1")) == "K-1"
    assert row_key(org, Change("create", "Contact", {"external_id__C": "K-1"})) == "K-1"
    assert row_key(org, Change("update", "Contact", {"LastName": "M"}, id=saved[:15])) == "K-1"
    assert row_key(org, Change("delete", "Contact", id=saved)) == "K-1"
    assert row_key(org, Change("update", "Contact", {"LastName": "M"}, id=bare[:15])) == bare
    assert row_key(org, Change("update", "Nothing", {}, id="x")) == "x"


@pytest.mark.parametrize("values", [{}, {"LastName": "L"}, {"Odd": [1, {"a": None}]}, {"External_Id__c": None}])
def test_a_row_without_any_name_is_known_by_its_values(lab: Lab, values: dict[str, Any]) -> None:
    one, same = Change("create", "Contact", values), Change("create", "Contact", dict(values))
    other = Change("create", "Contact", {**values, "More": 1})
    assert row_key(lab.org, one) == row_key(lab.org, same) != row_key(lab.org, other)


@pytest.mark.parametrize("key", [None, 5, 1e30, [1], {"a": 1}, ""])
async def test_odd_keys_are_refused_by_the_platform_not_by_the_faults(lab: Lab, key: Any) -> None:
    lab.fault(on="*", error=LOCK, records={"where": "Title = 'x'"})
    records = [{"attributes": {"type": "Contact"}, "LastName": "L", "External_Id__c": key}]
    reply = await lab.send("PATCH", "/composite/sobjects/Contact/External_Id__c", {"records": records})
    assert reply.status < 500
    assert lab.counters() == [(0, 0)]


async def test_a_held_lock_is_met_by_every_save_until_it_comes_free(lab: Lab) -> None:
    await lab.upsert("a", "b")
    lab.fault(on="rest.collections.*", lock="hold", lasts="25s", records={"keys": ["a"]}, when={"times": 1})
    seen = []
    for _ in range(3):
        call = asyncio.create_task(lab.upsert("a", "b", LastName="M"))
        while not call.done():
            await asyncio.sleep(0)
            lab.org.clock.advance(1)
        seen.append(await call)
    # Each save waits ten seconds; the third gets the record when the lock is given up.
    assert seen == [["UNABLE_TO_LOCK_ROW", None], ["UNABLE_TO_LOCK_ROW", None], [None, None]]
    assert lab.counters() == [(3, 1)]


async def test_a_lock_shorter_than_a_save_waits_is_only_slow(lab: Lab) -> None:
    await lab.upsert("a")
    lab.fault(on="rest.collections.*", lock="hold", lasts="5s")
    call = asyncio.create_task(lab.upsert("a", LastName="M"))
    for _ in range(5):
        await asyncio.sleep(0)
        assert not call.done()
        lab.org.clock.advance(1)
    assert await call == [None]


async def test_a_record_that_nobody_has_cannot_be_held(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", lock="hold")
    assert await lab.upsert("new") == [None]
    assert lab.counters() == [(1, 0)]


async def test_the_parent_of_a_new_record_is_held(lab: Lab) -> None:
    made = orjson.loads((await lab.send("POST", "/sobjects/Account", {"Name": "A"})).body)
    lab.fault(on="rest.collections.*", lock="hold", when={"times": 1})
    call = asyncio.create_task(lab.upsert("new", AccountId=made["id"]))
    while not call.done():
        await asyncio.sleep(0)
        lab.org.clock.advance(1)
    assert await call == ["UNABLE_TO_LOCK_ROW"]
