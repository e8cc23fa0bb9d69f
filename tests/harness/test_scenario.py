"""Reading of scenarios: what is right is read, what is wrong is said with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.letters import LetterMap
from harness.properties import registry
from harness.scenario import catalogue, describe, find, load, locate
from mock_server.control.client import ControlError
from mock_server.documents import DocumentError
from mock_server.seeding.plans import Fixed, GivenRecords, MadeRecords, Named, Provider, Ref

WHOLE = """\
title: Everything at once
story: What a scenario can say.
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
  objects: {Bike__c: {fields: {Speed__c: {type: number}}}}
  limits: {DailyApiRequests: 500}
  settings: {transaction_time: 50ms}
  records:
    Contact: {count: 3, fields: {AccountId: {ref: Account.Id}}}
    Account: {count: 2}
inputs:
  - sobject: Contact
    count: 5
    key: External_Id__c
    fields:
      LastName: last_name
      Department: {value: Sales}
      AssistantName: {ref: Account.Name}
      Description: {provider: numerify, text: "##"}
policy: {attempts: 6, base: 0.5s, factor: 2, cap: 30s, jitter: 0.25, timeout: 20}
faults:
  - {on: rest.collections.*, error: UNABLE_TO_LOCK_ROW, when: {times: 1, per: key}}
  - {name: late, on: "*", latency: 1ms, when: {phase: degrade}}
phases:
  - {name: degrade, lasts: 2s, faults: [{on: rest.*, status: 503, when: }]}
  - {name: heal}
