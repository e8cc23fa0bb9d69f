"""PushTopics: what a topic may ask, what it notifies of, and of what it does not."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.events import EARLIEST, Event, NoChannel, NotPermitted
from mock_server.org.events.topics.filters import NoFilter
from mock_server.org.identity.enrolment import enrol
from mock_server.org.identity.given import read_users
from mock_server.org.identity.sessions import Session
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.records.tables import Table
from tests.org.events.conftest import Bus

NEW = {"Name": "New", "Query": "SELECT Id, Name, Industry FROM Account", "ApiVersion": 60.0}


def topic(bus: Bus, **values: Any) -> RowResult:
    (result,) = bus.save(Change("create", "PushTopic", {**NEW, **values}))
    return result


def create(bus: Bus, sobject: str = "Account", **values: Any) -> str:
    given = {"Name": "A", **values} if sobject == "Account" else values
    (result,) = bus.save(Change("create", sobject, given))
    assert result.success, result.errors
    return str(result.id)


def update(bus: Bus, identifier: str, sobject: str = "Account", **values: Any) -> None:
    (result,) = bus.save(Change("update", sobject, values, id=identifier))
    assert result.success, result.errors


def told(bus: Bus, channel: str = "/topic/New") -> list[tuple[str, Mapping[str, Any]]]:
    return [(event.told["type"], event.payload) for event in events(bus, channel)]


def events(bus: Bus, channel: str = "/topic/New") -> list[Event]:
    found = bus.org.events.find(bus.who, channel)
    return bus.org.events.after(found, bus.org.events.start(found, EARLIEST), 1000)


def types(bus: Bus, channel: str = "/topic/New") -> list[str]:
    return [kind for kind, _ in told(bus, channel)]


def test_a_record_is_told_from_its_creation_to_its_return(bus: Bus) -> None:
    assert topic(bus).success
    account = create(bus, Industry="Energy")
    update(bus, account, Industry="Banking")
    bus.save(Change("delete", "Account", id=account))
    bus.save(Change("undelete", "Account", id=account))
    whole = {"Id": account, "Name": "A", "Industry": "Banking"}
    assert told(bus) == [
        ("created", {**whole, "Industry": "Energy"}),
        ("updated", whole),
        ("deleted", whole),
        ("undeleted", whole),
    ]
    (first, *_) = events(bus)
    assert first.told == {"createdDate": "2026-02-25T06:13:20.000Z", "type": "created"}
    assert list(first.payload) == ["Id", "Name", "Industry"]


def test_a_topic_is_active_and_tells_of_all_operations_unless_it_says_otherwise(bus: Bus) -> None:
    made = topic(bus, NotifyForOperationDelete=False)
    (row,) = bus.org.query(
        bus.who, "SELECT IsActive, NotifyForFields, NotifyForOperations, NotifyForOperationUndelete FROM PushTopic",
        base="",
    ).records  # fmt: skip
    assert [row[name] for name in row if name != "attributes"] == [True, "Referenced", "All", True]
    update(bus, str(made.id), "PushTopic", NotifyForOperationCreate=False)
    account = create(bus)
    update(bus, account, Name="B")
    bus.save(Change("delete", "Account", id=account))
    assert types(bus) == ["updated"]
    (row,) = bus.org.query(bus.who, "SELECT NotifyForOperations FROM PushTopic", base="").records
    assert row["NotifyForOperations"] == "Update"


@pytest.mark.parametrize(
    ("notify", "changes", "seen"),
    [
        # The query selects Name, and asks for Industry = 'Energy'; Phone it does not mention.
        ("Referenced", {"Name": "B"}, True),
        ("Referenced", {"Phone": "1"}, False),
        ("Referenced", {"Rating": "Hot"}, True),
        ("Referenced", {"Name": "A"}, False),
        ("Referenced", {"Industry": "Banking"}, False),
        ("Select", {"Name": "B"}, True),
        ("Select", {"Rating": "Hot"}, False),
        ("Where", {"Name": "B"}, False),
        ("Where", {"Rating": "Hot"}, True),
        ("All", {"Phone": "1"}, True),
        ("All", {"Name": "A"}, False),
        ("All", {"Industry": "Banking"}, False),
    ],
)
def test_which_changes_notify(bus: Bus, notify: str, changes: dict[str, Any], seen: bool) -> None:
    query = "SELECT Id, Name FROM Account WHERE Industry = 'Energy' AND Rating != 'Cold'"
    assert topic(bus, NotifyForFields=notify, Query=query).success
    account = create(bus, Industry="Energy", Rating="Warm")
    update(bus, account, **changes)
    assert types(bus) == ["created", *["updated"] * seen]


def test_a_record_that_comes_to_meet_the_condition_is_told_as_updated_and_one_that_leaves_it_is_not(bus: Bus) -> None:
    topic(bus, Query="SELECT Id, Name FROM Account WHERE Industry = 'Energy'")
    account = create(bus)
    assert types(bus) == []
    update(bus, account, Industry="Energy")
    update(bus, account, Industry="Banking")
    bus.save(Change("delete", "Account", id=account))
    assert types(bus) == ["updated"]


def test_the_parts_of_a_name_count_only_with_the_name(bus: Bus) -> None:
    topic(bus, Query="SELECT Id, Name FROM Contact")
    topic(bus, Name="Parts", Query="SELECT Id, FirstName, LastName FROM Contact")
    contact = create(bus, "Contact", LastName="L")
    update(bus, contact, "Contact", FirstName="F")
    assert told(bus)[-1] == ("updated", {"Id": contact, "Name": "F L"})
    assert types(bus, "/topic/Parts") == ["created"]


def test_moments_and_compound_fields_are_told_as_the_streaming_api_does(bus: Bus) -> None:
    topic(bus, Query="SELECT Id, CreatedDate, BillingCity, BillingAddress, IsDeleted, NumberOfEmployees FROM Account")
    create(bus, BillingCity="Ulm", NumberOfEmployees=3)
    ((_, one),) = told(bus)
    assert one["CreatedDate"] == "2026-02-25T06:13:20.000Z"
    assert (one["BillingCity"], one["IsDeleted"], one["NumberOfEmployees"]) == ("Ulm", False, 3)
    assert one["BillingAddress"]["city"] == "Ulm"


def test_a_transaction_tells_what_became_of_a_record_in_the_end(bus: Bus) -> None:
    topic(bus)
    with bus.org.transaction():
        account = create(bus)
        update(bus, account, Name="B")
        other = create(bus)
        bus.save(Change("delete", "Account", id=other))
    assert told(bus) == [("created", {"Id": account, "Name": "B", "Industry": None})]


def test_what_is_rolled_back_notifies_nobody(bus: Bus) -> None:
    topic(bus)
    with pytest.raises(ZeroDivisionError), bus.org.transaction():
        create(bus)
        raise ZeroDivisionError
    assert told(bus) == []
    with pytest.raises(ZeroDivisionError), bus.org.transaction():
        topic(bus, Name="Gone")
        raise ZeroDivisionError
    with pytest.raises(NoChannel):
        bus.org.events.find(bus.who, "/topic/Gone")


def test_what_the_bulk_api_saves_notifies_nobody(bus: Bus) -> None:
    topic(bus)
    table = Table("Account", "create", ("Name",), [["A"], ["B"]])
    bus.org.write_table(bus.who, table, exchange=7)
    create(bus)
    assert types(bus) == ["created"]


def test_what_is_deleted_along_notifies_nobody(bus: Bus) -> None:
    topic(bus, Query="SELECT Id, LastName FROM Contact")
    account = create(bus)
    create(bus, "Contact", LastName="L", AccountId=account)
    bus.save(Change("delete", "Account", id=account))
    assert types(bus) == ["created"]


def test_many_records_of_one_save_are_told_in_order(bus: Bus) -> None:
    topic(bus)
    results = bus.save(*[Change("create", "Account", {"Name": str(number)}) for number in range(200)])
    assert [one["Id"] for _, one in told(bus)] == [result.id for result in results]


def test_an_inactive_topic_is_no_channel_and_one_with_another_name_keeps_its_subscribers(bus: Bus) -> None:
    made = topic(bus)
    live = bus.org.events.find(bus.who, "/topic/New")
    update(bus, str(made.id), "PushTopic", Name="Newer")
    create(bus)
    assert len(live.after(0, 10)) == len(events(bus, "/topic/Newer")) == 1
    with pytest.raises(NoChannel):
        bus.org.events.find(bus.who, "/topic/New")
    update(bus, str(made.id), "PushTopic", IsActive=False)
    create(bus)
    assert len(live.after(0, 10)) == 1
    with pytest.raises(NoChannel):
        bus.org.events.find(bus.who, "/topic/Newer")


def test_another_query_counts_at_once(bus: Bus) -> None:
    made = topic(bus)
    update(bus, str(made.id), "PushTopic", Query="SELECT Id, Phone FROM Account WHERE Phone != null")
    create(bus)
    account = create(bus, Phone="1")
    assert told(bus) == [("created", {"Id": account, "Phone": "1"})]


@pytest.mark.parametrize("name", ["/topic/new", "/topic/Nothing", "/topic/", "/topic"])
def test_names_are_case_sensitive(bus: Bus, name: str) -> None:
    topic(bus)
    with pytest.raises(NoChannel):
        bus.org.events.find(bus.who, name)


@pytest.mark.parametrize(
    ("filtered", "names"),
    [
        ("Industry='Energy'", ["A", "B"]),
        ("Industry=Energy", ["A", "B"]),
        ("Industry='Energy'&Name='C'", ["A", "B", "C"]),
        ("name='C'", ["C"]),
        ("Industry=null", ["D"]),
        ("NumberOfEmployees=5", ["B"]),
        ("IsDeleted=true", []),
        ("Name='c'", []),
    ],
)
def test_a_filter_lets_pass_what_meets_any_of_its_conditions(bus: Bus, filtered: str, names: list[str]) -> None:
    topic(bus, Query="SELECT Id, Name, Industry, NumberOfEmployees, IsDeleted FROM Account")
    create(bus, Industry="Energy")
    create(bus, Name="B", Industry="Energy", NumberOfEmployees=5)
    create(bus, Name="C", Industry="Banking")
    create(bus, Name="D")
    assert [one["Name"] for _, one in told(bus, f"/topic/New?{filtered}")] == names


@pytest.mark.parametrize(
    ("filtered", "fields"),
    [("Rating='Hot'", ("Rating",)), ("Rating=1&Name=2&Nope=3", ("Rating", "Nope")), ("", ("",)), ("Name", ("Name",))],
)
def test_a_filter_asks_for_fields_of_the_query_alone(bus: Bus, filtered: str, fields: tuple[str, ...]) -> None:
    topic(bus)
    with pytest.raises(NoFilter) as caught:
        bus.org.events.find(bus.who, f"/topic/New?{filtered}")
    assert caught.value.fields == fields


AGGREGATE = "Aggregate queries are not supported"


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("SELECT Name FROM Account", "INVALID_FIELD", "Id must be included in the SELECT clause"),
        (
            "SELECT Id, Name FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Title = 'CEO')",
            "INVALID_FIELD",
            "semi/anti join sub-selects are not supported",
        ),
        ("SELECT Id, AVG(AnnualRevenue) FROM Account", "INVALID_FIELD", AGGREGATE),
        ("SELECT Id, Industry, COUNT(Name) FROM Account", "INVALID_FIELD", AGGREGATE),
        ("SELECT COUNT() FROM Account", "INVALID_FIELD", AGGREGATE),
        ("SELECT Id, AccountId FROM Contact GROUP BY AccountId", "INVALID_FIELD", AGGREGATE),
        ("SELECT Id, Name FROM Contact LIMIT 10", "INVALID_FIELD", "'LIMIT' is not allowed"),
        ("SELECT Id, Contact.Account.Name FROM Contact", "INVALID_FIELD", "relationships are not supported"),
        ("SELECT Id, Account.Name FROM Contact", "INVALID_FIELD", "relationships are not supported"),
        ("SELECT Id FROM Contact WHERE Account.Name = 'A'", "INVALID_FIELD", "relationships are not supported"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "INVALID_FIELD", "relationships are not supported"),
        ("SELECT Id, Name FROM Account ORDER BY Name", "INVALID_FIELD", "'ORDER BY' clause is not allowed"),
        ("SELECT Id FROM Account WHERE NOT Name = 'A'", "INVALID_FIELD", "'NOT' is not supported"),
        ("SELECT Id, Name FROM Account OFFSET 10", "INVALID_FIELD", "'OFFSET' clause is not allowed"),
        (
            "SELECT TYPEOF Owner WHEN User THEN LastName ELSE Name END FROM Case",
            "INVALID_FIELD",
            "'TYPEOF' clause is not allowed",
        ),
        ("SELECT Id, Name FROM Account FOR UPDATE", "INVALID_FIELD", "'FOR' clause is not allowed"),
        ("SELECT Id, Name FROM User", "INVALID_FIELD", "entity type User is not supported"),
        (
            "SELECT Id FROM Account WHERE BillingStreet = 'x'",
            "INVALID_FIELD",
            "field 'BillingStreet' can not be filtered in query call",
        ),
        ("SELECT Id FROM Account", "INVALID_FIELD", "The SELECT or WHERE clause must have"),
        ("SELECT Id, Nope FROM Account", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("SELECT Id FROM", "MALFORMED_QUERY", ""),
        ("nonsense", "MALFORMED_QUERY", ""),
        ("SELECT Id, " + "x" * 1300 + " FROM Account", "STRING_TOO_LONG", "max length=1300"),
    ],
)
def test_a_query_that_no_topic_can_have(bus: Bus, query: str, code: str, message: str) -> None:
    result = topic(bus, Query=query)
    assert [error.code for error in result.errors] == [code]
    assert message in result.errors[0].message


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"NotifyForFields": "Select", "Query": "SELECT Id FROM Account WHERE Name = 'A'"}, "INVALID_FIELD"),
        ({"NotifyForFields": "Where"}, "INVALID_FIELD"),
        ({"NotifyForFields": "Some"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"ApiVersion": 20.0}, "INVALID_FIELD"),
        ({"ApiVersion": 60.5}, "INVALID_FIELD"),
        ({"ApiVersion": 99.0}, "INVALID_FIELD"),
        ({"ApiVersion": -60.0}, "INVALID_FIELD"),
        ({"ApiVersion": None}, "REQUIRED_FIELD_MISSING"),
        ({"Query": None}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "N" * 26}, "STRING_TOO_LONG"),
        ({"Name": None}, "REQUIRED_FIELD_MISSING"),
        ({"NotifyForOperations": "All"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_record_that_is_no_topic(bus: Bus, values: dict[str, Any], code: str) -> None:
    assert [error.code for error in topic(bus, **values).errors] == [code]


def test_what_is_wrong_with_a_topic_is_told_in_the_recorded_words(bus: Bus) -> None:
    (version,) = topic(bus, ApiVersion=bus.org.latest + 1.0).errors
    assert (version.message, version.fields) == ("Invalid ApiVersion", ("ApiVersion",))
    assert topic(bus, ApiVersion=float(bus.org.latest)).success
    name = "MyLeadPushTopics80xlatestubi9"
    (long,) = topic(bus, Name=name).errors
    assert long.message == f"Topic Name: data value too large: {name} (max length=25)"
    assert topic(bus, Name=name[:25]).success


@pytest.mark.parametrize("query", ["SELECT Id FROM Account", "SELECT a.Id, a.Name FROM Account a"])
def test_a_topic_about_all_changes_may_select_ids_alone(bus: Bus, query: str) -> None:
    assert topic(bus, NotifyForFields="All", Query=query).success


def test_a_name_belongs_to_one_topic(bus: Bus) -> None:
    first = topic(bus)
    assert [error.code for error in topic(bus).errors] == ["DUPLICATE_VALUE"]
    results = bus.save(*[Change("create", "PushTopic", {**NEW, "Name": "Twice"}) for _ in range(2)])
    assert [result.success for result in results] == [True, False]
    bus.save(Change("delete", "PushTopic", id=first.id))
    assert topic(bus).success


def test_an_org_has_forty_active_topics_at_most(bus: Bus) -> None:
    results = bus.save(*[Change("create", "PushTopic", {**NEW, "Name": f"N{n}"}) for n in range(41)])
    assert [result.success for result in results] == [True] * 40 + [False]
    assert [error.code for error in results[-1].errors] == ["LIMIT_EXCEEDED"]
    assert topic(bus, IsActive=False).success
    update(bus, str(results[0].id), "PushTopic", IsActive=False)
    assert topic(bus, Name="Other").success


def test_a_snapshot_brings_its_topics(bus: Bus) -> None:
    topic(bus)
    kept = bus.org.snapshot()
    other = Bus()
    other.org.restore(kept)
    create(other)
    assert types(other) == ["created"]


def test_who_waits_for_what_does_not_pass_looks_at_it_once(bus: Bus) -> None:
    topic(bus)
    channel = bus.org.events.find(bus.who, "/topic/New?Name='B'")
    for _ in range(25):
        create(bus)
    assert channel.after(0, 10) == channel.after(0, 10) == []
    create(bus, Name="B")
    (seen,) = channel.after(0, 10)
    assert seen.payload["Name"] == "B"
    assert channel.after(seen.replay_id, 10) == []
    assert channel.after(0, 10) == [seen]


def test_a_snapshot_takes_later_topics_away(bus: Bus) -> None:
    kept = bus.org.snapshot()
    topic(bus)
    bus.org.restore(kept)
    with pytest.raises(NoChannel):
        bus.org.events.find(bus.who, "/topic/New")
    create(bus)
    topic(bus, Name="Other")
    assert types(bus, "/topic/Other") == []


WORDS = [
    "SELECT", "Id", "Name", "FROM", "Account", "WHERE", "AND", "OR", "NOT", "(", ")", "=", "!=", "IN", "LIKE", "'A%'",
    "null", "5", "TODAY", "LAST_N_DAYS:3", "Industry", "Account.Name", "Owner.Name", "COUNT(Id)", "FIELDS(ALL)",
    "toLabel(Industry)", "LIMIT 1", ",", "BillingAddress", "BillingCity", "AnnualRevenue", "USD5", "IsDeleted", "true",
    "DISTANCE(BillingAddress, GEOLOCATION(1,2), 'km') < 5", "CALENDAR_YEAR(CreatedDate) = 2026", "ALL ROWS", "é", "\x00",
]  # fmt: skip


@settings(max_examples=80)
@given(st.lists(st.sampled_from(WORDS), max_size=12), st.booleans(), st.text(max_size=20))
def test_any_query_makes_a_topic_or_is_refused(words: list[str], begun: bool, filtered: str) -> None:
    bus = _shared()
    query = " ".join(["SELECT Id, Name FROM Account WHERE", *words] if begun else words)
    made = topic(bus, Query=query, NotifyForFields="All")
    account = create(bus, Industry="Energy")
    update(bus, account, Name="B")
    bus.save(Change("delete", "Account", id=account))
    if made.success:
        types(bus)
        with contextlib.suppress(NoFilter):
            events(bus, f"/topic/New?{filtered}")
        bus.save(Change("delete", "PushTopic", id=made.id))


@functools.cache
def _shared() -> Bus:
    return Bus()


BIKES = {"Bike__c": {"sharing": "Private", "fields": {"Secret__c": {"type": "number"}}}}


def user(bus: Bus, number: int, **definition: Any) -> Session:
    """Make a user with the rights that a definition gives, and let him in."""
    given = {"username": f"user{number}@acme.test", **definition}
    (identifier,) = enrol(bus.org, read_users(bus.org.schema, [given]))
    one = bus.org.directory.by_id(identifier)
    app = bus.org.directory.default_app
    return bus.org.sessions.open(one, app, app.scopes)


def test_users_are_told_of_records_and_fields_that_they_see(bus: Bus) -> None:
    bus.org.schema.add(BIKES, {})
    topic(bus, Query="SELECT Id, Secret__c FROM Bike__c")
    reads = {"objects": {"Bike__c": "read", "PushTopic": "read"}}
    owner, partner = user(bus, 1, **reads, fields={"Bike__c": {"Secret__c": "none"}}), user(bus, 2, **reads)
    mine = create(bus, "Bike__c", Secret__c=1, OwnerId=owner.user_id)
    other = create(bus, "Bike__c", Secret__c=2)
    seen = [bus.org.events.find(who, "/topic/New").after(0, 10) for who in (owner, partner, bus.who)]
    assert [[event.payload for event in one] for one in seen] == [
        [{"Id": mine}],
        [],
        [{"Id": mine, "Secret__c": 1.0}, {"Id": other, "Secret__c": 2.0}],
    ]


def test_who_may_not_read_what_a_topic_asks_about_cannot_subscribe(bus: Bus) -> None:
    bus.org.schema.add(BIKES, {})
    topic(bus, Query="SELECT Id, Name FROM Bike__c WHERE Secret__c > 1")
    topic(bus, Name="Told", Query="SELECT Id, Secret__c FROM Bike__c")
    reads = {"objects": {"Bike__c": "read", "PushTopic": "read"}}
    reader = user(bus, 1, **reads, fields={"Bike__c": {"Secret__c": "none"}})
    with pytest.raises(NotPermitted) as caught:
        bus.org.events.find(reader, "/topic/New")
    assert (caught.value.entity, caught.value.right) == ("Bike__c", "filter")
    assert bus.org.events.find(reader, "/topic/Told").name == "/topic/Told"


@pytest.mark.parametrize(
    ("objects", "entity"), [({"PushTopic": "read"}, "Account"), ({"Account": "read"}, "PushTopic")]
)
def test_who_subscribes_reads_the_topic_and_its_object(bus: Bus, objects: dict[str, str], entity: str) -> None:
    topic(bus)
    with pytest.raises(NotPermitted) as caught:
        bus.org.events.find(user(bus, 1, objects=objects), "/topic/New")
    assert caught.value.entity == entity
