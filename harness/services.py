"""Subjects that run until they are ended: a command in its process group, or a function on a thread."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
import signal
import subprocess
import threading
from collections.abc import Awaitable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from harness.capture import captured
from harness.evidence import Process, Stop
from harness.output import Output
from harness.processes import ProcessGroup, signal_name
from harness.strays import end_strays
from harness.subjects import CallableSubject, CommandSubject, Run, SubjectError, called, errors_logged
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.crashes import How
    from harness.service_plans import Signal

_PATIENCE = 3.0
_LOOK = 0.01
_CANNOT_START = (126, 127)


class Service(Protocol):
    """One run of a service. It goes on until it ends by itself, or `end` is called; `end` must be."""

    def alive(self) -> bool: ...

    def printed(self, text: str) -> bool:
        """Tell whether it has printed a text, as far as its output is kept."""
        ...

    def ask(self, how: How) -> None:
        """Kill it, or ask it to stop, without waiting."""
        ...

    def end(self, by: Signal | None, grace: float, at: float) -> Process:
        """End it, with `grace` wall seconds for one that is asked to; None: it has ended by itself.

        `at` is the clock second, for the record. Raises SubjectError for a command that could never be started.
        """
        ...


def start(subject: object, run: Run) -> Service:
    """Start a subject as a service. Raises SubjectError when it cannot be started, or is of no kind that can."""
    if isinstance(subject, CommandSubject):
        return CommandService(subject, run)
    if isinstance(subject, CallableSubject):
        return CallableService(subject, run)
    raise SubjectError(f"{type(subject).__name__} cannot be run as a service: give a command or a function")


class CommandService:
    """A command. What it leaves behind in sessions of its own is ended with it, as for any command."""

    def __init__(self, subject: CommandSubject, run: Run) -> None:
        self._workdir = run.workdir
        self._began = wall()
        run.workdir.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        self._output = self._stack.enter_context(Output(run.workdir / "output.log", run.canaries))
        try:
            self._group = ProcessGroup(subject.command, subject.cwd, run.environment, self._output, patience=_PATIENCE)
        except (OSError, ValueError) as error:
            self._stack.close()
            raise SubjectError(f"the command could not be started ({error})") from None
        self._stack.callback(self._group.close)

    def alive(self) -> bool:
        return self._group.process.poll() is None

    def printed(self, text: str) -> bool:
        return text in self._output.tail

    def ask(self, how: How) -> None:
        self._group.signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)

    def end(self, by: Signal | None, grace: float, at: float) -> Process:
        stop = None
        crashed = False
        try:
            if by == "SIGKILL":
                crashed = self.alive()
                self._group.signal(signal.SIGKILL)
            elif by == "SIGTERM" and self.alive():
                stop = self._ask_to_stop(grace, at)
        finally:
            code = self._group.close()
            left = end_strays(self._workdir)
            if left:
                self._output.take(f"sfmock: ended what outlived the command: {', '.join(left)}\n".encode())
            self._stack.close()
        seconds = wall() - self._began
        if code in _CANNOT_START and seconds < _PATIENCE:
            said = self._output.tail.strip().splitlines()
            raise SubjectError(f"the command could not be started ({said[-1] if said else f'exit status {code}'})")
        return Process(
            exit_code=None if code < 0 else code,
            seconds=seconds,
            output=self._output.tail,
            crashed=crashed,
            signal=signal_name(code),
            leaks=self._output.leaks,
            alerts=self._output.alerts,
            stop=stop,
        )

    def _ask_to_stop(self, grace: float, at: float) -> Stop:
        asked = wall()
        self._group.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._group.process.wait(grace)
        pause = threading.Event()
        # A shell ends at once when it is asked to; the program that it started may want its time.
        while not self._group.silent() and wall() - asked < grace:
            pause.wait(_LOOK)
        forced = self.alive() or not self._group.silent()
        return Stop(at, wall() - asked, grace, forced)


class CallableService:
    """A function on a thread of its own, which runs until `run.stopping` is set; a coroutine is cancelled then."""

    def __init__(self, subject: CallableSubject, run: Run) -> None:
        self._run = replace(run, stopping=threading.Event())
        self._function = subject.function
        self._began = wall()
        self._failure: BaseException | None = None
        self._stack = ExitStack()
        self._stack.enter_context(_guard(subject))
        self._output = self._stack.enter_context(captured(run))
        self._alerts = self._stack.enter_context(errors_logged())
        self._thread = threading.Thread(target=self._call, name="service", daemon=True)
        self._thread.start()

    def _call(self) -> None:
        try:
            found = self._function(self._run)
            if inspect.isawaitable(found):
                asyncio.run(seen_through(found, self._run))
        except BaseException as error:
            self._failure = error

    def alive(self) -> bool:
        return self._thread.is_alive()

    def printed(self, text: str) -> bool:
        return text in self._output.tail

    def ask(self, how: How) -> None:
        self._run.stopping.set()

    def end(self, by: Signal | None, grace: float, at: float) -> Process:
        stop, asked = None, wall()
        try:
            self._run.stopping.set()
            self._thread.join(grace)
            if by is not None:
                stop = Stop(at, wall() - asked, grace, self.alive())
            if self.alive():
                from harness.redirect import disown

                disown(self._thread)
        finally:
            self._stack.close()
        failure = None if isinstance(self._failure, asyncio.CancelledError) else self._failure
        process = called(failure)
        text = self._output.tail + process.output
        patterns = {canary.name: canary.pattern for canary in self._run.canaries}
        leaks = [name for name, pattern in patterns.items() if re.search(pattern, text)]
        return replace(
            process,
            seconds=wall() - self._began,
            output=text[-16_384:],
            leaks=tuple(dict.fromkeys((*self._output.leaks, *leaks))),
            alerts=len(self._alerts) + self._output.alerts,
            stop=stop,
        )


def _guard(subject: CallableSubject) -> AbstractContextManager[Any]:
    """Return what puts back what the function must leave alone, where its subject has such a guard."""
    return subject.guard() if subject.guard is not None else nullcontext()


async def seen_through(awaitable: Awaitable[object], run: Run) -> object:
    """Await what a coroutine function began; cancel it when the run is to stop."""
    task = asyncio.ensure_future(awaitable)
    asked = False
    while not task.done():
        await asyncio.wait({task}, timeout=_LOOK * 2)
        if run.stopping.is_set() and not asked and not task.done():
            asked = True
            task.cancel()
    return task.result()