time: virtual
deadline: 10m
dead_letters: {record: $.payload, error: "$.why[0]"}
skip: [delivery.nothing_twice, {property: retry.bounded, reason: by design}]
expect:
  delivery.nothing_lost:
  bulk.calls_per_record: {max: 0.1}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def file(text: str | bytes, name: str = "s.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return file


def wrong(path: Path) -> list[str]:
    """Return what a file is refused for, without its folder."""
    with pytest.raises(DocumentError) as caught:
        load(path)
    return [line.replace(f"{path.parent}/", "") for line in caught.value.lines]


def test_everything_is_read(write: Any) -> None:
    scenario = load(write(WHOLE), name="whole")
    assert (scenario.name, scenario.title, scenario.story) == (
        "whole",
        "Everything at once",
        "What a scenario can say.",
    )
    assert [records.sobject for records in scenario.org.records] == ["Account", "Contact"]
    accounts, contacts = scenario.org.records
    assert isinstance(accounts, MadeRecords) and accounts.fields == {"Name": Provider("company")}
    assert isinstance(contacts, MadeRecords) and contacts.fields["AccountId"] == Ref("Account", "Id")
    assert contacts.fields["LastName"] == Provider("last_name")
    assert scenario.org.limits == {"DailyApiRequests": 500}
    assert scenario.org.settings == {"transaction_time": "50ms"}
    (plan,) = scenario.inputs
    assert plan.fields == {
        "LastName": Provider("last_name"),
        "Department": Fixed("Sales"),
        "AssistantName": Ref("Account", "Name"),
        "Description": Provider("numerify", {"text": "##"}),
    }
    policy = scenario.policy
    assert policy is not None
    assert (policy.attempts, policy.base, policy.factor, policy.cap, policy.jitter, policy.timeout) == (
        6,
        0.5,
        2,
        30,
        0.25,
        20,
    )
    assert [rule.get("name") for rule in scenario.faults] == [None, "late"]
    assert [(phase.name, phase.seconds, len(phase.faults)) for phase in scenario.phases] == [
        ("degrade", 2.0, 1),
        ("heal", None, 0),
    ]
    assert "when" not in scenario.phases[0].faults[0]
    assert (scenario.time, scenario.deadline) == ("virtual", 600.0)
    assert scenario.dead_letters == LetterMap(record=("payload",), error=("why", 0))
    assert scenario.skip == {"delivery.nothing_twice": "waived by the scenario", "retry.bounded": "by design"}
    assert scenario.expect == {"delivery.nothing_lost": {}, "bulk.calls_per_record": {"max": 0.1}}


def test_little_is_needed(write: Any) -> None:
    scenario = load(write("title: Nothing"))
    assert (scenario.inputs, scenario.policy, scenario.time, scenario.deadline) == ((), None, "real", None)


INPUT = "title: T\ninputs:\n  - {sobject: Contact, count: 2, key: K__c, fields: {"
ACCOUNTS = "org: {records: {Account: {count: 2}}}\n"
ALL_OF_RETRY = ", ".join(name for name in registry() if name.startswith("retry."))

MISTAKES = {
    "empty": ("", "1:1: the file is empty"),
    "no mapping": ("[1]", "1:1: a scenario must be a mapping, not [1] (allowed: title,"),
    "tab": ("title: T\n\torg: {}", "2:1: not valid YAML"),
    "twice": ("title: T\ntitle: U", "2:1: the key 'title' stands here twice"),
    "bomb": ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]\n" for p, n in zip("abcdef", "bcdefg", strict=True)), "1:32: the document unfolds to too many values"),
    "cycle": ("title: &t [*t]", "1:8: nested too deeply"),
    "deep": ("title: " + "[" * 300 + "]" * 300, "1:68: nested too deeply"),
    "not UTF-8": (b"title: \xff", "1:1: the file is not UTF-8 (byte 7)"),
    "surrogate": ('title: "\\ud800"', "1:"),
    "infinite": ("title: T\npolicy: {base: .inf}", "2:16: inf is no number"),
    "huge number": (f"title: T\npolicy: {{attempts: 0x{'f' * 5000}}}", "2:20: the number is too large"),
    "unknown key": ("title: T\nstroy: x", "2:1: a scenario has no key 'stroy'; did you mean 'story'? (allowed: title,"),
    "no title": ("story: x", "1:1: a scenario needs title"),
    "title": ("title: 503", "1:8: title must be text, not 503"),
    "org": ("title: T\norg: []", "2:6: org must be a mapping, not []"),
    "org key": ("title: T\norg: {recrods: {}}", "2:7: org has no key 'recrods'; did you mean 'records'?"),
    "schema path": ("title: T\norg: {schema: [./nowhere]}", "2:16: there is no "),
    "schema type": ("title: T\norg: {schema: [1]}", "2:16: schema names folders and files, not 1"),
    "fields": ("title: T\norg: {fields: {Contact: 3}}", "2:25: Contact must be a mapping, not 3"),
    "limit": ("title: T\norg: {limits: {DailyApiRequests: many}}", "2:34: DailyApiRequests must be a whole number of at least 0, not 'many'"),
    "limit name": ("title: T\norg: {limits: {DailyBulkBatches: 1}}", "2:16: there is no limit DailyBulkBatches; did you mean 'DailyBulkApiBatches'?"),
    "setting name": ("title: T\norg: {settings: {bulk_paralel: 1}}", "2:18: the settings of an org has no key 'bulk_paralel'; did you mean 'bulk_parallel'?"),
    "setting": ("title: T\norg: {settings: {bulk_batch_size: 0}}", "2:35: bulk_batch_size must be a whole number from 1 to 10000, not 0"),
    "records": ("title: T\norg: {records: 3}", "2:16: records must be a mapping, not 3"),
    "records count": ("title: T\norg: {records: {Account: {}}}", "2:26: records of Account needs count"),
    "records name": ("title: T\norg: {records: {A-b: {count: 1}}}", "2:17: 'A-b' is no object's name"),
    "records file": ("title: T\norg: {records: [a.csv]}", "2:17: a.csv: No such file or directory"),
    "records circle": ("title: T\norg: {records: {Account: {count: 1, fields: {ParentId: {ref: Account.Id}}}}}", "2:26: the records of Account depend on themselves, in a circle"),
    "records ref": ("title: T\norg: {records: {Contact: {count: 1, fields: {AccountId: {ref: Acount.Id}}}, Account: {count: 1}}}", "2:57: no Acount is seeded by org.records; did you mean 'Account'?"),
    "inputs": ("title: T\ninputs: {}", "2:9: inputs must be a list, not {}"),
    "input": ("title: T\ninputs: [Contact]", "2:10: an input must be a mapping, not 'Contact'"),
    "input key": ("title: T\ninputs: [{sobject: Contact, cuont: 1}]", "2:29: an input has no key 'cuont'; did you mean 'count'? (allowed: sobject, count, key, fields)"),
    "input sobject": ("title: T\ninputs: [{sobject: 'a b', count: 1, key: K, fields: {}}]", "2:20: sobject must be an API name such as Contact or External_Id__c, not 'a b'"),
    "input count": ("title: T\ninputs: [{sobject: Contact, count: 0, key: K}]", "2:36: count must be a whole number from 1 to 1000000, not 0"),
    "input fields": ("title: T\ninputs: [{sobject: Bike__c, count: 1, key: K}]", "2:10: an input of Bike__c needs fields"),
    "input file": ("title: T\ninputs: [{sobject: Contact, key: K, file: rows.txt}]", "2:43: rows.txt: rows are read from .csv and .jsonl files"),
    "provider": (INPUT + "LastName: lastname}}", "3:64: there is no Faker provider 'lastname'; did you mean 'last_name'?"),
    "provider of a mapping": (INPUT + "LastName: {provider: emial}}}", "3:75: there is no Faker provider 'emial'; did you mean 'email'?"),
    "provider arguments": (INPUT + "LastName: {provider: pystr, chars: 3}}}", "3:75: pystr cannot be called so: "),
    "provider too large": (INPUT + "LastName: {provider: pystr, max_chars: 1000000000}}}", "3:75: pystr: max_chars may be 200000 at most"),
    "provider of many values": (INPUT + "LastName: words}}", "3:64: words makes a list, which is no value of a field"),
    "provider that is none": (INPUT + "LastName: seed_instance}}", "3:64: there is no Faker provider 'seed_instance'"),
    "field": (INPUT + "LastName: 3}}", "3:64: LastName needs a Faker provider, or one of {value: ...} and {ref: ...}, not 3"),
    "field way": (INPUT + "LastName: {refs: A.b}}}", "3:64: LastName needs one of provider, value, values, sequence, between, ref"),
    "field extra": (INPUT + "LastName: {value: x, ref: A.b}}}", "3:75: a field with value has no key 'ref'"),
    "field value": (INPUT + "LastName: {value: [x]}}}", "3:72: value must be a plain value, not ['x']"),
    "field name": (INPUT + "'a b': word}}", "3:54: 'a b' is no field; write LastName or Account.Key__c"),
    "field twice": (INPUT + "LastName: word, lastname: word}}", "3:70: lastname and LastName are the same field"),
    "field and its parent": (INPUT + "Account: word, Account.Name: word}}", "3:69: Account.Name and Account are the same field"),
    "field is the key": (INPUT + "K__c: word}}", "3:54: K__c is the key: its values are numbered, not made up"),
    "ref form": (INPUT + "LastName: {ref: Account}}}", "3:70: ref must name a field of a seeded object, such as Account.Name, not 'Account'"),
    "ref to nothing": (INPUT + "LastName: {ref: Account.Name}}}", "3:70: no Account is seeded by org.records"),
    "ref to no field": (INPUT.replace("inputs", ACCOUNTS + "inputs") + "LastName: {ref: Account.Nmae}}}", "4:70: the seeded Account has no Nmae; did you mean 'Name'?"),
    "ref to an id": (INPUT.replace("inputs", ACCOUNTS + "inputs") + "AccountId: {ref: Account.Id}}}", "4:65: the id of Account is not known before the run"),
    "policy key": ("title: T\npolicy: {atempts: 3}", "2:10: a policy has no key 'atempts'; did you mean 'attempts'?"),
    "policy attempts": ("title: T\npolicy: {attempts: 0}", "2:20: attempts must be a whole number from 1 to 1000, not 0"),
    "policy flag": ("title: T\npolicy: {attempts: true}", "2:20: attempts must be a whole number from 1 to 1000, not True"),
    "policy base": ("title: T\npolicy: {base: soon}", "2:16: base: 'soon' is no duration; write 10s, 500ms, 2m or 1h30m"),
    "policy cap": ("title: T\npolicy: {base: 2s, cap: 500ms}", "2:25: cap (0.5s) is less than base (2s)"),
    "policy factor": ("title: T\npolicy: {factor: 0.5}", "2:18: factor must be a number from 1 to 1000, not 0.5"),
    "policy jitter": ("title: T\npolicy: {jitter: 1.5}", "2:18: jitter must be a number from 0 to 1, not 1.5"),
    "policy timeout": ("title: T\npolicy: {timeout: 0}", "2:19: timeout must be more than 0"),
    "policy empty": ("title: T\npolicy: {}", "2:9: an empty policy claims nothing; leave it out"),
    "fault": ("title: T\nfaults: [3]", "2:10: a fault rule must be a mapping, not 3"),
    "fault key": ("title: T\nfaults: [{on: rest.*, eror: X}]", "2:23: a fault rule has no key 'eror'; did you mean 'error'?"),
    "fault operation": ("title: T\nfaults: [{on: [rest.colections.upsert], status: 503}]", "2:16: no operation is called rest.colections.upsert; did you mean 'rest.collections.upsert'?"),
    "fault error": ("title: T\nfaults: [{on: rest.*, error: UNABLE_TO_LOCK}]", "2:30: UNABLE_TO_LOCK is no known error code of Salesforce; did you mean 'UNABLE_TO_LOCK_ROW'?"),
    "fault when": ("title: T\nfaults:\n  - on: rest.*\n    status: 503\n    when: {tiems: 1}", "5:12: when has no key 'tiems'; did you mean 'times'?"),
    "fault names": ("title: T\nfaults: [{name: a, on: '*', status: 503}, {name: a, on: '*', status: 500}]", "2:50: two fault rules are called a"),
    "fault phase": ("title: T\nfaults: [{on: '*', status: 503, when: {phase: heal}}]", "2:47: there is no phase heal"),
    "phase key": ("title: T\nphases: [{name: a, for: 3s}]", "2:20: a phase has no key 'for'"),
    "phase without an end": ("title: T\nphases: [{name: a}, {name: b}]", "2:10: every phase but the last needs lasts"),
    "phase with an end": ("title: T\nphases: [{name: a, lasts: 2s}]", "2:27: the last phase goes on to the end"),
    "phase names": ("title: T\nphases: [{name: a, lasts: 2s}, {name: a}]", "2:39: two phases are called a"),
    "phase fault": ("title: T\nphases: [{name: a, faults: [{on: '*', satus: 503}]}]", "2:39: a fault rule has no key 'satus'; did you mean 'status'?"),
    "phase of another": ("title: T\nphases: [{name: a, faults: [{on: '*', status: 503, when: {phase: b}}]}]", "2:66: the rule stands in the phase a"),
    "time": ("title: T\ntime: vitrual", "2:7: time must be one of real, virtual, not 'vitrual'"),
    "deadline": ("title: T\ndeadline: 10 minutes", "2:11: deadline: '10 minutes' is no duration"),
    "letters": ("title: T\ndead_letters: {record: payload}", "2:24: 'payload' is no path; write it like $.payload"),
    "letters key": ("title: T\ndead_letters: {recrod: $.a}", "2:16: dead_letters has no key 'recrod'; did you mean 'record'?"),
    "skip": ("title: T\nskip: [retry.boundd]", f"2:8: there is no property 'retry.boundd'; did you mean 'retry.bounded'? (allowed: {ALL_OF_RETRY})"),
    "skip type": ("title: T\nskip: [3]", "2:8: skip names properties, not 3"),
    "skip entry": ("title: T\nskip: [{reason: x}]", "2:8: an entry of skip needs property"),
    "skip twice": ("title: T\nskip: [retry.bounded, retry.bounded]", "2:23: retry.bounded stands here twice"),
    "expect": ("title: T\nexpect: {retry.boundd: {}}", f"2:10: there is no property 'retry.boundd'; did you mean 'retry.bounded'? (allowed: {ALL_OF_RETRY})"),
    "expect parameter": ("title: T\nexpect: {bulk.calls_per_record: {maks: 1}}", "2:34: bulk.calls_per_record has no parameter maks"),
    "expect value": ("title: T\nexpect: {bulk.calls_per_record: {max: few}}", "2:39: bulk.calls_per_record: max must be a number"),
    "expect and skip": ("title: T\nskip: [retry.bounded]\nexpect: {retry.bounded: {}}", "3:10: retry.bounded is skipped and expected"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_with_its_place(write: Any, mistake: str) -> None:
    text, message = MISTAKES[mistake]
    lines = wrong(write(text))
    assert any(line.startswith(f"s.yaml:{message}") for line in lines), lines


def test_all_mistakes_are_said_at_once(write: Any) -> None:
    lines = wrong(
        write("title: T\ntime: never\npolicy: {factor: 0}\nfaults: [{on: nowhere, status: 1}]\nexpect: {x: }\n")
    )
    assert [line.split(": ")[0] for line in lines] == [
        "s.yaml:2:7",
        "s.yaml:3:18",
        "s.yaml:4:15",
        "s.yaml:4:32",
        "s.yaml:5:10",
    ]


def test_a_missing_file() -> None:
    assert wrong(Path("nowhere/s.yaml")) == ["s.yaml:1:1: cannot read the file: No such file or directory"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", "K,LastName\na,b\na,c\n", "r.csv: row 2 has the K of row 1: a"),
        ("r.csv", "K,LastName\n,b\n", "r.csv: row 1 has no K"),
        ("r.csv", "K,LastName\na\n", "r.csv, line 2: 1 cells for 2 columns"),
        ("r.csv", "K,k\na,b\n", "r.csv, line 1: two columns have the same name"),
        ("r.csv", "K,\na,b\n", "r.csv, line 1: every column needs a name"),
        ("r.csv", 'K,L\n"a,b\n', "r.csv, line 2: unexpected end of data"),
        ("r.csv", "K,L\n", "r.csv: there are no rows in it"),
        ("r.jsonl", '{"K": 1}\n{"K": \n', "r.jsonl, line 2: not JSON"),
        ("r.jsonl", "[]\n", "r.jsonl, line 1: a row must be a JSON object"),
        ("r.jsonl", '{"K": true}\n', "r.jsonl: row 1 has no K"),
    ],
)
def test_rows_of_a_file_are_checked(write: Any, name: str, text: str, message: str) -> None:
    write(text, name)
    lines = wrong(write(f"title: T\ninputs: [{{sobject: Contact, key: K, file: {name}}}]"))
    assert lines[0].startswith(f"s.yaml:2:43: {message}")


TREE = '{"records": [{"attributes": {"type": "Account", "referenceId": "A1"}, "Name": "Acme"}]}'
CHILD = '{"records": [{"attributes": {"type": "Contact", "referenceId": "C1"}, "LastName": "X", "AccountId": "@A1"}]}'


def test_records_come_from_files_too(write: Any) -> None:
    write(TREE, "accounts.json")
    write(CHILD, "contacts.json")
    write('[{"files": ["contacts.json"]}, {"files": ["accounts.json"]}]', "plan.json")
    write("LastName,Company\nA,\n", "Lead.csv")
    contact_first = load(write("title: T\norg: {records: [Lead.csv, plan.json]}")).org.records
    assert contact_first == (
        GivenRecords("Lead", ({"LastName": "A"},)),
        GivenRecords("Account", ({"Name": "Acme"},), ("A1",)),
        GivenRecords("Contact", ({"LastName": "X", "AccountId": Named("A1")},), ("C1",)),
    )
    by_object = load(write("title: T\norg: {records: {Account: {file: accounts.json}, Lead: {file: Lead.csv}}}"))
    assert [records.sobject for records in by_object.org.records] == ["Account", "Lead"]
    assert wrong(write("title: T\norg: {records: {Lead: {file: accounts.json}}}")) == [
        "s.yaml:2:30: the file holds records of Account, not of Lead"
    ]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (CHILD, "no record is called @A1"),
        ("{}", "t.json: a data tree is an object with `records`"),
        ('{"records": [{}]}', "t.json: records[0] needs attributes with a type"),
        ('{"records": [{"attributes": {"type": "Account"}, "Contacts": []}]}', "t.json: records[0].Contacts is a list"),
        ("[3]", "t.json: a plan is a list of objects"),
        ('[{"files": ["no.json"]}]', "no.json: No such file"),
        ("nothing", "t.json: not JSON"),
    ],
)  # fmt: skip
def test_data_trees_are_checked(write: Any, tree: str, message: str) -> None:
    write(tree, "t.json")
    assert wrong(write("title: T\norg: {records: [t.json]}"))[0].startswith(f"s.yaml:2:17: {message}")


