"""The plugin's options, on the command line and in the ini file, declared once. Light: every session imports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

MOST_SEEDS = 10_000
HIGHEST_SEED = 2**53 - 1
TIMES = ("real", "virtual")


class Wrong(Exception):
    """A value that an option does not take; says what it takes."""


class Option(NamedTuple):
    """`name` is that of the ini option; on the command line it is written `--sfmock-seed`."""

    name: str
    metavar: str
    help: str
    read: Callable[[str], Any]

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def read_seed(text: object) -> int:
    return _number(text, 0, HIGHEST_SEED, "a seed")


def read_count(text: object) -> int:
    return _number(text, 1, MOST_SEEDS, "a number of seeds")


def _number(given: object, least: int, most: int, what: str) -> int:
    number: int | None = None
    if isinstance(given, int) and not isinstance(given, bool):
        number = given
    elif isinstance(given, str) and given.strip().lstrip("+-").isdecimal() and len(given) < 30:
        number = int(given)
    if number is None or not least <= number <= most:
        raise Wrong(f"{str(given)[:40]!r} is not {what}: a whole number from {least} to {most}")
    return number


def _time(text: str) -> str:
    if text in TIMES:
        return text
    from mock_server.documents import nearest

    near = nearest(text, TIMES)
    raise Wrong(f"{text[:40]!r} is no kind of time" + (f"; did you mean {near!r}?" if near else "") + _allowed(TIMES))


def _allowed(choices: tuple[str, ...]) -> str:
    return f" (allowed: {', '.join(choices)})"


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e7:
        raise Wrong(f"{text[:40]!r} is no time-out: a number of seconds above 0")
    return number


def _url(text: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        fit = False
    if not fit:
        raise Wrong(f"{text[:60]!r} is no URL of a mock; write it like http://127.0.0.1:8080")
    return text


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise Wrong(f"{text!r} is no path")
    return Path(text)


OPTIONS = (
    Option("sfmock_seed", "N", "seed of data, faults and chance; given on the command line, the only one (default 0)",
           read_seed),
    Option("sfmock_seeds", "N", "run every scenario with N seeds, one after the other from the seed on (default 1, or "
           "what the marker says)", read_count),
    Option("sfmock_time", "KIND", "real or virtual: the time that trials run in (default: as the scenario says)",
           _time),
    Option("sfmock_timeout", "SECONDS", "wall-clock limit of a function under trial.run (default: the scenario's "
           "deadline, or 600)", _seconds),
    Option("sfmock_report", "DIR", "write each trial that fails into this folder, as JSON and as a page", _path),
    Option("sfmock_url", "URL", "use this running mock in place of one for the session; its control token is "
           "$SFMOCK_CFG_CONTROL_TOKEN", _url),
    Option("sfmock_ca", "FILE", "certificate authority of that mock (default: the one that this user keeps)", _path),
)  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """What was chosen. `commanded` holds what the command line alone said; relative paths stand below the root."""

    values: dict[str, Any] = field(default_factory=dict)
    commanded: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)


CHOICES = pytest.StashKey[Choices]()


def add(parser: pytest.Parser) -> None:
    """Declare the options, in a group of their own."""
    group = parser.getgroup("sfmock", "sfmock: a Salesforce org for tests, and trials under failures")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            dest=option.name,
            default=None,
            metavar=option.metavar,
            help=f"{option.help}; ini: {option.name}",
        )
        parser.addini(option.name, option.help, default=None)


def read(config: pytest.Config) -> Choices:
    """Return what was chosen. Raises pytest.UsageError for the first value that is wrong."""
    values: dict[str, Any] = {}
    commanded: dict[str, Any] = {}
    for option in OPTIONS:
        given = config.getoption(option.name)
        ini = config.getini(option.name)
        try:
            if given is not None:
                values[option.name] = commanded[option.name] = option.read(str(given))
            elif ini not in (None, ""):
                values[option.name] = option.read(str(ini))
        except Wrong as wrong:
            where = option.flag if given is not None else f"{config.inipath or 'ini file'}: {option.name}"
            raise pytest.UsageError(f"{where}: {wrong}") from None
    for name in ("sfmock_report", "sfmock_ca"):
        if name in values:
            # From the ini file a path means the same wherever pytest is started.
            base = Path.cwd() if name in commanded else config.rootpath
            values[name] = base / values[name]
    if "sfmock_ca" in values and not values["sfmock_ca"].is_file():
        raise pytest.UsageError(f"--sfmock-ca: there is no file {values['sfmock_ca']}")
    if "sfmock_report" in values:
        try:
            values["sfmock_report"].mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pytest.UsageError(
                f"--sfmock-report: cannot make {values['sfmock_report']}: {error.strerror}"
            ) from None
    return Choices(values, commanded)
