"""What the commands of `sfmock` share: how one is refused, the settings it goes by, the certificates that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
