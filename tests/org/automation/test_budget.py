"""What hooks spend, and what a chunk hears that spends too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.automation import UNITS, Cost, Share, Trigger
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from tests.org.records.conftest import Save, contact


def cost(**shares: str | int) -> Cost:
    read = {unit: Share.read(value) for unit, value in shares.items()}
    assert all(read.values())
    return Cost(tuple((unit, share) for unit, share in read.items() if share is not None))


@pytest.mark.parametrize(
    ("given", "share"),
    [
        (3, Share(3)),
        ("3", Share(3)),
        ("1 per record", Share(1, True)),
        (" 2  PER chunk ", Share(2)),
        ("0 per record", Share(0, True)),
        ("-1", None),
        ("1 per row", None),
        ("many", None),
        (1.5, None),
        (True, None),
        (None, None),
        ("9" * 5000, None),
    ],
)
def test_a_share_is_an_amount_for_a_record_or_a_chunk(given: object, share: Share | None) -> None:
    assert Share.read(given) == share


@given(st.integers(0, 10**12 - 1), st.booleans(), st.integers(0, 200))
def test_a_share_reads_what_it_writes(amount: int, per_record: bool, records: int) -> None:
    share = Share(amount, per_record)
    assert Share.read(str(share)) == share
    assert share.of(records) == amount * (records if per_record else 1)


LIMITS = [
    ("soql", "Too many SOQL queries: 101"),
    ("dml", "Too many DML statements: 151"),
    ("rows", "Too many DML rows: 10001"),
    ("query_rows", "Too many query rows: 50001"),
    ("cpu", "Apex CPU time limit exceeded"),
    ("heap", "Apex heap size too large: 6000100"),
]


@pytest.mark.parametrize(("unit", "text"), LIMITS)
def test_the_last_unit_is_served_and_the_next_is_not(org: Org, save: Save, unit: str, text: str) -> None:
    rows = 100
    each = UNITS[unit].limit // rows
    most = each * rows
    spent = cost(**{unit: f"{each} per record"})
    org.automation.add("Contact", ["insert"], name="ContactTrigger", cost=spent)
    assert all(result.success for result in save(*[contact() for _ in range(rows)]))
    assert most <= UNITS[unit].limit
    org.automation.add("Contact", ["insert"], name="Second", cost=cost(**{unit: UNITS[unit].limit - most + 1}))
    refused = save(*[contact() for _ in range(rows)])
    if unit == "heap":
        # What a trigger held is free again when the next one runs.
        assert all(result.success for result in refused)
        org.automation.add("Contact", ["insert"], name="Second", cost=cost(heap="60001 per record"))
        refused = save(*[contact() for _ in range(rows)])
    assert {(e.code, e.message, e.fields) for result in refused for e in result.errors} == {
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"Second: System.LimitException: {text}", ())
    }


def test_a_trigger_that_is_not_bulk_safe_fails_a_large_batch_and_no_small_one(org: Org, save: Save) -> None:
    org.automation.add("Contact", ["insert", "update"], name="ContactTrigger", cost=cost(soql="1 per record"))
    assert all(result.success for result in save(*[contact() for _ in range(100)]))
    refused = save(*[contact() for _ in range(101)])
    assert {result.errors[0].message for result in refused} == {
        "ContactTrigger: System.LimitException: Too many SOQL queries: 101"
    }
    # The next transaction begins anew.
    assert save(contact())[0].success


def test_other_objects_of_the_call_are_saved_all_the_same(org: Org, save: Save) -> None:
    org.automation.add("Contact", ["insert"], name="ContactTrigger", cost=cost(soql=101))
    org.automation.add("Account", ["insert"], name="AccountTrigger", cost=cost(soql=100))
    results = save(contact(), Change("create", "Account", {"Name": "Acme"}))
    assert [result.success for result in results] == [False, True]


def test_queries_in_a_loop_and_their_rows_are_counted(org: Org, save: Save) -> None:
    def loop(trigger: Trigger) -> None:
        for _ in trigger.new or ():
            assert trigger.org.count("SELECT COUNT() FROM Account") == 0

    org.automation.add("Contact", ["insert"], name="Loop", work=loop)
    assert all(result.success for result in save(*[contact() for _ in range(100)]))
    refused = save(*[contact() for _ in range(101)])
    assert refused[0].errors[0].message == "Loop: System.LimitException: Too many SOQL queries: 101"


def test_a_limit_cannot_be_caught(org: Org, save: Save) -> None:
    def stubborn(trigger: Trigger) -> None:
        for _ in range(200):
            try:
                trigger.org.insert("Account", {"Name": "Acme"})
            except BaseException:
                trigger.spend(cpu=1)

    org.automation.add("Contact", ["insert"], name="Stubborn", work=stubborn)
    (made,) = save(contact())
    assert made.errors[0].message == "Stubborn: System.LimitException: Too many DML statements: 151"


def test_a_limit_met_deeper_down_ends_the_outer_trigger_too(org: Org, save: Save) -> None:
    def outer(trigger: Trigger) -> None:
        try:
            trigger.org.insert("Account", {"Name": "Acme"})
        except Exception:
            return

    org.automation.add("Contact", ["insert"], name="Outer", work=outer)
    org.automation.add("Account", ["insert"], name="Inner", cost=cost(soql=101))
    (made,) = save(contact())
    assert made.errors[0].message.startswith(
        "Outer: execution of BeforeInsert\n\ncaused by: System.DmlException: Insert failed. First exception on row 0; "
        "first error: CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, Inner: System.LimitException: Too many SOQL queries: 101: []"
    )


def test_each_attempt_has_the_whole_budget(org: Org, save: Save) -> None:
    def spend(trigger: Trigger) -> None:
        trigger.spend(soql=60)
        for record in trigger.new or ():
            if record["LastName"] == "bad":
                record.add_error("no")

    org.automation.add("Contact", ["insert"], work=spend)
    results = save(contact(), contact(LastName="bad"))
    assert [result.success for result in results] == [True, False]
    assert results[1].errors[0].message == "no"


@pytest.mark.parametrize("amount", [-1, 1.5, True, "1"])
def test_only_whole_amounts_can_be_spent(org: Org, save: Save, amount: object) -> None:
    org.automation.add("Contact", ["insert"], name="T", work=lambda trigger: trigger.spend(soql=amount))  # type: ignore[arg-type]
    (made,) = save(contact())
    assert "caused by: ValueError: soql must be a whole number from 0" in made.errors[0].message
