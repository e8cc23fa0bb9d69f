"""Who works jobs off: a task each, on the event loop that serves, in slices that let others be served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from traceback import format_exc

from mock_server.org.jobs.model import Job

log = logging.getLogger("sfmock")

Work = Callable[[Job], Awaitable[None]]


class Scheduler:
    """The tasks of one org's jobs, by job id."""

    def __init__(self, broken: Callable[[Job], None]) -> None:
        self._broken = broken
        """Told of a job whose work ended by a defect."""
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, job: Job, work: Work) -> None:
        """Work a job off. Whoever calls runs on the event loop that serves."""
        task = asyncio.get_running_loop().create_task(self._run(job, work))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None) if self._tasks.get(job.id) is task else None)

    async def _run(self, job: Job, work: Work) -> None:
        try:
            await work(job)
        except Exception:
            # A defect of ours: the job must end in some way that its client sees.
            log.error("job %s failed\n%s", job.id, format_exc())
            self._broken(job)

    def busy(self, job_id: str) -> bool:
        return job_id in self._tasks

    def stop(self, job_id: str) -> None:
        """Leave a job where it is."""
        task = self._tasks.pop(job_id, None)
        if task is not None:
            task.cancel()

    def stop_all(self) -> None:
        for job_id in list(self._tasks):
            self.stop(job_id)