# -- anything at all

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["rest.*", "last_name", "Contact", "$.a", "1s", "retry.bounded", "UNABLE_TO_LOCK_ROW", "s.csv", "Account.Id"])
)  # fmt: skip
WORDS = [
    "title", "org", "inputs", "policy", "faults", "phases", "skip", "expect", "sobject", "count", "key", "fields", "file",
    "on", "status", "when", "records", "provider", "value", "ref", "name", "lasts", "property", "retry.bounded", "Account",
]  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = [
    "title", "story", "org", "inputs", "policy", "faults", "phases", "time", "deadline", "dead_letters", "skip", "expect",
]  # fmt: skip
PLACES = [(key,) for key in KEYS] + [
    ("org", "schema"), ("org", "fields"), ("org", "records"), ("org", "records", "Account"), ("org", "limits"),
    ("inputs", 0), ("inputs", 0, "fields"), ("inputs", 0, "fields", "LastName"), ("inputs", 0, "count"),
    ("policy", "base"), ("faults", 0), ("faults", 0, "when"), ("faults", 0, "records"), ("phases", 0),
    ("expect", "bulk.calls_per_record"), ("dead_letters", "record"), ("skip", 0),
]  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_value_anywhere_is_read_or_refused(write: Any, place: tuple[str | int, ...], value: Any) -> None:
    data = yaml.safe_load(WHOLE)
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    try:
        scenario = load(write(yaml.safe_dump(data, allow_unicode=True)))
    except DocumentError as error:
        assert all(":" in line for line in error.lines)
    else:
        assert describe(scenario)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(max_size=60) | st.binary(max_size=60))
