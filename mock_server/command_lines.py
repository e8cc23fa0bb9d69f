"""What commands of `sfmock` share: how one is refused or ended, its settings, the certificates that are kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from mock_server.config import Settings
    from mock_server.fronts.certificates import Certificates

CONFIG = "settings file (default ./sfmock.yaml, if there is one)"


class Refused(Exception):
    """A command line that cannot be carried out: exit status 2 with one line."""


def settings_of(flags: dict[str, Any], file: str | None) -> Settings:
    """Return the settings that a command goes by. Raises Refused."""
    from mock_server.config import ConfigError, resolve

    try:
        return resolve(flags, file=file)
    except ConfigError as error:
        raise Refused(str(error)) from None


def kept_certificates(settings: Settings) -> Certificates:
    """Return the certificates that are kept from run to run, made where there are none yet."""
    from mock_server.fronts.certificates import keep

    return keep(Path(settings.state_dir) if settings.state_dir else None)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """End what runs when this is ended from outside (CI that cancels, `timeout`, a closed terminal), as on Ctrl-C."""

    def end(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
