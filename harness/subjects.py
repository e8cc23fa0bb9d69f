"""Subjects: the integration code under test, as a command in any language or as a Python callable."""

from __future__ import annotations

import base64
import contextlib
import logging
import re
import signal
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.capture import captured
from harness.evidence import Canary, Process
from harness.gauge import Gauge
from harness.inputs import Input
from harness.output import Output
from harness.processes import ProcessGroup, signal_name
from harness.strays import end_strays
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.crashes import Crashes, How
    from harness.org import Credentials, OrgHandle
    from harness.vtime.trial import VirtualTime

GRACE = 3.0
"""Seconds between asking a subject to stop and stopping it."""
_MOST_ALERTS = 5
_OWN_LOGGERS = ("asyncio", "aiohttp", "mock_server", "harness", "sfmock")
"""Loggers of the server and its libraries, which may run in this process too."""
Watch = Callable[["subprocess.Popen[bytes]"], None]
"""Looks after a process when it has started. Raises SubjectError to end it."""
_CANNOT_START = (126, 127)


class SubjectError(Exception):
    """The subject could not be started at all; nothing can be judged."""


@dataclass
class Run:
    """One run of a subject: where it finds the org, its inputs and its dead-letter queue, and how long it may take.

    `environment` is the command contract's. `skipped` collects the keys that a callable leaves out on purpose.
    `crashes` are the points at which the subject is to be ended, None where there are none. `virtual` is None in real
    time. `weighed`: the memory of a command is measured. `stopping` is set when a service is asked to stop.
    """

    org: OrgHandle
    inputs: Sequence[Input]
    dlq_path: Path
    workdir: Path
    environment: Mapping[str, str]
    canaries: Sequence[Canary] = ()
    timeout: float = 600.0
    skipped: set[str] = field(default_factory=set)
    crashes: Crashes | None = None
    virtual: VirtualTime | None = None
    weighed: bool = False
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)

    @property
    def credentials(self) -> Credentials:
        return self.org.credentials

    def skip(self, key: object) -> None:
        """Declare that the input of this key is left out by a rule of the integration's own."""
        self.skipped.add(str(key))


class Subject(Protocol):
    """What a trial runs. One that can be killed says so by `has_process`; crash points need such a subject."""

    def run(self, run: Run) -> Process:
        """Run to the end or to the time limit. Raises SubjectError when it cannot be started."""
        ...


@dataclass(frozen=True)
class CommandSubject:
    """A shell command. It runs in a process group of its own, which is gone when `run` returns."""

    has_process: ClassVar[bool] = True
    command: str
    cwd: Path | None = None

    def run(self, run: Run) -> Process:
        """Run the command. Raises SubjectError when it cannot be started, or cannot run in virtual time."""
        if run.virtual is not None:
            from harness.vtime.subjects import command

            return command(run, run.virtual, self._run)
        return self._run(run, run.environment)

    def _run(self, run: Run, environment: Mapping[str, str], watch: Watch | None = None) -> Process:
        started = wall()
        run.workdir.mkdir(parents=True, exist_ok=True)  # an earlier run may have deleted it
        with Output(run.workdir / "output.log", run.canaries) as output:
            with Gauge() as gauge:
                watches = [one for one in (watch, gauge.watch if run.weighed else None) if one is not None]
                code, timed_out, crashed = self._execute(run, output, environment, watches)
            left = end_strays(run.workdir)
            if left:
                output.take(f"sfmock: ended what outlived the command: {', '.join(left)}\n".encode())
        if code in _CANNOT_START and not timed_out:
            said = output.tail.strip().splitlines()
            raise SubjectError(f"the command could not be started ({said[-1] if said else f'exit status {code}'})")
        return Process(
            exit_code=None if timed_out or code < 0 else code,
            seconds=wall() - started,
            output=output.tail,
            timed_out=timed_out,
            crashed=crashed,
            signal=None if timed_out else signal_name(code),
            leaks=output.leaks,
            alerts=output.alerts,
            peak=gauge.peak if run.weighed else None,
        )

    def _execute(
        self, run: Run, output: Output, environment: Mapping[str, str], watches: Sequence[Watch]
    ) -> tuple[int, bool, bool]:
        """Run the command; return its exit status, whether its time ran out, and whether a crash point ended it."""
        try:
            group = ProcessGroup(self.command, self.cwd, environment, output, patience=GRACE)
        except (OSError, ValueError) as error:
            raise SubjectError(f"the command could not be started ({error})") from None
        timed_out = crashed = False
        try:
            for watch in watches:
                watch(group.process)
            with _crash_points(run, group) as struck:
                try:
                    group.process.wait(run.timeout)
                except subprocess.TimeoutExpired:
                    timed_out = True
                crashed = struck()
            if timed_out:
                group.signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    group.process.wait(GRACE)
            elif crashed:
                # A shell ends at once when it is asked to; the program that it started may want its time.
                group.join()
        finally:
            code = group.close()
        return code, timed_out, crashed