def test_any_file_is_read_or_refused(write: Any, text: str | bytes) -> None:
    try:
        load(write(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text))
    except DocumentError as error:
        assert error.lines


# -- what the org refuses


def test_what_the_org_refuses_has_its_place(write: Any) -> None:
    scenario = load(write("title: T\norg:\n  fields:\n    Contact: {X__c: {type: txt}}\n"))
    error = ControlError(400, "unknown field type txt", "fields.Contact.X__c.type", ("text", "number"), "text")
    assert str(scenario.refused(error)).endswith(
        "s.yaml:4:28: unknown field type txt; did you mean 'text'? (allowed: text, number)"
    )
    rule = load(write("title: T\nfaults:\n  - {on: rest.*, status: 503}\n"))
    assert "s.yaml:3:10: no" in str(rule.refused(ControlError(400, "no", "faults[0].on"), under=()))


# -- the catalogue

BUNDLED = [listed.name for listed in catalogue()]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_scenario_is_complete(name: str) -> None:
    (scenario,) = find([name])
    assert scenario.name == name
    assert len(scenario.story) > 150
    # What goes wrong for a service may be what happens in the org, and to its process.
    assert scenario.faults or scenario.phases or scenario.events
    assert all("name" in rule for rule in scenario.faults)
    # Who delivers nothing, reads, or is a service.
    of_service = "events." if name.startswith("events/") else "callout."
    named = "delivery.nothing_lost" if scenario.inputs else of_service if scenario.service else "read."
    assert named in " ".join(scenario.expect)
    text = describe(scenario)
    assert text.startswith(f"{name}: {scenario.title}\n")
    assert all(name in text for name in scenario.expect)


