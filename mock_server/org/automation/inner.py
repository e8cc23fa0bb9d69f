"""The org as the code of a trigger has it: queries and saves that are part of the transaction and spend its budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mock_server.org import errors
from mock_server.org.automation.budget import UNITS, LimitExceeded
from mock_server.org.automation.execution import ApexError, DmlError, Ended, Execution, QueryError
from mock_server.org.errors import ApiError
from mock_server.org.query import Page
from mock_server.org.records.changes import Change, LockHeld, RowResult
from mock_server.org.records.values import Misfit

Query = Callable[[str, int], Page]
"""Takes a query and how many records to return at most. Raises ApiError, and LockHeld for one FOR UPDATE."""
Save = Callable[[Sequence[Change], bool], list[RowResult]]
"""Saves any number of rows within the transaction: all or none, or each for itself."""
Records = Mapping[str, Any] | Iterable[Mapping[str, Any]]
Calls = Callable[[str | None, Mapping[str, Any]], None]
"""Takes the name of a callout, or none, and what it is to be. Raises ApexError for what can never be sent."""


class CalloutRefused(ApexError):
    """A callout that the code may not make where it stands."""

    kind = "System.CalloutException"


class InnerOrg:
    """Queries and saves of a trigger.

    Each query spends a SOQL query and its rows, each save a DML statement and its rows. A save raises DmlError when a
    row fails, with nothing saved; with `all_or_none=False` it returns one result a row instead.
    """

    def __init__(
        self, execution: Execution, query: Query, save: Save, *, give_up: bool = False, calls: Calls | None = None
    ) -> None:
        self._execution = execution
        self._calls = calls
        self.sender: Callable[[Any, Mapping[str, Any]], Any] | None = None
        """Sends requests of code that can wait for their answers; there is none in a save."""
        self._give_up = give_up
        self._query = query
        self._save = save

    def _spend(self, unit: str, amount: int) -> None:
        try:
            self._execution.budget.spend(unit, amount)
        except LimitExceeded as exceeded:
            self._execution.fatal = exceeded
            raise

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Return all records of a query, as REST has them. Raises QueryError."""
        return self._run(soql).records

    def count(self, soql: str) -> int:
        """Return the number that a query with `COUNT()` finds, or the number of its records. Raises QueryError."""
        return self._run(soql).total

    def _run(self, soql: str) -> Page:
        self._spend("soql", 1)
        left = UNITS["query_rows"].limit - self._execution.budget.spent["query_rows"]
        try:
            page = self._query(soql, left + 1)
        except ApiError as error:
            raise QueryError(error) from None
        except LockHeld as held:
            if self._give_up:
                refused = errors.UNABLE_TO_LOCK_ROW(count=len(held.ids), ids=",".join(held.ids))
                raise QueryError(refused) from None
            self._execution.fatal = held
            raise
        self._execution.locked.update(page.locked)
        self._spend("query_rows", len(page.records))
        return page

    def insert(self, sobject: str, records: Records, *, all_or_none: bool = True) -> list[RowResult]:
        """Insert records, given by field names. Raises DmlError."""
        return self._dml("Insert", [Change("create", sobject, dict(row)) for row in _listed(records)], all_or_none)

    def update(self, sobject: str, records: Records, *, all_or_none: bool = True) -> list[RowResult]:
        """Update records, each with its `Id` among the fields. Raises DmlError."""
        changes = []
        for row in _listed(records):
            values = dict(row)
            name = next((key for key in values if str(key).lower() == "id"), None)
            changes.append(Change("update", sobject, values, id=None if name is None else values.pop(name)))
        return self._dml("Update", changes, all_or_none)

    def set_fields(self, sobject: str, identifier: str, values: Mapping[str, Any]) -> None:
        """Set fields as the platform itself does, whatever locks of approvals stand on the record. Raises DmlError."""
        self._dml("Update", [Change("update", sobject, dict(values), id=identifier, derived={})], True)

    def upsert(self, sobject: str, records: Records, key: str = "Id", *, all_or_none: bool = True) -> list[RowResult]:
        """Insert or update records, found by the field `key`. Raises DmlError."""
        changes = []
        for row in _listed(records):
            values = dict(row)
            name = next((field for field in values if str(field).lower() == key.lower()), None)
            value = None if name is None else values.pop(name)
            changes.append(Change("upsert", sobject, values, key_field=key, key=value))
        return self._dml("Upsert", changes, all_or_none)

    def delete(self, sobject: str, ids: str | Iterable[str], *, all_or_none: bool = True) -> list[RowResult]:
        """Delete records by id. Raises DmlError."""
        chosen = [ids] if isinstance(ids, str) else list(ids)
        return self._dml("Delete", [Change("delete", sobject, id=identifier) for identifier in chosen], all_or_none)

    def undelete(self, sobject: str, ids: str | Iterable[str], *, all_or_none: bool = True) -> list[RowResult]:
        """Take records out of the recycle bin, by id. Raises DmlError."""
        chosen = [ids] if isinstance(ids, str) else list(ids)
        return self._dml("Undelete", [Change("undelete", sobject, id=identifier) for identifier in chosen], all_or_none)

    def call_out(
        self,
        name: str | None = None,
        *,
        record: str = "",
        given: Mapping[str, Any] | None = None,
        method: str = "POST",
        url: str = "",
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        credential: str | None = None,
        timeout: float = 10.0,
        then: Callable[..., object] | None = None,
    ) -> None:
        """Have a service called once the transaction is committed, as asynchronous Apex does.

        By its name a declared callout, about a record, with `given` for its templates; without one a request on the
        spot: to a URL, or with a credential to a path behind its URL. `body` is a text or a JSON value, `then` a
        function that is called with the answer and an org like this one. Raises ApexError for what can never be sent.
        """
        if self._calls is None:
            raise ApexError("there is nothing to call out with here")
        wanted = {
            "record": record, "given": given, "method": method, "url": url, "headers": headers, "body": body,
            "credential": credential, "timeout": timeout, "then": then,
        }  # fmt: skip
        self._calls(name, wanted)

    def called(self, request: Any, scope: Mapping[str, Any]) -> Any:
        """Return the answer to a request. Raises ApexError where something was saved before it."""
        if self.sender is None:
            raise CalloutRefused("Callout from triggers are currently not supported.")
        if self._execution.budget.spent["dml"]:
            raise CalloutRefused("You have uncommitted work pending. Please commit or rollback before calling out")
        return self.sender(request, scope)

    def _dml(self, verb: str, changes: list[Change], all_or_none: bool) -> list[RowResult]:
        if not changes:
            return []
        self._spend("dml", 1)
        self._spend("rows", len(changes))
        try:
            results = self._save(changes, all_or_none)
        except Misfit as misfit:
            raise ApexError(f"Illegal assignment to {misfit.field.name}: {misfit.text}") from None
        except LockHeld as held:
            self._execution.fatal = held
            raise
        failed = any(not result.success for result in results)
        if self._execution.fatal is not None:
            ended = Ended(_error(verb, changes, results))
            self._execution.fatal = ended
            raise ended
        if failed and all_or_none:
            raise _error(verb, changes, results)
        return results


def _listed(records: Records) -> list[Mapping[str, Any]]:
    return [records] if isinstance(records, Mapping) else list(records)


def _error(verb: str, changes: Sequence[Change], results: Sequence[RowResult]) -> DmlError:
    """Return the exception of a failed save; rows that were only rolled back with the others do not count as failed."""
    own = [() if _only_rolled_back(result) else result.errors for result in results]
    found = own if any(own) else [result.errors for result in results]
    return DmlError(verb, found, [change.id for change in changes])


def _only_rolled_back(result: RowResult) -> bool:
    return any(error.code == "ALL_OR_NONE_OPERATION_ROLLED_BACK" for error in result.errors)
