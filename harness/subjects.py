"""Subjects: the integration code under test, as a command in any language or as a Python callable."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from harness.evidence import Canary, Process
from harness.inputs import Input
from harness.output import Output
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.org import Credentials, OrgHandle
    from harness.vtime.host import Host
    from harness.vtime.run import Outcome
    from harness.vtime.trial import VirtualTime

GRACE = 3.0
"""Seconds between asking a subject to stop and stopping it."""
JOINING = 10.0
"""Seconds that a Python command has to join virtual time."""
_CANNOT_START = (126, 127)
_CHUNK = 65_536


class SubjectError(Exception):
    """The subject could not be started at all; nothing can be judged."""


@dataclass
class Run:
    """One run of a subject: where it finds the org, its inputs and its dead-letter queue, and how long it may take.

    `environment` is the command contract's. `skipped` collects the keys that a callable leaves out on purpose.
    `virtual` is None in real time.
    """

    org: OrgHandle
    inputs: Sequence[Input]
    dlq_path: Path
    workdir: Path
    environment: Mapping[str, str]
    canaries: Sequence[Canary] = ()
    timeout: float = 600.0
    skipped: set[str] = field(default_factory=set)
    virtual: VirtualTime | None = None

    @property
    def credentials(self) -> Credentials:
        return self.org.credentials

    def skip(self, key: object) -> None:
        """Declare that the input of this key is left out by a rule of the integration's own."""
        self.skipped.add(str(key))


class Subject(Protocol):
    def run(self, run: Run) -> Process:
        """Run to the end or to the time limit. Raises SubjectError when it cannot be started."""
        ...


@dataclass(frozen=True)
class CommandSubject:
    """A shell command. It runs in a process group of its own, which is gone when `run` returns."""

    command: str
    cwd: Path | None = None

    def run(self, run: Run) -> Process:
        """Run the command. Raises SubjectError when the shell cannot find or execute it."""
        if run.virtual is None:
            return self._run(run, run.environment)
        from harness.vtime.host import Host

        given = os.environ | run.environment
        with Host(run.virtual) as host:
            process = self._run(run, {**run.environment, **host.environment(given)}, host.joined)
        return joined_process(process, host)

    def _run(self, run: Run, environment: Mapping[str, str], joined: threading.Event | None = None) -> Process:
        started = wall()
        with Output(run.workdir / "output.log", run.canaries) as output:
            code, timed_out = self._execute(run, output, environment, joined)
        if code in _CANNOT_START and not timed_out:
            said = output.tail.strip().splitlines()
            raise SubjectError(f"the command could not be started ({said[-1] if said else f'exit status {code}'})")
        return Process(
            exit_code=None if timed_out or code < 0 else code,
            seconds=wall() - started,
            output=output.tail,
            timed_out=timed_out,
            signal=None if timed_out else _signal_name(code),
            leaks=output.leaks,
        )

    def _execute(
        self, run: Run, output: Output, environment: Mapping[str, str], joined: threading.Event | None
    ) -> tuple[int, bool]:
        try:
            process = subprocess.Popen(  # noqa: S602
                self.command,
                shell=True,  # the contract is a shell command, given by the person who runs the trial
                cwd=self.cwd,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError) as error:
            raise SubjectError(f"the command could not be started ({error})") from None
        assert process.stdout is not None
        reader = threading.Thread(target=_drain, args=(process.stdout, output), daemon=True)
        reader.start()
        timed_out = False
        try:
            if joined is not None and not _joins(process, joined):
                raise SubjectError(
                    f"{self.command!r} did not join virtual time within {JOINING:g} s: its Python takes no start-up "
                    "hook (PYTHONPATH, sitecustomize); write `time: real` in the scenario"
                )
            process.wait(run.timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            _signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        finally:
            # Also on an interrupt, and for children that the command left behind: they hold the pipe open.
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            reader.join(GRACE)
            process.stdout.close()
        return process.returncode, timed_out


def _joins(process: subprocess.Popen[bytes], joined: threading.Event) -> bool:
    """Tell whether a command has joined virtual time, or ended before."""
    until = wall() + JOINING
    while not joined.wait(0.01):
        if process.poll() is not None:
            return True
        if wall() > until:
            return False
    return True


def joined_process(process: Process, host: Host) -> Process:
    """Return how a command in virtual time ended. Raises SubjectError where that says nothing about it."""
    ended = host.ended
    if not host.joined.is_set():
        raise SubjectError(
            f"the command ended (exit status {process.exit_code}) without joining virtual time: its Python takes no "
            f"start-up hook\n{process.output[-500:]}"
        )
    if ended is None:
        return process
    kind, text = ended["failure"] or (None, None)
    if kind not in (None, "Deadlock"):
        raise SubjectError(text)
    return replace(
        process,
        virtual=ended["seconds"],
        timed_out=process.timed_out or ended["timed_out"],
        error=process.error or text,
    )


def _drain(pipe: BinaryIO, output: Output) -> None:
    try:
        while chunk := pipe.read(_CHUNK):
            output.take(chunk)
    except (OSError, ValueError):
        return  # the pipe was closed under a process that had left the group


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # it is gone already


def _signal_name(code: int) -> str | None:
    """Name the signal behind an exit status; a shell reports that of its child as 128 plus the number."""
    number = -code if code < 0 else code - 128
    try:
        return signal.Signals(number).name if number > 0 else None
    except ValueError:
        return None


@dataclass(frozen=True)
class CallableSubject:
    """A Python function, called with the Run in a thread of its own. It cannot be killed: past its time it is left."""

    function: Callable[[Run], object]

    def run(self, run: Run) -> Process:
        """Call the function. An exception that leaves it is evidence, not an error of the harness.

        Raises SubjectError when it does in virtual time what cannot be done there.
        """
        started = wall()
        if run.virtual is not None:
            return virtual_process(run, run.virtual.call(lambda: self.function(run)), wall() - started)
        failure: list[BaseException] = []

        def call() -> None:
            try:
                self.function(run)
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=call, name="subject", daemon=True)
        thread.start()
        thread.join(run.timeout)
        return _called(run, failure[0] if failure else None, wall() - started, thread.is_alive())


def _called(run: Run, failure: BaseException | None, seconds: float, timed_out: bool) -> Process:
    text = "".join(traceback.format_exception(failure)) if failure else ""
    return Process(
        exit_code=None,
        seconds=seconds,
        output=text[-16_384:],
        timed_out=timed_out,
        error=repr(failure)[:500] if failure else None,
        leaks=tuple(canary.name for canary in run.canaries if re.search(canary.pattern, text)),
    )


def virtual_process(run: Run, outcome: Outcome, seconds: float) -> Process:
    """Return how a run in virtual time ended. Raises SubjectError where it says nothing about the subject."""
    from harness.vtime.trial import unfit

    why = unfit(outcome)
    if why is not None:
        raise SubjectError(why)
    process = _called(run, outcome.failure or outcome.error, seconds, outcome.timed_out)
    return replace(process, virtual=outcome.seconds)


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
    token = Canary("an access token", re.escape(org.id[:15]) + r"(?:!|%21)[A-Za-z0-9._]{20,}")
    return (*(Canary(name, re.escape(value)) for name, value in secrets.items() if value), token)
