"""The commands that ask a mock which runs already: `sfmock env`, `outbound` and `snapshot`."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mock_server.command_lines import CONFIG, Refused, kept_certificates, settings_of

if TYPE_CHECKING:
    from mock_server.control.client import ControlClient, OrgInfo
    from mock_server.fronts.certificates import Certificates

_PATIENCE = 600.0
"""Seconds that a snapshot of a very large org may take."""


# -- env


def _sh(name: str, value: str) -> str:
    quoted = value.replace("'", "'\\''")
    return f"export {name}='{quoted}'"


def _fish(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str) -> str:
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"


def _dotenv(name: str, value: str) -> str:
    # Bare where it can be: not every reader of these files takes the quotes off.
    if not re.search(r"[^\w@%+=:,./~!\[\]-]", value):
        return f"{name}={value}"
    quoted = re.sub(r'([\\"$`])', r"\\\1", value)
    return f"{name}='{value}'" if "'" not in value else f'{name}="{quoted}"'


FORMATS: dict[str, Callable[[str, str], str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}


def add_env(commands: Any) -> None:
    env = commands.add_parser("env", help="print the variables that point a client at the mock")
    _add_where(env)
    env.add_argument("--format", choices=[*FORMATS, "json"], default="sh", help="for which shell (default sh)")
    env.set_defaults(run_command=_env)


def _env(options: argparse.Namespace) -> int:
    from mock_server.environment import client_environment

    control, (org, *_), kept = _running(options)
    variables = client_environment(org, control.url, str(kept.bundle()))
    if options.format == "json":
        print(json.dumps(variables, indent=2))
    else:
        print("\n".join(FORMATS[options.format](name, value) for name, value in variables.items()))
    return 0


# -- outbound


def add_outbound(commands: Any) -> None:
    outbound = commands.add_parser(
        "outbound",
        help="show what a running mock's org sends by itself, or the WSDL of an outbound message",
        description="List the outbound messages and callouts of an org that wait or are over, or print the WSDL of an "
        "outbound message, from which its receiver is generated.",
    )
    outbound.add_argument("what", choices=["list", "wsdl"])
    outbound.add_argument("name", metavar="NAME", nargs="?", help="the outbound message (wsdl)")
    outbound.add_argument("--org", metavar="ID", help="of which org (default: the mock's own)")
    _add_where(outbound)
    outbound.set_defaults(run_command=_outbound)


def _outbound(options: argparse.Namespace) -> int:
    from http.client import HTTPException

    from mock_server.control.client import ControlError

    if (options.what == "wsdl") != (options.name is not None):
        raise Refused("the WSDL of which outbound message? sfmock outbound wsdl NAME" if options.name is None else
                      "sfmock outbound list takes no NAME")  # fmt: skip
    control, _, _ = _running(options, timeout=_PATIENCE)
    try:
        chosen = control if options.org is None else control.for_org(options.org)
        if options.what == "wsdl":
            print(chosen.wsdl(options.name), end="")
            return 0
        told = chosen.outbound()
        for one in (*told["messages"], *told["callouts"]):
            why = f"  {one['error']}" if one["error"] else ""
            print(f"{one['id']}  {one['name']}  {one['state']}  {one['attempts']} attempts{why}")
        return 0
    except ControlError as error:
        near = f"; did you mean {error.nearest!r}?" if error.nearest else ""
        raise Refused(f"{error.message}{near}") from None
    except (OSError, HTTPException) as error:
        raise Refused(str(error)) from None
    finally:
        control.close()


# -- snapshot


def add_snapshot(commands: Any) -> None:
    snapshot = commands.add_parser(
        "snapshot",
        help="write the records and jobs of a running mock's org to a file, or put them back",
        description="Write all records, jobs and counters of an org to a file, or put them back to those of one: in "
        "the same org, or in another one that has its objects and fields. `sfmock serve --data` serves from a copy of "
        "such a file. The file is on the mock's machine.",
    )
    snapshot.add_argument("what", choices=["save", "restore"])
    snapshot.add_argument("file", metavar="FILE")
    snapshot.add_argument("--org", metavar="ID", help="of which org (default: the mock's own)")
    _add_where(snapshot)
    snapshot.set_defaults(run_command=_snapshot)


def _snapshot(options: argparse.Namespace) -> int:
    from http.client import HTTPException

    from mock_server.control.client import ControlError
    from mock_server.documents import nearest

    control, orgs, _ = _running(options, timeout=_PATIENCE)
    ids = [org.id for org in orgs]
    chosen = options.org or ids[0]
    if chosen not in ids:
        near = nearest(chosen, ids)
        raise Refused(f"there is no org {chosen}; there are {', '.join(ids)}" + (f" (nearest: {near})" if near else ""))
    file = str(Path(options.file).absolute())
    steer = control.for_org(chosen)
    try:
        (steer.write_snapshot if options.what == "save" else steer.read_snapshot)(file)
    except (OSError, HTTPException, ControlError) as error:
        raise Refused(str(error)) from None
    print(file)
    return 0


# -- which mock is meant


def _add_where(parser: argparse.ArgumentParser) -> None:
    """Add what names a mock that runs."""
    parser.add_argument(
        "--url", default="http://127.0.0.1:8080", help="where the mock is (default http://127.0.0.1:8080)"
    )
    parser.add_argument(
        "--ready-file", metavar="FILE", help="read the mock's address and authority from its ready file"
    )
    parser.add_argument("--config", metavar="FILE", help=CONFIG)


def _running(options: argparse.Namespace, timeout: float = 30.0) -> tuple[ControlClient, list[OrgInfo], Certificates]:
    """Return the control plane of the mock that a command line names, its orgs, and its certificates."""
    from http.client import HTTPException

    from mock_server.control.client import ControlClient, ControlError
    from mock_server.fronts.certificates import Certificates

    settings = settings_of({}, options.config)
    url = options.url
    if options.ready_file:
        url, ca_file = _read_ready(options.ready_file)
        kept = Certificates(ca_file.parent)
    else:
        kept = kept_certificates(settings)
    try:
        control = ControlClient(url, settings.control_token, str(kept.ca_file), timeout=timeout)
        return control, control.orgs(), kept
    except (OSError, HTTPException, ControlError, ValueError, TypeError) as error:
        raise Refused(f"no mock answers on {url}: {error}; start one with `sfmock serve`") from None


def _read_ready(file: str) -> tuple[str, Path]:
    try:
        ready = json.loads(Path(file).read_text())
        url, ca_file = ready["url"], Path(ready["ca_file"])
    except (OSError, ValueError, KeyError, TypeError):
        url, ca_file = None, Path()
    if not isinstance(url, str) or not ca_file.is_file():
        raise Refused(f"{file} is no ready file of a mock that runs on this machine")
    return url, ca_file
