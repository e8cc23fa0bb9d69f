"""Row locks: which records a save takes, how long it waits for them, and that nothing is lost or stuck on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.automation import Trigger
from mock_server.org.errors import ApiError
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, LockHeld, RowResult
from mock_server.org.schema import Schema
from mock_server.org.waiting import when_unlocked
from tests.org.records.conftest import Save, contact

BASE = "/services/data/v60.0/sobjects"
OBJECTS = {
    "Invoice__c": {},
    "Line__c": {
        "fields": {
            "Invoice__c": {"type": "masterdetail", "referenceTo": "Invoice__c"},
            "Product__c": {"type": "lookup", "referenceTo": "Product2"},
        }
    },
}


@pytest.fixture
def org() -> Org:
    schema = Schema()
    schema.add(OBJECTS, {})
    made = Org(1, schema=schema, clock="virtual")
    made.directory.seed()
    return made


def create(save: Save, sobject: str, **values: Any) -> str:
    (made,) = save(Change("create", sobject, values))
    assert made.success, made.errors
    return made.id or ""


def met(work: Callable[[], object]) -> tuple[str, ...]:
    """Return the locks that a save meets."""
    try:
        work()
    except LockHeld as held:
        return held.ids
    return ()


@pytest.fixture
def account(save: Save) -> str:
    return create(save, "Account", Name="Acme")


TASK = {"Subject": "Call", "Status": "Not Started", "ActivityDate": "2026-03-01"}


@pytest.mark.parametrize(
    ("sobject", "values", "locked"),
    [
        ("Contact", {"LastName": "x", "AccountId": "@"}, True),
        ("Opportunity", {"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-03-01", "AccountId": "@"}, True),
        ("Case", {"Subject": "x", "AccountId": "@"}, True),
        ("Account", {"Name": "x", "ParentId": "@"}, False),
        ("Task", {**TASK, "WhatId": "@"}, True),
        ("Task", {**TASK, "Status": "Completed", "WhatId": "@"}, False),
        ("Task", {"Subject": "Call", "WhatId": "@"}, False),
    ],
)
def test_a_new_record_locks_the_parents_that_it_would_go_or_stay_with(
    org: Org, save: Save, account: str, sobject: str, values: dict[str, Any], locked: bool
) -> None:
    org.locks.hold([account], 60)
    change = Change("create", sobject, {name: account if value == "@" else value for name, value in values.items()})
    assert met(lambda: save(change)) == ((account,) if locked else ())


def test_every_save_of_a_detail_locks_its_master_and_a_lookup_that_is_cut_loose_locks_nothing(
    org: Org, save: Save
) -> None:
    invoice, product = create(save, "Invoice__c"), create(save, "Product2", Name="Pen")
    line = create(save, "Line__c", Invoice__c=invoice)
    org.locks.hold([invoice], 60)
    for change in (
        Change("create", "Line__c", {"Invoice__c": invoice}),
        Change("update", "Line__c", {"Product__c": product}, id=line),
        Change("delete", "Line__c", id=line),
    ):
        assert met(lambda change=change: save(change)) == (invoice,)  # type: ignore[misc]
    org.clock.advance(61)
    org.locks.hold([product], 60)
    assert met(lambda: save(Change("update", "Line__c", {"Product__c": product}, id=line))) == ()


def test_a_parent_that_restricts_deletion_is_locked_only_when_it_is_chosen(org: Org, save: Save, account: str) -> None:
    case = create(save, "Case", AccountId=account)
    org.locks.hold([account], 60)
    assert met(lambda: save(Change("update", "Case", {"Subject": "x"}, id=case))) == ()
    assert met(lambda: save(Change("update", "Case", {"AccountId": account}, id=case))) == ()
    other = create(save, "Account", Name="Globex")
    org.locks.hold([other], 60)
    assert met(lambda: save(Change("update", "Case", {"AccountId": other}, id=case))) == (other,)


def test_a_change_of_parents_locks_the_old_and_the_new_one(org: Org, save: Save, account: str) -> None:
    other = create(save, "Account", Name="Globex")
    person = create(save, "Contact", LastName="x", AccountId=account)
    for held in (account, other):
        org.locks.hold([held], 5)
        assert met(lambda: save(Change("update", "Contact", {"AccountId": other}, id=person))) == (held,)
        org.clock.advance(6)


def test_a_deletion_locks_what_goes_with_it(org: Org, save: Save, account: str) -> None:
    person = create(save, "Contact", LastName="x", AccountId=account)
    org.locks.hold([person], 60)
    assert met(lambda: save(Change("delete", "Account", id=account))) == (person,)


def test_a_transaction_holds_what_it_locked_until_its_end(org: Org, save: Save, account: str) -> None:
    org.transaction_time = 2.0
    person = create(save, "Contact", LastName="x", AccountId=account)
    assert set(org.locks.held([person, account])) == {person, account}
    org.clock.advance(2.1)
    save(Change("update", "Contact", {"AccountId": None}, id=person))
    assert set(org.locks.held([person, account])) == {person, account}
    org.clock.advance(2.1)
    assert org.locks.held([person, account]) == {}


def test_what_a_hook_saved_is_locked_with_the_rest(org: Org, save: Save, account: str) -> None:
    def touch(trigger: Trigger) -> None:
        trigger.org.update("Account", {"Id": account, "Name": "Touched"})

    org.automation.add("Contact", ["insert"], work=touch)
    org.transaction_time = 2.0
    org.locks.hold([account], 5)
    assert met(lambda: save(contact())) == (account,)
    assert list(org.commits(1)) == []
    org.clock.advance(6)
    (made,) = save(contact())
    assert set(org.locks.held([account, made.id or ""])) == {account, made.id}


def test_after_ten_seconds_the_rows_that_are_locked_fail_and_name_what_is(org: Org, save: Save, account: str) -> None:
    other = create(save, "Account", Name="Globex")
    org.locks.hold([account], 3600)
    changes = [contact(AccountId=account), contact(AccountId=other)]
    partial = save(*changes, give_up=True)
    assert [result.success for result in partial] == [False, True]
    (error,) = partial[0].errors
    assert (error.code, error.message) == (
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {account}",
    )
    whole = save(*changes, give_up=True, all_or_none=True)
    assert [result.errors[0].code for result in whole] == ["UNABLE_TO_LOCK_ROW", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]


def test_locks_that_nobody_asks_for_again_are_forgotten(org: Org) -> None:
    for number in range(30):
        org.locks.hold([f"{number}-{place}" for place in range(200)], 1)
        org.clock.advance(2)
    assert len(org.locks._until) <= 1200


# -- FOR UPDATE


def test_a_query_for_update_meets_locks_and_holds_its_own(org: Org, who: Session, save: Save, account: str) -> None:
    soql = "SELECT Name FROM Account FOR UPDATE"
    org.transaction_time = 2.0
    org.query(who, soql, base=BASE)
    assert set(org.locks.held([account])) == {account}
    assert met(lambda: save(Change("update", "Account", {"Name": "x"}, id=account))) == (account,)
    with pytest.raises(ApiError, match=f"unable to obtain exclusive access to this record or 1 records: {account}"):
        org.query(who, soql, base=BASE)
    # Reading alone asks nobody.
    assert org.query(who, "SELECT Name FROM Account", base=BASE).total == 1


async def test_a_query_for_update_waits_for_ten_seconds(org: Org, who: Session, account: str) -> None:
    for seconds, comes in ((5.0, True), (60.0, False)):
        org.locks.hold([account], seconds)
        waiting = asyncio.create_task(org.query_aside(who, "SELECT Id FROM Account FOR UPDATE", base=BASE))
        for _ in range(11):
            await asyncio.sleep(0)
            org.clock.advance(1)
        if comes:
            assert (await waiting).total == 1
        else:
            with pytest.raises(ApiError) as refused:
                await waiting
            assert refused.value.code == "UNABLE_TO_LOCK_ROW"


@pytest.mark.parametrize(
    ("soql", "what"),
    [
        ("SELECT Id FROM Account ORDER BY Name FOR UPDATE", "ORDER BY"),
        ("SELECT COUNT() FROM Account FOR UPDATE", "aggregate functions"),
        ("SELECT Name, COUNT(Id) FROM Account GROUP BY Name FOR UPDATE", "aggregate functions"),
    ],
)
def test_for_update_goes_with_plain_queries_only(org: Org, who: Session, soql: str, what: str) -> None:
    with pytest.raises(ApiError, match=f"FOR UPDATE cannot be used with {what}"):
        org.query(who, soql, base=BASE)


def test_a_hook_may_lock_what_it_reads_and_then_change_it(org: Org, save: Save, account: str) -> None:
    def count_up(trigger: Trigger) -> None:
        (found,) = trigger.org.query("SELECT Id, NumberOfEmployees FROM Account FOR UPDATE")
        trigger.org.update("Account", {"Id": found["Id"], "NumberOfEmployees": (found["NumberOfEmployees"] or 0) + 1})

    org.automation.add("Contact", ["insert"], work=count_up)
    org.transaction_time = 2.0
    org.clock.advance(3)
    assert save(contact())[0].success
    assert met(lambda: save(contact())) == (account,)
    (late,) = save(contact(), give_up=True)
    assert "caused by: System.QueryException: unable to obtain exclusive access" in late.errors[0].message


# -- many writers


class Writers:
    """Clients that save and wait as the gate makes them, on one clock."""

    def __init__(self, org: Org, save: Save) -> None:
        self.org = org
        self.save = save

    async def one(self, *changes: Change, all_or_none: bool) -> list[RowResult]:
        try:
            return await when_unlocked(self.org, lambda: self.save(*changes, all_or_none=all_or_none))
        except LockHeld:
            return self.save(*changes, all_or_none=all_or_none, give_up=True)

    async def all(self, batches: list[list[Change]], *, all_or_none: bool, seconds: int) -> list[list[RowResult]]:
        tasks = [asyncio.create_task(self.one(*batch, all_or_none=all_or_none)) for batch in batches]
        for _ in range(seconds * 2):
            for _ in range(5):
                await asyncio.sleep(0)
            self.org.clock.advance(0.5)
        done = asyncio.gather(*tasks)
        return await asyncio.wait_for(done, 60)


async def test_writers_of_one_row_come_one_after_the_other_and_the_late_ones_give_up(
    org: Org, save: Save, account: str
) -> None:
    org.transaction_time = 1.0
    batches = [[Change("update", "Account", {"Name": f"N{number}"}, id=account)] for number in range(15)]
    org.clock.advance(1)
    results = await Writers(org, save).all(batches, all_or_none=False, seconds=15)
    # One a second for ten seconds, the one that came first, and the one that the last second lets in.
    assert [batch[0].success for batch in results] == [True] * 11 + [False] * 4
    assert {batch[0].errors[0].code for batch in results[11:]} == {"UNABLE_TO_LOCK_ROW"}
    writes = [commit.values["Name"] for commit in org.commits() if commit.verb == "update"]
    assert writes == [f"N{number}" for number in range(11)]


@settings(max_examples=60)
@given(
    batches=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), min_size=1, max_size=8),
    all_or_none=st.booleans(),
    seconds=st.sampled_from([0.0, 0.5, 3.0]),
)
def test_writers_in_any_order_of_rows_all_end_and_what_they_were_told_is_true(
    batches: list[list[int]], all_or_none: bool, seconds: float
) -> None:
    org = Org(1, clock="virtual")
    org.directory.seed()
    app = next(iter(org.directory.apps.values()))
    who: Session = org.sessions.open(next(iter(org.directory.users.values())), app, ("api",))

    def save(*changes: Change, all_or_none: bool = False, give_up: bool = False) -> list[RowResult]:
        return org.write(who, changes, all_or_none=all_or_none, give_up=give_up)

    ids = [save(Change("create", "Account", {"Name": f"A{number}"}))[0].id or "" for number in range(6)]
    org.transaction_time = seconds
    asked = [
        [Change("update", "Account", {"Name": f"{writer}-{row}"}, id=ids[row]) for row in rows]
        for writer, rows in enumerate(batches)
    ]
    mark = org.log.last
    results = asyncio.run(Writers(org, save).all(asked, all_or_none=all_or_none, seconds=40))
    told = [
        change.values["Name"]
        for changes, outcome in zip(asked, results, strict=True)
        for change, result in zip(changes, outcome, strict=True)
        if result.success
    ]
    committed = [commit.values["Name"] for commit in org.commits(mark)]
    assert sorted(told) == sorted(committed)
    if all_or_none:
        assert all(len({result.success for result in outcome}) == 1 for outcome in results)
    # Two transactions never overlap on a row.
    last: dict[str, tuple[float, int]] = {}
    for commit in org.commits(mark):
        before = last.get(commit.id)
        assert before is None or before[1] == commit.transaction or commit.at >= before[0] + seconds - 1e-6
        last[commit.id] = commit.at, commit.transaction
