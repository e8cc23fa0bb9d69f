"""A server in a process of its own, as the measurements of `make bench` run against."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mock_server.control.client import ControlClient


class Served(NamedTuple):
    """Where a server is, in which process, and what steers it."""

    port: int
    token: str
    """A live session of the default org's user."""
    pid: int
    control: ControlClient


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    """Run `sfmock serve` with some options until the block ends; the day's calls have no end."""
    ready = folder / f"ready-{time.monotonic_ns()}.json"
    command = [sys.executable, "-m", "mock_server.cli", "serve", "--port", "0", "--ready-file", str(ready), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError("the mock did not start")
            time.sleep(0.02)
        url = json.loads(ready.read_text())["url"]
        with ControlClient(url) as control:
            control.set_limit("DailyApiRequests", maximum=1_000_000_000)
            yield Served(int(url.rsplit(":", 1)[1]), control.orgs()[0].access_token, process.pid, control)
    finally:
        process.terminate()
        process.wait()
