"""The commands about scenarios and properties: `scenarios`, `new`, `lint`, `schema`, `properties`, `conformance`."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.conformance import Case
    from harness.scenario import Listed

DONE, BROKEN, WRONG, NOT_STARTED = 0, 1, 2, 3
SCHEMA_FILE = "scenario.schema.json"


def add_parsers(commands: Any) -> None:
    scenarios = commands.add_parser("scenarios", help="list the bundled scenarios, or show some")
    scenarios.add_argument("names", nargs="*", metavar="NAME", help="name or glob of a scenario to show in full")
    scenarios.add_argument("--json", action="store_true", help="print them as JSON")
    scenarios.set_defaults(run_command=run_scenarios)

    new = commands.add_parser("new", help="write a scenario to start from")
    kinds = new.add_subparsers(title="what", metavar="WHAT", required=True)
    scenario = kinds.add_parser("scenario", help="a scenario that loads and runs, with comments")
    scenario.add_argument("name", metavar="NAME", help="its file, with or without .yaml")
    scenario.add_argument("--from", dest="source", metavar="SCENARIO", help="copy this one in place of the starter")
    scenario.add_argument("--service", action="store_true", help="one for a service, such as a consumer of events")
    scenario.add_argument("--force", action="store_true", help="write over a file that is there")
    scenario.set_defaults(run_command=run_new)

    lint = commands.add_parser(
        "lint",
        help="check scenarios without running anything",
        description="Say all that is wrong with scenarios, each with its line, and warn of what is allowed and "
        "pointless. Exit status: 0 nothing is wrong; 2 something is.",
    )
    lint.add_argument("scenarios", nargs="+", metavar="SCENARIO", help="file, name or glob of a scenario")
    lint.add_argument("--strict", action="store_true", help="take warnings for errors")
    lint.set_defaults(run_command=run_lint)

    schema = commands.add_parser("schema", help="import the schema of an org, or print that of scenario files")
    kinds = schema.add_subparsers(title="what", metavar="WHAT", required=True)
    described = kinds.add_parser("scenario", help="print the JSON Schema of scenario files, for editors")
    described.add_argument("--write", type=Path, metavar="FILE", help="write it into this file")
    described.set_defaults(run_command=run_schema)
    imported = kinds.add_parser(
        "import",
        help="merge sources of a schema and tell what becomes of every file",
        description="Put sources on top of each other, later over earlier, as `sfmock serve --schema` does: SFDX "
        "projects, folders or zips of metadata, saved describes (JSON), YAML of objects and fields. Exit status: 0 "
        "they make a schema; 2 something in them is wrong.",
    )
    imported.add_argument("sources", nargs="+", type=Path, metavar="PATH", help="a source: folder, zip, JSON or YAML")
    imported.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write what they say together, for --schema: *.json, or YAML"
    )
    imported.add_argument("--json", action="store_true", help="print the report as JSON")
    imported.set_defaults(run_command=run_import)

    properties = commands.add_parser("properties", help="list the properties that a trial is judged by")
    properties.add_argument("names", nargs="*", metavar="NAME", help="name or glob of a property to show in full")
    properties.add_argument("--json", action="store_true", help="print them as JSON")
    properties.add_argument("--write", type=Path, metavar="FILE", help="write the page of all properties")
    properties.set_defaults(run_command=run_properties)

    conformance = commands.add_parser(
        "conformance",
        help="try a client with one request and one failure at a time",
        description="Give a client one request and one failure at a time, and judge how often it sends it and what it "
        "says. Exit status: 0 all cases are right; 1 some are not; 2 this command line is wrong; 3 the client could "
        "not be started.",
    )
    conformance.add_argument("cases", nargs="*", metavar="CASE", help="glob of cases, such as never/* (default: all)")
    conformance.add_argument("--run", metavar="COMMAND", help="the client: makes the request of the file $SFMOCK_TASK")
    conformance.add_argument("--list", action="store_true", help="list the cases and what is right")
    conformance.add_argument("--json", type=Path, metavar="FILE", help="write the findings as JSON")
    conformance.set_defaults(run_command=run_conformance)


# -- scenarios


def run_scenarios(options: argparse.Namespace) -> int:
    """Print the catalogue by family, or whole scenarios by name."""
    from harness.scenario import catalogue, describe, find, locate
    from mock_server.documents import DocumentError

    try:
        if not options.names:
            listed = catalogue()
        elif options.json:
            wanted = locate(options.names)
            listed = [scenario for scenario in catalogue() if scenario.name in wanted]
        else:
            print("\n\n".join(describe(scenario).rstrip("\n") for scenario in find(options.names)))
            return DONE
        print(json.dumps(_as_json(listed), indent=2) if options.json else _by_family(listed))
    except DocumentError as error:
        print(error, file=sys.stderr)
        return WRONG
    return DONE


def _as_json(listed: Sequence[Listed]) -> list[dict[str, Any]]:
    from harness.scenario import load

    return [
        {
            "name": scenario.name,
            "family": scenario.name.partition("/")[0],
            "title": scenario.title,
            "story": " ".join(scenario.story.split()),
            "file": str(scenario.path),
            "expect": list(load(scenario.path, name=scenario.name).expect),
        }
        for scenario in listed
    ]


def _by_family(listed: Sequence[Listed]) -> str:
    wide = max((len(scenario.name) for scenario in listed), default=0)
    lines: list[str] = []
    for place, scenario in enumerate(listed):
        family = scenario.name.partition("/")[0]
        if place and family != listed[place - 1].name.partition("/")[0]:
            lines.append("")
        lines.append(f"{scenario.name:{wide}}  {scenario.title}")
    return "\n".join(lines)


def run_new(options: argparse.Namespace) -> int:
    """Write a scenario to start from."""
    from harness.scenario import locate
    from harness.starter import StarterError, write
    from mock_server.documents import DocumentError

    try:
        source = None
        if options.source is not None:
            found = list(locate([options.source]).values())
            if len(found) > 1:
                raise StarterError(f"{options.source!r} means {len(found)} scenarios; name one")
            source = found[0]
        file = write(options.name, source=source, force=options.force, schema=SCHEMA_FILE, service=options.service)
    except (DocumentError, StarterError) as error:
        print(f"sfmock: {error}" if isinstance(error, StarterError) else error, file=sys.stderr)
        return WRONG
    print(f"{file} is written. Check it with `sfmock lint {file}`; its first line wants {SCHEMA_FILE} beside it:")
    print(f"sfmock schema scenario --write {file.parent / SCHEMA_FILE}")
    return DONE


def run_lint(options: argparse.Namespace) -> int:
    """Print the errors and warnings of scenarios."""
    from harness.lint import warnings
    from harness.scenario import load, locate
    from mock_server.documents import DocumentError

    errors: list[str] = []
    doubts: list[str] = []
    fine = 0
    for pattern in options.scenarios:
        try:
            for name, path in locate([pattern]).items():
                try:
                    found = warnings(load(path, name=name))
                except DocumentError as error:
                    errors.extend(error.lines)
                    continue
                doubts.extend(found)
                fine += not found
        except DocumentError as error:
            errors.extend(error.lines)
    for line in errors:
        print(line, file=sys.stderr)
    for line in doubts:
        place, _, text = line.partition(": ")
        print(f"{place}: warning: {text}", file=sys.stderr)
    if not errors and not doubts:
        print(f"{fine} scenario{'' if fine == 1 else 's'}, nothing to say")
    return WRONG if errors or (doubts and options.strict) else DONE


def run_schema(options: argparse.Namespace) -> int:
    """Print or write the JSON Schema of scenarios."""
    from harness.scenario_schema import scenario_schema

    text = json.dumps(scenario_schema(), indent=2) + "\n"
    if options.write is None:
        print(text, end="")
        return DONE
    return _written(options.write, text)


def run_import(options: argparse.Namespace) -> int:
    """Merge sources of a schema, and say what became of each file."""
    from mock_server.schema_command import run

    return run(options.sources, options.output, as_json=options.json)


def _written(file: Path, text: str) -> int:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"sfmock: cannot write {file}: {error.strerror}", file=sys.stderr)
        return WRONG
    return DONE


# -- properties


def run_properties(options: argparse.Namespace) -> int:
    """Print or write what a trial is judged by."""
    from fnmatch import fnmatchcase

    from harness import properties_page
    from harness.properties import registry
    from mock_server.documents import nearest

    if options.write is not None:
        return _written(options.write, properties_page.page())
    claims = registry()
    for pattern in options.names:
        if not any(fnmatchcase(name, pattern) for name in claims):
            near = nearest(pattern, claims)
            hint = f"; did you mean {near!r}?" if near else ""
            print(f"sfmock: there is no property {pattern!r}{hint}", file=sys.stderr)
            return WRONG
    shown = [
        claim for name, claim in claims.items() if not options.names or any(fnmatchcase(name, p) for p in options.names)
    ]
    if options.json:
        print(json.dumps([{"name": one.name, **dict(properties_page.described(one))} for one in shown], indent=2))
        return DONE
    if not options.names:
        wide = max(map(len, claims))
        print("\n".join(f"{claim.name:{wide}}  {claim.rule}" for claim in shown))
        return DONE
    for place, claim in enumerate(shown):
        print(f"{chr(10) if place else ''}{claim.name}")
        for heading, text in properties_page.described(claim):
            print(textwrap.fill(f"{heading}: {text}", 100, initial_indent="  ", subsequent_indent="    "))
    return DONE


# -- conformance


def run_conformance(options: argparse.Namespace) -> int:
    """Try a client with the cases, and print what came of each."""
    from harness import conformance
    from harness.subjects import CommandSubject, SubjectError
    from mock_server import api

    suite = conformance.load()
    cases = conformance.chosen(suite, options.cases)
    if not cases:
        names = [case.name for case in suite.cases]
        print(f"sfmock: no case is called {' or '.join(options.cases)}; the first is {names[0]}", file=sys.stderr)
        return WRONG
    if options.list:
        print("\n".join(f"{case.name}  {_right(case)}" for case in cases))
        return DONE
    if not options.run:
        print("sfmock: give the client with --run COMMAND, or --list to see the cases", file=sys.stderr)
        return WRONG
    findings: list[conformance.Finding] = []
    with api.start(port=0) as server:
        for case in cases:
            try:
                found = conformance.try_case(server, suite, case, CommandSubject(options.run))
            except SubjectError as error:
                print(f"sfmock: {error}", file=sys.stderr)
                return NOT_STARTED
            findings.append(found)
            word = "ok" if found.ok and found.supported else "WRONG" if found.problems else "not offered"
            print("\n".join((f"{word:11}  {case.name}", *(f"{' ':15}{text}" for text in found.problems))), flush=True)
    wrong = sum(not found.ok for found in findings)
    absent = sum(not found.supported for found in findings)
    print(f"{len(findings)} cases: {len(findings) - wrong - absent} right, {wrong} wrong, {absent} not offered")
    if options.json is not None:
        rows = [
            {"case": one.case.name, "ok": one.ok, "supported": one.supported, "problems": one.problems}
            for one in findings
        ]
        if _written(options.json, json.dumps(rows, indent=2) + "\n") != DONE:
            return WRONG
    return BROKEN if wrong else DONE


def _right(case: Case) -> str:
    counts = [("requests", case.requests), ("logins", case.logins)]
    words = [f"{least}{f' to {most}' if most != least else ''} {what}" for what, (least, most) in counts if most]
    return f"{', '.join(words)}; {case.outcome}{', success only after a read' if case.lookup else ''}"
