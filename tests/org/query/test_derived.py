"""Queries over the schema at the Org: what is kept of them, and for whom."""

from __future__ import annotations

import asyncio

import pytest

from mock_server.org.identity.directory import USER_ID
from mock_server.org.org import Org
from mock_server.org.query import Page

FIELDS = "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Campaign'"
ALL = "SELECT QualifiedApiName, (SELECT QualifiedApiName FROM Fields LIMIT 1) FROM EntityDefinition"


@pytest.fixture
def org() -> Org:
    made = Org(1)
    made.directory.seed()
    return made


def run(org: Org, soql: str) -> Page:
    return org.queries.run(soql, user_id=USER_ID, base="")


def test_rows_of_the_schema_go_with_a_rollback_and_come_again(org: Org) -> None:
    with pytest.raises(KeyError), org.store.transaction():
        assert run(org, FIELDS).total > 10
        raise KeyError
    assert run(org, FIELDS).total > 10


def test_no_copy_of_the_records_has_them(org: Org) -> None:
    count = run(org, FIELDS).total
    copy = org.store.copy()
    tables = {name for (name,) in copy.connection.execute("SELECT name FROM sqlite_master")}
    copy.close()
    assert not tables & {"FieldDefinition", "sf_derived"}
    org.restore(org.snapshot())
    assert run(org, FIELDS).total == count


def test_a_schema_that_changes_is_seen(org: Org) -> None:
    count = run(org, FIELDS).total
    org.schema.add({}, {"Campaign": {"Extra__c": {"type": "text", "length": 5}}})
    assert run(org, FIELDS).total == count + 1


def test_all_of_the_schema_is_written_while_others_are_served(org: Org) -> None:
    served = 0

    async def serve(done: asyncio.Event) -> None:
        nonlocal served
        while not done.is_set():
            served += 1
            await asyncio.sleep(0)

    async def both() -> Page:
        done = asyncio.Event()
        other = asyncio.create_task(serve(done))
        page = await org.queries.run_aside(ALL, user_id=USER_ID, base="")
        done.set()
        await other
        return page

    page = asyncio.run(both())
    assert page.total > 700
    assert all(record["Fields"]["records"] for record in page.records)
    assert served > 20
