"""`sfmock serve`: the server in the foreground, its ready file and its greeting."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from mock_server.api import Running, new_event_loop
from mock_server.config import ConfigError, Settings


def serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status.

    Raises OSError when the port is taken, ConfigError when the ready file cannot be written.
    """
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    # The journal keeps many small objects that live long and hold no cycles: looking through them at the usual pace
    # would cost more than all the work of a bulk write. This process is the server's own.
    gc.set_threshold(50_000, 20, 100)
    try:
        loop.run_until_complete(_serve(settings))
    finally:
        loop.close()
    return 0


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    running = await Running.open(settings)
    ready = Path(settings.ready_file) if settings.ready_file else None
    try:
        if ready is not None:
            try:
                _write(ready, description(running))
            except OSError as error:
                raise ConfigError(f"cannot write the ready file {ready}: {error.strerror}") from None
        _greet(running)
        await stop.wait()
    finally:
        if ready is not None and ready.is_file():
            ready.unlink()
        await running.close()


def description(running: Running) -> dict[str, Any]:
    """Return the contents of the ready file."""
    org = running.app.world.default
    directory = org.directory
    grant = org.sessions.grant(directory.default_user, directory.default_app, directory.default_app.scopes)
    return {
        "url": running.address(),
        "https_url": running.address("https"),
        "pubsub": running.pubsub,
        "pubsub_tls": running.pubsub,
        "ca_file": str(running.certificates.ca_file),
        "jwt_key_file": str(running.certificates.jwt_key_file),
        "refresh_token": grant.token,
        "pid": os.getpid(),
    }


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write the file in one step: whoever sees it sees it whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(value, file, indent=2)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _moved(running: Running) -> str:
    """Say why the Pub/Sub API is not where it usually is."""
    usual = Settings.pubsub_port
    moved = "pubsub_port" not in running.app.settings.named and running.pubsub_listener.port != usual
    return f"; {usual} is taken" if moved else ""


def _greet(running: Running) -> None:
    directory = running.app.world.default.directory
    user, app = directory.default_user, directory.default_app
    url = running.address()
    print(
        f"sfmock serves an org on {url} and {running.address('https')} (Ctrl-C ends it)\n"
        f"  pubsub    {running.pubsub} (gRPC, plain and TLS{_moved(running)})\n"
        f"  user      {user.username}  password {user.password}\n"
        f"  client    {app.client_id}  secret {app.client_secret}\n"
        f'  clients   eval "$(sfmock env --url {url})"\n'
        f"  control   {url}/_mock/health",
        flush=True,
        file=sys.stdout,
    )
