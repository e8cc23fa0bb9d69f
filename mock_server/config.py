"""The one settings model: defaults < sfmock.yaml < SFMOCK_CFG_* environment < flags."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mock_server import declarations
from mock_server.documents import Document, DocumentError, Problem, duration, load, nearest
from mock_server.org.captured import MOST_CHANGES
from mock_server.org.limits.bulk import BATCH, PAGE, PARALLEL
from mock_server.org.versions import FURTHEST, LATEST, OLDEST
from mock_server.tuning import MOST, read_limits

if TYPE_CHECKING:
    from mock_server.automation import DeclaredHook
    from mock_server.declarations import Declaration
    from mock_server.seeding.plans import Records

DEFAULT_FILE = "sfmock.yaml"
_PREFIX = "SFMOCK_CFG_"


class ConfigError(ValueError):
    """A wrong setting: where it stands, what is wrong, what is allowed."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. Times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 8080
    pubsub_port: int = 7443
    schema: tuple[str, ...] = ()
    data: str | None = None
    seed: int = 0
    ready_file: str | None = None
    state_dir: str | None = None
    control_token: str | None = field(default=None, repr=False)
    tunnel: bool = False
    transaction_time: float = 0.0
    dynamic_channels: bool = False
    """Whether a streaming channel is made when somebody first subscribes to it."""
    most_changes: int = MOST_CHANGES
    """Changes of one transaction of which change events tell; beyond, they only tell that there were more."""
    bulk_batch_size: int = BATCH
    """Records of a batch into which Bulk API 2.0 divides a job."""
    bulk_parallel: int = PARALLEL
    """Batches of parallel jobs that run at once."""
    bulk_page_size: int = PAGE
    """Rows of a page of a query job's result, where a client asks for no fewer."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Allocations of the default org, by the names of the limits resource; in YAML alone."""
    latest: int = LATEST
    """The newest API version that is served."""
    cors: tuple[str, ...] = ()
    """Origins whose pages may call the API, as entries of the CORS allowlist have them: `https://*.example.com`."""
    callout_hosts: tuple[str, ...] = ()
    """Hosts beyond this machine to which outbound messages and callouts may go, by name."""
    users: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """Further users of the default org, each with what he may do; in YAML alone."""
    apps: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """Further connected apps of the default org; in YAML alone."""
    security: Mapping[str, Any] = field(default_factory=dict)
    """Its sessions and logins; in YAML alone."""
    automation: tuple[DeclaredHook, ...] = ()
    declared: Mapping[str, tuple[Declaration, ...]] = field(default_factory=dict, repr=False)
    """What else of the org's own code the file declares, by kind; each kind is a key of its own there."""
    records: tuple[Records, ...] = field(default=(), repr=False)
    document: Document | None = field(default=None, repr=False, compare=False)
    """The settings file, for what only shows to be wrong when the org is made."""
    named: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """What was set at all: a port that nobody asked for may be another one."""


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+")
_DURATIONS = frozenset({"transaction_time"})
_LONGEST_PATH = 400
_PORTS = frozenset({"port", "pubsub_port"})
_WRITTEN = ("automation", "records", "limits", *declarations.KINDS)
"""What is too large for a variable or a flag, and stands in the settings file alone."""
_UNSAID = ("document", "declared", "named")
KEYS = (*(one.name for one in fields(Settings) if one.name not in _UNSAID), *declarations.KINDS)
_PLAIN = tuple(key for key in KEYS if key not in _WRITTEN)


def resolve(
    flags: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, file: str | None = None
) -> Settings:
    """Return the settings in force. `flags` holds what the command line gave. Raises ConfigError."""
    settings = Settings()
    path = file or (DEFAULT_FILE if Path(DEFAULT_FILE).exists() else None)
    named: set[str] = set()
    if path is not None:
        written = _from_file(path)
        named |= written.keys()
        settings = replace(settings, **written)
    variables = os.environ if environment is None else environment
    given: dict[str, Any] = {}
    for name, value in variables.items():
        if name.startswith(_PREFIX):
            key = name.removeprefix(_PREFIX).lower()
            given[key] = _value(key, value, f"${name}", _PLAIN)
    settings = replace(settings, **given)
    named |= given.keys()
    chosen = {key: value for key, value in flags.items() if value is not None}
    named |= chosen.keys()
    return replace(
        settings,
        named=frozenset(named),
        **{key: _value(key, value, f"--{key.replace('_', '-')}", _PLAIN) for key, value in chosen.items()},
    )


def _from_file(path: str) -> dict[str, Any]:
    try:
        document = load(path)
        if not isinstance(document.data, dict):
            raise document.error([Problem((), "the settings must be a mapping", KEYS)])
        found = {key: _of_document(document, key, value) for key, value in document.data.items()}
        declared = {kind: found.pop(kind) for kind in declarations.KINDS if kind in found}
        return {**found, "declared": declared, "document": document}
    except DocumentError as error:
        raise ConfigError(str(error)) from None


_OF_SCHEMAS = ("objects", "fields", "valueSets", "channels", "profiles", "permissionSets", "quickActions")
"""What a file of definitions may say, and a scenario's `org`, but no settings."""


