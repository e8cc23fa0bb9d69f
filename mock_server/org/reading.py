"""What users read of an org: queries, searches and records, each in the name of the one who asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mock_server.org.automation.inner import Query
from mock_server.org.clock import Clock
from mock_server.org.courtesy import give_way
from mock_server.org.identity.access import BEYOND_ADMINS, Accesses
from mock_server.org.identity.directory import Directory
from mock_server.org.identity.permissions import Permissions
from mock_server.org.identity.sessions import Session
from mock_server.org.query import NEWEST, Page, Queries
from mock_server.org.query.search import Found, Searches
from mock_server.org.query.sosl import Search
from mock_server.org.query.sosl import parse as parse_sosl
from mock_server.org.records.changes import LockHeld
from mock_server.org.records.locks import WAIT, RowLocks
from mock_server.org.records.pipeline import Pipeline
from mock_server.org.records.recycling import RecycleBin
from mock_server.org.records.store import Store
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject
from mock_server.org.waiting import unlockable

_INNER_BASE = "/services/data/v68.0/sobjects"


class Reading:
    """The half of an org's face that changes no record; `Org` holds what it reads."""

    schema: Schema
    store: Store
    clock: Clock
    locks: RowLocks
    bin: RecycleBin
    accesses: Accesses
    directory: Directory
    queries: Queries
    searches: Searches
    _permissions: Permissions
    _pipeline: Pipeline

    def query(
        self,
        who: Session,
        soql: str,
        *,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        version: int = NEWEST,
    ) -> Page:
        """Run a SOQL query. `base` goes into each record's url: `/services/data/v60.0/sobjects`.

        `version` is the API version whose SOQL is meant. A query FOR UPDATE that meets a lock fails at once.
        """
        self.bin.expire()
        try:
            page = self.queries.run(
                soql,
                all_rows=all_rows,
                size=size,
                base=base,
                version=version,
                **self._asking(who),
            )
        except LockHeld as held:
            raise unlockable(held) from None
        self._pipeline.hold(page.locked)
        return page

    async def query_aside(
        self,
        who: Session,
        soql: str,
        *,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        version: int = NEWEST,
        tooling: bool = False,
    ) -> Page:
        """Run a query as `query` does, letting others be served while a long one reads.

        A query FOR UPDATE waits for row locks as a save does, and then raises UNABLE_TO_LOCK_ROW; within a transaction
        it raises LockHeld.
        """
        self.bin.expire()
        if self.locks.shared:
            # Within a transaction nobody can wait: who began it does, and begins anew.
            asking = self._asking(who, tooling=tooling)
            page = self.queries.run(soql, all_rows=all_rows, size=size, base=base, version=version, **asking)
            self._pipeline.hold(page.locked)
            return page
        deadline = self.clock.now() + WAIT
        while True:
            try:
                page = await self.queries.run_aside(
                    soql,
                    all_rows=all_rows,
                    size=size,
                    base=base,
                    version=version,
                    **self._asking(who, tooling=tooling),
                )
            except LockHeld as held:
                if self.clock.now() >= deadline:
                    raise unlockable(held) from None
                await self.clock.wait_until(min(held.until, deadline))
            else:
                self._pipeline.hold(page.locked)
                return page

    def more(self, who: Session, cursor: str, *, size: int = 2000, base: str) -> Page:
        return self.queries.more(cursor, user_id=who.user_id, size=size, base=base)

    def explain(self, who: Session, soql: str, *, version: int = NEWEST, tooling: bool = False) -> list[dict[str, Any]]:
        """Return how a query would be run: `cardinality`, `fields`, `leadingOperationType` and more, the best first."""
        return self.queries.explain(
            soql,
            version=version,
            **self._asking(who, tooling=tooling),
        )

    def columns(self, who: Session, soql: str, *, version: int = NEWEST, tooling: bool = False) -> dict[str, Any]:
        """Return what the columns of a query are: `columnMetadata`, `entityName` and more."""
        return self.queries.columns(soql, schema=self._asking(who, tooling=tooling)["schema"], version=version)

    def search(self, who: Session, sosl: str | Search, *, base: str, tooling: bool = False) -> Found:
        """Run a SOSL search, as text or as a tree; with `tooling`, over the objects of the Tooling API."""
        asking = self._asking(who, tooling=tooling)
        if isinstance(sosl, str):
            return self.searches.run(sosl, base=base, **asking)
        return self.searches.find("", sosl, base=base, **asking)

    async def search_aside(self, who: Session, sosl: str | Search, *, base: str, tooling: bool = False) -> Found:
        """Run a search as `search` does, letting others be served while an index is made."""
        text, search = (sosl, parse_sosl(sosl)) if isinstance(sosl, str) else ("", sosl)
        for _ in self.searches.steps(text, search, self._asking(who, tooling=tooling)["schema"]):
            await give_way()
        return self.search(who, sosl, base=base, tooling=tooling)

    def read(
        self,
        who: Session,
        sobject: str,
        ids: Sequence[str],
        fields: Sequence[str] | None,
        *,
        base: str,
        tooling: bool = False,
    ) -> list[dict[str, Any] | None]:
        """Return records by 18-character id, None for those that are not there; all fields when none are named."""
        schema = self.tooling_of(who) if tooling else self.schema_of(who)
        found = schema.get(sobject)
        assert found is not None
        return self.queries.read(found, ids, fields, base=base, schema=schema, user_id=who.user_id)

    def sees(self, who: Session, sobject: str, identifier: str) -> bool:
        """Tell whether a record is there, and reached by a user."""
        return self.read(who, sobject, [identifier], ["Id"], base="") != [None]

    def file(self, who: Session, sobject: str, identifier: str, field: str) -> bytes | None:
        """Return the bytes of a record's file, None where there is no such record or no file."""
        (record,) = self.read(who, sobject, [identifier], ["Id", field], base="")
        found = self.schema.get(sobject)
        if record is None or record[field] is None or found is None:
            return None
        ((content,),) = self.store.lookup(found, "Id", [identifier], field)
        return content if isinstance(content, bytes) else None

    def is_deleted(self, who: Session, sobject: str, identifier: str) -> bool:
        """Tell whether a record lies in the recycle bin, where the user may see it."""
        found = self.schema.get(sobject)
        assert found is not None
        self.bin.expire()
        self.store.ready(found)
        there = any(deleted for _, deleted in self.store.lookup(found, "Id", [identifier], "Id", "IsDeleted"))
        return there and identifier in self.reached(who, found, [identifier])

    def reached(
        self, who: Session, sobject: SObject, ids: Sequence[str], *, level: Literal["read", "edit"] = "read"
    ) -> set[str]:
        """Return those of some records, deleted ones among them, that a user sees, or may edit."""
        access = self.accesses.of(who.user_id)
        return set(ids) if access is None else self._permissions.reached(access, sobject, ids, level)

    def sight(self, who: Session) -> Schema | None:
        """Return what a user sees of the schema, None for one who sees all of it."""
        access = self.accesses.of(who.user_id)
        return None if access is None else access.sight

    def may(self, who: Session, *permissions: str) -> bool:
        """Tell whether a user has one of some permissions of the system (`ApiEnabled`)."""
        access = self.accesses.of(who.user_id)
        return not BEYOND_ADMINS.issuperset(permissions) if access is None else access.may(*permissions)

    def schema_of(self, who: Session) -> Schema:
        """Return the schema as a user sees it."""
        return self.sight(who) or self.schema

    def tooling_of(self, who: Session) -> Schema:
        """Return the Tooling API's objects as a user sees them."""
        return self.schema_of(who).tools()

    def _asking(self, who: Session, *, tooling: bool = False) -> dict[str, Any]:
        """Return what a query or search must know of its user: the id, the time zone, what is seen of the schema."""
        return {
            "user_id": who.user_id,
            "time_zone": lambda: self.directory.time_zone(who.user_id),
            "schema": self.tooling_of(who) if tooling else self.sight(who),
        }

    def queries_of_system(self, user_id: str) -> Query:
        """Return how triggers that run for a user query: in the system's mode, within their transaction."""

        return lambda soql, most: self.queries.run(
            soql,
            user_id=user_id,
            size=most,
            base=_INNER_BASE,
            time_zone=lambda: self.directory.time_zone(user_id),
        )

    def queries_of(self, who: Session) -> Query:
        """Return how code queries in a user's name: it finds what he sees."""
        return lambda soql, most: self.queries.run(soql, size=most, base=_INNER_BASE, **self._asking(who))
