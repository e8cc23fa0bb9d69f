"""A shell command in a process group of its own: started, signalled, ended, with all that it prints taken in."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from harness.output import Output
from mock_server.org.clock import wall

_CHUNK = 65_536


class ProcessGroup:
    """The group of one command, which is gone after `close`. Raises OSError and ValueError where it cannot start."""

    def __init__(
        self, command: str, cwd: Path | None, environment: Mapping[str, str], output: Output, *, patience: float
    ) -> None:
        self._patience = patience
        self.process = subprocess.Popen(  # noqa: S602
            command,
            shell=True,  # the contract is a shell command, given by the person who runs the trial
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self._pipes = {self.process.stdout: False, self.process.stderr: True}
        self._readers = [
            threading.Thread(target=_drain, args=(*pipe, output), daemon=True) for pipe in self._pipes.items()
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of the group."""
        signal_group(self.pid, number)

    def silent(self) -> bool:
        """Tell whether all of the group has ended, also what the shell started: nobody holds its pipes any more.

        A process that has left the group may hold them for ever; so the group is asked for, too.
        """
        return not any(reader.is_alive() for reader in self._readers) or _is_gone(self.pid)

    def join(self) -> None:
        """Wait a while, in all, for what is left in the pipes."""
        _join(self._readers, self._patience)

    def close(self) -> int:
        """End what is left of the group; return the exit status of the command."""
        # Also on an interrupt, and for children that the command left behind: they hold the pipe open.
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.join()
        for pipe in self._pipes:
            pipe.close()
        return self.process.returncode


def _join(readers: Sequence[threading.Thread], patience: float) -> None:
    until = wall() + patience
    for reader in readers:
        reader.join(max(0.0, until - wall()))


def _drain(pipe: BinaryIO, stderr: bool, output: Output) -> None:
    try:
        while chunk := pipe.read(_CHUNK):
            output.take(chunk, stderr=stderr)
    except (OSError, ValueError):
        return  # the pipe was closed under a process that had left the group


def signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # it is gone already


def _is_gone(group: int) -> bool:
    """Tell whether no process is left in a group whose leader has been waited for."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def signal_name(code: int) -> str | None:
    """Name the signal behind an exit status; a shell reports that of its child as 128 plus the number."""
    number = -code if code < 0 else code - 128
    try:
        return signal.Signals(number).name if number > 0 else None
    except ValueError:
        return None
