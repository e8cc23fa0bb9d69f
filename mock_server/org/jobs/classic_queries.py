"""A batch of Bulk API 1.0 that holds a query: its result files, and how it is split by record ids (PK chunking).

Results are kept as they are written for CSV; for JSON and XML, as lists of records that are written on their way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import number_of, numbered, to_18
from mock_server.org.jobs.model import Batch, BatchState, Job
from mock_server.org.limits.bulk import PAGE
from mock_server.org.query.extracts import Csv, Form, Records
from mock_server.org.query.grammar import parse
from mock_server.org.query.plan import Plan
from mock_server.org.query.syntax import Query
from mock_server.org.records.table_sql import quoted

if TYPE_CHECKING:
    from mock_server.org.jobs.classic import Classic
    from mock_server.org.jobs.jobs import Jobs

FILE = 1 << 30
"""Bytes of one result file (documented: 1 GB, 15 of them)."""
_WHERE = re.compile(r"'(?:[^'\\]|\\.)*'|\bwhere\b", re.IGNORECASE)
_CSV = Csv()


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file of a query's result, as it was kept: its first line where it is CSV, and its parts."""

    id: str
    rows: int
    header: bytes
    parts: Iterator[bytes]


class BatchQueries:
    """Works off batches that hold queries."""

    def __init__(self, jobs: Jobs, classic: Classic) -> None:
        self._jobs = jobs
        self._classic = classic
        self._tables = jobs.tables

    async def run(self, job: Job, batch: Batch) -> BatchState:
        """Run the query of a batch from its beginning; return the batch's last state. Raises what the batch is told."""
        soql = self.soql(batch)
        between = batch.options.get("between")
        plan = self._plan(job, soql, between)
        if "chunking" in job.options and between is None:
            self._split(job, batch, soql, plan)
            return "NotProcessed"
        self._begin_anew(job, batch)
        form = self._form(job, plan)
        batch.options["header"] = form.header(plan).decode() if isinstance(form, Csv) else ""
        total = 0

        async def count() -> int:
            return total

        course = self._classic.course(job, batch, count)
        async with aclosing(self._jobs.querying.rows(self._jobs.who(job), plan, form)) as parts:  # type: ignore[type-var]
            async for part in parts:
                total, left = part.total, part.rows
                while left:
                    room = await course.room(left)
                    if not room:
                        return batch.state
                    left -= room
                self._keep(job, batch, part.data, part.rows)
        await course.finish()
        if not batch.options["results"]:
            self._keep(job, batch, b"", 0)
        batch.records = batch.done
        return "Completed"

    def soql(self, batch: Batch) -> str:
        """Return the query of a batch. Raises InvalidBatch."""
        data = b"".join(self._tables.parts(batch.id, "content"))
        try:
            return data.decode(batch.options.get("charset", "utf-8")).removeprefix("\ufeff").strip()
        except UnicodeDecodeError:
            raise _failed("MALFORMED_QUERY", "the query is not in the charset that its Content-Type says") from None

    def _plan(self, job: Job, soql: str, between: Sequence[str | None] | None) -> Plan:
        bounds = None if between is None else (str(between[0]), between[1])
        try:
            plan = self._jobs.querying.plan(
                self._jobs.who(job),
                soql,
                api="classic",
                all_rows=job.operation == "queryAll",
                version=int(job.version),
                between=bounds,
                content_type=job.content_type,
            )
        except ApiError as error:
            if error.spec is errors.BULK_FEATURE:
                raise
            if error.spec is errors.NO_SUCH_ENTITY:
                raise errors.UNSUPPORTED_ENTITY(entity=str(parse(soql).source)) from None
            raise _failed(error.code, error.message) from None
        if plan.sobject.name != job.sobject:
            # Recorded.
            raise _failed(
                "INVALID_TYPE_FOR_OPERATION",
                f"The root entity of the requested query ({plan.sobject.name}) does not match the entity of the "
                f"requested Bulk API Job ({job.sobject}).",
            )
        return plan

    def _form(self, job: Job, plan: Plan) -> Form:
        if job.content_type == "CSV":
            return _CSV
        moments = [tuple(one.name.split(".")) for one in plan.chosen if one.field.type == "datetime"]
        write = _millis if job.content_type == "JSON" else _zulu
        make = partial(_made, moments=moments, write=write)
        return Records(make, f"/services/data/v{job.version}/sobjects")

    # -- results

    def _begin_anew(self, job: Job, batch: Batch) -> None:
        """Remove what there is of a result: a query that was interrupted begins again."""
        with self._jobs.org.store.transaction():
            for file in batch.options.get("results", ()):
                self._tables.drop(batch.id, f"result {file['id']}")
            job.processed -= batch.done
            batch.done = 0
            batch.options["results"] = []
            self._tables.keep(batch)
            self._tables.keep(job)

    def _keep(self, job: Job, batch: Batch, data: bytes, rows: int) -> None:
        files = batch.options["results"]
        with self._jobs.org.store.transaction():
            if not files or files[-1]["size"] + len(data) > FILE or self._is_full(files[-1]):
                files.append({"id": self._jobs.org.ids.take("752"), "rows": 0, "size": 0})
            files[-1]["rows"] += rows
            files[-1]["size"] += len(data)
            if rows:
                self._tables.put(batch.id, f"result {files[-1]['id']}", data, rows)
            self._jobs.note(job, batch, rows)

    def _is_full(self, file: dict[str, Any]) -> bool:
        """Tell whether a file has the rows of a page, where pages are set to be smaller than the service's own."""
        size = self._jobs.org.bulk.page_size
        return size < PAGE and bool(file["rows"] >= size)

    def listed(self, batch: Batch) -> list[str]:
        """Return the ids of a batch's result files."""
        return [file["id"] for file in batch.options.get("results", ())]

    def file(self, batch: Batch, identifier: str) -> ResultFile:
        """Return a result file by its 15- or 18-character id. Raises InvalidBatch."""
        wanted = to_18(identifier)
        for file in batch.options.get("results", ()):
            if file["id"] == wanted:
                parts = self._tables.parts(batch.id, f"result {wanted}")
                return ResultFile(file["id"], file["rows"], batch.options["header"].encode(), parts)
        raise errors.INVALID_BATCH(text=f"Unable to find result with id: {identifier[:100]}")

    # -- PK chunking

    def _split(self, job: Job, batch: Batch, soql: str, plan: Plan) -> None:
        """Make a batch of each range of ids that has records. Raises InvalidBatch for what cannot be split (D)."""
        chunking = job.options["chunking"]
        sobject = self._jobs.org.schema.get(chunking.get("parent") or job.sobject)
        if not self._jobs.querying.chunkable(plan.sobject) or not self._jobs.querying.chunkable(sobject):
            name = chunking.get("parent") or job.sobject
            raise _failed("FUNCTIONALITY_NOT_ENABLED", f"PK chunking is not supported for {name}")
        query = parse(soql)
        plain = Query(query.items, query.source, query.alias, query.others, where=query.where, at=query.at)
        if query != plain:
            raise _failed(
                "FUNCTIONALITY_NOT_ENABLED", "PK chunking is only supported for queries with SELECT and WHERE"
            )
        with self._jobs.org.store.transaction():
            for number, (first, last) in enumerate(self._ranges(plan, chunking), len(self._jobs.batches_of(job))):
                chunk = self._jobs.new_batch(job, number)
                chunk.exchange = batch.exchange
                chunk.options = {"between": [first, last]}
                text = _bounded(soql, query, first, last)
                self._tables.put(chunk.id, "content", text.encode("utf-8", "surrogatepass"))
                self._tables.keep(chunk)
                self._jobs.org.limits.ledger("DailyBulkApiBatches").charge()
            # In the same transaction: it is split once.
            batch.state = "NotProcessed"
            self._tables.keep(batch)

    def _ranges(self, plan: Plan, chunking: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the bounds of chunks: each spans so many ids, deleted records' among them; empty ones are left out."""
        store, size = self._jobs.org.store, chunking["size"]
        store.ready(plan.sobject)
        start = to_18(chunking.get("start", "")) or ""
        sql = f'SELECT MIN("Id") FROM {quoted(plan.sobject.name)} WHERE "Id" >= ?'  # noqa: S608
        while True:
            (found,) = store.connection.execute(sql, (start,)).fetchone()
            if found is None:
                return
            first = start or found
            if number_of(found) >= number_of(first) + size or found[:6] != first[:6]:
                first = found
            end = numbered(first[:6], number_of(first) + size)
            yield first, end
            start = end


def _failed(code: str, text: str) -> ApiError:
    return errors.INVALID_BATCH(text=f"Failed to process query: {code}: {text}")


def _bounded(soql: str, query: Query, first: str, last: str) -> str:
    """Write a query as one of those that PK chunking makes of it."""
    bounds = f"Id >= '{first[:15]}' AND Id < '{last[:15]}'"
    if query.where is None:
        return f"{soql} WHERE {bounds}"
    place = next(found for found in _WHERE.finditer(soql) if not found[0].startswith("'"))
    return f"{soql[: place.end()]} ({soql[place.end() :].strip()}) AND {bounds}"


# -- records


def _made(records: list[dict[str, Any]], moments: list[tuple[str, ...]], write: Any) -> bytes:
    for record in records:
        for path in moments:
            held: Any = record
            for name in path[:-1]:
                held = held.get(name) if isinstance(held, dict) else None
            if isinstance(held, dict) and isinstance(text := held.get(path[-1]), str):
                held[path[-1]] = write(text)
    return orjson.dumps(records)


def _millis(text: str) -> int:
    """Return a time as JSON of this API writes it (recorded): milliseconds since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _zulu(text: str) -> str:
    return text.replace("+0000", "Z")
