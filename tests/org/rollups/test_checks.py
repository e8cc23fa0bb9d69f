"""Roll-ups that cannot work are refused when the schema is loaded, by name."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.schema import Schema, SchemaError
from tests.org.rollups.conftest import KEY, LINE, OBJECTS, summary


@pytest.mark.parametrize(
    ("field", "message", "nearest"),
    [
        (summary("count", "Lime__c.Bill__c"), "there is no object Lime__c", "Line__c"),
        (summary("count", "Line__c.Bil__c"), "Line__c has no field Bil__c", "Bill__c"),
        (summary("count", "Line__c.Owner__c"), "Line__c.Owner__c does not lead to Bill__c", None),
        (
            summary("count", "Line__c.Also__c"),
            "Line__c.Also__c is a lookup; a roll-up needs a master-detail field",
            None,
        ),
        (summary("sum", KEY), "sum needs a field to sum up", None),
        (summary("count", KEY, "Amount__c"), "count needs no field to sum up", None),
        (summary("sum", KEY, "Amont__c"), "Line__c has no field Amont__c", "Amount__c"),
        (summary("sum", KEY, "Due__c"), "sum does not go with Line__c.Due__c, which is a date", None),
        (summary("max", KEY, "Note__c"), "max does not go with Line__c.Note__c, which is a string", None),
        (summary("count", KEY, None, ("Nope__c", "equals", "1")), "its filter: Line__c has no field Nope__c", None),
        (
            summary("count", KEY, None, ("Amount__c", "equals", "x")),
            "its filter: 'x' is no number, as Amount__c is",
            None,
        ),
        (
            summary("count", KEY, None, ("Due__c", "lessThan", "2026-02-30")),
            "its filter: '2026-02-30' is no day of the calendar, as Due__c is",
            None,
        ),
        (
            summary("count", KEY, None, ("Note__c", "includes", "x")),
            "its filter: includes does not go with Note__c, which is a string",
            None,
        ),
        (summary("count", KEY, None, ("Note__c", "like", "x")), "its filter: there is no operator 'like'", None),
        (summary("avg", KEY, "Amount__c"), "there is no operation 'avg'", None),
        ({"type": "summary", "summaryOperation": "count"}, "a roll-up needs its master-detail field", None),
    ],
)
def test_a_wrong_roll_up_is_told(field: dict[str, Any], message: str, nearest: str | None) -> None:
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
    assert caught.value.nearest == nearest
    assert schema.version == version


def test_a_cycle_is_refused() -> None:
    schema = Schema()
    objects = {
        "A__c": {"fields": {"B__c": {"type": "masterdetail", "referenceTo": "B__c"}}},
        "B__c": {"fields": {"A__c": {"type": "masterdetail", "referenceTo": "A__c"}}},
    }
    schema.add({"A__c": {}, "B__c": {}}, {name: definition["fields"] for name, definition in objects.items()})
    with pytest.raises(SchemaError, match="it sums up itself, by way of A__c.Sum__c, B__c.Sum__c"):
        schema.add(
            {},
            {
                "A__c": {"Sum__c": summary("sum", "B__c.A__c", "Sum__c")},
                "B__c": {"Sum__c": summary("sum", "A__c.B__c", "Sum__c")},
            },
        )


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
