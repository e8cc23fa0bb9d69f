"""Validation rules and default formulas, as saves meet them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field
from tests.org.formula.world import FIELDS

NOW = 1_709_249_415.0  # 2024-02-29 23:30:15 UTC
BASE = "/services/data/v60.0/sobjects"


def org_of(fields: dict[str, Any] | None = None, rules: dict[str, Any] | None = None, **more: Any) -> Org:
    schema = Schema()
    thing = {"fields": {**FIELDS, **(fields or {})}, "validationRules": rules or {}}
    schema.add({"Thing__c": thing, **more}, {})
    made = Org(1, schema=schema, clock="virtual", start=NOW)
    made.directory.seed()
    return made


def who(org: Org) -> Session:
    return org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))


def rule(condition: str, message: str = "no", **more: Any) -> dict[str, Any]:
    return {"condition": condition, "message": message, **more}


def save(
    org: Org, verb: Any, rows: list[dict[str, Any]], *, whole: bool = False, sobject: str = "Thing__c"
) -> list[RowResult]:
    changes = [Change(verb, sobject, {k: v for k, v in row.items() if k != "Id"}, id=row.get("Id")) for row in rows]
    return org.write(who(org), changes, all_or_none=whole)


def said(result: RowResult) -> list[tuple[str, str, tuple[str, ...] | None]]:
    return [(error.code, error.message, error.fields) for error in result.errors]


REFUSED = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def test_a_rule_refuses_rows_and_only_those() -> None:
    org = org_of(rules={"Positive": rule("N__c < 1", "At least 1.", field="N__c")})
    results = save(org, "create", [{"N__c": 1}, {"N__c": 0}, {}])
    assert [result.success for result in results] == [True, False, True]
    assert said(results[1]) == [(REFUSED, "At least 1.", ("N__c",))]


def test_every_rule_that_fails_says_so_in_order() -> None:
    org = org_of(
        rules={
            "A": rule("N__c < 1", "first", field="n__C"),
            "B": rule("TRUE", "off", active=False),
            "C": rule("ISBLANK(T__c)", "second"),
        }
    )
    (result,) = save(org, "create", [{"N__c": 0}])
    assert said(result) == [(REFUSED, "first", ("N__c",)), (REFUSED, "second", ())]


def test_all_or_none_rolls_everything_back() -> None:
    org = org_of(rules={"A": rule("N__c < 1")})
    results = save(org, "create", [{"N__c": 5}, {"N__c": 0}], whole=True)
    assert [said(result)[0][0] for result in results] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", REFUSED]
    assert org.query(who(org), "SELECT COUNT() FROM Thing__c", base=BASE).total == 0


def test_an_update_is_judged_by_the_record_that_it_would_leave() -> None:
    org = org_of(rules={"A": rule("AND(B__c, ISBLANK(T__c))", "text needed")})
    (made,) = save(org, "create", [{"T__c": "x", "B__c": True}])
    (result,) = save(org, "update", [{"Id": made.id, "T__c": None}])
    assert said(result) == [(REFUSED, "text needed", ())]
    assert save(org, "update", [{"Id": made.id, "T__c": None, "B__c": False}])[0].success
    assert save(org, "update", [{"Id": made.id, "N__c": 5}])[0].success


def test_what_a_save_changes() -> None:
    org = org_of(
        rules={
            "New": rule("AND(ISNEW(), T__c = 'new')", "new"),
            "Changed": rule("AND(ISCHANGED(T__c), PRIORVALUE(T__c) = 'kept')", "kept"),
            "Pick": rule('AND(NOT(ISPICKVAL(PRIORVALUE(P__c), "")), ISPICKVAL(P__c, ""))', "never blank again"),
            "Down": rule("N__c < PRIORVALUE(N__c)", "never down"),
        }
    )
    assert said(save(org, "create", [{"T__c": "new"}])[0]) == [(REFUSED, "new", ())]
    (made,) = save(org, "create", [{"T__c": "kept", "P__c": "red", "N__c": 5}])
    assert save(org, "update", [{"Id": made.id, "T__c": "kept", "N__c": 6}])[0].success
    (result,) = save(org, "update", [{"Id": made.id, "T__c": "new", "P__c": None, "N__c": 1}])
    assert [message for _, message, _ in said(result)] == ["kept", "never blank again", "never down"]


def test_nothing_is_asked_when_a_record_is_deleted() -> None:
    org = org_of(rules={"A": rule("NOT(ISNEW())")})
    (made,) = save(org, "create", [{}])
    assert save(org, "delete", [{"Id": made.id}])[0].success


def test_parents_are_seen_as_they_are_stored() -> None:
    org = org_of(
        rules={
            "Zed": rule("Acc__r.Name = 'Zed'", "zed"),
            "Grand": rule("Boss__r.Boss__r.N__c > 10", "grand"),
            "Owner": rule("Owner:User.Username = 'nobody'", "owner"),
            "Queue": rule("Owner:Queue.Name = 'Q'", "queue"),
        }
    )
    accounts = [save(org, "create", [{"Name": name}], sobject="Account")[0].id for name in ("Zed", "Acme")]
    (top,) = save(org, "create", [{"N__c": 11}])
    (middle,) = save(org, "create", [{"Boss__c": top.id}])
    results = save(
        org, "create", [{"Acc__c": accounts[0]}, {"Acc__c": accounts[1], "Boss__c": middle.id}, {"Boss__c": top.id}]
    )
    assert [[message for _, message, _ in said(result)] for result in results] == [["zed"], ["grand"], []]


def test_a_chunk_asks_for_its_parents_once() -> None:
    org = org_of(rules={"A": rule("AND(Acc__r.Name = 'Zed', Acc__r.Phone = '1', Acc__r.Parent.Name = 'x')")})
    (account,) = save(org, "create", [{"Name": "Acme"}], sobject="Account")
    save(org, "create", [{"Acc__c": account.id}])
    statements: list[str] = []
    org.store.connection.set_trace_callback(statements.append)
    save(org, "create", [{"Acc__c": account.id} for _ in range(100)])
    org.store.connection.set_trace_callback(None)
    # The reference itself is checked once, the rule fetches once.
    assert sum('FROM "Account"' in one for one in statements) == 2


def test_a_rule_that_cannot_be_worked_out_refuses_the_record() -> None:
    org = org_of(rules={"Ratio": rule("1 / N__c > 2")})
    results = save(org, "create", [{"N__c": 0}, {"N__c": 4}, {}])
    assert said(results[0]) == [(REFUSED, 'Validation Formula "Ratio" Invalid (Division by zero)', ())]
    assert [result.success for result in results[1:]] == [True, True]


def test_formula_fields_stand_in_rules() -> None:
    org = org_of(
        fields={
            "Double__c": {"type": "number", "scale": 2, "formula": "N__c * 2"},
            "Top__c": {"type": "number", "scale": 2, "formula": "Boss__r.Double__c + Double__c"},
        },
        rules={"A": rule("Top__c > 10", "too much")},
    )
    (boss,) = save(org, "create", [{"N__c": 3}])
    results = save(org, "create", [{"N__c": 3, "Boss__c": boss.id}, {"N__c": 2, "Boss__c": boss.id}])
    assert [result.success for result in results] == [False, True]


def test_globals() -> None:
    org = org_of(
        rules={
            "User": rule("T__c = $User.Username", "user"),
            "Id": rule("T__c = $User.Id", "id"),
            "Profile": rule("T__c = $Profile.Name", "profile"),
            "Organization": rule("T__c = $Organization.Name", "organization"),
            "Owner": rule("AND(T__c = 'mine', OwnerId = $User.Id)", "mine"),
            "Permission": rule("AND(T__c = 'p', NOT($Permission.Bypass))", "permission"),
            "Type": rule("AND(T__c = 't', ISBLANK($RecordType.DeveloperName))", "type"),
        }
    )
    user = org.directory.default_user
    profile = org.query(who(org), f"SELECT Profile.Name FROM User WHERE Id = '{user.id}'", base=BASE).records[0]
    texts = {
        user.username: "user", user.id[:15]: "id", profile["Profile"]["Name"]: "profile",
        org.directory.organization_name(): "organization", "mine": "mine", "p": "permission", "t": "type",
    }  # fmt: skip
    results = save(org, "create", [{"T__c": text} for text in texts])
    assert [result.errors[0].message for result in results] == list(texts.values())


def test_custom_settings_and_custom_metadata() -> None:
    schema = Schema()
    schema.add(
        {
            "Conf__c": {"fields": {"Most__c": {"type": "number"}}},
            "Meta__c": {"fields": {"Most__c": {"type": "number"}}},
        },
        {},
    )
    conf, meta = schema.get("Conf__c"), schema.get("Meta__c")
    assert conf is not None and meta is not None
    owner = Field("SetupOwnerId", "Location", "reference", length=18, reference_to=("Organization", "Profile", "User"))
    named = Field("DeveloperName", "Name", "string", length=40)
    schema._put(replace(conf, kind="setting", fields=(*conf.fields, owner), memo={}))
    schema._put(replace(meta, kind="metadata", fields=(*meta.fields, named), memo={}))
    rules = {
        "S": rule("N__c > $Setup.Conf__c.Most__c", "setting"),
        "M": rule("M__c > $CustomMetadata.Meta__c.First.Most__c", "metadata"),
    }
    schema.add({"Thing__c": {"fields": FIELDS, "validationRules": rules}}, {})
    org = Org(1, schema=schema, clock="virtual", start=NOW)
    org.directory.seed()
    assert save(org, "create", [{"N__c": 99, "M__c": 99}])[0].success
    save(org, "create", [{"SetupOwnerId": org.id, "Most__c": 50}], sobject="Conf__c")
    save(org, "create", [{"DeveloperName": "First", "Most__c": 60}], sobject="Meta__c")
    results = save(org, "create", [{"N__c": 51}, {"M__c": 61}, {"N__c": 50, "M__c": 60}])
    assert [[error.message for error in result.errors] for result in results] == [["setting"], ["metadata"], []]
    user = org.directory.default_user.id
    save(org, "create", [{"SetupOwnerId": user, "Most__c": 10}], sobject="Conf__c")
    assert not save(org, "create", [{"N__c": 11}])[0].success


def test_a_hierarchy_setting_is_the_organizations_unless_it_says_otherwise_and_one_for_each() -> None:
    schema = Schema()
    most = {"Most__c": {"type": "number"}}
    schema.add({"Conf__c": {"setting": "Hierarchy", "fields": most}}, {})
    schema.add({"Thing__c": {"fields": FIELDS, "validationRules": {"S": rule("N__c > $Setup.Conf__c.Most__c")}}}, {})
    org = Org(1, schema=schema, clock="virtual", start=NOW)
    org.directory.seed()
    user = org.directory.default_user.id
    first, again = save(org, "create", [{"Most__c": 50}, {"SetupOwnerId": org.id, "Most__c": 40}], sobject="Conf__c")
    assert first.success
    assert [(error.code, error.message.partition(" on ")[0]) for error in again.errors] == [
        ("DUPLICATE_VALUE", "duplicate value found: SetupOwnerId duplicates value")
    ]
    (again,) = save(org, "create", [{"Most__c": 40}], sobject="Conf__c")
    assert [error.code for error in again.errors] == ["DUPLICATE_VALUE"]
    assert not save(org, "create", [{"N__c": 51}])[0].success
    assert save(org, "create", [{"SetupOwnerId": user, "Most__c": 60}], sobject="Conf__c")[0].success
    assert save(org, "create", [{"N__c": 51}])[0].success


def test_vlookup() -> None:
    zips = {"fields": {"City__c": {"type": "text"}}}
    condition = "VLOOKUP($ObjectType.Zip__c.Fields.City__c, $ObjectType.Zip__c.Fields.Name, T__c) <> U__c"
    schema = Schema()
    schema.add({"Zip__c": zips}, {})
    schema.add({"Thing__c": {"fields": FIELDS, "validationRules": {"Z": rule(condition, "wrong city")}}}, {})
    org = Org(1, schema=schema, clock="virtual", start=NOW)
    org.directory.seed()
    save(org, "create", [{"Name": "10115", "City__c": "Berlin"}], sobject="Zip__c")
    results = save(org, "create", [{"T__c": "10115", "U__c": "Berlin"}, {"T__c": "10115", "U__c": "Bonn"}, {}])
    assert [result.success for result in results] == [True, False, True]


def test_rules_of_standard_objects() -> None:
    schema = Schema()
    schema.add(
        {
            "Contact": {
                "validationRules": {
                    "Full": rule("Name = 'Ann Lee'", "name"),
                    "Place": rule("MailingCity <> Account.BillingCity", "city"),
                }
            }
        },
        {},
    )
    org = Org(1, schema=schema, clock="virtual", start=NOW)
    org.directory.seed()
    (account,) = save(org, "create", [{"Name": "A", "BillingCity": "Bonn"}], sobject="Account")
    rows = [
        {"FirstName": "Ann", "LastName": "Lee"},
        {"LastName": "Lee", "MailingCity": "Bonn", "AccountId": account.id},
        {"LastName": "Lee", "MailingCity": "Berlin", "AccountId": account.id},
    ]
    results = save(org, "create", rows, sobject="Contact")
    assert [[error.message for error in result.errors] for result in results] == [["name"], [], ["city"]]


def test_default_formulas() -> None:
    org = org_of(
        fields={
            "Due__c": {"type": "date", "defaultFormula": "TODAY() + 7"},
            "By__c": {"type": "text", "defaultFormula": "$User.LastName & '/' & $Profile.Name"},
            "Share__c": {"type": "percent", "scale": 1, "defaultFormula": "0.125"},
            "On__c": {"type": "checkbox", "defaultFormula": "1 = 1"},
            "At__c": {"type": "datetime", "defaultFormula": "NOW()"},
            "Broken__c": {"type": "number", "defaultFormula": "1 / 0"},
            "Kind__c": {"type": "picklist", "values": ["a", "b"], "defaultFormula": "'b'"},
        },
        rules={"A": rule("Due__c <> DATE(2024, 3, 7)", "rules see defaults")},
    )
    left_out, given = save(org, "create", [{}, {"Due__c": "2024-03-07", "By__c": None, "Share__c": 3, "On__c": False}])
    names = "Due__c, By__c, Share__c, On__c, At__c, Broken__c, Kind__c"
    records = org.read(who(org), "Thing__c", [str(left_out.id), str(given.id)], names.split(", "), base=BASE)
    assert [list(record.values())[1:] for record in records if record] == [
        ["2024-03-07", "User/System Administrator", 12.5, True, "2024-02-29T23:30:15.000+0000", None, "b"],
        ["2024-03-07", None, 3.0, False, "2024-02-29T23:30:15.000+0000", None, "b"],
    ]


def test_today_is_the_users_day() -> None:
    org = org_of(fields={"Due__c": {"type": "date", "defaultFormula": "TODAY()"}})
    user = org.directory.default_user.id
    (before,) = save(org, "create", [{}])
    assert save(org, "update", [{"Id": user, "TimeZoneSidKey": "Asia/Tokyo"}], sobject="User")[0].success
    (after,) = save(org, "create", [{}])
    records = org.read(who(org), "Thing__c", [str(before.id), str(after.id)], ["Due__c"], base=BASE)
    assert [record["Due__c"] for record in records if record] == ["2024-02-29", "2024-03-01"]
