"""Formula fields in queries, reads and describes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.schema import SchemaError
from mock_server.org.schema.describe import describe
from mock_server.org.schema.types import Field, RecordType
from tests.org.formula.test_saving import BASE, org_of, save, who

FORMULAS: dict[str, Any] = {
    "Net__c": {"type": "currency", "scale": 2, "formula": "N__c * (1 - Pct__c)", "blankAsZero": True},
    "Ratio__c": {"type": "number", "scale": 3, "formula": "N__c / M__c"},
    "Blank__c": {"type": "number", "scale": 0, "formula": "N__c + 1"},
    "Share__c": {"type": "percent", "scale": 1, "formula": "Pct__c / 2", "blankAsZero": True},
    "Label__c": {"type": "text", "formula": "Acc__r.Name & ' ' & TEXT(P__c)"},
    "Boss_Net__c": {"type": "currency", "scale": 2, "formula": "Boss__r.Net__c", "blankAsZero": True},
    "Late__c": {"type": "checkbox", "formula": "D__c < TODAY()"},
    "Next__c": {"type": "date", "formula": "ADDMONTHS(D__c, 1)"},
    "Ends__c": {"type": "datetime", "formula": "W__c + 0.5"},
    "Clock__c": {"type": "time", "formula": "H__c + 60000"},
    "Mine__c": {"type": "checkbox", "formula": "OwnerId = $User.Id"},
    "Owner_Name__c": {"type": "text", "formula": "Owner:User.LastName"},
    "Third__c": {"type": "number", "scale": 2, "formula": "1 / 3"},
}
ROWS: list[dict[str, Any]] = [
    {"T__c": "a", "N__c": 10, "M__c": 4, "Pct__c": 15, "P__c": "red", "D__c": "2024-01-31", "W__c": "2024-02-28T18:00:00Z", "H__c": "23:59:30Z"},
    {"T__c": "b", "N__c": 7, "M__c": 0, "D__c": "2024-03-05"},
    {"T__c": "c"},
]  # fmt: skip


@pytest.fixture(scope="module")
def org() -> Org:
    made = org_of(fields=FORMULAS)
    (account,) = save(made, "create", [{"Name": "Acme"}], sobject="Account")
    (first, _, _) = save(made, "create", [{**row, "Acc__c": account.id} for row in ROWS])
    save(made, "create", [{"T__c": "d", "Boss__c": first.id, "N__c": 1, "M__c": 3}])
    return made


def ask(org: Org, soql: str) -> list[list[Any]]:
    return [list(row.values())[1:] for row in org.query(who(org), soql, base=BASE).records]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("Net__c", [8.5, 7.0, 0.0, 1.0]),
        ("Ratio__c", [2.5, None, None, 0.333]),  # a division by zero has no value
        ("Blank__c", [11.0, 8.0, None, 2.0]),
        ("Share__c", [7.5, 0.0, 0.0, 0.0]),
        ("Label__c", ["Acme red", "Acme", "Acme", None]),
        ("Boss_Net__c", [0.0, 0.0, 0.0, 8.5]),
        ("Late__c", [True, False, False, False]),
        ("Next__c", ["2024-02-29", "2024-04-05", None, None]),
        ("Ends__c", ["2024-02-29T06:00:00.000+0000", None, None, None]),
        ("Clock__c", ["00:00:30.000Z", None, None, None]),
        ("Mine__c", [True] * 4),
        ("Owner_Name__c", ["User"] * 4),
        ("Third__c", [0.33] * 4),
    ],
)
def test_values(org: Org, field: str, expected: list[Any]) -> None:
    assert ask(org, f"SELECT {field} FROM Thing__c ORDER BY T__c") == [[one] for one in expected]
    ids = [row[0] for row in ask(org, "SELECT Id FROM Thing__c ORDER BY T__c")]
    assert [one and one[field] for one in org.read(who(org), "Thing__c", ids, [field], base=BASE)] == expected
    assert [one and one[field] for one in org.read(who(org), "Thing__c", ids, None, base=BASE)] == expected


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT T__c FROM Thing__c WHERE Net__c > 7 ORDER BY Net__c", [["a"]]),
        ("SELECT T__c FROM Thing__c WHERE Net__c IN (1, 7) ORDER BY Net__c DESC", [["b"], ["d"]]),
        ("SELECT T__c FROM Thing__c WHERE Ratio__c = null ORDER BY T__c", [["b"], ["c"]]),
        ("SELECT T__c FROM Thing__c WHERE Ratio__c != null ORDER BY Ratio__c", [["d"], ["a"]]),
        ("SELECT T__c FROM Thing__c WHERE Label__c = 'ACME RED'", [["a"]]),
        ("SELECT T__c FROM Thing__c WHERE Label__c LIKE 'acme%' ORDER BY Label__c DESC, T__c", [["a"], ["b"], ["c"]]),
        ("SELECT T__c FROM Thing__c WHERE Late__c = true", [["a"]]),
        ("SELECT T__c FROM Thing__c WHERE NOT Late__c = true ORDER BY T__c", [["b"], ["c"], ["d"]]),
        ("SELECT T__c FROM Thing__c WHERE Next__c > 2024-03-01", [["b"]]),
        ("SELECT T__c FROM Thing__c WHERE Next__c = TODAY", [["a"]]),
        ("SELECT T__c FROM Thing__c WHERE Ends__c = TODAY", [["a"]]),
        ("SELECT T__c FROM Thing__c WHERE Boss__r.Net__c = 8.5 AND Boss__r.Label__c = 'Acme red'", [["d"]]),
        ("SELECT Boss__r.Net__c FROM Thing__c WHERE T__c = 'd'", [[{"attributes": {"type": "Thing__c", "url": "?"}, "Net__c": 8.5}]]),
        ("SELECT T__c FROM Thing__c ORDER BY Net__c DESC NULLS LAST LIMIT 2", [["a"], ["b"]]),
        ("SELECT Late__c, COUNT(Id) FROM Thing__c GROUP BY Late__c ORDER BY Late__c", [[False, 3], [True, 1]]),
        ("SELECT Next__c, COUNT(Id) n FROM Thing__c WHERE Next__c != null GROUP BY Next__c ORDER BY Next__c", [["2024-02-29", 1], ["2024-04-05", 1]]),
        ("SELECT SUM(Net__c), MAX(Net__c), MIN(Ratio__c), COUNT(Ratio__c) FROM Thing__c", [[16.5, 8.5, 0.333, 2]]),
        ("SELECT Late__c FROM Thing__c GROUP BY Late__c HAVING SUM(Net__c) > 8.2", [[True]]),
        ("SELECT CALENDAR_MONTH(Next__c) m, COUNT(Id) FROM Thing__c WHERE Next__c != null GROUP BY CALENDAR_MONTH(Next__c) ORDER BY CALENDAR_MONTH(Next__c)", [[2, 1], [4, 1]]),
        ("SELECT Name, (SELECT T__c FROM Things__r WHERE Net__c > 7) FROM Account", [["Acme", {"totalSize": 1}]]),
        ("SELECT Name FROM Account WHERE Id IN (SELECT Acc__c FROM Thing__c WHERE Net__c > 8)", [["Acme"]]),
    ],
)  # fmt: skip
def test_queries(org: Org, soql: str, expected: list[list[Any]]) -> None:
    found = ask(org, soql)
    for row in found:
        for cell in row:
            if isinstance(cell, dict) and "attributes" in cell:
                cell["attributes"]["url"] = "?"
            elif isinstance(cell, dict):
                del cell["done"], cell["records"]
    assert found == expected


def test_text_and_number_formulas_cannot_be_grouped(org: Org) -> None:
    for field in ("Label__c", "Net__c"):
        with pytest.raises(ApiError, match="can not be grouped in a query call"):
            ask(org, f"SELECT {field} FROM Thing__c GROUP BY {field}")


def test_now_and_today_follow_the_clock() -> None:
    org = org_of(fields={"Age__c": {"type": "number", "scale": 0, "formula": "TODAY() - D__c"}})
    save(org, "create", [{"D__c": "2024-02-28"}])
    soql = "SELECT Age__c FROM Thing__c WHERE Age__c >= 0"
    assert ask(org, soql) == [[1.0]]
    org.clock.advance(3600)
    assert ask(org, soql) == [[2.0]]


def test_a_describe_shows_a_formula(org: Org) -> None:
    thing = org.schema.get("Thing__c")
    assert thing is not None
    fields = {field["name"]: field for field in describe(thing, "v60.0")["fields"]}
    shown = {
        key: fields["Net__c"][key]
        for key in ("calculated", "calculatedFormula", "createable", "updateable", "nillable", "groupable", "type",
                    "formulaTreatNullNumberAsZero", "filterable", "sortable", "aggregatable")
    }  # fmt: skip
    assert shown == {
        "calculated": True, "calculatedFormula": "N__c * (1 - Pct__c)", "createable": False, "updateable": False,
        "nillable": True, "groupable": False, "type": "currency", "formulaTreatNullNumberAsZero": True,
        "filterable": True, "sortable": True, "aggregatable": True,
    }  # fmt: skip
    assert (fields["Label__c"]["length"], fields["Label__c"]["byteLength"]) == (1300, 3900)
    assert fields["Late__c"]["nillable"] is False and fields["Late__c"]["groupable"] is True


def test_record_types_are_known_by_the_object() -> None:
    org = org_of()
    account = org.schema.get("Account")
    assert account is not None
    kind = RecordType("012Kd0000000001AAA", "Big", "Big one")
    typed = Field("RecordTypeId", "Record Type ID", "reference", length=18, reference_to=("RecordType",))
    fields = (*(field for field in account.fields if field.name != typed.name), typed)
    org.schema._put(replace(account, record_types=(kind,), fields=fields, memo={}))
    org.schema.add({}, {"Account": {"Kind__c": {"type": "text", "formula": "$RecordType.DeveloperName"}}})
    org.schema.add({}, {"Contact": {"Kind__c": {"type": "text", "formula": "Account.RecordType.Name"}}})
    (made,) = save(org, "create", [{"Name": "Acme"}], sobject="Account")
    org.store.connection.execute('UPDATE "Account" SET "RecordTypeId" = ?', (kind.id,))
    save(org, "create", [{"LastName": "Lee", "AccountId": made.id}], sobject="Contact")
    assert ask(org, "SELECT Kind__c FROM Account") == [["Big"]]
    assert ask(org, "SELECT Kind__c FROM Contact") == [["Big one"]]


def test_formulas_over_very_many_fields() -> None:
    many = {f"N{number}__c": {"type": "number", "precision": 18, "scale": 2} for number in range(130)}
    total: dict[str, Any] = {"Sum__c": {"type": "number", "scale": 2, "formula": " + ".join(many)}}
    org = org_of(fields={**many, **total})
    save(org, "create", [dict.fromkeys(many, 1.5)])
    assert ask(org, "SELECT Sum__c FROM Thing__c WHERE Sum__c > 100") == [[195.0]]


def test_a_subject_that_changes_its_decimal_context_changes_no_formula(org: Org) -> None:
    import decimal

    with decimal.localcontext() as context:
        context.prec = 2
        assert ask(org, "SELECT Third__c, Net__c FROM Thing__c WHERE T__c = 'a'") == [[0.33, 8.5]]
        assert decimal.getcontext().prec == 2


def test_a_formula_sees_what_its_reader_may_not(org: Org) -> None:
    profile, reader = "00eKd0000000099IAA", "005Kd0000000099IAA"

    def put(name: str, **values: Any) -> None:
        sobject = org.schema.get(name)
        assert sobject is not None
        org.store.put(sobject, values)

    put("User", Id=reader, Username="reader@example.com", LastName="Reader", ProfileId=profile, IsActive=1)
    put("PermissionSet", Id="0PSKd0000000099IAA", Name="Readers", ProfileId=profile, PermissionsApiEnabled=1)
    put(
        "ObjectPermissions",
        Id="110Kd0000000099IAA",
        ParentId="0PSKd0000000099IAA",
        SobjectType="Thing__c",
        PermissionsRead=1,
    )
    for number, field in enumerate(("T__c", "Net__c", "Label__c")):
        put("FieldPermissions", Id=f"01kKd00000000{number:02d}IAA", ParentId="0PSKd0000000099IAA", SobjectType="Thing__c",
            Field=f"Thing__c.{field}", PermissionsRead=1)  # fmt: skip
    session = replace(who(org), user_id=reader, username="reader@example.com")
    found = org.query(session, "SELECT Net__c, Label__c FROM Thing__c WHERE Net__c > 8", base=BASE).records
    assert [(one["Net__c"], one["Label__c"]) for one in found] == [(8.5, "Acme red")]
    with pytest.raises(ApiError, match="No such column 'N__c'"):
        org.query(session, "SELECT N__c FROM Thing__c", base=BASE)
    with pytest.raises(ApiError, match="No such column 'Share__c'"):
        org.query(session, "SELECT Share__c FROM Thing__c", base=BASE)


INVOICE: dict[str, Any] = {
    "Invoice__c": {
        "fields": {
            "Total__c": {"type": "rollup", "child": "Line__c", "reference": "Invoice__c", "operation": "sum", "field": "Net__c"},
            "Large__c": {"type": "rollup", "child": "Line__c", "reference": "Invoice__c", "operation": "count",
                         "filters": [{"field": "Net__c", "operator": "greaterThan", "value": "15"}]},
            "Twice__c": {"type": "currency", "scale": 2, "formula": "Total__c * 2"},
            "Last__c": {"type": "rollup", "child": "Line__c", "reference": "Invoice__c", "operation": "max", "field": "Day__c"},
            "Due__c": {"type": "date", "formula": "Last__c + 30"},
        }
    },
    "Line__c": {
        "fields": {
            "Invoice__c": {"type": "masterdetail", "referenceTo": "Invoice__c"},
            "Day__c": {"type": "date"},
            "Price__c": {"type": "currency", "scale": 2},
            "Discount__c": {"type": "percent", "scale": 0},
            "Net__c": {"type": "currency", "scale": 2, "formula": "Price__c * (1 - Discount__c)", "blankAsZero": True},
        }
    },
}  # fmt: skip


def test_roll_ups_sum_up_formulas_and_formulas_stand_on_roll_ups() -> None:
    org = org_of(**INVOICE)
    (invoice,) = save(org, "create", [{}], sobject="Invoice__c")
    lines = [
        {"Invoice__c": invoice.id, "Price__c": 10.1, "Discount__c": 50},
        {"Invoice__c": invoice.id, "Price__c": 20},
    ]
    first, _ = save(org, "create", lines, sobject="Line__c")
    soql = "SELECT Total__c, Large__c, Twice__c FROM Invoice__c"
    assert ask(org, soql) == [[25.05, 1, 50.1]]
    save(org, "update", [{"Id": first.id, "Discount__c": 0, "Price__c": 16, "Day__c": "2024-01-31"}], sobject="Line__c")
    assert ask(org, soql) == [[36.0, 2, 72.0]]
    assert ask(org, "SELECT Due__c FROM Invoice__c WHERE Due__c > 2024-01-31") == [["2024-03-01"]]


def test_a_roll_up_cannot_count_on_a_formula_that_asks_for_the_time() -> None:
    net = {**INVOICE["Line__c"]["fields"]["Net__c"], "formula": "Price__c * DAY(TODAY())"}
    line = {"fields": {**INVOICE["Line__c"]["fields"], "Net__c": net}}
    with pytest.raises(SchemaError, match="Net__c refers to other records, the user or the time"):
        org_of(**{**INVOICE, "Line__c": line})
