"""Inputs and seeded records: unique, the same for the same seed, and accepted by a real org."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import thread_time
from typing import Any

import pytest

from harness import seeding
from harness.inputs import Input, generate, given, write_jsonl
from harness.plans import InputFile, InputPlan, OrgPlan
from mock_server import api
from mock_server.control.client import ControlClient, ControlError
from mock_server.seeding.plans import Fixed, GivenRecords, MadeRecords, Named, Provider, Ref
from mock_server.seeding.values import DEFAULTS, ProviderError, check, providers

PEOPLE = InputPlan("Contact", "Key__c", 5, {"LastName": Provider("last_name"), "Email": Provider("email")})


def test_keys_are_unique_and_readable() -> None:
    more = InputPlan("contact", "key__c", 2, {"LastName": Fixed("L")})
    other = InputPlan("Account", "Key__c", 1, {"Name": Fixed("N")})
    keys = [one.key for one in generate([PEOPLE, more, other])]
    assert keys == [*(f"C-00000{number}" for number in range(1, 8)), "A-000001"]


def test_a_record_holds_its_key() -> None:
    (first, *_) = generate([PEOPLE])
    assert first.record["Key__c"] == first.key == "C-000001"
    assert set(first.record) == {"Key__c", "LastName", "Email"}


def test_the_seed_decides() -> None:
    assert generate([PEOPLE], seed=1) == generate([PEOPLE], seed=1)
    assert generate([PEOPLE], seed=1) != generate([PEOPLE], seed=2)


def test_a_few_are_the_first_few_of_each_plan() -> None:
    plans = [PEOPLE, InputPlan("Contact", "Key__c", 5, {"LastName": Provider("last_name")})]
    whole = generate(plans)
    assert generate(plans, most=2) == [*whole[:2], *whole[5:7]]


def test_another_field_changes_no_value() -> None:
    wider = InputPlan("Contact", "Key__c", 9, {"FirstName": Provider("first_name"), **PEOPLE.fields})
    narrow, wide = generate([PEOPLE]), generate([wider])
    assert [one.record["Email"] for one in narrow] == [one.record["Email"] for one in wide[:5]]


def test_refs_of_a_row_mean_one_parent() -> None:
    accounts = MadeRecords(
        "Account", 20, {"Name": Provider("company"), "Key__c": Provider("numerify", {"text": "A-########"})}
    )
    given = GivenRecords("Account", ({"name": "Acme", "Key__c": "A-1"},))
    fields = {"Department": Ref("Account", "Name"), "Account.Key__c": Ref("account", "key__c")}
    rows = [one.record for one in generate([InputPlan("Contact", "K", 200, fields, (accounts, given))], seed=3)]
    pairs = {(row["Department"], row["Account"]["Key__c"]) for row in rows}
    assert 15 < len(pairs) <= 21
    assert len({key for _, key in pairs}) == len(pairs)
    assert ("Acme", "A-1") in pairs


@pytest.mark.parametrize(
    ("plan", "form"),
    [
        (Provider("date_between_dates", {"date_start": "2026-01-01", "date_end": "2026-01-01"}), "2026-01-01"),
        (Provider("pyint", {"min_value": 10**9, "max_value": 10**9}), 10**9),
        (Provider("pydecimal", {"left_digits": 1, "right_digits": 0, "min_value": 2, "max_value": 2.5}), 2.0),
        (Provider("random_element", {"elements": ["a"]}), "a"),
        (Fixed(None), None),
    ],
)
def test_values_are_plain(plan: Any, form: Any) -> None:
    if isinstance(plan, Provider):
        check(plan)
    (one,) = generate([InputPlan("Contact", "K", 1, {"F": plan})])
    assert (one.record["F"], type(one.record["F"])) == (form, type(form))


def test_moments_are_written_as_salesforce_does() -> None:
    fields = {"D": Provider("date_time"), "T": Provider("time_object")}
    (one,) = generate([InputPlan("Contact", "K", 1, fields)])
    assert one.record["D"][10] == "T" and one.record["D"].endswith(".000+0000")
    assert one.record["T"].endswith(".000Z")


@pytest.mark.parametrize(
    "name", ["uuid1", "pylist", "binary", "seed_instance", "add_provider", "_x", "random", "", "__class__"]
)
def test_what_makes_no_value_is_no_provider(name: str) -> None:
    assert name not in providers()
    with pytest.raises(ProviderError, match="there is no Faker provider"):
        check(Provider(name))


def test_the_defaults_are_providers() -> None:
    for fields in DEFAULTS.values():
        for plan in fields.values():
            if isinstance(plan, Provider):
                check(plan)


def test_ten_thousand_inputs_take_seconds() -> None:
    started = thread_time()
    assert len(generate([InputPlan("Contact", "K", 10_000, PEOPLE.fields)])) == 10_000
    assert thread_time() - started < 5


def test_rows_of_a_file_keep_their_values() -> None:
    plan = InputFile("Contact", "Nr__c", "f.jsonl", ({"nr__c": 7, "LastName": "A"}, {"Nr__c": "x"}))
    assert generate([plan]) == [
        Input("Contact", "Nr__c", "7", {"nr__c": 7, "LastName": "A"}),
        Input("Contact", "Nr__c", "x", {"Nr__c": "x"}),
    ]
    assert len(generate([plan], most=1)) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"K": "a"}, {"K": "a"}], "row 2 has the K of row 1: a"),
        ([{"K": 1}, {"k": "1"}], "row 2 has the K of row 1: 1"),
        ([{"L": 1}], "row 1 has no K"),
        ([{"K": None}], "row 1 has no K"),
        ([{"K": ""}], "row 1 has no K"),
        ([{"K": [1]}], "row 1 has no K"),
    ],
)
def test_rows_of_ones_own_need_unique_keys(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given(rows, "Contact", "K")


def test_the_file_of_the_command_contract(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    write_jsonl([Input("Contact", "K", "ü", {"K": "ü", "LastName": "a\nb"})], path)
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line) == {
        "sobject": "Contact",
        "key_field": "K",
        "key": "ü",
        "record": {"K": "ü", "LastName": "a\nb"},
    }


@pytest.fixture(scope="module")
def server() -> Iterator[api.Server]:
    with api.start(port=0) as server:
        yield server


@pytest.fixture
def org(server: api.Server) -> Iterator[ControlClient]:
    info = server.control.create_org(fields={"Contact": {"Key__c": {"type": "text", "length": 20}}})
    yield server.control.for_org(info.id)
    server.control.delete_org(info.id)


def made(sobject: str, count: int = 2, **fields: Any) -> MadeRecords:
    return MadeRecords(sobject, count, {**DEFAULTS.get(sobject.lower(), {}), **fields})


@pytest.mark.parametrize("sobject", sorted(DEFAULTS))
def test_the_defaults_can_be_saved(org: ControlClient, sobject: str) -> None:
    assert len(seeding.seed(org, OrgPlan(records=(made(sobject, 30),)))[sobject]) == 30


def test_children_are_linked_to_their_parents(org: ControlClient) -> None:
    ids = seeding.seed(org, OrgPlan(records=(made("Account", 3), made("Contact", 8, AccountId=Ref("Account", "Id")))))
    found = org.records("SELECT AccountId FROM Contact")
    assert len(found) == 8
    assert {row["AccountId"] for row in found} <= set(ids["account"])


def test_a_data_tree_keeps_its_links(org: ControlClient) -> None:
    plan = OrgPlan(
        records=(
            GivenRecords("Account", ({"Name": "A"}, {"Name": "B"}), ("A1", "A2")),
            GivenRecords("Contact", ({"LastName": "X", "AccountId": Named("A2")},), (None,)),
        )
    )
    seeding.seed(org, plan)
    assert org.records("SELECT Account.Name FROM Contact")[0]["Account"]["Name"] == "B"


def test_what_is_seeded_is_what_inputs_refer_to(org: ControlClient) -> None:
    records = (made("Account", 4),)
    seeding.seed(org, OrgPlan(records=records), seed=5)
    names = {row["Name"] for row in org.records("SELECT Name FROM Account")}
    inputs = generate([InputPlan("Contact", "K", 50, {"Department": Ref("Account", "Name")}, records)], seed=5)
    assert {one.record["Department"] for one in inputs} == names


@pytest.mark.parametrize(
    ("records", "path", "message"),
    [
        (MadeRecords("Acount", 1, {}), "records.Acount", "this org has no object Acount"),
        (made("Contact", 1, Nix__c=Fixed("x")), "records.Contact", "INVALID_FIELD"),
        (MadeRecords("Contact", 1, {}), "records.Contact", "row 1 of Contact: REQUIRED_FIELD_MISSING"),
        (
            GivenRecords("Contact", ({"LastName": "A"},) * 1500 + ({},)),
            "records.Contact",
            "row 1501 of Contact: REQUIRED",
        ),
    ],
)
def test_refused_records_say_where(org: ControlClient, records: Any, path: str, message: str) -> None:
    with pytest.raises(ControlError) as caught:
        seeding.seed(org, OrgPlan(records=(records,)))
    assert caught.value.path.startswith(path)
    assert message in caught.value.message


def test_inputs_that_do_not_fit_the_org_are_found(org: ControlClient) -> None:
    fields = {"LastName": Fixed("x"), "Account.Key__c": Fixed("y"), "Nix__c": Fixed("z")}
    file = InputFile("Contact", "Key__c", "f.csv", ({"Key__c": "1", "Nox__c": "x"}, {"Key__c": "2", "LastName": "x"}))
    plans = [
        InputPlan("Contact", "Key__c", 1, {"LastName": Fixed("x")}),
        InputPlan("Contact", "Kee__c", 1, fields),
        InputPlan("Cuntact", "Key__c", 1, {}),
        file,
    ]
    assert [(error.path, error.message) for error in seeding.check_inputs(org, plans)] == [
        ("inputs[1].key", "Contact has no field Kee__c"),
        ("inputs[1].fields.Nix__c", "Contact has no field Nix__c"),
        ("inputs[2].sobject", "this org has no object Cuntact"),
        ("inputs[3].file", "Contact has no field Nox__c"),
    ]