def _of_document(document: Document, key: str, value: Any) -> Any:
    if key in _OF_SCHEMAS:
        said = f"{key!r} is no setting: it stands in a YAML file of its own, which `schema` names"
        raise document.error([Problem((key,), said, at_key=True)])
    if key not in KEYS:
        raise document.error([Problem((key,), f"unknown setting {key!r}", KEYS, nearest(key, KEYS), at_key=True)])
    if key in _WRITTEN:
        return _written(document, key, value)
    try:
        found = _value(key, value, "", KEYS)
    except ConfigError as error:
        raise document.error([Problem((key,), str(error).removeprefix(": "))]) from None
    if key == "apps":
        problems: list[Problem] = []
        found = with_certificates(found, Path(document.file).parent, (key,), problems)
        if problems:
            raise document.error(problems)
    return _sources(document, value, found) if key == "schema" else found


def _sources(document: Document, value: Any, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths of a schema, seen from the settings file as those of records are. Raises DocumentError."""
    folder = Path(document.file).parent
    problems = []
    for place, path in enumerate(paths):
        if not os.path.exists(folder / path):  # false, not an error, for names that no file can have
            at: tuple[str | int, ...] = ("schema", place) if isinstance(value, list) else ("schema",)
            near = folder.iterdir() if "/" not in path else ()
            names = sorted(one.name for one in near if not one.name.startswith("."))
            text = f"there is no file or folder {path[:200]!r}"
            problems.append(Problem(at, text, nearest=nearest(path, names) if names else None))
    if problems:
        raise document.error(problems)
    return tuple(str(folder / path) for path in paths)


def with_certificates(
    apps: Sequence[Any], folder: Path, path: tuple[str | int, ...], problems: list[Problem]
) -> tuple[Any, ...]:
    """Return apps with the text of each certificate in the place of its file's name."""
    out = []
    for place, app in enumerate(apps):
        given = app.get("certificate") if isinstance(app, Mapping) else None
        if isinstance(given, str) and given.strip() and "\n" not in given.strip() and len(given) < _LONGEST_PATH:
            try:
                out.append({**app, "certificate": (folder / given).read_text()})
                continue
            except (OSError, ValueError):
                problems.append(Problem((*path, place, "certificate"), f"there is no file {given[:200]!r}"))
        out.append(app)
    return tuple(out)


def _written(document: Document, key: str, value: Any) -> Any:
    """Read what has a structure of its own. Raises DocumentError."""
    from mock_server import automation

    problems: list[Problem] = []
    found: Any
    if key in declarations.KINDS:
        found = declarations.kind(key).read(value, (key,), problems)
    elif key == "limits":
        found = read_limits(value, (key,), problems)
    elif key == "automation":
        found = automation.read(value, (key,), problems)
    else:
        # Faker is large: only what makes records needs it.
        from mock_server.parts import Part
        from mock_server.seeding.reading import read_records

        found = read_records(Part({key: value}, (), problems), Path(document.file).parent)
    if problems:
        raise document.error(problems)
    return found


def _value(key: str, value: Any, where: str, keys: tuple[str, ...]) -> Any:
    """Return a setting in its type, from text or from YAML."""
    if key not in keys:
        near = nearest(key, keys)
        hint = f"; did you mean {_PREFIX}{near.upper()}?" if near else ""
        raise ConfigError(f"{where}: unknown setting {key!r}{hint} (allowed: {', '.join(keys)})")
    default = getattr(Settings(), key)
    if key in ("users", "apps"):
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: {key}: a list of mappings is needed; it stands in a settings file")
        return tuple(value)
    if key == "security":
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: security: a mapping is needed; it stands in a settings file")
        return value
    try:
        if key == "cors":
            from mock_server.cors import pattern

            origins = value.split(",") if isinstance(value, str) else value
            if not isinstance(origins, list | tuple) or not all(isinstance(one, str) for one in origins):
                raise ValueError("a list of origins is needed")
            return tuple(pattern(one.strip()) for one in origins if one.strip())
        if key == "callout_hosts":
            hosts = value.split(",") if isinstance(value, str) else value
            if not isinstance(hosts, list | tuple) or not all(isinstance(one, str) for one in hosts):
                raise ValueError("a list of hosts is needed")
            return tuple(_host(one.strip()) for one in hosts if one.strip())
        if key == "schema":
            parts = value.split(os.pathsep) if isinstance(value, str) else value
            if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
                raise ValueError("a list of paths is needed")
            return tuple(part for part in parts if part)
        if key in _DURATIONS:
            return duration(value)
        if isinstance(default, bool):
            return _flag(value)
        if isinstance(default, int):
            number = _number(value.removesuffix(".0") if key == "latest" and isinstance(value, str) else value)
            if key in _PORTS and not 0 <= number <= 65535:
                raise ValueError("a port from 0 to 65535 is needed")
            if key in MOST and not 1 <= number <= MOST[key]:
                raise ValueError(f"a number from 1 to {MOST[key]} is needed")
            if key == "latest" and not OLDEST <= number <= FURTHEST:
                raise ValueError(f"an API version from {OLDEST} to {FURTHEST} is needed, such as {LATEST}")
            return number
        if not isinstance(value, str) or not value:
            raise ValueError("a text is needed")
        return value
    except ValueError as error:
        raise ConfigError(f"{where}: {key}: {error}, not {value!r}") from None


def _host(name: str) -> str:
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise ValueError("a host is named without scheme, port and path: api.example.com")
    return name.lower()


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("true or false is needed")


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("a whole number is needed")
    try:
        return int(value)
    except ValueError:
        raise ValueError("a whole number is needed") from None
