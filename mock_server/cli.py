"""The `sfmock` command. Nothing heavy is imported before a command is known."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mock_server import __version__

if TYPE_CHECKING:
    from mock_server.config import Settings
    from mock_server.control.client import ControlClient, OrgInfo
    from mock_server.fronts.certificates import Certificates

Command = Callable[[argparse.Namespace], int]


_CONFIG = "settings file (default ./sfmock.yaml, if there is one)"


class Refused(Exception):
    """A command line that cannot be carried out: exit status 2 with one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        parser = _parser(arguments)
        options = parser.parse_args(arguments)
        run: Command | None = getattr(options, "run_command", None)
        if run is None:
            parser.print_help()
            return 2 if arguments else 0
        return run(options)
    except Refused as error:
        print(f"sfmock: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe has gone: nobody is left to complain to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"sfmock: {error}", file=sys.stderr)
        return 2


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sfmock",
        description="A Salesforce org that runs on your machine, and a harness that proves whether integration code "
        "survives it.",
    )
    parser.add_argument("--version", action="version", version=f"sfmock {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    own = {
        "serve": _add_serve,
        "ca": _add_ca,
        "env": _add_env,
        "snapshot": _add_snapshot,
        "outbound": _add_outbound,
        "operations": _add_operations,
        "conform": _add_conform,
        "openapi": _add_openapi,
        "version": _add_version,
    }
    for add in own.values():
        add(commands)
    if not arguments or arguments[0] not in own:
        # The server works without the harness; help and wrong commands name its commands too.
        from harness.cli import add_parsers

        add_parsers(commands)
    return parser


def _settings(flags: dict[str, Any], file: str | None) -> Settings:
    from mock_server.config import ConfigError, resolve

    try:
        return resolve(flags, file=file)
    except ConfigError as error:
        raise Refused(str(error)) from None


# -- serve


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="start a local org", description="Serve an org until SIGINT or SIGTERM.")
    serve.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    serve.add_argument(
        "--port", type=int, help="port for HTTP, HTTPS and proxy CONNECT (default 8080; 0: any free one)"
    )
    serve.add_argument(
        "--pubsub-port",
        type=int,
        help="port of the Pub/Sub API, plain and by TLS (default 7443, or a free one if it is taken; 0: any free one)",
    )
    serve.add_argument("--config", metavar="FILE", help=_CONFIG)
    serve.add_argument(
        "--schema",
        action="append",
        metavar="PATH",
        help="an SFDX project, a folder or zip of metadata, saved describes (JSON), or YAML with `objects` and "
        "`fields`; may be repeated, later ones count over earlier ones",
    )
    serve.add_argument(
        "--data", metavar="FILE", help="keep the default org's records in this file (default: in memory)"
    )
    serve.add_argument("--seed", type=int, help="seed of all chance (default 0)")
    serve.add_argument(
        "--ready-file", metavar="FILE", help="write urls and keys here, as JSON, once requests are answered"
    )
    serve.set_defaults(run_command=_serve)


def _serve(options: argparse.Namespace) -> int:
    import sqlite3

    from mock_server.config import ConfigError
    from mock_server.documents import DocumentError

    keys = ("host", "port", "pubsub_port", "schema", "data", "seed", "ready_file")
    settings = _settings({key: getattr(options, key) for key in keys}, options.config)
    try:
        from mock_server.serving import serve

        return serve(settings)
    except (ConfigError, DocumentError) as error:
        raise Refused(str(error)) from None
    except sqlite3.Error as error:
        raise Refused(f"cannot keep records in {settings.data}: {error}") from None
    except OSError as error:
        where = error.filename or f"{settings.host}:{settings.port}"
        raise Refused(f"cannot serve on {where}: {error.strerror or error}") from None


# -- ca, env


def _add_ca(commands: Any) -> None:
    ca = commands.add_parser("ca", help="print the path of the mock's certificate authority")
    ca.add_argument(
        "--bundle", action="store_true", help="with the system's roots, for REQUESTS_CA_BUNDLE and the like"
    )
    ca.add_argument("--out", metavar="FILE", help="copy the certificates there")
    ca.add_argument("--config", metavar="FILE", help=_CONFIG)
    ca.set_defaults(run_command=_ca)


def _kept(settings: Settings) -> Certificates:
    from mock_server.fronts.certificates import keep

    return keep(Path(settings.state_dir) if settings.state_dir else None)


def _ca(options: argparse.Namespace) -> int:
    kept = _kept(_settings({}, options.config))
    path = kept.bundle() if options.bundle else kept.ca_file
    if options.out:
        try:
            Path(options.out).write_bytes(path.read_bytes())
        except OSError as error:
            raise Refused(f"cannot write {options.out}: {error.strerror}") from None
        path = Path(options.out)
    print(path)
    return 0


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


