"""`sfmock prove`, and what else the harness adds to the command line."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands import add_parsers as commands_about_scenarios
from mock_server.command_lines import ended_in_order

if TYPE_CHECKING:
    from harness.letters import Readable
    from harness.result import TrialResult
    from harness.scenario import Scenario
    from harness.trial import Trial

HELD, BROKEN, WRONG, NOT_STARTED = 0, 1, 2, 3
_MOST_SEEDS = 100_000
_ESCAPE_LINE = "\r\x1b[K"


def add_parsers(commands: Any) -> None:
    """Add the harness's commands to the parser of `sfmock`."""
    prove = commands.add_parser(
        "prove",
        help="run an integration under failures and judge it",
        description="Run a command under one or more scenarios and judge what it did. Exit status: 0 all held; 1 "
        "something violated or not exercised; 2 a scenario or this command line is wrong, nothing was run; 3 the "
        "command could not be started.",
    )
    prove.add_argument("scenarios", nargs="+", metavar="SCENARIO", help="name, glob (retry/*) or file of a scenario")
    prove.add_argument(
        "--run", required=True, metavar="COMMAND", help="the integration: a shell command in any language"
    )
    prove.add_argument(
        "--dlq",
        metavar="URL",
        help="where its dead letters are: a JSON Lines or CSV file, sqlite:///file.db#table or another SQLAlchemy URL, "
        "redis://host:6379/0/key (default: the file $SFMOCK_DLQ)",
    )
    prove.add_argument(
        "--redrive",
        metavar="COMMAND",
        help="what delivers its dead letters again: it is run twice after delivery, with their inputs",
    )
    prove.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts as JSON")
    prove.add_argument("--html", type=Path, metavar="FILE", help="write them as one page that needs nothing else")
    prove.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write them as Markdown, short enough for a pull-request comment"
    )
    prove.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")
    prove.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of data and faults (default 0)")
    prove.add_argument(
        "--seeds",
        type=_count,
        default=1,
        metavar="N",
        help="run each scenario with N seeds, from --seed on (default 1)",
    )
    prove.add_argument(
        "--resumable",
        action="store_true",
        help="the command takes up what is pending when it is run again: run it once more when the faults have stopped",
    )
    prove.add_argument(
        "--time",
        choices=("real", "virtual"),
        help="run the scenarios in real or in virtual time, whatever they say; virtual takes a Python command",
    )
    prove.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="wall-clock limit of each run of the command"
    )
    prove.add_argument("--keep", action="store_true", help="keep the scratch folders: inputs, dead letters, output")
    prove.set_defaults(run_command=run_prove)
    commands_about_scenarios(commands)


def _seed(text: str) -> int:
    from harness.trial import MOST_SEED

    if not text.isdecimal() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 to {MOST_SEED}, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"a number of seeds is a whole number from 1 to {_MOST_SEEDS}, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e7:
        raise argparse.ArgumentTypeError(f"a time is a number of seconds, more than 0 and below 10000000, not {text!r}")
    return number


def run_prove(options: argparse.Namespace) -> int:
    """Run the trials; the exit status is that of the command contract, of several scenarios the worst."""
    from harness.letters import QueueError, open_queue
    from harness.scenario import find
    from harness.subjects import CommandSubject, SubjectError
    from harness.trial import check, check_crashes
    from mock_server.documents import DocumentError

    try:
        scenarios = [
            replace(scenario, time=options.time) if options.time else scenario for scenario in find(options.scenarios)
        ]
        lines: list[str] = []
        for scenario in scenarios:
            for command in filter(None, (options.run, options.redrive)):
                try:
                    check(scenario, CommandSubject(command))
                    check_crashes(scenario, CommandSubject(command))
                except DocumentError as error:
                    lines.extend(error.lines)
        if lines:
            raise DocumentError(lines)
        if not options.run.strip():
            raise ValueError("sfmock: --run names no command")
        queues = [
            None if options.dlq is None else open_queue(options.dlq, scenario.dead_letters) for scenario in scenarios
        ]
        _check_reports(options)
    except QueueError as error:
        print(f"--dlq: {error}", file=sys.stderr)
        return WRONG
    except (DocumentError, ValueError) as error:
        print(error, file=sys.stderr)
        return WRONG
    results: list[TrialResult] = []
    try:
        with ended_in_order():
            _run_all(options, list(zip(scenarios, queues, strict=True)), results)
    except (DocumentError, QueueError) as error:
        print(error, file=sys.stderr)
        return WRONG
    except SubjectError as error:
        print(f"sfmock: {error}", file=sys.stderr)
        return NOT_STARTED
    finally:
        written = not results or _write_reports(options, [*results, *_not_run(options, scenarios, results)])
    return HELD if written and all(result.ok for result in results) else BROKEN


