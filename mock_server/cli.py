"""The `sfmock` command. Nothing heavy is imported before a command is known."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mock_server import __version__

Command = Callable[[argparse.Namespace], int]


class Refused(Exception):
    """A command line that cannot be carried out: exit status 2 with one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments)
    options = parser.parse_args(arguments)
    run: Command | None = getattr(options, "run_command", None)
    if run is None:
        parser.print_help()
        return 2 if arguments else 0
    try:
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


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sfmock",
        description="A Salesforce org that runs on your machine, and a harness that proves whether integration code "
        "survives it.",
    )
    parser.add_argument("--version", action="version", version=f"sfmock {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_serve(commands)
    _add_ca(commands)
    _add_env(commands)
    _add_operations(commands)
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
    serve.add_argument("--pubsub-port", type=int, help="port of the Pub/Sub API, once events are served (default 7443)")
    serve.add_argument("--config", metavar="FILE", help="settings file (default ./sfmock.yaml, if there is one)")
    serve.add_argument(
        "--schema", action="append", metavar="PATH", help="YAML file with `objects` and `fields`; may be repeated"
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

    from mock_server.config import ConfigError, resolve
    from mock_server.documents import DocumentError

    keys = ("host", "port", "pubsub_port", "schema", "data", "seed", "ready_file")
    try:
        settings = resolve({key: getattr(options, key) for key in keys}, file=options.config)
        from mock_server.serving import serve

        return serve(settings)
    except (ConfigError, DocumentError) as error:
        raise Refused(str(error)) from None
    except sqlite3.Error as error:
        raise Refused(f"cannot keep records in {settings.data}: {error}") from None
    except OSError as error:
        raise Refused(f"cannot serve on {settings.host}:{settings.port}: {error.strerror or error}") from None


# -- ca, env


def _add_ca(commands: Any) -> None:
    ca = commands.add_parser("ca", help="print the path of the mock's certificate authority")
    ca.add_argument(
        "--bundle", action="store_true", help="with the system's roots, for REQUESTS_CA_BUNDLE and the like"
    )
    ca.add_argument("--out", metavar="FILE", help="copy the certificates there")
    ca.set_defaults(run_command=_ca)


def _ca(options: argparse.Namespace) -> int:
    from mock_server.fronts.certificates import keep

    kept = keep()
    path = kept.bundle() if options.bundle else kept.ca_file
    if options.out:
        try:
            Path(options.out).write_bytes(path.read_bytes())
        except OSError as error:
            raise Refused(f"cannot write {options.out}: {error.strerror}") from None
        path = Path(options.out)
    print(path)
    return 0


_FORMATS: dict[str, Callable[[str, str], str]] = {
    "sh": lambda name, value: f"export {name}='{value}'",
    "fish": lambda name, value: f"set -gx {name} '{value}'",
    "powershell": lambda name, value: f"$env:{name} = '{value}'",
    "dotenv": lambda name, value: f"{name}={value}",
}


def _add_env(commands: Any) -> None:
    env = commands.add_parser("env", help="print the variables that point a client at the mock")
    env.add_argument("--url", default="http://127.0.0.1:8080", help="where the mock is (default http://127.0.0.1:8080)")
    env.add_argument("--ready-file", metavar="FILE", help="read the mock's address from its ready file")
    env.add_argument("--format", choices=[*_FORMATS, "json"], default="sh", help="for which shell (default sh)")
    env.set_defaults(run_command=_env)


def _env(options: argparse.Namespace) -> int:
    from mock_server.control.client import ControlClient, ControlError
    from mock_server.environment import client_environment
    from mock_server.fronts.certificates import keep

    url = options.url
    if options.ready_file:
        try:
            url = json.loads(Path(options.ready_file).read_text())["url"]
        except (OSError, ValueError, KeyError, TypeError):
            raise Refused(f"{options.ready_file} is no ready file of a running mock") from None
    try:
        (org, *_) = ControlClient(url).orgs()
    except (OSError, ControlError, ValueError) as error:
        raise Refused(f"no mock answers on {url}: {error}; start one with `sfmock serve`") from None
    variables = client_environment(org, url, str(keep().bundle()))
    if options.format == "json":
        print(json.dumps(variables, indent=2))
    else:
        print("\n".join(_FORMATS[options.format](name, value) for name, value in variables.items()))
    return 0


# -- operations


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


if __name__ == "__main__":
    sys.exit(main())
