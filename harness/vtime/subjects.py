"""Commands and functions in virtual time, as the subjects of a trial."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.evidence import Process
from harness.subjects import Run, SubjectError, called
from harness.vtime.actors import Deadlock
from harness.vtime.host import Host
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.vtime.run import Outcome
    from harness.vtime.trial import VirtualTime

JOINING = 60.0
"""Seconds that a Python command has to join virtual time: to start may take long on a busy machine."""


def ended(outcome: Outcome) -> Process:
    """Return how a run in this process ended. Raises SubjectError where it says nothing."""
    if outcome.failure is not None and not isinstance(outcome.failure, Deadlock):
        raise SubjectError(str(outcome.failure))
    process = called(outcome.failure or outcome.error)
    return replace(process, timed_out=outcome.timed_out, virtual=outcome.seconds)


def command(run: Run, virtual: VirtualTime, execute: Callable[..., Process]) -> Process:
    """Execute a Python command in virtual time. Raises SubjectError when it does not join, or says nothing."""
    with Host(virtual) as host:

        def watch(process: subprocess.Popen[bytes]) -> None:
            until = wall() + JOINING
            while not host.joined.wait(0.01) and process.poll() is None:
                if wall() > until:
                    raise SubjectError(f"the command did not join virtual time within {JOINING:g} s: {_HOOK}")

        process = execute(run, {**run.environment, **host.environment(os.environ | run.environment)}, watch)
    if not host.joined.is_set():
        said = process.output.strip()[-500:]
        raise SubjectError(
            f"the command ended (exit status {process.exit_code}) without joining virtual time: {_HOOK}\n{said}".strip()
        )
    if host.ended is None:
        return process
    kind, text = host.ended["failure"] or (None, None)
    if kind not in (None, "Deadlock"):
        raise SubjectError(text)
    return replace(
        process,
        virtual=host.ended["seconds"],
        timed_out=process.timed_out or host.ended["timed_out"],
        error=process.error or text,
    )


_HOOK = "its Python takes no start-up hook (PYTHONPATH, sitecustomize); write `time: real` in the scenario"
