"""One object with a field of every kind, and a way to ask what a formula gives over values of its fields."""

from __future__ import annotations

from datetime import date, datetime
from decimal import localcontext
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from mock_server.org.formula.compiler import Formula, Mode, compiled
from mock_server.org.formula.numbers import CONTEXT
from mock_server.org.schema import Schema

FIELDS: dict[str, Any] = {
    "N__c": {"type": "number", "precision": 18, "scale": 4},
    "M__c": {"type": "number", "precision": 18, "scale": 4},
    "Pct__c": {"type": "percent", "precision": 16, "scale": 2},
    "T__c": {"type": "text"},
    "U__c": {"type": "text"},
    "B__c": {"type": "checkbox"},
    "C__c": {"type": "checkbox"},
    "D__c": {"type": "date"},
    "E__c": {"type": "date"},
    "W__c": {"type": "datetime"},
    "H__c": {"type": "time"},
    "P__c": {"type": "picklist", "values": ["red", "green"]},
    "S__c": {"type": "multiselectpicklist", "values": ["a", "b", "c"]},
    "Long__c": {"type": "longtextarea"},
    "Acc__c": {"type": "lookup", "referenceTo": "Account"},
    "Boss__c": {"type": "lookup", "referenceTo": "Thing__c"},
}


@cache
def schema() -> Schema:
    made = Schema()
    made.add({"Thing__c": {"fields": FIELDS}}, {})
    return made


class Frozen:
    """An environment of 2024-02-29 23:30 UTC, seen from Tokyo."""

    now = datetime(2024, 2, 29, 23, 30, 15)
    today = date(2024, 3, 1)
    zone = ZoneInfo("Asia/Tokyo")
    new = False

    def read(self, source: str, field: str, *key: str) -> Any:
        return {"Username": "ann@example.com", "Name": "Ann", "Id": "005Kd000000000BIAQ"}.get(field)

    def permission(self, name: str) -> bool:
        return name == "Bypass"


def formula(text: str, mode: Mode = "rule", **options: Any) -> Formula:
    thing = schema().get("Thing__c")
    assert thing is not None
    return compiled(schema(), thing, text, mode, **options)


def value(text: str, stored: dict[str, Any] | None = None, mode: Mode = "rule", **options: Any) -> Any:
    """Return a formula's value over stored values by field (`Boss__r.T__c` for a parent's, `~N__c` for prior ones)."""
    found = formula(text, mode, **options)
    given = stored or {}
    raw = []
    for needed in found.inputs:
        name = ".".join([*(step.reference.relationship_name or "" for step in needed.path), needed.field.name])
        raw.append(given.get("~" + name if needed.prior else name))
    environment = Frozen()
    environment.new = bool(given.get("new"))
    with localcontext(CONTEXT):
        return found.run(environment, *raw)