_FORMATS: dict[str, Callable[[str, str], str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}


def _add_env(commands: Any) -> None:
    env = commands.add_parser("env", help="print the variables that point a client at the mock")
    _add_where(env)
    env.add_argument("--format", choices=[*_FORMATS, "json"], default="sh", help="for which shell (default sh)")
    env.set_defaults(run_command=_env)


def _add_where(parser: argparse.ArgumentParser) -> None:
    """Add what names a mock that runs."""
    parser.add_argument(
        "--url", default="http://127.0.0.1:8080", help="where the mock is (default http://127.0.0.1:8080)"
    )
    parser.add_argument(
        "--ready-file", metavar="FILE", help="read the mock's address and authority from its ready file"
    )
    parser.add_argument("--config", metavar="FILE", help=_CONFIG)


def _running(options: argparse.Namespace, timeout: float = 30.0) -> tuple[ControlClient, list[OrgInfo], Certificates]:
    """Return the control plane of the mock that a command line names, its orgs, and its certificates."""
    from http.client import HTTPException

    from mock_server.control.client import ControlClient, ControlError
    from mock_server.fronts.certificates import Certificates

    settings = _settings({}, options.config)
    url = options.url
    if options.ready_file:
        url, ca_file = _read_ready(options.ready_file)
        kept = Certificates(ca_file.parent)
    else:
        kept = _kept(settings)
    try:
        control = ControlClient(url, settings.control_token, str(kept.ca_file), timeout=timeout)
        return control, control.orgs(), kept
    except (OSError, HTTPException, ControlError, ValueError, TypeError) as error:
        raise Refused(f"no mock answers on {url}: {error}; start one with `sfmock serve`") from None


def _env(options: argparse.Namespace) -> int:
    from mock_server.environment import client_environment

    control, (org, *_), kept = _running(options)
    variables = client_environment(org, control.url, str(kept.bundle()))
    if options.format == "json":
        print(json.dumps(variables, indent=2))
    else:
        print("\n".join(_FORMATS[options.format](name, value) for name, value in variables.items()))
    return 0


def _read_ready(file: str) -> tuple[str, Path]:
    try:
        ready = json.loads(Path(file).read_text())
        url, ca_file = ready["url"], Path(ready["ca_file"])
    except (OSError, ValueError, KeyError, TypeError):
        url, ca_file = None, Path()
    if not isinstance(url, str) or not ca_file.is_file():
        raise Refused(f"{file} is no ready file of a mock that runs on this machine")
    return url, ca_file


# -- snapshot


_PATIENCE = 600.0
"""Seconds that a snapshot of a very large org may take."""


def _add_outbound(commands: Any) -> None:
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
    finally:
        control.close()


def _add_snapshot(commands: Any) -> None:
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


# -- operations, openapi, conform, version


def _add_operations(commands: Any) -> None:
    operations = commands.add_parser("operations", help="print the table of operations that are served")
    operations.add_argument("--write", metavar="README", help="put the table between its marks in this file")
    operations.set_defaults(run_command=_operations)


def _operations(options: argparse.Namespace) -> int:
    from mock_server import coverage
    from mock_server.api import operations

    if options.write:
        try:
            changed = coverage.write(operations(), Path(options.write))
        except OSError as error:
            raise Refused(f"cannot write {options.write}: {error.strerror}") from None
        print("changed" if changed else "up to date")
    else:
        print(coverage.table(operations()))
    return 0


def _add_conform(commands: Any) -> None:
    conform = commands.add_parser(
        "conform",
        help="ask an org whether it answers as Salesforce is known to",
        description="Ask an org (a fresh mock, or the one at --target) what is known of Salesforce's answers, and tell "
        "row by row what differs. Credentials come from the environment: SF_ACCESS_TOKEN, or SF_USERNAME, SF_PASSWORD "
        "(and SF_SECURITY_TOKEN), SF_CLIENT_ID and SF_CLIENT_SECRET; SF_API_VERSION names the version. Records that it "
        "makes carry a mark of the run and are deleted again. Exit status: 0 all as expected; 1 drift; 2 this command "
        "line is wrong; 3 the org was not reached, or refused, or is not to be asked.",
    )
    conform.add_argument("--target", metavar="URL", help="the org's own address (My Domain), or a running mock's")
    conform.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="rows, such as query/*; may be repeated"
    )
    conform.add_argument("--list", action="store_true", help="list the rows and their sources, ask nobody")
    conform.add_argument("--json", type=Path, metavar="FILE", help="write the findings as JSON")
    conform.add_argument("--junit", type=Path, metavar="FILE", help="write them as JUnit XML")
    conform.add_argument("--verbose", action="store_true", help="name the rows that are as expected, too")
    conform.add_argument(
        "--yes-production", action="store_true", help="make and delete records in an org that is no sandbox or trial"
    )
    conform.set_defaults(run_command=_conform)


def _conform(options: argparse.Namespace) -> int:
    from mock_server.conform.command import run

    return run(options)


def _add_openapi(commands: Any) -> None:
    openapi = commands.add_parser(
        "openapi",
        help="print the OpenAPI description of what is served",
        description="Print an OpenAPI 3.1 document (JSON); a running mock serves it at /_mock/openapi.json.",
    )
    openapi.add_argument("--server", metavar="URL", help="the base URL to name in it (default http://127.0.0.1:8080)")
    openapi.set_defaults(run_command=_openapi)


def _openapi(options: argparse.Namespace) -> int:
    from mock_server.api import operations
    from mock_server.openapi import description

    print(json.dumps(description(operations(), options.server or "http://127.0.0.1:8080"), indent=2))
    return 0


def _add_version(commands: Any) -> None:
    commands.add_parser("version", help="print the version").set_defaults(run_command=_version)


def _version(_: argparse.Namespace) -> int:
    print(f"sfmock {__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
