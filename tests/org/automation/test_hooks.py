"""Hooks: what they see and change, how they refuse, and what becomes of a chunk when one of them fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.automation import HookError, Trigger
from mock_server.org.automation.execution import DmlError
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from tests.org.records.conftest import Save, contact

BASE = "/services/data/v60.0/sobjects"


def rows(org: Org, who: Session, soql: str) -> list[dict[str, Any]]:
    return org.query(who, soql, base=BASE).records


def one_error(result: RowResult) -> tuple[str, str, list[str]]:
    (error,) = result.errors
    return error.code, error.message, list(error.fields or ())


def test_a_before_hook_changes_what_is_saved_and_fills_what_is_missing(org: Org, who: Session, save: Save) -> None:
    def fill(trigger: Trigger) -> None:
        for record in trigger.new or ():
            record["lastname"] = (record["LastName"] or "nobody").upper()
            record["Score__c"] = 12.345
            record["Active__c"] = True

    org.automation.add("contact", ["insert"], work=fill)
    made = save(contact(), Change("create", "Contact", {"FirstName": "Ada"}))
    assert [result.success for result in made] == [True, True]
    found = rows(org, who, "SELECT LastName, Score__c, Active__c FROM Contact ORDER BY LastName")
    assert [(row["LastName"], row["Score__c"], row["Active__c"]) for row in found] == [
        ("LOVELACE", 12.35, True),
        ("NOBODY", 12.35, True),
    ]


def test_a_hook_queries_in_its_users_time_zone(org: Org, who: Session, save: Save) -> None:
    soql = "SELECT HOUR_IN_DAY(convertTimezone(Born__c)) h FROM Contact GROUP BY HOUR_IN_DAY(convertTimezone(Born__c))"
    seen: list[int] = []
    org.automation.add("Account", ["insert"], work=lambda trigger: seen.append(trigger.org.query(soql)[0]["h"]))
    saved = save(
        contact(Born__c="2026-01-15T12:00:00Z"),
        Change("update", "User", {"TimeZoneSidKey": "America/Los_Angeles"}, id=who.user_id),
    )
    assert [result.errors for result in saved] == [(), ()]
    (made,) = save(Change("create", "Account", {"Name": "Acme"}))
    assert made.success, made.errors
    assert seen[-1] == rows(org, who, soql)[0]["h"] == 4


def test_what_is_still_missing_after_the_hooks_is_refused(org: Org, save: Save) -> None:
    org.automation.add("Contact", ["insert"], work=lambda trigger: None)
    (made,) = save(Change("create", "Contact", {"FirstName": "Ada"}))
    assert one_error(made) == ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])


def test_hooks_see_old_and_new_of_every_event(org: Org, save: Save) -> None:
    seen: list[tuple[Any, ...]] = []

    def look(trigger: Trigger) -> None:
        new = [record["Title"] for record in trigger.new] if trigger.new is not None else None
        old = [record["Title"] for record in trigger.old] if trigger.old is not None else None
        ids = [record.id is not None for record in trigger.new or trigger.old or ()]
        seen.append((trigger.operation, new, old, ids, trigger.size))

    for at in ("before", "after"):
        org.automation.add("Contact", ["insert", "update", "delete"], at=at, work=look)
    (made,) = save(contact(Title="a"))
    save(Change("update", "Contact", {"Title": "b"}, id=made.id))
    save(Change("update", "Contact", {"FirstName": "Ada"}, id=made.id))
    save(Change("delete", "Contact", id=made.id))
    assert seen == [
        ("BeforeInsert", ["a"], None, [False], 1),
        ("AfterInsert", ["a"], None, [True], 1),
        ("BeforeUpdate", ["b"], ["a"], [True], 1),
        ("AfterUpdate", ["b"], ["a"], [True], 1),
        ("BeforeUpdate", ["b"], ["b"], [True], 1),
        ("AfterUpdate", ["b"], ["b"], [True], 1),
        ("BeforeDelete", None, ["b"], [True], 1),
        ("AfterDelete", None, ["b"], [True], 1),
    ]


def test_an_upsert_meets_the_hooks_of_what_it_turns_out_to_be(org: Org, save: Save) -> None:
    seen: list[str] = []
    org.automation.add("Contact", ["insert", "update"], work=lambda trigger: seen.append(trigger.operation))
    change = Change("upsert", "Contact", {"LastName": "L"}, key_field="External_Id__c", key="E1")
    save(change)
    save(change)
    assert seen == ["BeforeInsert", "BeforeUpdate"]


def test_undeletes_meet_hooks_and_hooks_can_undelete(org: Org, who: Session, save: Save) -> None:
    seen: list[tuple[str, int, bool]] = []
    (made, gone) = save(contact(), contact())
    save(Change("delete", "Contact", id=made.id), Change("delete", "Contact", id=gone.id))

    def look(trigger: Trigger) -> None:
        seen.append((trigger.operation, len(trigger.new or ()), trigger.old is None))
        if trigger.is_after and seen.count(seen[-1]) == 1:
            trigger.org.undelete("Contact", gone.id or "")

    for at in ("before", "after"):
        org.automation.add("Contact", ["undelete"], at=at, work=look)
    (back,) = save(Change("undelete", "Contact", id=made.id))
    assert back.success, back.errors
    assert seen == [("BeforeUndelete", 1, True), ("AfterUndelete", 1, True)] * 2
    assert len(rows(org, who, "SELECT Id FROM Contact")) == 2


@pytest.mark.parametrize("at", ["before", "after"])
def test_an_error_of_one_record_leaves_the_others_and_runs_the_hooks_again_for_them(
    org: Org, who: Session, save: Save, at: str
) -> None:
    sizes: list[int] = []

    def refuse(trigger: Trigger) -> None:
        sizes.append(trigger.size)
        for record in trigger.new or ():
            if record["LastName"] == "bad":
                record.add_error("not this one", "lastname")
                record.add_error("really not")

    org.automation.add("Contact", ["insert"], at=at, work=refuse)
    made = save(contact(), contact(LastName="bad"), contact())
    assert [result.success for result in made] == [True, False, True]
    assert [(error.code, error.message, error.fields) for error in made[1].errors] == [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "not this one", ("LastName",)),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "really not", ()),
    ]
    assert sizes == [3, 2]
    assert len(rows(org, who, "SELECT Id FROM Contact")) == 2
    assert len(list(org.commits())) == 2


def test_all_or_none_keeps_nothing(org: Org, who: Session, save: Save) -> None:
    sizes: list[int] = []

    def refuse(trigger: Trigger) -> None:
        sizes.append(trigger.size)
        assert trigger.new is not None
        trigger.new[1].add_error("no")

    org.automation.add("Contact", ["insert"], at="after", work=refuse)
    made = save(contact(), contact(), all_or_none=True)
    assert [result.errors[0].code for result in made] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    ]
    assert sizes == [2]
    assert rows(org, who, "SELECT Id FROM Contact") == []
    assert list(org.commits()) == []


def test_after_three_attempts_with_errors_what_is_left_is_refused(org: Org, who: Session, save: Save) -> None:
    def always_one(trigger: Trigger) -> None:
        assert trigger.new is not None
        trigger.new[0].add_error("no")

    org.automation.add("Contact", ["insert"], at="after", work=always_one)
    made = save(*[contact() for _ in range(5)])
    texts = [result.errors[0].message for result in made]
    assert texts[:3] == ["no"] * 3
    assert texts[3:] == ["Too many batch retries in the presence of Apex triggers and partial failures."] * 2
    assert rows(org, who, "SELECT Id FROM Contact") == []


def test_an_exception_fails_every_row_of_the_chunk(org: Org, who: Session, save: Save) -> None:
    def broken(trigger: Trigger) -> None:
        raise ValueError("the list is empty")

    org.automation.add("Contact", ["insert"], at="after", work=broken)
    results = save(contact(), contact(), Change("create", "Account", {"Name": "Acme"}))
    assert [result.success for result in results] == [False, False, True]
    line = broken.__code__.co_firstlineno + 1
    text = (
        "broken: execution of AfterInsert\n\ncaused by: ValueError: the list is empty"
        f"\n\nTrigger.broken: line {line}, column 1"
    )
    assert one_error(results[0]) == ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text, [])
    assert rows(org, who, "SELECT Id FROM Contact") == []


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("raised", [SystemExit(3), GeneratorExit(), Unprintable(), RecursionError("deep")])
def test_whatever_a_hook_raises_stays_with_its_rows(org: Org, save: Save, raised: BaseException) -> None:
    def broken(trigger: Trigger) -> None:
        raise raised

    org.automation.add("Contact", ["insert"], work=broken)
    (made,) = save(contact())
    code, message, _ = one_error(made)
    assert code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert message.startswith(f"broken: execution of BeforeInsert\n\ncaused by: {type(raised).__name__}: ")


@pytest.mark.parametrize(
    ("work", "text"),
    [
        (lambda record: record["Nope"], "System.SObjectException: Invalid field Nope for Contact"),
        (lambda record: record.__setitem__("Nope", 1), "System.SObjectException: Invalid field Nope for Contact"),
        (
            lambda record: record.__setitem__("CreatedDate", "2026-01-01"),
            "System.SObjectException: Field is not writeable: Contact.CreatedDate",
        ),
        (lambda record: record.__setitem__("Score__c", [1]), "System.SObjectException: Illegal assignment to Score__c"),
        (lambda record: record.add_error("x", "Nope"), "System.SObjectException: Invalid field Nope for Contact"),
    ],
)
def test_a_field_that_cannot_be_used_so_is_an_exception(
    org: Org, save: Save, work: Callable[[Any], object], text: str
) -> None:
    org.automation.add("Contact", ["insert"], name="T", work=lambda trigger: work((trigger.new or [])[0]))
    (made,) = save(contact())
    assert f"caused by: {text}" in made.errors[0].message


@pytest.mark.parametrize(("at", "event"), [("after", "insert"), ("before", "delete"), ("after", "update")])
def test_records_can_only_be_changed_before_they_are_saved(org: Org, save: Save, at: str, event: str) -> None:
    (made,) = save(contact())

    def change(trigger: Trigger) -> None:
        (trigger.new or trigger.old or [])[0]["LastName"] = "x"

    org.automation.add("Contact", [event], at=at, name="T", work=change)
    changes = {
        "insert": contact(),
        "update": Change("update", "Contact", {"Title": "x"}, id=made.id),
        "delete": Change("delete", "Contact", id=made.id),
    }
    (result,) = save(changes[event])
    assert "caused by: System.FinalException: Record is read-only" in result.errors[0].message


def test_a_value_that_a_hook_sets_is_checked_like_any_other(org: Org, save: Save) -> None:
    def change(trigger: Trigger) -> None:
        for record in trigger.new or ():
            record["Size__c"] = "Huge"

    org.automation.add("Contact", ["insert"], work=change)
    (made,) = save(contact())
    assert made.errors[0].code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_a_parent_that_a_hook_sets_must_exist(org: Org, save: Save) -> None:
    def change(trigger: Trigger) -> None:
        for record in trigger.new or ():
            record["AccountId"] = "001Kd00000000zzIAA"

    org.automation.add("Contact", ["insert"], work=change)
    (made,) = save(contact())
    assert made.errors[0].code in ("INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID")


# -- the org inside


def test_a_hook_queries_and_saves_within_the_transaction(org: Org, who: Session, save: Save) -> None:
    def file_under_account(trigger: Trigger) -> None:
        for record in trigger.new or ():
            found = trigger.org.query(f"SELECT Id FROM Account WHERE Name = '{record['LastName']}'")
            if not found:
                (made,) = trigger.org.insert("Account", {"Name": record["LastName"]})
                record["AccountId"] = made.id
            else:
                record["AccountId"] = found[0]["Id"]

    org.automation.add("Contact", ["insert"], work=file_under_account)
    save(contact(LastName="Acme"), contact(LastName="Acme"), contact(LastName="Globex"))
    found = rows(org, who, "SELECT Account.Name FROM Contact ORDER BY Account.Name")
    assert [row["Account"]["Name"] for row in found] == ["Acme", "Acme", "Globex"]
    assert len(rows(org, who, "SELECT Id FROM Account")) == 2
    assert len({commit.transaction for commit in org.commits()}) == 1


def test_what_a_hook_saved_goes_with_the_rows_that_fail(org: Org, who: Session, save: Save) -> None:
    def note(trigger: Trigger) -> None:
        trigger.org.insert("Account", [{"Name": record["LastName"]} for record in trigger.new or ()])
        (trigger.new or [])[0].add_error("no")

    org.automation.add("Contact", ["insert"], at="after", work=note)
    save(contact())
    assert rows(org, who, "SELECT Id FROM Account") == []
    assert list(org.commits()) == []


def test_a_nested_save_that_fails_raises_as_apex_does(org: Org, save: Save) -> None:
    caught: list[DmlError] = []

    def careful(trigger: Trigger) -> None:
        try:
            trigger.org.insert("Account", [{"Name": "Acme"}, {}])
        except DmlError as error:
            caught.append(error)

    def careless(trigger: Trigger) -> None:
        trigger.org.update("Account", {"Id": "001000000000001AAA", "Name": "x"})

    org.automation.add("Contact", ["insert"], work=careful)
    (made,) = save(contact())
    assert made.success
    assert str(caught[0]) == (
        "Insert failed. First exception on row 1; first error: REQUIRED_FIELD_MISSING, "
        "Required fields are missing: [Name]: [Name]"
    )
    assert [bool(found) for found in caught[0].errors] == [False, True]
    org.automation.add("Contact", ["insert"], work=careless)
    (made,) = save(contact())
    assert (
        "caused by: System.DmlException: Update failed. First exception on row 0 with id 001000000000001AAA; "
        "first error: INVALID_CROSS_REFERENCE_KEY, invalid cross reference id: []" in made.errors[0].message
    )


def test_a_partial_nested_save_tells_row_by_row(org: Org, who: Session, save: Save) -> None:
    told: list[list[bool]] = []

    def note(trigger: Trigger) -> None:
        results = trigger.org.insert("Account", [{"Name": "Acme"}, {}], all_or_none=False)
        told.append([result.success for result in results])

    org.automation.add("Contact", ["insert"], work=note)
    save(contact())
    assert told == [[True, False]]
    assert len(rows(org, who, "SELECT Id FROM Account")) == 1


def test_nested_saves_of_more_than_a_chunk_are_all_or_none(org: Org, who: Session, save: Save) -> None:
    def many(trigger: Trigger) -> None:
        names = [{"Name": f"A{number}"} for number in range(450)]
        trigger.org.insert("Account", names if len(trigger.new or ()) == 1 else [*names, {}])

    org.automation.add("Contact", ["insert"], work=many)
    assert save(contact())[0].success
    assert org.query(who, "SELECT COUNT() FROM Account", base=BASE).total == 450
    assert not any(result.success for result in save(contact(), contact()))
    assert org.query(who, "SELECT COUNT() FROM Account", base=BASE).total == 450


def test_hooks_that_wake_each_other_end_at_sixteen_levels(org: Org, who: Session, save: Save) -> None:
    depth: list[int] = []

    def again(trigger: Trigger) -> None:
        depth.append(trigger.size)
        trigger.org.update("Contact", [{"Id": record.id, "Title": str(len(depth))} for record in trigger.new or ()])

    org.automation.add("Contact", ["update"], at="after", name="ContactTrigger", work=again)
    (made,) = save(contact())
    (result,) = save(Change("update", "Contact", {"Title": "x"}, id=made.id))
    code, message, fields = one_error(result)
    assert code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" and fields == []
    assert message.startswith(
        "ContactTrigger: execution of AfterUpdate\n\ncaused by: System.DmlException: Update failed."
    )
    assert "ContactTrigger: maximum trigger depth exceeded\nContact trigger event AfterUpdate for [" in message
    assert len(depth) == 16
    assert rows(org, who, "SELECT Title FROM Contact")[0]["Title"] is None


# -- what is wrong with a hook is said when it is added


async def asynchronous(trigger: Trigger) -> None: ...


@pytest.mark.parametrize(
    ("arguments", "key", "text"),
    [
        ({"sobject": "Kontact"}, "object", "this org has no object Kontact"),
        ({"on": ["upsert"]}, "on", "there is no event 'upsert'"),
        ({"on": []}, "on", "a hook needs at least one event"),
        ({"at": "around"}, "at", "a hook runs before or after, not 'around'"),
        ({"work": asynchronous}, "work", "a hook cannot be async"),
        ({"work": "print"}, "work", "a hook must be a function"),
    ],
)
def test_a_hook_that_can_never_run_is_refused(org: Org, arguments: dict[str, Any], key: str, text: str) -> None:
    given = {"sobject": "Contact", "on": ["insert"], **arguments}
    with pytest.raises(HookError, match=text) as refused:
        org.automation.add(given.pop("sobject"), given.pop("on"), **given)
    assert refused.value.path == (key,)
    assert not org.automation
