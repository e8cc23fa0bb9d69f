"""Roll-ups that cannot work are refused when the schema is loaded, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mock_server.org import rollups
from mock_server.org.schema import Schema, SchemaError
from mock_server.org.schema.types import Field, RollUp
from tests.org.rollups.conftest import KEY, LINE, OBJECTS, summary


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (summary("count", "Line__c.Owner__c"), "Line__c.Owner__c does not lead to Bill__c"),
        (summary("count", "Line__c.Also__c"), "Line__c.Also__c is no master-detail field"),
        (summary("sum", KEY, "Due__c"), "Due__c is a date; sum does not take that"),
        (summary("count", KEY, None, ("Nope__c", "equals", "1")), "there is no field of Line__c 'Nope__c'"),
        (summary("count", KEY, None, ("Amount__c", "equals", "x")), "its filter: 'x' is no number, as Amount__c is"),
        (
            summary("count", KEY, None, ("Due__c", "lessThan", "2026-02-30")),
            "its filter: '2026-02-30' is no day of the calendar, as Due__c is",
        ),
        (summary("count", KEY, None, ("Due__c", "equals", "soon")), "its filter: 'soon' is no date; write 2026-12-31"),
        (summary("count", KEY, None, ("Seen__c", "equals", "soon")), "its filter: 'soon' is no datetime"),
        (summary("count", KEY, None, ("Paid__c", "equals", "maybe")), "its filter: 'maybe' is neither True nor False"),
        (summary("count", KEY, None, ("Bill__c", "equals", "me")), "its filter: 'me' is no record id, as Bill__c is"),
        (summary("count", KEY, None, ("Due__c", "lessThan", "")), "its filter: lessThan needs exactly one value"),
        (
            summary("count", KEY, None, ("Amount__c", "contains", "1")),
            "its filter: contains does not go with Amount__c",
        ),
        (
            summary("count", KEY, None, ("Note__c", "includes", "x")),
            "its filter: includes does not go with Note__c, which is a string",
        ),
        (summary("count", KEY, None, ("Note__c", "within", "x")), "its filter: there is no operator 'within'"),
    ],
)
def test_a_wrong_roll_up_is_told(field: dict[str, Any], message: str) -> None:
    line = {
        **LINE,
        "Also__c": {"type": "lookup", "referenceTo": "Bill__c", "relationshipName": "Others"},
        "Owner__c": {"type": "lookup", "referenceTo": "User"},
    }
    schema = Schema()
    version = schema.version
    with pytest.raises(SchemaError) as caught:
        schema.add({"Bill__c": {"fields": {"Sum__c": field}}, "Line__c": {"fields": line}}, {})
    assert caught.value.message.startswith(message)
    assert caught.value.path[:4] == ("objects", "Bill__c", "fields", "Sum__c")
    assert schema.version == version


@pytest.mark.parametrize(
    ("change", "message", "nearest"),
    [
        ({"child": "Lime__c"}, "there is no object Lime__c", "Line__c"),
        ({"reference": "Bil__c"}, "Line__c has no field Bil__c", "Bill__c"),
        ({"reference": "OwnerId"}, "Line__c has no field OwnerId", None),
        ({"operation": "avg"}, "there is no operation 'avg'; allowed: count, sum, min, max", None),
        ({"operation": "count"}, "count needs no field to sum up", None),
        ({"field": None}, "sum needs a field to sum up", None),
        ({"field": "Amont__c"}, "Line__c has no field Amont__c", "Amount__c"),
        ({"field": "Note__c"}, "sum does not go with Line__c.Note__c, which is a string", None),
    ],
)
def test_a_roll_up_of_any_source_is_checked(change: dict[str, Any], message: str, nearest: str | None) -> None:
    schema = schema_with("Bill__c", "Sum__c", change)
    (problem,) = rollups.check(schema)
    assert (problem.sobject, problem.field, problem.message) == ("Bill__c", "Sum__c", message)
    assert problem.nearest == nearest


def schema_with(name: str, field: str, change: dict[str, Any]) -> Schema:
    """Return the schema of bills with one roll-up changed, as no definition could say it."""
    schema = Schema()
    schema.add(OBJECTS, {})
    sobject = schema.get(name)
    assert sobject is not None
    old = sobject.by_name[field]
    assert old.roll_up is not None
    new = replace(old, roll_up=replace(old.roll_up, **change))
    schema._put(replace(sobject, fields=tuple(new if one is old else one for one in sobject.fields), memo={}))
    return schema


def test_a_cycle_is_refused() -> None:
    schema = Schema()
    schema.add({name: {} for name in ("A__c", "B__c")}, {})
    for name, other in (("A__c", "B__c"), ("B__c", "A__c")):
        sobject = schema.get(name)
        assert sobject is not None
        up = Field(other, other, "reference", reference_to=(other,), cascade_delete=True)
        total = Field("Sum__c", "Sum", "double", precision=18, roll_up=RollUp(other, name, "sum", "Sum__c"))
        schema._put(replace(sobject, fields=(*sobject.fields, up, total), memo={}))
    found = {(problem.sobject, problem.field): problem.message for problem in rollups.check(schema)}
    message = "it sums up itself, by way of A__c.Sum__c, B__c.Sum__c"
    assert found == {("A__c", "Sum__c"): message, ("B__c", "Sum__c"): message}


@pytest.mark.parametrize(
    ("sobject", "field", "kind", "scale"),
    [
        ("Bill__c", "Lines__c", "double", 0),
        ("Bill__c", "Sum__c", "currency", 2),
        ("Bill__c", "First__c", "date", 0),
        ("Bill__c", "Last_Seen__c", "datetime", 0),
        ("Ledger__c", "Worth__c", "currency", 2),
        ("Ledger__c", "Best__c", "currency", 2),
    ],
)
def test_a_total_has_the_type_of_what_it_sums_up(sobject: str, field: str, kind: str, scale: int) -> None:
    schema = Schema()
    schema.add(OBJECTS, {})
    found = schema.get(sobject)
    assert found is not None
    total = found.by_name[field]
    assert (total.type, total.scale, total.calculated, total.createable) == (kind, scale, True, False)
