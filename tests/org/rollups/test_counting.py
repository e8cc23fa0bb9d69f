"""Roll-up summaries follow every change of their details, and say so up the chain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.automation.trigger import Trigger
from mock_server.org.records.changes import Change
from mock_server.org.rollups.counting import RollUps
from mock_server.org.schema import SchemaError
from tests.org.rollups.conftest import LINE, OBJECTS, Bill, Desk, desk_of, summary

TOTALS = ("Lines__c", "Sum__c", "Paid_Sum__c", "First__c", "Last_Seen__c", "Most__c")


def test_a_new_master_counts_nothing(desk: Desk, bill: Bill, ledger: str) -> None:
    assert desk.read("Bill__c", bill(), *TOTALS) == (0.0, 0.0, 0.0, None, None, None)
    assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c", "Best__c") == (0.0, 0.0, None)


def test_totals_follow_create_change_and_delete(desk: Desk, bill: Bill, ledger: str) -> None:
    one = bill()
    goods, work = desk.make(
        "Line__c",
        {"Bill__c": one, "Amount__c": 10.1, "Kind__c": "Goods", "Paid__c": True, "Due__c": "2026-03-01"},
        {"Bill__c": one, "Amount__c": 20.2, "Kind__c": "Work", "Paid__c": True, "Due__c": "2026-02-01"},
    )
    assert desk.read("Bill__c", one, *TOTALS) == (2.0, 30.3, 10.1, "2026-02-01", None, 20.2)
    assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c", "Best__c") == (1.0, 30.3, 20.2)
    desk.change("Line__c", work, Kind__c="goods")
    assert desk.read("Bill__c", one, "Paid_Sum__c") == (30.3,)
    desk.change("Line__c", work, Amount__c=None, Due__c=None)
    assert desk.read("Bill__c", one, *TOTALS) == (2.0, 10.1, 10.1, "2026-03-01", None, 10.1)
    desk.drop("Line__c", goods, work)
    assert desk.read("Bill__c", one, *TOTALS) == (0.0, 0.0, 0.0, None, None, None)
    assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c", "Best__c") == (0.0, 0.0, None)


def test_a_detail_that_changes_its_master_leaves_one_and_joins_the_other() -> None:
    objects: dict[str, Any] = {
        "Crate__c": {"fields": {"Jars__c": summary("count", "Jar__c.Crate__c")}},
        # Reparenting is an option of the master-detail field.
        "Jar__c": {"fields": {"Crate__c": {"type": "masterdetail", "referenceTo": "Crate__c", "reparentable": True}}},
    }
    desk = desk_of(objects)
    left, right = desk.make("Crate__c", {"Name": "left"}, {"Name": "right"})
    (moved,) = desk.make("Jar__c", {"Crate__c": left})
    desk.change("Jar__c", moved, Crate__c=right)
    assert desk.read("Crate__c", left, "Jars__c") == (0.0,)
    assert desk.read("Crate__c", right, "Jars__c") == (1.0,)


def test_only_masters_that_change_are_saved(desk: Desk, bill: Bill, ledger: str) -> None:
    one, other = bill(), bill()
    stamps = [desk.read("Bill__c", each, "LastModifiedDate", "SystemModstamp") for each in (one, other)]
    desk.org.clock.advance(60)
    (line,) = desk.make("Line__c", {"Bill__c": one, "Amount__c": 1})
    assert desk.read("Bill__c", one, "LastModifiedDate", "SystemModstamp") > stamps[0]
    assert desk.read("Bill__c", other, "LastModifiedDate", "SystemModstamp") == stamps[1]
    saved = desk.read("Ledger__c", ledger, "LastModifiedDate")
    desk.org.clock.advance(60)
    desk.change("Line__c", line, Note__c="nothing that anybody sums up")
    assert desk.read("Ledger__c", ledger, "LastModifiedDate") == saved


def test_clients_do_not_write_totals_and_may_ask_for_them(desk: Desk, bill: Bill) -> None:
    one = bill()
    (refused,) = desk.write(Change("update", "Bill__c", {"Sum__c": 5}, id=one))
    assert refused.errors[0].code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    desk.make("Line__c", {"Bill__c": one, "Amount__c": 7})
    assert desk.rows("SELECT Id FROM Bill__c WHERE Sum__c = 7 ORDER BY Lines__c")[0]["Id"] == one
    assert desk.rows("SELECT SUM(Worth__c) total FROM Ledger__c")[0]["total"] == 7.0


@pytest.mark.parametrize("changes", ["one", "many"])
def test_a_failed_row_counts_for_nothing(desk: Desk, bill: Bill, changes: str) -> None:
    one = bill()
    rows = [Change("create", "Line__c", {"Bill__c": one, "Amount__c": 1})] * (1 if changes == "one" else 3)
    bad = Change("create", "Line__c", {"Bill__c": one, "Amount__c": 1e17})
    assert [result.success for result in desk.write(*rows, bad)] == [True] * len(rows) + [False]
    assert desk.read("Bill__c", one, "Lines__c") == (float(len(rows)),)
    desk.write(*rows, bad, all_or_none=True)
    assert desk.read("Bill__c", one, "Lines__c") == (float(len(rows)),)


def test_a_deleted_master_takes_its_details_along_and_keeps_its_totals(desk: Desk, bill: Bill, ledger: str) -> None:
    one, other = bill(), bill()
    desk.make("Line__c", {"Bill__c": one, "Amount__c": 3}, {"Bill__c": other, "Amount__c": 4})
    desk.drop("Bill__c", one)
    assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c") == (1.0, 4.0)
    stored = desk.org.store.lookup(desk.org.schema.get("Bill__c"), "Id", [one], "Sum__c")  # type: ignore[arg-type]
    assert list(stored) == [(3.0,)]


def test_undeleted_details_and_masters_count_again(desk: Desk, bill: Bill, ledger: str) -> None:
    one = bill()
    first, second = desk.make("Line__c", {"Bill__c": one, "Amount__c": 3}, {"Bill__c": one, "Amount__c": 4})
    desk.drop("Line__c", first)
    desk.drop("Bill__c", one)
    assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c") == (0.0, 0.0)
    desk.ids(desk.write(Change("undelete", "Bill__c", id=one)))
    assert desk.read("Bill__c", one, "Lines__c", "Sum__c") == (1.0, 4.0)
    assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c") == (1.0, 4.0)
    desk.ids(desk.write(Change("undelete", "Line__c", id=first)))
    assert desk.read("Bill__c", one, "Lines__c", "Sum__c") == (2.0, 7.0)
    assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c") == (1.0, 7.0)
    desk.ids(desk.write(Change("hard_delete", "Line__c", id=second)))
    assert desk.read("Bill__c", one, "Lines__c", "Sum__c") == (1.0, 3.0)


def test_merged_accounts_add_up() -> None:
    desk = desk_of({}, {"Account": {"Deals__c": summary("count", "Opportunity.AccountId")}})
    winner, loser = desk.make("Account", {"Name": "w"}, {"Name": "l"})
    deal = {"Name": "d", "StageName": "Prospecting", "CloseDate": "2026-01-01"}
    desk.make("Opportunity", {**deal, "AccountId": winner}, {**deal, "AccountId": loser})
    desk.ids(desk.write(Change("delete", "Account", id=loser, into=winner)))
    assert desk.read("Account", winner, "Deals__c") == (2.0,)


def test_a_small_amount_survives_beside_a_huge_one() -> None:
    amount = {"type": "currency", "precision": 18, "scale": 2}
    objects: dict[str, Any] = {
        "Crate__c": {"fields": {"Sum__c": summary("sum", "Jar__c.Crate__c", "Worth__c")}},
        "Jar__c": {"fields": {"Crate__c": {"type": "masterdetail", "referenceTo": "Crate__c"}, "Worth__c": amount}},
    }
    desk = desk_of(objects)
    (crate,) = desk.make("Crate__c", {"Name": "c"})
    desk.make("Jar__c", {"Crate__c": crate, "Worth__c": 0.01})
    (huge,) = desk.make("Jar__c", {"Crate__c": crate, "Worth__c": 9.0e15})
    desk.make("Jar__c", {"Crate__c": crate, "Worth__c": 0.02})
    desk.drop("Jar__c", huge)
    assert desk.read("Crate__c", crate, "Sum__c") == (0.03,)


@pytest.mark.parametrize(
    ("field", "operation", "value", "counted"),
    [
        ("Amount__c", "equals", "5", "5"),
        ("Amount__c", "notEqual", "5", "-7 null"),
        ("Amount__c", "lessThan", "5", "-7"),
        ("Amount__c", "lessOrEqual", "5", "-7 5"),
        ("Amount__c", "greaterThan", "-7.00", "5"),
        ("Amount__c", "greaterOrEqual", "-7", "-7 5"),
        ("Amount__c", "equals", "", "null"),
        ("Amount__c", "notEqual", "", "-7 5"),
        ("Rate__c", "equals", "50%", "5"),
        ("Paid__c", "equals", "True", "5"),
        ("Paid__c", "notEqual", "1", "-7 null"),
        ("Due__c", "equals", "2026-02-28", "5"),
        ("Due__c", "lessThan", "3/1/2026", "5"),
        ("Due__c", "notEqual", "2026-02-28", "-7 null"),
        ("Seen__c", "equals", "2026-02-28", "5"),
        ("Seen__c", "greaterThan", "2026-02-28T12:00:00Z", "-7"),
        ("Kind__c", "equals", "goods", "5"),
        ("Kind__c", "equals", "GOODS, café", "-7 5"),
        ("Kind__c", "notEqual", "Goods,Café", "null"),
        ("Kind__c", "equals", ",Goods", "5 null"),
        ("Note__c", "contains", "RED", "-7 5"),
        ("Note__c", "notContain", "red", "null"),
        ("Note__c", "startsWith", "bo", "5"),
        ("Note__c", "equals", '"bored, he said"', "5"),
        ("Note__c", "contains", "%_'", ""),
        ("Kind__c", "contains", "AFÉ", "-7"),
        ("Tags__c", "includes", "red, green", "-7 5"),
        ("Tags__c", "includes", "re", ""),
        ("Tags__c", "excludes", "green", "-7 null"),
    ],
)
def test_filters(field: str, operation: str, value: str, counted: str) -> None:
    bill = {"Names__c": summary("count", "Line__c.Bill__c", None, (field, operation, value))}
    objects: dict[str, Any] = {"Bill__c": {"fields": bill}, "Line__c": OBJECTS["Line__c"]}
    desk = desk_of(objects)
    lines: dict[str, dict[str, Any]] = {
        "-7": {
            "Amount__c": -7, "Rate__c": 7, "Due__c": "2026-03-01", "Seen__c": "2026-03-01T00:00:00Z",
            "Kind__c": "Café", "Tags__c": "red", "Note__c": "a Red one",
        },
        "5": {
            "Amount__c": 5, "Rate__c": 50, "Due__c": "2026-02-28", "Seen__c": "2026-02-28T09:30:00Z",
            "Kind__c": "Goods", "Tags__c": "green;blue", "Note__c": "Bored, he said", "Paid__c": True,
        },
        "null": {},
    }  # fmt: skip
    found = []
    for name, values in lines.items():
        (one,) = desk.make("Bill__c", {"Name": name})
        desk.make("Line__c", {"Bill__c": one, **values})
        if desk.read("Bill__c", one, "Names__c") == (1.0,):
            found.append(name)
    assert " ".join(found) == counted


def test_totals_of_a_roll_up_that_comes_later_are_counted_from_what_is_there() -> None:
    desk = desk_of({"Bill__c": {}, "Line__c": OBJECTS["Line__c"]})
    one, other = desk.make("Bill__c", {"Name": "1"}, {"Name": "2"})
    desk.make("Line__c", {"Bill__c": one, "Amount__c": 4}, {"Bill__c": one, "Amount__c": 5})
    desk.org.schema.add({}, {"Bill__c": {"Sum__c": summary("sum", "Line__c.Bill__c", "Amount__c")}})
    totals = [row["Sum__c"] for row in desk.rows("SELECT Sum__c FROM Bill__c ORDER BY Name")]
    assert totals == [9.0, 0.0]
    desk.make("Line__c", {"Bill__c": other, "Amount__c": 1})
    assert desk.read("Bill__c", other, "Sum__c") == (1.0,)


def test_a_master_that_refuses_its_new_total_fails_the_rows_behind_it(desk: Desk, bill: Bill, ledger: str) -> None:
    def at_most_ten(trigger: Trigger) -> None:
        for record in trigger.new:
            if record["Sum__c"] > 10:
                record.add_error("ten at most")

    desk.org.automation.add("Bill__c", "update", work=at_most_ten)
    good, bad = bill(), bill()
    rows = [(good, 4), (bad, 8), (good, 5), (bad, 3)]
    changes = [Change("create", "Line__c", {"Bill__c": one, "Amount__c": amount}) for one, amount in rows]
    before = desk.org.log.last
    results = desk.write(*changes)
    assert [result.success for result in results] == [True, False, True, False]
    assert [error.message for error in results[1].errors] == ["ten at most"]
    assert desk.read("Bill__c", good, "Sum__c", "Lines__c") == (9.0, 2.0)
    assert desk.read("Bill__c", bad, "Sum__c", "Lines__c") == (0.0, 0.0)
    assert desk.read("Ledger__c", ledger, "Worth__c") == (9.0,)
    logged = [(commit.verb, commit.sobject) for commit in desk.org.commits(before)]
    assert logged == [("create", "Line__c")] * 2 + [("update", "Bill__c"), ("update", "Ledger__c")]
    small = Change("create", "Line__c", {"Bill__c": good, "Amount__c": 1})
    refused = desk.write(small, changes[1], changes[3], all_or_none=True)
    assert [error.code for result in refused for error in result.errors] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    ]  # fmt: skip
    assert desk.read("Bill__c", good, "Sum__c", "Lines__c") == (9.0, 2.0)


def test_a_masters_triggers_see_its_totals_change_two_levels_up(desk: Desk, bill: Bill, ledger: str) -> None:
    seen: list[tuple[str, float | None, float]] = []

    def watch(trigger: Trigger) -> None:
        for record in trigger.new:
            old = trigger.old_map[record.id or ""]["Worth__c"]
            seen.append((str(trigger.at), old, record["Worth__c"]))
            if trigger.at == "before":
                record["Name"] = "Changed by its trigger"

    for at in ("before", "after"):
        desk.org.automation.add("Ledger__c", "update", at=at, work=watch)
    one = bill()
    desk.make("Line__c", {"Bill__c": one, "Amount__c": 5})
    assert seen == [("before", 0.0, 5.0), ("after", 0.0, 5.0)]
    assert desk.read("Ledger__c", ledger, "Name", "Worth__c") == ("Changed by its trigger", 5.0)


AMOUNTS = st.one_of(st.none(), st.decimals(-9999, 9999, places=2).map(float))
STEP = st.one_of(
    st.tuples(st.just("create"), st.lists(st.tuples(st.integers(0, 3), AMOUNTS, st.booleans()), min_size=1)),
    st.tuples(st.just("amount"), st.integers(0, 50), AMOUNTS),
    st.tuples(st.just("paid"), st.integers(0, 50), st.booleans()),
    st.tuples(st.just("move"), st.integers(0, 50), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.integers(0, 50)),
    st.tuples(st.just("delete bill"), st.integers(0, 3)),
    st.tuples(st.just("undelete"), st.integers(0, 50)),
)


@settings(max_examples=60)
@given(st.lists(STEP, max_size=15))
def test_totals_always_equal_a_fresh_count(steps: list[Any]) -> None:
    desk = desk_of(OBJECTS)
    ledgers = desk.make("Ledger__c", {"Name": "a"}, {"Name": "b"})
    bills = desk.make("Bill__c", *({"Name": str(n), "Ledger__c": ledgers[n % 2]} for n in range(4)))
    lines: dict[str, dict[str, Any]] = {}
    binned: dict[str, dict[str, dict[str, Any]]] = {}
    gone: set[str] = set()
    for kind, *details in steps:
        if kind == "create":
            live = [(bills[n], amount, paid) for n, amount, paid in details[0] if bills[n] not in gone]
            rows = [{"Bill__c": one, "Amount__c": amount, "Paid__c": paid} for one, amount, paid in live]
            lines.update(zip(desk.make("Line__c", *rows) if rows else [], rows, strict=True))
        elif kind == "delete bill":
            one = bills[details[0]]
            if one not in gone:
                desk.drop("Bill__c", one)
                binned[one] = {key: row for key, row in lines.items() if row["Bill__c"] == one}
                lines = {key: row for key, row in lines.items() if row["Bill__c"] != one}
                gone.add(one)
        elif kind == "undelete":
            back = [key for key in binned if key in gone or binned[key][key]["Bill__c"] not in gone]
            if back:
                key = back[details[0] % len(back)]
                sobject = "Bill__c" if key in gone else "Line__c"
                desk.ids(desk.write(Change("undelete", sobject, id=key)))
                gone.discard(key)
                lines.update(binned.pop(key))
        elif lines:
            line = list(lines)[details[0] % len(lines)]
            if kind == "delete":
                desk.drop("Line__c", line)
                binned[line] = {line: lines.pop(line)}
                continue
            name, value = {"amount": "Amount__c", "paid": "Paid__c", "move": "Bill__c"}[kind], details[1]
            if kind == "move":
                value = bills[value]
                if value in gone:
                    continue
            desk.change("Line__c", line, **{name: value})
            lines[line][name] = value
    for one in [one for one in bills if one not in gone]:
        mine = [row for row in lines.values() if row["Bill__c"] == one]
        amounts = [row["Amount__c"] for row in mine if row["Amount__c"] is not None]
        paid = [row["Amount__c"] for row in mine if row["Amount__c"] is not None and row["Paid__c"]]
        expected = (float(len(mine)), round(sum(amounts), 2) + 0.0, round(sum(paid), 2) + 0.0)
        assert desk.read("Bill__c", one, "Lines__c", "Sum__c", "Paid_Sum__c") == expected
    for place, ledger in enumerate(ledgers):
        mine_too = [row for row in lines.values() if row["Bill__c"] in bills[place::2]]
        total = round(sum(row["Amount__c"] or 0 for row in mine_too), 2) + 0.0
        assert desk.read("Ledger__c", ledger, "Bills__c", "Worth__c") == (
            float(len({row["Bill__c"] for row in mine_too})), total,
        )  # fmt: skip
    _all_fresh(desk, RollUps(desk.org.schema, desk.org.store))


def _all_fresh(desk: Desk, rollups: RollUps) -> None:
    for name in ("Line__c", "Bill__c"):
        for feed in rollups.feeds_of(name):
            ids = [row["Id"] for row in desk.rows(f"SELECT Id FROM {feed.master.name}")]
            for _, stored, fresh in rollups.count(feed, ids):
                assert stored == fresh


def test_rules_of_a_master_refuse_what_its_details_would_make_of_it() -> None:
    rule = {"condition": "Sum__c > 10 && ISCHANGED(Sum__c)", "message": "Ten at most", "field": "Name"}
    bill = {"fields": {"Sum__c": summary("sum", "Line__c.Bill__c", "Amount__c")}, "validationRules": {"Ten": rule}}
    desk = desk_of({"Bill__c": bill, "Line__c": OBJECTS["Line__c"]})
    good, bad = desk.make("Bill__c", {"Name": "good"}, {"Name": "bad"})
    rows = [(good, 4), (bad, 8), (good, 5), (bad, 3)]
    results = desk.write(*(Change("create", "Line__c", {"Bill__c": one, "Amount__c": amount}) for one, amount in rows))
    assert [result.success for result in results] == [True, False, True, False]
    assert {(error.code, error.message) for result in results for error in result.errors} == {
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ten at most")
    }
    assert [desk.read("Bill__c", one, "Sum__c") for one in (good, bad)] == [(9.0,), (0.0,)]
    assert len(desk.rows("SELECT Id FROM Line__c")) == 2


def formula_desk(formula: str) -> Desk:
    worth = {"type": "currency", "scale": 2, "formula": formula}
    line = {**LINE, "Worth__c": worth, "Dear__c": {"type": "checkbox", "formula": "Worth__c > 100"}}
    bill = {
        "Rate__c": {"type": "number", "precision": 4, "scale": 1},
        "Worth__c": summary("sum", "Line__c.Bill__c", "Worth__c"),
        "Dear__c": summary("count", "Line__c.Bill__c", None, ("Dear__c", "equals", True)),
        "Twice__c": {"type": "number", "scale": 2, "formula": "Worth__c * 2"},
    }
    return desk_of({"Bill__c": {"fields": bill}, "Line__c": {"fields": line}})


def test_formulas_of_details_add_up_and_formulas_read_totals() -> None:
    desk = formula_desk("Amount__c * Units__c")
    (one,) = desk.make("Bill__c", {"Name": "1"})
    line, _ = desk.make(
        "Line__c",
        {"Bill__c": one, "Amount__c": 2.5, "Units__c": 3},
        {"Bill__c": one, "Amount__c": 60, "Units__c": 2},
    )
    fields = ("Worth__c", "Dear__c", "Twice__c")
    assert desk.read("Bill__c", one, *fields) == (127.5, 1.0, 255.0)
    desk.change("Line__c", line, Units__c=100)
    assert desk.read("Bill__c", one, *fields) == (370.0, 2.0, 740.0)
    desk.drop("Line__c", line)
    assert desk.read("Bill__c", one, *fields) == (120.0, 1.0, 240.0)


def test_formulas_over_other_objects_do_not_add_up() -> None:
    with pytest.raises(SchemaError, match="Worth__c refers to other records, the user or the time"):
        formula_desk("Amount__c * Bill__r.Rate__c")
