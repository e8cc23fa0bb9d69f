"""Queries in bulk: the engine that both APIs share, and the life of a query job of Bulk API 2.0.

Bulk 1.0 takes `plan` and `rows`: a plan of a query for a user, and its rows in a form, part by part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from math import ceil
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError
from mock_server.org.identity.sessions import Session
from mock_server.org.jobs.askable import CHUNKABLE, refusal
from mock_server.org.jobs.model import Api, Job
from mock_server.org.jobs.reading import DELIMITERS, LINE_ENDINGS
from mock_server.org.query.extracts import Csv, Form, Part
from mock_server.org.query.plan import Plan

if TYPE_CHECKING:
    from mock_server.org.jobs.jobs import Jobs
    from mock_server.org.schema.types import SObject

RESULT = "query"
"""The kind of the parts that hold the result of a query job."""
ORDERED_SINCE = 50
"""The API version from which on columns stand in the order of SELECT."""
_MB = 1 << 20
_JOBS = "DailyBulkV2QueryJobs"
_STORAGE = "DailyBulkV2QueryFileStorageMB"


def _kilobytes(megabytes: int) -> int:
    """Return how an allocation is told: 976,562 MB are 1,000,000,000 kb (recorded)."""
    return round(megabytes * 1024, -4 if megabytes > 10_000 else 0)


class Querying:
    """Runs the queries of one org's jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._org = jobs.org

    def plan(
        self,
        who: Session,
        soql: str,
        *,
        api: Api,
        all_rows: bool = False,
        version: int,
        between: tuple[str, str | None] | None = None,
        content_type: str = "CSV",
    ) -> Plan:
        """Return the plan of a query for a user. Raises what a query raises, and what `askable` refuses.

        `between` are the ids from which on, and before which, its records are (None: to the last).
        """
        queries, sight = self._org.queries, self._org.sight(who)
        queries.become(who.user_id, lambda: self._org.directory.time_zone(who.user_id))
        plan = queries.plan(soql, all_rows=all_rows, version=version, schema=sight, between=between)
        refused = refusal(plan, api, content_type)
        if refused is not None:
            raise refused
        return plan

    def rows(self, who: Session, plan: Plan, form: Form) -> AsyncIterator[Part]:
        """Yield all rows of a plan, as they are when the first part is asked for, while others are served.

        Close it (`aclosing`) where the rest is not wanted.
        """
        self._org.bin.expire()
        return self._org.queries.extract(
            plan,
            form,
            user_id=who.user_id,
            time_zone=lambda: self._org.directory.time_zone(who.user_id),
            schema=self._org.sight(who),
        )

    def form(self, job: Job) -> Csv:
        """Return how the result of a query job is written."""
        return Csv(DELIMITERS[job.delimiter], LINE_ENDINGS[job.line_ending], job.version < ORDERED_SINCE)

    def chunkable(self, sobject: SObject | None) -> bool:
        """Tell whether an object can be asked for in chunks of ids: standard ones on a list, custom ones all."""
        if sobject is None:
            return False
        return sobject.name in CHUNKABLE or sobject.name.endswith(("__c", "Share", "History"))

    def charge(self) -> None:
        """Charge a query job of Bulk 2.0. Raises LIMIT_EXCEEDED when the day has none left, or no room for results."""
        jobs, size = map(self._org.limits.ledger, (_JOBS, _STORAGE))
        if jobs.remaining <= 0:
            raise errors.TOO_MANY_QUERY_JOBS(most=jobs.maximum, count=jobs.used + 1)
        if size.remaining <= 0:
            raise errors.TOO_LARGE_QUERY_RESULTS(most=_kilobytes(size.maximum))
        jobs.charge()

    async def work(self, job: Job) -> None:
        """Take a job from UploadComplete to its end; one that was interrupted begins again."""
        jobs, clock = self._jobs, self._org.clock
        begun, size = clock.now(), 0
        job.processed = 0
        self.drop(job)
        jobs.move(job, "InProgress")
        try:
            size = await self._run(job)
        except ApiError as error:
            jobs.fail(job, f"{error.code} : {error.message}")
        finally:
            job.total_ms += round((clock.now() - begun) * 1000)
        if not job.over:
            self._org.limits.ledger(_STORAGE).charge(ceil(size / _MB))
            jobs.move(job, "JobComplete")
        elif job.state != "JobComplete":
            self.drop(job)

    async def _run(self, job: Job) -> int:
        """Run the query of a job and keep its rows; return the bytes of the result."""
        who = self._jobs.who(job)
        assert job.query is not None
        plan = self.plan(who, job.query, api="query", all_rows=job.operation == "queryAll", version=int(job.version))
        form = self.form(job)
        job.options["header"] = form.header(plan).decode()
        total = size = 0

        async def count() -> int:
            return total

        course = self._jobs.course(job, count)
        async with aclosing(self.rows(who, plan, form)) as parts:  # type: ignore[type-var]
            async for part in parts:
                total = part.total
                left = part.rows
                while left:
                    room = await course.room(left)
                    if not room:
                        return size
                    left -= room
                self._keep(job, part)
                size += len(part.data)
                await give_way()
        await course.finish()
        return size

    def _keep(self, job: Job, part: Part) -> None:
        tables = self._jobs.tables
        with self._org.store.transaction():
            tables.put(self.owner(job), RESULT, part.data, part.rows)
            job.processed += part.rows
            job.modified = self._org.clock.now()
            tables.keep(job)

    def owner(self, job: Job) -> str:
        """Return whose the parts of a job's result are: each run of its query has a result of its own."""
        return f"{job.id}/{job.options.get('run', 0)}"

    def drop(self, job: Job) -> None:
        """Give up what there is of a result; the next run has another one."""
        with self._org.store.transaction():
            self._jobs.tables.discard(self.owner(job))
            job.options["run"] = job.options.get("run", 0) + 1
            self._jobs.tables.keep(job)
        self._jobs.sweep()
