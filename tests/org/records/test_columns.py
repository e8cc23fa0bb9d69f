"""A law: rows that are validated field by field become to the letter what they become one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_server.org.org import Org
from mock_server.org.records import validating
from mock_server.org.records.changes import Change
from mock_server.org.records.misfits import Misfit
from mock_server.org.schema import Schema
from tests.org.records.conftest import FIELDS

SCHEMA = Schema()
SCHEMA.add({"Note__c": {"fields": {"Text__c": {"type": "longtextarea", "length": 12}}}}, FIELDS)
WRONG: list[Any] = [None, "", 1, True, ["x"], {"a": 1}]
SAID: dict[str, list[Any]] = {
    "LastName": ["Lovelace", " Noether ", "ß", "x" * 90, "a\nb", "c\r\nd", "NUL\0", "#N/A", "  "],
    "Email": ["Ada@Example.com", "ada@example.com", " x@y.zz ", "ü@b.de", "a..b@c.de", "no"],
    "External_Id__c": ["A", "a", " b", "Ä"],
    "Score__c": [1, 1.005, 10, "2", "-3e1", 1000, "x", 1e400],
    "Active__c": [True, False, "true", "1", "maybe", 0],
    "Born__c": ["2020-02-03T04:05:06Z", "2020-02-03"],
    "Birthdate": ["1815-12-10", "1815-13-10"],
    "Size__c": ["small", "Large", "Huge"],
    "Tags__c": ["blue;red", "red", "black"],
    "AccountId": ["001Kd00000000goAAA", "001Kd00000000go", "nonsense"],
    "Account": [{"Name": "none"}],
    "IsDeleted": [True],
    "Nothing__c": ["x"],
}
ROWS = st.lists(
    st.sampled_from(list(SAID)).flatmap(
        lambda more: st.fixed_dictionaries(
            {
                "LastName": st.sampled_from(SAID["LastName"]),
                more: st.sampled_from([*SAID[more][:2] * 8, *SAID[more], *WRONG]),
            }
        )
    ),
    min_size=1,
    max_size=12,
)


def _saved(rows: list[dict[str, Any]], few: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(validating, "_FEW", few)
    org = Org(1, schema=SCHEMA.copy(), clock="virtual", start=1.7e9)
    org.directory.seed()
    who = org.sessions.open(org.directory.told_user, org.directory.default_app, ("api",))
    try:
        results = org.write(who, [Change("create", "Contact", dict(row)) for row in rows], all_or_none=False)
    except Misfit as misfit:
        told: Any = misfit.text
    else:
        told = [(one.id, [(error.code, error.message, error.fields) for error in one.errors]) for one in results]
    commits = [(*commit[:8], commit.values) for commit in org.commits()]
    org.close()
    return told, commits


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_rows_become_the_same_field_by_field_and_one_by_one(
    rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _saved(rows, 1, monkeypatch) == _saved(rows, 1000, monkeypatch)


@pytest.mark.parametrize("name", SAID)
def test_a_field_says_the_same_in_all_rows_as_in_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (*SAID[name], *WRONG):
        rows = [{"LastName": "Lovelace", name: one} for one in (SAID[name][0], value, value, SAID[name][-1])]
        assert _saved(rows, 1, monkeypatch) == _saved(rows, 1000, monkeypatch)
