"""`sfmock conform`: the table asked of an org, drift told row by row."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mock_server.command_lines import ended_in_order
from mock_server.conform import report
from mock_server.conform.runner import Finding, Runner
from mock_server.conform.table import Row, chosen, rows
from mock_server.conform.target import Misuse, OrgKind, Refused, Target, attach, look_at, marker, own_mock, version_of
from mock_server.conform.wire import Unreachable
from mock_server.documents import DocumentError

AS_EXPECTED, DRIFT, WRONG, UNREACHED = 0, 1, 2, 3
_ESCAPE_LINE = "\r\x1b[K"
_SPARE = 500
"""Calls that a run leaves an org at least."""


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    try:
        table = chosen(rows(), options.only)
        problem = report.writable((options.json, options.junit))
        if problem:
            raise ValueError(problem)
    except (DocumentError, ValueError) as error:
        return _say(f"sfmock: {error}", WRONG)
    if options.list:
        wide = max(len(row.name) for row in table)
        print("\n".join(f"{row.name:{wide}}  {row.says}  [{report.source(row.source)}]" for row in table))
        return AS_EXPECTED
    findings: list[Finding] = []
    try:
        with ended_in_order(), _target(options) as (target, kind):
            _ask_all(options, target, table, findings, kind)
    except Misuse as error:
        return _say(f"sfmock: {error}", WRONG)
    except (Unreachable, Refused) as error:
        return _say(f"sfmock: {error}", UNREACHED)
    finally:
        written = not findings or _write(options, findings, len(table))
    if not written:
        return WRONG
    return AS_EXPECTED if all(finding.ok for finding in findings) else DRIFT


def _say(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status


@contextmanager
def _target(options: argparse.Namespace) -> Iterator[tuple[Target, OrgKind | None]]:
    if options.target is None:
        version = version_of(os.environ)
        from mock_server import api

        with api.start(port=0) as server:
            target = own_mock(server, version)
            try:
                yield target, None
            finally:
                target.wire.close()
        return
    target = attach(options.target, os.environ)
    try:
        kind = look_at(target)
        if kind.guarded and not options.yes_production:
            raise Refused(f"{kind.name} is not asked: {kind.guarded}; --yes-production overrules this")
        yield target, kind
    finally:
        target.wire.close()


def _ask_all(
    options: argparse.Namespace, target: Target, table: Sequence[Row], findings: list[Finding], kind: OrgKind | None
) -> None:
    if kind is not None:
        calls = sum(2 + len(row.given) + len(row.before) for row in table) + 10
        print(f"{kind.name} ({kind.text}) at {target.wire.url}, version {target.known['version']}: about {calls} calls")
        if kind.remaining is not None and kind.remaining < calls + _SPARE:
            raise Refused(f"{kind.name} has {kind.remaining} calls left today, and this takes about {calls}")
    runner = Runner(target, marker())
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    progress = _progress(len(table))
    try:
        for number, row in enumerate(table, 1):
            progress(number, row.name)
            finding = runner.run(row)
            findings.append(finding)
            if finding.verdict != "held" or options.verbose:
                _clear()
                report.tell(finding, sys.stdout, colour=colour)
                sys.stdout.flush()
    finally:
        _clear()
        _sweep(runner)
    print(report.summary(findings))


def _sweep(runner: Runner) -> None:
    try:
        runner.sweep()
    except (Unreachable, Refused) as error:
        print(f"sfmock: could not look for what is left behind: {error}", file=sys.stderr)
    if runner.left:
        print(f"sfmock: these records of this run could not be deleted: {', '.join(runner.left)}", file=sys.stderr)


def _progress(total: int) -> Callable[[int, str], None]:
    """Return what shows where a run is: one line that changes on a terminal, nothing in a log."""

    def show(number: int, name: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"{_ESCAPE_LINE}{number}/{total} {name}")
            sys.stderr.flush()

    return show


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_ESCAPE_LINE)
        sys.stderr.flush()


def _write(options: argparse.Namespace, findings: Sequence[Finding], planned: int) -> bool:
    where = options.target or "a fresh mock"
    about = {"target": where, "planned": planned, "asked": len(findings)}
    texts = ((options.json, report.as_json(findings, about)), (options.junit, report.as_junit(findings, where)))
    for file, text in texts:
        if file is not None:
            try:
                file.write_text(text, encoding="utf-8")
            except OSError as error:
                print(f"sfmock: cannot write {file}: {error.strerror}", file=sys.stderr)
                return False
    return True