def test_the_readme_lists_the_catalogue() -> None:
    readme = (catalogue()[0].path.parents[1] / "README.md").read_text("utf-8")
    for listed in catalogue():
        assert f"| `{listed.name}` | {listed.title} |" in readme


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("row-locks", ["partial/row-locks"]),
        ("partial/row-locks", ["partial/row-locks"]),
        ("retry/*", [name for name in BUNDLED if name.startswith("retry/")]),
        ("*", BUNDLED),
    ],
)
def test_bundled_scenarios_are_found(pattern: str, names: list[str]) -> None:
    assert list(locate([pattern, pattern])) == names


def test_files_are_found_by_path_and_glob(write: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write("title: A", "a.yaml")
    write("title: B", "b.yml")
    monkeypatch.chdir(tmp_path)
    assert [scenario.name for scenario in find(["a.yaml", "b.yml", "*.yaml"])] == ["a.yaml", "b.yml"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "rowlocks",
            "rowlocks: there is no bundled scenario of this name; did you mean 'partial/row-locks'? (bundled: ",
        ),
        ("retries/*", "retries/*: there is no bundled scenario of this name"),
        ("nowhere.yaml", "nowhere.yaml: there is no such file"),
        ("", ": there is no bundled scenario"),
    ],
)
def test_an_unknown_scenario_is_refused_with_the_nearest(pattern: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        find([pattern])
    assert str(caught.value).startswith(message)


def test_every_wrong_file_is_named(write: Any) -> None:
    paths = [str(write("x: 1", "a.yaml")), str(write("y: 1", "b.yaml"))]
    with pytest.raises(DocumentError) as caught:
        find(paths)
    assert len(caught.value.lines) == 4


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{name: l, on: rest.collections.*, records: {every: 7}, when: {times: 2, per: key}, error: UNABLE_TO_LOCK_ROW}",
         "l: UNABLE_TO_LOCK_ROW for one record in 7 of rest.collections.*, twice a record"),
        ("{on: '*', status: 503, headers: {Retry-After: '5'}, when: {skip: 1, times: 3, chance: 0.5}}",
         "status 503 with Retry-After: 5 for every operation, not the first time, 3 times, with a chance of 50%"),
        ("{on: [rest.sobject.create], where: {sobject: Contact}, reply: lost}",
         "the work is done but the answer lost for rest.sobject.create (sobject Contact)"),
        ("{on: rest.*, session: revoke, when: {between: [1s, 2]}}",
         "the session has been revoked for rest.*, from 1s to 2 s into the run"),
        ("{on: rest.*, latency: {distribution: uniform, min: 1ms, max: 2ms}}", "a delay (uniform: min 1ms, max 2ms) for rest.*"),
        ("{on: rest.*, latency: 2s, at: after}", "a delay of 2s, after the work was done, for rest.*"),
        ("{on: '*', outage: {up: 3s, down: 1s}}", "an outage of 1s after every 3s for every operation"),
        ("{on: rest.sobject.upsert, lock: hold, lasts: 2s}", "a lock held by others for 2s for rest.sobject.upsert"),
        ("{on: rest.*, subject: kill, at: after}", "the subject is killed, after the work was done, for rest.*"),
        ("{on: rest.*, limit: {name: DailyApiRequests, remaining: 3}}", "3 left of DailyApiRequests for rest.*"),
    ],
)  # fmt: skip
def test_faults_are_described_in_words(write: Any, rule: str, words: str) -> None:
    text = describe(load(write(f"title: T\nfaults: [{rule}]")))
    assert words in " ".join(text.split())