def _not_run(
    options: argparse.Namespace, scenarios: Sequence[Scenario], results: Sequence[TrialResult]
) -> Iterator[TrialResult]:
    """Yield what is to be said of the trials that were planned and, because this was ended before, not run."""
    from harness.result import TrialResult

    planned = [(scenario, seed) for scenario in scenarios for seed in _seeds(options)]
    for scenario, seed in planned[len(results) :]:
        note = "this trial was planned, and not run to its end: what it would have shown is not known"
        yield TrialResult(scenario.name, scenario.title, seed, 0.0, None, None, None, (note,))


def _seeds(options: argparse.Namespace) -> range:
    return range(options.seed, options.seed + options.seeds)


def _check_reports(options: argparse.Namespace) -> None:
    """Refuse a report file that cannot be written before anything has run."""
    files = [file for file in (options.json, options.html, options.markdown, options.junit) if file is not None]
    for place, file in enumerate(files):
        if file.absolute() in (other.absolute() for other in files[:place]):
            raise ValueError(f"sfmock: two reports cannot be written to one file: {file}")
        if file.is_dir() or not file.absolute().parent.is_dir():
            raise ValueError(f"sfmock: cannot write {file}: its folder does not exist, or it is a folder itself")


def _run_all(
    options: argparse.Namespace, planned: Sequence[tuple[Scenario, Readable | None]], results: list[TrialResult]
) -> None:
    from harness.report.terminal import show
    from harness.subjects import CommandSubject
    from harness.trial import Trial
    from mock_server import api

    subject = CommandSubject(options.run)
    redrive = CommandSubject(options.redrive) if options.redrive else None
    with api.start(port=0) as server:
        trials = [
            Trial(
                server,
                scenario,
                seed=seed,
                timeout=options.timeout,
                dead_letters=queue,
                redrive=redrive,
                resumable=options.resumable,
                keep=options.keep,
                progress=_progress,
            )
            for scenario, queue in planned
            for seed in _seeds(options)
        ]
        # What only an org can tell (an object that it does not have) is found out before anything runs.
        for trial in trials[:: options.seeds]:
            trial.rehearse()
        for trial in trials:
            result = replace(trial.run(subject), replay=_replay(options, trial))
            results.append(result)
            if sys.stderr.isatty():
                sys.stderr.write(_ESCAPE_LINE)
            show(result, sys.stdout)
            print(flush=True)


def _progress(text: str) -> None:
    """Show what is going on: one line that changes on a terminal, plain lines in a log."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{_ESCAPE_LINE}{text} ...")
        sys.stderr.flush()
    else:
        print(f"{text} ...", file=sys.stderr, flush=True)


def _replay(options: argparse.Namespace, trial: Trial) -> str:
    from harness.letters.remote import shown

    words = ["sfmock", "prove", trial.scenario.name, "--run", options.run, "--seed", str(trial.seed), "--keep"]
    if options.resumable:
        words.append("--resumable")
    if options.time:
        words += ["--time", options.time]
    if options.dlq:
        words += ["--dlq", shown(options.dlq)]
    if options.redrive:
        words += ["--redrive", options.redrive]
    if options.timeout:
        words += ["--timeout", f"{options.timeout:g}"]
    return shlex.join(words)


def _write_reports(options: argparse.Namespace, results: Sequence[TrialResult]) -> bool:
    """Write the report files; tell whether all could be written."""
    from harness.report.junit import write_junit
    from harness.report.machine import write_json
    from harness.report.markdown import write_markdown
    from harness.report.page import write_html

    reports = (
        (options.json, write_json),
        (options.html, write_html),
        (options.markdown, write_markdown),
        (options.junit, write_junit),
    )
    written = True
    for file, write in reports:
        if file is not None:
            try:
                write(results, file)
            except OSError as error:
                print(f"sfmock: cannot write {file}: {error.strerror}", file=sys.stderr)
                written = False
    return written
