"""The write pipeline: what is saved, what each mistake answers, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, LockHeld, RowResult
from mock_server.org.records.values import Misfit
from mock_server.org.waiting import when_unlocked
from tests.org.records.conftest import Save, contact

BASE = "/services/data/v60.0/sobjects"


def stored(org: Org, who: Session, identifier: str | None, *fields: str) -> dict[str, Any]:
    assert identifier is not None
    (record,) = org.read(who, "Contact", [identifier], fields, base=BASE)
    assert record is not None
    return {name: record[name] for name in fields}


def refusal(result: RowResult) -> tuple[str, str, list[str]]:
    assert not result.success
    assert result.id is None
    (error,) = result.errors
    return error.code, error.message, list(error.fields or ())


def test_a_created_record_has_its_system_fields(org: Org, who: Session, save: Save) -> None:
    (made,) = save(contact(firstname="Ada", EMAIL="Ada@Example.COM"))
    assert made.id and made.id.startswith("003") and len(made.id) == 18
    fields = ("Name", "Email", "OwnerId", "CreatedById", "CreatedDate", "SystemModstamp", "IsDeleted")
    record = stored(org, who, made.id, *fields)
    assert record["Name"] == "Ada Lovelace"
    assert record["Email"] == "ada@example.com"
    assert record["OwnerId"] == record["CreatedById"] == who.user_id
    assert record["CreatedDate"] == record["SystemModstamp"]
    assert record["IsDeleted"] is False


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("LastName", "  Hopper ", "Hopper"),
        ("Title", "", None),
        ("Score__c", 12.345, 12.35),
        ("Score__c", "12.5", 12.5),
        ("Score__c", 7, 7.0),
        ("Active__c", True, True),
        ("Active__c", "true", True),
        ("Active__c", None, False),
        ("Birthdate", "1815-12-10", "1815-12-10"),
        ("Born__c", "2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000+0000"),
        ("Born__c", "2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00.000+0000"),
        ("Wakes__c", "07:30", "07:30:00.000Z"),
        ("Size__c", "small", "Small"),
        ("Tags__c", "blue;red", "red;blue"),
        ("Phone", "+1 555 0100", "+1 555 0100"),
    ],
)
def test_values_are_kept_in_salesforces_form(
    org: Org, who: Session, save: Save, field: str, given: object, kept: object
) -> None:
    (made,) = save(contact(**{field: given}))
    assert stored(org, who, made.id, field)[field] == kept


@pytest.mark.parametrize(
    ("change", "code", "message", "fields"),
    [
        (
            Change("create", "Contact", {}),
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            ["LastName"],
        ),
        (contact(Nickname="Ada"), "INVALID_FIELD", "No such column 'Nickname' on sobject of type Contact", []),
        (
            contact(LastName="x" * 81),
            "STRING_TOO_LONG",
            f"Last Name: data value too large: {'x' * 81} (max length=80)",
            ["LastName"],
        ),
        (contact(Email="nobody"), "INVALID_EMAIL_ADDRESS", "Email: invalid email address: nobody", ["Email"]),
        (
            contact(Size__c="Huge"),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Size: bad value for restricted picklist field: Huge",
            ["Size__c"],
        ),
        (
            contact(Score__c=1000),
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Score: value outside of valid range on numeric field: 1000",
            ["Score__c"],
        ),
        (
            contact(CreatedDate="2026-01-01T00:00:00Z"),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: CreatedDate. Please check the security settings of this field and verify "
            "that it is read/write for your profile or permission set.",
            ["CreatedDate"],
        ),
        (contact(AccountId="001Kd00000000zzIAA"), "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []),
        (
            contact(AccountId="nonsense"),
            "MALFORMED_ID",
            "Account ID: id value of incorrect type: nonsense",
            ["AccountId"],
        ),
        (Change("update", "Contact", {"Title": "x"}), "MISSING_ARGUMENT", "Id not specified in an update call", []),
        (Change("update", "Contact", {}, id="12"), "MALFORMED_ID", "malformed id 12", []),
        (
            Change("update", "Contact", {}, id="003Kd00000000zzIAA"),
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            [],
        ),
        (
            Change("upsert", "Contact", {}, key_field="External_Id__c"),
            "MISSING_ARGUMENT",
            "External_Id__c not specified",
            [],
        ),
    ],
)
def test_each_mistake_has_its_own_error(save: Save, change: Change, code: str, message: str, fields: list[str]) -> None:
    (result,) = save(change)
    assert refusal(result) == (code, message, fields)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("LastName", 5, "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5"),
        ("Score__c", "many", "Cannot deserialize instance of double from VALUE_STRING value many"),
        ("Birthdate", "2026-02-30", "Cannot deserialize instance of date from VALUE_STRING value 2026-02-30"),
        ("Born__c", "yesterday", "Cannot deserialize instance of datetime from VALUE_STRING value yesterday"),
        ("Active__c", 3, "Cannot deserialize instance of boolean from VALUE_NUMBER_INT value 3"),
    ],
)
def test_a_value_of_the_wrong_json_type_stops_everything(
    org: Org, save: Save, field: str, value: object, text: str
) -> None:
    with pytest.raises(Misfit) as misfit:
        save(contact(), contact(**{field: value}))
    assert misfit.value.text.startswith(text)
    assert list(org.commits()) == []


def test_partial_success_saves_the_good_rows_and_says_why_the_others_failed(org: Org, save: Save) -> None:
    results = save(contact(), contact(Nickname="x"), contact())
    assert [result.success for result in results] == [True, False, True]
    assert [commit.id for commit in org.commits()] == [results[0].id, results[2].id]


def test_all_or_none_saves_nothing(org: Org, save: Save) -> None:
    results = save(contact(), contact(Nickname="x"), all_or_none=True)
    assert [result.errors[0].code for result in results] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"]
    assert list(org.commits()) == []


def test_upsert_creates_then_updates_whatever_the_case_of_the_key(org: Org, who: Session, save: Save) -> None:
    def upsert(key: str, **values: Any) -> RowResult:
        values = {"LastName": "Lovelace", **values}
        return save(Change("upsert", "contact", values, key_field="external_id__C", key=key))[0]

    first, second = upsert("C-1"), upsert("c-1", Title="Countess")
    assert (first.created, second.created) == (True, False)
    assert first.id == second.id
    assert stored(org, who, first.id, "Title", "External_Id__c") == {"Title": "Countess", "External_Id__c": "c-1"}


@pytest.mark.parametrize("key", [None, "", "  ", "\0"])
def test_a_key_that_is_empty_is_no_key(save: Save, key: str | None) -> None:
    (result,) = save(Change("upsert", "Contact", {"LastName": "x"}, key_field="External_Id__c", key=key))
    assert refusal(result)[:2] == ("MISSING_ARGUMENT", "External_Id__c not specified")


def test_two_rows_with_one_key_in_a_call_are_both_refused(save: Save) -> None:
    row = {"LastName": "Lovelace"}
    results = save(*(Change("upsert", "Contact", dict(row), key_field="External_Id__c", key="C-1") for _ in range(2)))
    assert [refusal(result)[1] for result in results] == ["Duplicate external id specified: C-1"] * 2


def test_a_key_that_two_records_share_is_ambiguous(save: Save) -> None:
    made = save(contact(Legacy__c="L"), contact(Legacy__c="l"))
    (result,) = save(Change("upsert", "Contact", {}, key_field="Legacy__c", key="L"))
    assert result.errors[0].code == "DUPLICATE_EXTERNAL_ID"
    assert result.errors[0].extra["matches"] == [row.id for row in made]


def test_a_unique_value_is_taken_by_stored_records_and_by_earlier_rows(save: Save) -> None:
    (made,) = save(contact(External_Id__c="A"))
    results = save(contact(External_Id__c="a"), contact(External_Id__c="B"), contact(External_Id__c="b"))
    assert made.id and results[1].id
    assert refusal(results[0])[1].endswith(made.id[:15])
    assert refusal(results[2])[1].endswith(results[1].id[:15])


def test_a_deleted_record_frees_its_key_and_cannot_be_touched(save: Save) -> None:
    (made,) = save(contact(External_Id__c="A"))
    assert save(Change("delete", "Contact", id=made.id))[0].success
    assert save(contact(External_Id__c="A"))[0].success
    for verb in ("delete", "update"):
        (result,) = save(Change(verb, "Contact", id=made.id))  # type: ignore[arg-type]
        assert refusal(result)[:2] == ("ENTITY_IS_DELETED", "entity is deleted")


def test_children_go_to_the_bin_with_their_parent(org: Org, who: Session, save: Save) -> None:
    (account,) = save(Change("create", "Account", {"Name": "Acme"}))
    (child,) = save(contact(AccountId=account.id))
    save(Change("delete", "Account", id=account.id))
    assert org.read(who, "Contact", [child.id or ""], ["Id"], base=BASE) == [None]


def test_a_parent_can_be_named_by_its_external_id(org: Org, who: Session, save: Save) -> None:
    (boss,) = save(contact(External_Id__c="boss"))
    (made,) = save(contact(ReportsTo={"External_Id__c": "BOSS"}))
    assert stored(org, who, made.id, "ReportsToId") == {"ReportsToId": boss.id}
    (lost,) = save(contact(ReportsTo={"External_Id__c": "nobody"}))
    assert refusal(lost)[:2] == (
        "INVALID_FIELD",
        "Foreign key external ID: nobody not found for field External_Id__c in entity Contact",
    )


def test_a_held_lock_stops_the_write_before_anything_is_done(org: Org, save: Save) -> None:
    (account,) = save(Change("create", "Account", {"Name": "Acme"}))
    org.locks.hold([account.id or ""], 60)
    last = org.log.last
    with pytest.raises(LockHeld):
        save(contact(AccountId=account.id))
    (result,) = save(contact(AccountId=account.id), give_up=True)
    assert refusal(result)[:2] == (
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {account.id}",
    )
    assert org.log.last == last
    org.clock.advance(61)
    assert save(contact(AccountId=account.id))[0].success


def test_locks_outlive_a_transaction_for_its_simulated_time(org: Org, save: Save) -> None:
    org.transaction_time = 2.0
    (account,) = save(Change("create", "Account", {"Name": "Acme"}))
    with pytest.raises(LockHeld):
        save(Change("update", "Account", {"Name": "Acme 2"}, id=account.id))
    org.clock.advance(2.1)
    assert save(Change("update", "Account", {"Name": "Acme 2"}, id=account.id))[0].success


async def test_a_waiting_write_goes_on_when_the_lock_comes_free(org: Org, save: Save) -> None:
    import asyncio

    (account,) = save(Change("create", "Account", {"Name": "Acme"}))
    org.locks.hold([account.id or ""], 5)
    change = Change("update", "Account", {"Name": "Acme 2"}, id=account.id)
    waiting = asyncio.create_task(when_unlocked(org, lambda: save(change)))
    await asyncio.sleep(0)
    assert not waiting.done()
    org.clock.advance(6)
    assert (await waiting)[0].success


async def test_a_write_waits_ten_seconds_for_a_lock_and_no_longer(org: Org, save: Save) -> None:
    import asyncio

    (account,) = save(Change("create", "Account", {"Name": "Acme"}))
    org.locks.hold([account.id or ""], 3600)
    change = Change("update", "Account", {"Name": "Acme 2"}, id=account.id)
    waiting = asyncio.create_task(when_unlocked(org, lambda: save(change)))
    for _ in range(10):
        await asyncio.sleep(0)
        assert not waiting.done()
        org.clock.advance(1)
    with pytest.raises(LockHeld):
        await asyncio.wait_for(waiting, 60)


def test_a_failed_transaction_leaves_neither_rows_nor_commits(org: Org, who: Session, save: Save) -> None:
    with pytest.raises(RuntimeError), org.transaction():
        save(contact())
        raise RuntimeError("changed my mind")
    assert list(org.commits()) == []
    assert org.query(who, "SELECT COUNT() FROM Contact", base=BASE).total == 0


def test_a_snapshot_brings_everything_back(org: Org, who: Session, save: Save) -> None:
    (kept,) = save(contact())
    snapshot = org.snapshot()
    save(contact(), Change("delete", "Contact", id=kept.id))
    org.restore(snapshot)
    assert org.query(who, "SELECT COUNT() FROM Contact", base=BASE).total == 1
    assert stored(org, who, kept.id, "LastName") == {"LastName": "Lovelace"}


text = st.text(max_size=100)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["LastName", "email", "Birthdate", "AccountId", "Account", "Score__c", "Active__c", "Born__c", "Tags__c", "Id",
     "Size__c", "ReportsTo", "attributes", "Name", "MailingAddress", "nope"]
) | text  # fmt: skip


@settings(max_examples=300)
@given(st.dictionaries(names, anything, max_size=5), st.sampled_from(["create", "update", "upsert"]), anything)
def test_no_value_whatever_breaks_a_write(values: dict[str, Any], verb: Any, key: Any) -> None:
    org = _shared_org()
    change = Change(verb, "Contact", values, id=key if isinstance(key, str) else None)
    if verb == "upsert":
        change.key_field, change.key = "External_Id__c", key
    before = org.log.last
    try:
        (result,) = org.write(_shared_session(), [change], all_or_none=False)
    except Misfit:
        assert org.log.last == before
    else:
        assert result.success == (org.log.last > before)
        assert result.success or result.errors


_SHARED: list[Any] = []


def _shared_org() -> Org:
    if not _SHARED:
        from mock_server.org.schema import Schema
        from tests.org.records.conftest import FIELDS

        schema = Schema()
        schema.add({}, FIELDS)
        org = Org(2, schema=schema)
        org.directory.seed()
        user = next(iter(org.directory.users.values()))
        _SHARED.extend([org, org.sessions.open(user, next(iter(org.directory.apps.values())), ("api",))])
    org = _SHARED[0]
    assert isinstance(org, Org)
    return org


def _shared_session() -> Session:
    _shared_org()
    session = _SHARED[1]
    assert isinstance(session, Session)
    return session
