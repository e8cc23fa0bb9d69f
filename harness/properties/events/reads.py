"""What a subject read of an org's records, to make good what events did not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness import soql
from harness.evidence import Evidence
from harness.exchanges import Exchange

_ID = re.compile(r"\b[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?\b")
_CUT = 1000
"""Characters of a query that the journal keeps."""
_QUERIES = ("rest.query.run", "rest.query.all", "bulk2.query.create", "soap.query", "soap.queryAll")
_OF_RECORDS = (
    "rest.sobject.read",
    "rest.sobject.read_by_key",
    "rest.collections.read",
    "rest.ui.record.",
    "soap.retrieve",
)
_OF_CHANGES = ("rest.sobject.updated", "rest.sobject.deleted", "soap.getUpdated", "soap.getDeleted")
_MIXED = ("rest.composite.", "rest.graphql", "rest.search.", "rest.apex.", "bulk1.batch.create")
"""Operations whose content the journal does not keep apart: what they read is taken on trust."""
_GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})


@dataclass(frozen=True, slots=True)
class Read:
    """One answered read. `sobject` is in small letters, empty where it cannot be told; `ids` are those that it names,
    of 15 characters, None where it names none, or may name more than is known."""

    exchange: Exchange
    sobject: str
    ids: frozenset[str] | None

    def of(self, sobject: str) -> bool:
        return self.sobject in ("", sobject.lower())

    def covers(self, record: str) -> bool:
        """Tell whether it may have shown how a record is."""
        return self.ids is None or record[:15] in self.ids


def reads(evidence: Evidence) -> Iterator[Read]:
    """Yield the reads that were answered, one that found the record gone among them."""
    for exchange in evidence.exchanges:
        if exchange.heard and (exchange.failure is None or _GONE.intersection(exchange.codes)):
            read = _read(exchange)
            if read is not None:
                yield read


def _read(exchange: Exchange) -> Read | None:
    operation = exchange.operation
    if operation in _QUERIES:
        text = exchange.soql
        ids = frozenset(found[:15] for literal in soql.literals(text) for found in _ids(literal))
        return Read(exchange, soql.object_of(text).lower(), ids if ids and len(text) < _CUT else None)
    if operation.startswith(_OF_CHANGES):
        return Read(exchange, _sobject_in(exchange.path), None)
    if operation.startswith(_OF_RECORDS):
        path = frozenset(found[:15] for found in _ids(exchange.path))
        rows = frozenset(row.id[:15] for row in exchange.rows if row.id)
        return Read(exchange, _sobject_in(exchange.path), path | rows or None)
    if operation.startswith(_MIXED):
        return Read(exchange, "", None)
    return None


def _ids(text: str) -> list[str]:
    return [found for found in _ID.findall(text) if any(character.isdigit() for character in found)]


def _sobject_in(path: str) -> str:
    found = re.search(r"/sobjects/(\w+)", path)
    return found[1].lower() if found else ""