@contextmanager
def _crash_points(run: Run, group: ProcessGroup) -> Iterator[Callable[[], bool]]:
    """End the process where a crash point strikes; the function that is yielded tells whether one did."""
    if run.crashes is None:
        yield lambda: False
        return
    killers: list[threading.Timer] = []

    def end(how: How) -> None:
        if how == "kill":
            group.signal(signal.SIGKILL)
            return
        group.signal(signal.SIGTERM)
        killers.append(threading.Timer(GRACE, group.signal, (signal.SIGKILL,)))
        killers[-1].start()

    try:
        with run.crashes.watched(end) as struck:
            yield struck
    finally:
        for killer in killers:
            killer.cancel()


@dataclass(frozen=True)
class CallableSubject:
    """A Python function, called with the Run in a thread of its own. It cannot be killed: past its time it is left.

    `guard` is entered around each run: it puts back what the function must leave alone.
    """

    has_process: ClassVar[bool] = False
    function: Callable[[Run], object]
    guard: Callable[[], AbstractContextManager[object]] | None = None

    def run(self, run: Run) -> Process:
        """Call the function. An exception that leaves it is evidence, not an error of the harness.

        Raises SubjectError when it does in virtual time what cannot be done there.
        """
        started = wall()
        with self.guard() if self.guard else nullcontext(), captured(run) as output, errors_logged() as alerts:
            process = self._virtually(run) if run.virtual is not None else self._on_a_thread(run)
        text = process.output
        # Each org has secrets of its own: to compile their patterns costs more than all else here.
        leaks = [canary.name for canary in run.canaries if re.search(canary.pattern, text)] if text else []
        return replace(
            process,
            seconds=wall() - started,
            output=(output.tail + text)[-16_384:],
            leaks=tuple(dict.fromkeys((*output.leaks, *leaks))),
            alerts=len(alerts) + output.alerts,
        )

    def _virtually(self, run: Run) -> Process:
        from harness.vtime.subjects import ended

        assert run.virtual is not None
        return ended(run.virtual.call(lambda: self.function(run)))

    def _on_a_thread(self, run: Run) -> Process:
        failure: list[BaseException] = []

        def call() -> None:
            try:
                self.function(run)
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=call, name="subject", daemon=True)
        thread.start()
        thread.join(run.timeout)
        left = thread.is_alive()
        if left:
            from harness.redirect import disown

            disown(thread)
        return replace(called(failure[0] if failure else None), timed_out=left)


def called(failure: BaseException | None) -> Process:
    """Return how a callable ended, with the error that left it; `output` is that error's traceback."""
    text = "".join(traceback.format_exception(failure)) if failure else ""
    return Process(exit_code=None, seconds=0.0, output=text, error=repr(failure)[:500] if failure else None)


@contextmanager
def errors_logged() -> Iterator[list[str]]:
    """Collect the names of the loggers that log an error meanwhile, a few."""
    found: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(found) < _MOST_ALERTS and not record.name.startswith(_OWN_LOGGERS):
                found.append(record.name)

    handler = Handler(logging.ERROR)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield found
    finally:
        root.removeHandler(handler)


def environment_of(org: OrgHandle, paths: Mapping[str, Path], seed: int) -> dict[str, str]:
    """Return the environment of the command contract. `paths` gives the `SFMOCK_...` files and folder."""
    variables = {**org.environment, "SFMOCK_SEED": str(seed), **{name: str(path) for name, path in paths.items()}}
    # Some clients read the small letters, and would follow the machine's own proxy.
    return variables | {name.lower(): variables[name] for name in ("HTTPS_PROXY", "NO_PROXY")}


def canaries_of(org: OrgHandle) -> tuple[Canary, ...]:
    """Return the secrets of an org. Access tokens are known by their form, so that later ones are found too."""
    secrets = {
        "the password": org.credentials["SF_PASSWORD"],
        "the security token": org.credentials["SF_SECURITY_TOKEN"],
        "the client secret": org.credentials["SF_CLIENT_SECRET"],
    }
    pair = f"{org.credentials['SF_CLIENT_ID']}:{org.credentials['SF_CLIENT_SECRET']}"
    secrets["the Authorization header of a login"] = base64.b64encode(pair.encode()).decode()
    # Of any org: the same pattern for every trial is compiled once.
    token = Canary("an access token", r"00D[A-Za-z0-9]{12}(?:!|%21)[A-Za-z0-9._]{20,}")
    return (*(Canary(name, re.escape(value)) for name, value in secrets.items() if value), token)
