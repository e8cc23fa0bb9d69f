"""Formulas in a query that reads in a thread, on a connection of its own."""

from __future__ import annotations

from pathlib import Path

from mock_server.org.org import Org
from mock_server.org.schema import Schema
from tests.org.formula.test_saving import BASE, save, who


async def test_a_long_query_works_formulas_out_beside_the_others(tmp_path: Path) -> None:
    fields = {
        "N__c": {"type": "number", "scale": 0},
        "F__c": {
            "type": "text",
            "formula": "TEXT(N__c) & ' ' & $User.LastName & IF(TODAY() > DATE(2000, 1, 1), '!', '?')",
        },
    }
    schema = Schema()
    schema.add({"Thing__c": {"fields": fields}}, {})
    org = Org(1, schema=schema, data=tmp_path / "org.db")
    org.directory.seed()
    for _ in range(25):
        save(org, "create", [{"N__c": number} for number in range(200)])
    soql = "SELECT F__c FROM Thing__c WHERE F__c LIKE '7 U%'"
    for _ in range(2):
        page = await org.query_aside(who(org), soql, base=BASE)
        assert (page.total, page.records[0]["F__c"]) == (25, "7 User!")
    assert org.queries._long
    org.close()