def test_every_effect_has_its_words() -> None:
    from harness.scenario_help import _EFFECTS
    from mock_server.faults.effects import BY_KEY

    assert set(_EFFECTS) == set(BY_KEY)


def test_every_kind_of_reply_and_session_fault_has_its_words() -> None:
    from harness.scenario_help import _REPLIES, _SESSIONS
    from mock_server.faults.effects import reply, session

    assert set(_REPLIES) == set(reply.KINDS)
    assert set(_SESSIONS) == set(session.HOW)


def test_the_worked_example_of_the_readme_is_right(write: Any) -> None:
    readme = (catalogue()[0].path.parents[1] / "README.md").read_text("utf-8")
    example = readme.split("```yaml\n")[1].split("```")[0]
    scenario = load(write(example))
    assert scenario.phases and scenario.inputs and scenario.policy


def test_a_scenario_is_run_as_a_least_privilege_user(tmp_path: Path) -> None:
    file = tmp_path / "least.yaml"
    file.write_text(
        "title: As a user who may only read contacts\n"
        "org:\n"
        "  users:\n"
        "    - {username: reader@acme.test, objects: {Contact: [read]}}\n"
        "  as: {objects: {Contact: [read, create]}, fields: {Contact: {Phone: read}}}\n"
    )
    scenario = load(file)
    assert scenario.org.users == ({"username": "reader@acme.test", "objects": {"Contact": ["read"]}},)
    assert scenario.org.speaker == {
        "objects": {"Contact": ["read", "create"]},
        "fields": {"Contact": {"Phone": "read"}},
    }


@pytest.mark.parametrize(
    ("org", "text"),
    [
        ("  users: [{objects: {Contact: read}}]\n", "least.yaml:3:11: a user needs username"),
        ("  users: {username: a@b.cd}\n", "users must be a list"),
        ("  as: [1]\n", "as must be text"),
        ("  user: x\n", "did you mean 'users'?"),
    ],
)
def test_the_outline_of_users_is_checked(tmp_path: Path, org: str, text: str) -> None:
    file = tmp_path / "least.yaml"
    file.write_text(f"title: t\norg:\n{org}")
    with pytest.raises(DocumentError) as refused:
        load(file)
    assert text in str(refused.value)
