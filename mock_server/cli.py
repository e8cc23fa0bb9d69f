"""The `sfmock` command. Nothing heavy is imported before a command is known."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mock_server import __version__, running_commands
from mock_server.command_lines import CONFIG, Refused, kept_certificates, settings_of

Command = Callable[[argparse.Namespace], int]


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
        "env": running_commands.add_env,
        "snapshot": running_commands.add_snapshot,
        "outbound": running_commands.add_outbound,
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
    serve.add_argument("--config", metavar="FILE", help=CONFIG)
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
    settings = settings_of({key: getattr(options, key) for key in keys}, options.config)
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


# -- ca


def _add_ca(commands: Any) -> None:
    ca = commands.add_parser("ca", help="print the path of the mock's certificate authority")
    ca.add_argument(
        "--bundle", action="store_true", help="with the system's roots, for REQUESTS_CA_BUNDLE and the like"
    )
    ca.add_argument("--out", metavar="FILE", help="copy the certificates there")
    ca.add_argument("--config", metavar="FILE", help=CONFIG)
    ca.set_defaults(run_command=_ca)


def _ca(options: argparse.Namespace) -> int:
    kept = kept_certificates(settings_of({}, options.config))
    path = kept.bundle() if options.bundle else kept.ca_file
    if options.out:
        try:
            Path(options.out).write_bytes(path.read_bytes())
        except OSError as error:
            raise Refused(f"cannot write {options.out}: {error.strerror}") from None
        path = Path(options.out)
    print(path)
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
