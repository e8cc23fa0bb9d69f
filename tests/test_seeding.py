"""What an org holds from the start: made up or read from files, the same for the same seed, and kept in snapshots."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.org import OrgHandle
from mock_server import api
from mock_server.config import ConfigError, resolve
from mock_server.control.client import ControlError, OrgInfo
from mock_server.control.records import seeding
from mock_server.documents import DocumentError, Problem, parse
from mock_server.org import snapshots
from mock_server.org.org import Org
from mock_server.org.schema import Schema
from mock_server.parts import Part
from mock_server.seeding.planting import plant
from mock_server.seeding.reading import read_records
from mock_server.server import App

KEY = {"type": "text", "length": 20, "externalId": True, "unique": True}
FIELDS = {"Account": {"Key__c": KEY}, "Contact": {"Key__c": KEY}}


def fresh(seed: int = 0) -> Org:
    schema = Schema()
    schema.add({}, FIELDS)
    org = Org(1, schema=schema, clock="virtual", start=1_772_323_200, seed=seed)
    org.directory.seed()
    return org


def planted(text: str, folder: Path, *, seed: int = 0, org: Org | None = None) -> Org:
    document = parse(text, "records.yaml")
    problems: list[Problem] = []
    sources = read_records(Part({"records": document.data}, (), problems), folder)
    assert problems == []
    org = org or fresh()
    plant(sources, seeding(org), seed=seed)
    return org


def rows(org: Org, soql: str) -> list[dict[str, Any]]:
    user, app = org.directory.default_user, org.directory.default_app
    who = org.sessions.open(user, app, app.scopes)
    page = org.query(who, soql, base="/services/data/v60.0/sobjects", size=10_000)
    return [{name: value for name, value in row.items() if name != "attributes"} for row in page.records]


def refused(text: str, folder: Path) -> str:
    document = parse(text, "records.yaml")
    problems: list[Problem] = []
    read_records(Part({"records": document.data}, (), problems), folder)
    assert problems
    # The document holds the value of `records` itself.
    moved = [
        Problem(problem.path[1:], problem.message, problem.allowed, problem.nearest, problem.at_key)
        for problem in problems
    ]
    return document.error(moved).lines[0]


# -- what is made up


def test_values_come_from_lists_weights_sequences_and_ranges(tmp_path: Path) -> None:
    org = planted(
        """
        Contact:
          count: 400
          fields:
            Key__c: {sequence: "C-{00000}", start: 10, step: 5}
            Title: {values: {CEO: 1, Clerk: 9}}
            Department: {values: [Sales, Research], weights: [0, 1]}
            Birthdate: {between: [1980-01-01, 1980-01-31]}
            MailingCity: {provider: city, locale: de_DE, null: 0.25}
            Email: {provider: email, unique: true}
        """,
        tmp_path,
    )
    found = rows(org, "SELECT Key__c, Title, Department, Birthdate, MailingCity, Email FROM Contact ORDER BY Key__c")
    assert [row["Key__c"] for row in found[:3]] == ["C-00010", "C-00015", "C-00020"]
    titles = Counter(row["Title"] for row in found)
    assert 15 <= titles["CEO"] <= 75 and titles["CEO"] + titles["Clerk"] == 400
    assert {row["Department"] for row in found} == {"Research"}
    assert all("1980-01-01" <= row["Birthdate"] <= "1980-01-31" for row in found)
    assert len({row["Birthdate"] for row in found}) > 20
    assert 60 <= sum(row["MailingCity"] is None for row in found) <= 140
    assert any(any(letter in (row["MailingCity"] or "") for letter in "äöüß") for row in found)
    assert len({row["Email"] for row in found}) == 400


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("pick: round_robin", [10, 10, 10, 10]),
        ("weights: [1, 0]", [20, 0, 20, 0]),
        ("null: 1", [0, 0, 0, 0]),
    ],
)
@pytest.mark.parametrize("field", ["AccountId: {ref: Account.Id, %s}", "Account.Key__c: {ref: Account.Key__c, %s}"])
def test_parents_are_picked_in_turn_by_weight_or_not_at_all(
    tmp_path: Path, way: str, expected: list[int], field: str
) -> None:
    text = (
        "Account: {count: 4, fields: {Key__c: {sequence: 'A{0}'}}}\nContact:\n  count: 40\n  fields:\n    "
        + field % way
    )
    org = planted(text, tmp_path)
    if way == "weights: [1, 0]":
        spread = Counter(row["Account"]["Key__c"] for row in rows(org, "SELECT Account.Key__c FROM Contact"))
        assert spread["A1"] + spread["A3"] == 40 and min(spread["A1"], spread["A3"]) > 5
        return
    counts = [len(rows(org, f"SELECT Id FROM Contact WHERE Account.Key__c = 'A{n}'")) for n in range(1, 5)]
    assert counts == expected


def test_the_same_seed_makes_the_same_org_to_the_byte(tmp_path: Path) -> None:
    text = "Account: {count: 30}\nContact: {count: 200, fields: {AccountId: {ref: Account.Id}}}"
    files = []
    for number, seed in enumerate((1, 1, 2)):
        snapshots.write(planted(text, tmp_path, seed=seed), tmp_path / f"{number}.db")
        files.append((tmp_path / f"{number}.db").read_bytes())
    assert files[0] == files[1] != files[2]


def test_too_few_different_values_are_told(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match=r"random_digit makes 10 different values of Title, not 11") as error:
        planted("Contact: {count: 11, fields: {Title: {provider: random_digit, unique: true}}}", tmp_path)
    assert error.value.path == "records.Contact"


WRONG = {
    "way": ("Contact: {count: 1, fields: {Title: {from: x}}}", "1:37: Title needs one of provider, value, values, "),
    "provider": ("Contact: {count: 1, fields: {Title: {provider: jobb}}}", "1:48: there is no Faker provider 'jobb'; did you mean 'job'?"),
    "locale": ("Contact: {count: 1, locale: de_DF}", "1:29: Faker has no locale 'de_DF'; did you mean 'de_"),
    "own locale": ("Contact: {count: 1, fields: {Title: {provider: job, locale: german}}}", "1:61: a locale is written like de_DE"),
    "unique": ("Contact: {count: 1, fields: {Title: {provider: job, unique: 3}}}", "1:61: unique must be true or false, not 3"),
    "null": ("Contact: {count: 1, fields: {Title: {provider: job, null: 3}}}", "1:59: null must be a number from 0 to 1, not 3"),
    "values": ("Contact: {count: 1, fields: {Title: {values: []}}}", "1:46: values must be a list of plain values"),
    "weights": ("Contact: {count: 1, fields: {Title: {values: [a, b], weights: [1]}}}", "1:63: 1 weights for 2 values"),
    "no weight": ("Contact: {count: 1, fields: {Title: {values: {a: 0}}}}", "1:46: weights must be a list of numbers from 0"),
    "extra": ("Contact: {count: 1, fields: {Title: {values: [a], wieghts: [1]}}}", "1:51: a field with values has no key 'wieghts'; did you mean 'weights'?"),
    "sequence": ("Contact: {count: 1, fields: {Title: {sequence: 'A-{x}'}}}", "1:48: a sequence is a first number or a format"),
    "step": ("Contact: {count: 1, fields: {Title: {sequence: 1, step: 0}}}", "1:57: a sequence must go on"),
    "between": ("Contact: {count: 1, fields: {Birthdate: {between: [2026-01-01, 5]}}}", "1:51: between must hold two bounds of one kind"),
    "no day": ("Contact: {count: 1, fields: {Birthdate: {between: ['2026-02-30', 2026-03-01]}}}", "1:51: ['2026-02-30', '2026-03-01']: "),
    "order": ("Contact: {count: 1, fields: {X__c: {between: [9, 1]}}}", "1:46: the first bound is the lesser one"),
    "pick": ("Account: {count: 1}\nContact: {count: 1, fields: {AccountId: {ref: Account.Id, pick: all}}}", "2:65: pick must be one of random, round_robin, not 'all'"),
    "object": ("Contact: {count: 1, fields: {AccountId: {ref: Acount.Id}}}\nAccount: {count: 1}", "1:41: no Acount is seeded by org.records; did you mean 'Account'?"),
    "count": ("Contact: {}", "1:10: records of Contact needs count"),
    "file": ("[none.csv]", "1:2: none.csv: No such file"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, mistake: str) -> None:
    text, said = WRONG[mistake]
    assert refused(text, tmp_path).startswith(f"records.yaml:{said}")


def test_editors_know_all_ways_to_fill_a_field() -> None:
    import jsonschema

    from harness.scenario_schema import scenario_schema

    check = jsonschema.Draft202012Validator({**scenario_schema(), "$id": "https://sfmock.invalid/test"})
    for field, right in [
        ({"values": ["a"], "weights": [1]}, True),
        ({"values": {"a": 1}, "null": 0.5}, True),
        ({"sequence": "A-{000}", "start": 5}, True),
        ({"between": ["2026-01-01", "2026-02-01"]}, True),
        ({"ref": "Account.Id", "pick": "round_robin"}, True),
        ({"provider": "city", "locale": "de_DE", "unique": True}, True),
        ({"ref": "Account.Id", "pick": "all"}, False),
        ({"sequence": "A-{x}"}, False),
        ({"value": "a", "null": 0.5}, False),
    ]:
        assert (
            check.is_valid({"title": "x", "org": {"records": {"Contact": {"count": 1, "fields": {"F": field}}}}})
            is right
        ), field


# -- files


def test_csv_columns_name_parents_by_their_key_in_any_order_of_files(tmp_path: Path) -> None:
    (tmp_path / "Contact.csv").write_text("LastName,Account.Key__c,Title\nAda,A-2,\nBob,A-1,Boss\n")
    (tmp_path / "Account.csv").write_text(
        "Name,Key__c,Parent.Key__c\nChild,A-2,A-1\nTop,A-1,\nGrandchild,A-3,A-2\n", encoding="utf-8-sig"
    )
    org = planted("[Contact.csv, Account.csv]", tmp_path)
    found = rows(org, "SELECT LastName, Account.Name, Account.Parent.Name FROM Contact ORDER BY LastName")
    assert [(row["LastName"], row["Account"]["Name"]) for row in found] == [("Ada", "Child"), ("Bob", "Top")]
    assert found[0]["Account"]["Parent"]["Name"] == "Top"
    (third,) = rows(org, "SELECT Parent.Name FROM Account WHERE Key__c = 'A-3'")
    assert third["Parent"]["Name"] == "Child"


def test_a_refused_row_of_a_file_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "Contact.csv").write_text('LastName,Key__c\n"Two\nlines",1\nBob,2\nEve,2\n')
    with pytest.raises(ControlError, match=r"Contact.csv:5: DUPLICATE_VALUE: duplicate value found: Key__c"):
        planted("[Contact.csv]", tmp_path)


def test_validation_rules_hold_for_seeded_records_too(tmp_path: Path) -> None:
    schema = Schema()
    rule = {"condition": "ISBLANK(Title)", "message": "A title, please"}
    schema.add({"Thing__c": {"fields": {"Title__c": {"type": "text", "length": 9}}, "validationRules": {
        "Titled": {**rule, "condition": "ISBLANK(Title__c)"}}}}, {})  # fmt: skip
    org = Org(1, schema=schema, clock="virtual")
    org.directory.seed()
    with pytest.raises(ControlError, match=r"row 1 of Thing__c: FIELD_CUSTOM_VALIDATION_EXCEPTION: A title, please"):
        planted("Thing__c: {count: 2, fields: {Name: word}}", tmp_path, org=org)


def tree(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": name}, **fields}


def test_data_trees_link_records_by_reference_and_by_nesting(tmp_path: Path) -> None:
    accounts = [
        tree("Account", "A2", Name="Child", ParentId="@A1"),
        tree("Account", "A1", Name="Top", Contacts={"records": [tree("Contact", "C0", LastName="Nested")]}),
    ]
    (tmp_path / "Accounts.json").write_text(json.dumps({"records": accounts}))
    (tmp_path / "Contacts.json").write_text(
        json.dumps({"records": [tree("Contact", "C1", LastName="Linked", AccountId="@A2")]})
    )
    steps = [{"sobject": "Contact", "files": ["Contacts.json"]}, {"sobject": "Account", "files": ["Accounts.json"]}]
    (tmp_path / "plan.json").write_text(json.dumps(steps))
    org = planted("[plan.json]", tmp_path)
    found = rows(org, "SELECT LastName, Account.Name FROM Contact ORDER BY LastName")
    assert [(row["LastName"], row["Account"]["Name"]) for row in found] == [("Linked", "Child"), ("Nested", "Top")]
    (child,) = rows(org, "SELECT Parent.Name FROM Account WHERE Name = 'Child'")
    assert child["Parent"]["Name"] == "Top"


def test_a_tree_that_is_wrong_names_the_record(tmp_path: Path) -> None:
    circle = [tree("Account", "A1", Name="a", ParentId="@A2"), tree("Account", "A2", Name="b", ParentId="@A1")]
    (tmp_path / "a.json").write_text(json.dumps({"records": circle}))
    with pytest.raises(ControlError, match=r"a.json: records\[0\]: the records of Account depend on themselves"):
        planted("[a.json]", tmp_path)
    wrong = tree("Account", "A1", Name="a", Kontacts={"records": [tree("Contact", "C", LastName="x")]})
    (tmp_path / "b.json").write_text(json.dumps({"records": [wrong]}))
    with pytest.raises(ControlError, match=r"Account has no children called Kontacts \(did you mean Contacts\?\)"):
        planted("[b.json]", tmp_path)
    assert "no record is called @A9 (allowed: A1)" in refused(
        "[c.json]", _written(tmp_path, "c.json", [tree("Account", "A1", Name="x", ParentId="@A9")])
    )


def _written(folder: Path, name: str, records: list[Any]) -> Path:
    (folder / name).write_text(json.dumps({"records": records}))
    return folder


# -- settings


SETTINGS = (
    "port: 0\nseed: 3\nrecords:\n  Account: {count: 5}\n  Contact: {count: 9, fields: {AccountId: {ref: Account.Id}}}\n"
)


@pytest.mark.parametrize(
    ("text", "path", "said", "nearest"),
    [
        ("Account: {count: 1, fields: {Nam: company}}", "records.Account.fields.Nam", "No such column 'Nam'", "Name"),
        ("[Account.csv]", "records.Account", "Account.csv:2: Industri: INVALID_FIELD", "Industry"),
        ("[Contact.csv]", "records.Contact", "Contact.csv:2: Acount: INVALID_FIELD", "Account"),
        ("[Case.csv]", "records.Case", "Case.csv:2: Account: INVALID_FIELD: No such column 'Kee__c'", "Key__c"),
        ("[Lead.csv]", "records.Lead", "Lead.csv:3: NumberOfEmployees: Cannot deserialize instance of int", None),
    ],
)
def test_a_wrong_column_or_value_names_its_place_and_the_nearest(
    tmp_path: Path, text: str, path: str, said: str, nearest: str | None
) -> None:
    for name, rows_ in {
        "Account": "Name,Industri\nA,B",
        "Contact": "LastName,Acount.Key__c\nA,B",
        "Case": "Subject,Account.Kee__c\nA,B",
        "Lead": "LastName,Company,NumberOfEmployees\nA,B,1\nC,D,many",
    }.items():
        (tmp_path / f"{name}.csv").write_text(rows_)
    with pytest.raises(ControlError) as error:
        planted(text, tmp_path)
    assert (error.value.path, error.value.nearest) == (path, nearest)
    assert said in error.value.message


def test_two_records_of_a_tree_cannot_share_a_name(tmp_path: Path) -> None:
    _written(tmp_path, "t.json", [tree("Account", "A", Name="x"), tree("Account", "A", Name="y")])
    assert "t.json: records[1] and records[0] are both called A" in refused("[t.json]", tmp_path)


def count(server: api.Server, sobject: str) -> int:
    return len(server.control.records(f"SELECT Id FROM {sobject}"))


def test_the_settings_fill_the_org_and_a_reset_brings_that_back(tmp_path: Path) -> None:
    (tmp_path / "sfmock.yaml").write_text(SETTINGS)
    with api.start(resolve({}, environment={}, file=str(tmp_path / "sfmock.yaml"))) as server:
        assert count(server, "Contact") == 9
        server.control.seed("Contact", [{"LastName": "x"}])
        server.control.reset()
        assert count(server, "Contact") == 9


def test_an_org_in_a_file_is_filled_once(tmp_path: Path) -> None:
    (tmp_path / "sfmock.yaml").write_text(SETTINGS + f"data: {tmp_path / 'org.db'}\n")
    for contacts in (9, 10):
        with api.start(resolve({}, environment={}, file=str(tmp_path / "sfmock.yaml"))) as server:
            assert count(server, "Contact") == contacts
            server.control.seed("Contact", [{"LastName": "x"}])
    with api.start(resolve({}, environment={}, file=str(tmp_path / "sfmock.yaml"))) as server:
        server.control.reset()
        assert count(server, "Contact") == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("records:\n  Contact: {count: none}\n", "2:20: count must be a whole number from 1 to"),
        ("records:\n  Kontact: {count: 1}\n", "2:12: this org has no object Kontact; did you mean 'Contact'?"),
        (
            "records:\n  Contact:\n    count: 1\n    fields: {Salary__c: pyint}\n",
            "4:25: row 1 of Contact: Salary__c: INVALID_FIELD: No such column",
        ),
    ],
)
def test_wrong_records_of_the_settings_are_refused_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(text)
    with pytest.raises((ConfigError, DocumentError)) as error:
        App(resolve({}, environment={}, file=str(file)))
    assert str(error.value).startswith(f"{file}:{said}")


# -- snapshots in files


def test_a_snapshot_goes_to_a_file_and_back_into_another_org(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    handle = OrgHandle(org, server)
    (account,) = handle.records.seed("Account", [{"Name": "Acme"}])
    handle.records.seed("Contact", [{"LastName": "Ada", "AccountId": account, "External_Id__c": "E1"}])
    handle.snapshot(tmp_path / "deep" / "org.db")
    handle.records.seed("Account", [{"Name": "Later"}])
    handle.restore(tmp_path / "deep" / "org.db")
    assert [row["Name"] for row in handle.records.query("SELECT Name FROM Account")] == ["Acme"]
    # The counters come back too: the next record gets the id that the lost one had.
    (following,) = handle.records.seed("Account", [{"Name": "Next"}])
    assert following not in (account,)
    fields = {"Contact": {"External_Id__c": KEY, "Legacy__c": KEY}}
    other = server.control.create_org(fields=fields)
    copy = OrgHandle(other, server)
    copy.restore(tmp_path / "deep" / "org.db")
    (found,) = copy.records.query("SELECT Account.Name, External_Id__c FROM Contact")
    assert (found["Account"]["Name"], found["External_Id__c"]) == ("Acme", "E1")
    (organization,) = copy.records.query("SELECT Id FROM Organization")
    assert organization["Id"] == other.id
    with pytest.raises(ControlError, match="DUPLICATE_VALUE"):
        copy.records.seed("Contact", [{"LastName": "x", "External_Id__c": "e1"}])
    server.control.delete_org(other.id)


def test_a_snapshot_that_does_not_fit_is_refused_and_nothing_is_lost(
    server: api.Server, org: OrgInfo, tmp_path: Path
) -> None:
    handle = OrgHandle(org, server)
    handle.records.seed("Contact", [{"LastName": "Ada", "External_Id__c": "E1"}])
    handle.snapshot(tmp_path / "org.db")
    plain = server.control.create_org()
    other = OrgHandle(plain, server)
    other.records.seed("Contact", [{"LastName": "Here"}])
    (tmp_path / "text.db").write_text("no database at all")
    for file, text in (
        ("org.db", r"holds values of Contact.External_Id__c, a field that this org does not have"),
        ("text.db", r"is no snapshot of an org"),
        ("none.db", r"there is no file"),
    ):
        with pytest.raises(ControlError, match=text):
            other.restore(tmp_path / file)
    with pytest.raises(ControlError, match="cannot write"):
        other.snapshot("/proc/none/org.db")
    assert [row["LastName"] for row in other.records.query("SELECT LastName FROM Contact")] == ["Here"]
    server.control.delete_org(plain.id)


def test_a_snapshot_is_a_file_to_serve_from(tmp_path: Path) -> None:
    (tmp_path / "sfmock.yaml").write_text(SETTINGS)
    with api.start(resolve({}, environment={}, file=str(tmp_path / "sfmock.yaml"))) as server:
        server.control.write_snapshot(str(tmp_path / "kept.db"))
    with api.start(port=0, data=str(tmp_path / "kept.db")) as server:
        assert count(server, "Contact") == 9
        server.control.seed("Contact", [{"LastName": "x"}])
        assert count(server, "Contact") == 10


@pytest.mark.heavy
def test_a_hundred_thousand_related_records_take_less_than_a_minute(tmp_path: Path) -> None:
    from mock_server.org.clock import wall

    started = wall()
    org = planted("Account: {count: 10000}\nContact: {count: 90000, fields: {AccountId: {ref: Account.Id}}}", tmp_path)
    assert wall() - started < 60
    assert org.store.count(org.schema.get("Contact")) == 90_000  # type: ignore[arg-type]
