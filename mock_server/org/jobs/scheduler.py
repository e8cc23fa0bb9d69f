"""Who works jobs off: a task each, on the event loop that serves, in slices that let others be served."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from traceback import format_exc
from typing import Any

from mock_server.org.jobs.model import Job
from mock_server.org.records.files import trouble

log = logging.getLogger("sfmock")

Work = Callable[[Job], Awaitable[None]]
_TRIES = 10
"""How often work is begun anew that the disk has stopped: as often as Salesforce takes up a batch again."""
_WAIT = 2.0
"""Seconds of the wall's time before that: the disk goes by no other."""


class Scheduler:
    """The tasks of one org's jobs, by job id."""

    def __init__(self, recall: Callable[[Job], None], broken: Callable[[Job], None]) -> None:
        self._recall = recall
        """Told of a job that is to be known again as it was kept last."""
        self._broken = broken
        """Told of a job whose work ended by a defect."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._parts: dict[str, set[asyncio.Task[None]]] = {}
        """What the work of a job does side by side."""

    def begin(self, job: Job, work: Work) -> None:
        """Work a job off. Whoever calls runs on the event loop that serves."""
        task = asyncio.get_running_loop().create_task(self._run(job, work))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None) if self._tasks.get(job.id) is task else None)

    def spawn(self, job: Job, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do a part of a job's work beside the rest of it."""
        task = asyncio.get_running_loop().create_task(work)
        parts = self._parts.setdefault(job.id, set())
        parts.add(task)
        task.add_done_callback(parts.discard)
        return task

    async def _run(self, job: Job, work: Work) -> None:
        for _ in range(_TRIES):
            try:
                await work(job)
            except Exception as failure:
                why = trouble(failure)
                log.error("job %s failed\n%s", job.id, why or format_exc())
                if why is None:
                    break
            else:
                return
            # The disk is full, or the like. What was kept is whole, and the work goes on from there.
            self._again(self._recall, job)
            await asyncio.sleep(_WAIT)
        # A defect of ours, or a disk that nobody makes room on: the job must end in some way that its client sees.
        self._again(self._recall, job)
        self._again(self._broken, job)

    @staticmethod
    def _again(step: Callable[[Job], None], job: Job) -> None:
        try:
            step(job)
        except sqlite3.Error as failure:
            log.error("job %s cannot be kept: %s", job.id, failure)

    def stop(self, job_id: str) -> None:
        """Leave a job where it is. Nothing more is done of it, not even by who was about to go on."""
        task = self._tasks.pop(job_id, None)
        if task is not None:
            task.cancel()
        for part in self._parts.pop(job_id, ()):
            part.cancel()

    def stop_all(self) -> None:
        for job_id in {*self._tasks, *self._parts}:
            self.stop(job_id)
