"""Reads a scenario file, and says all that is wrong with it at once, each with its place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.letters import LetterMap, PathError, compile_path
from harness.plans import OrgPlan, PhasePlan, Policy, Scenario
from harness.properties import ParameterError, read_parameters, registry
from harness.row_plans import read_inputs
from harness.service_reading import read_effects_plan, read_service, read_steps
from mock_server import automation, declarations, documents, tuning
from mock_server.config import with_certificates
from mock_server.documents import Problem, Steps, shown
from mock_server.parts import Part
from mock_server.seeding.reading import read_records

if TYPE_CHECKING:
    from mock_server.routing import Registry

KEYS = (
    "title", "story", "org", "inputs", "service", "events", "effects", "policy", "faults", "phases", "time", "deadline",
    "dead_letters", "skip", "expect",
)  # fmt: skip
_ORG = ("schema", "fields", "objects", "records", "limits", "settings", "users", "as", "apps", "security",
        "automation", *declarations.KINDS)  # fmt: skip
_POLICY = ("attempts", "base", "factor", "cap", "jitter", "timeout")
_LETTERS = ("record", "key", "error", "code", "message", "attempts", "failed_at")
MOST_ATTEMPTS = 1_000
_NO_REASON = "waived by the scenario"


def load(path: Path | str, *, name: str | None = None) -> Scenario:
    """Read a scenario. `name` is what it is called in reports, the path by default. Raises DocumentError."""
    document = documents.load(path)
    problems = list(_odd(document.data, ()))
    if problems:
        raise document.error(problems)
    if not isinstance(document.data, Mapping):
        problem = Problem((), f"a scenario must be a mapping, not {shown(document.data)}", KEYS)
        raise document.error([problem])
    part = Part(document.data, (), problems)
    part.only(KEYS, "a scenario")
    part.need("title", "a scenario")
    folder = Path(path).parent
    org = _org(part, folder)
    phases = _phases(part)
    service = read_service(part)
    serves = part.data.get("service") not in (None, False)
    scenario = Scenario(
        name=name or str(path),
        file=str(path),
        title=part.text("title") or "",
        document=document,
        story=part.text("story") or "",
        org=org,
        inputs=read_inputs(part, folder, org.records),
        policy=_policy(part),
        faults=_faults(part, [phase.name for phase in phases]),
        phases=phases,
        time="virtual" if part.choice("time", ("real", "virtual")) == "virtual" else "real",
        deadline=part.seconds("deadline"),
        dead_letters=_dead_letters(part),
        skip=_skip(part),
        expect=_expect(part),
        service=service,
        events=read_steps(part, org.records, service=serves),
        effects=read_effects_plan(part, service=serves),
    )
    if problems:
        raise document.error(problems)
    return scenario


def _odd(value: Any, path: Steps) -> Iterator[Problem]:
    """Find the values that YAML allows and JSON cannot carry."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if _surrogates(key):
                yield Problem((*path, key), "the key is not Unicode text", at_key=True)
            yield from _odd(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _odd(inner, (*path, place))
    elif isinstance(value, str) and _surrogates(value):
        yield Problem(path, "the text is not Unicode text")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"{value} is no number to reckon with")
    elif isinstance(value, int) and value.bit_length() > 63:
        yield Problem(path, "the number is too large")


def _surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _org(scenario: Part, folder: Path) -> OrgPlan:
    part = scenario.mapping("org")
    if part is None:
        return OrgPlan()
    part.only(_ORG, "org")
    settings = part.data.get("settings")
    tuning.read(settings, (*part.path, "settings"), part.problems)
    return OrgPlan(
        schema=_schema(part, folder),
        fields=_definitions(part, "fields"),
        objects=_definitions(part, "objects"),
        records=read_records(part, folder),
        limits=tuning.read_limits(part.data.get("limits"), (*part.path, "limits"), part.problems),
        settings=dict(settings) if isinstance(settings, Mapping) else {},
        users=_users(part),
        speaker=_speaker(part),
        automation=_automation(part),
        apps=_apps(part, folder),
        security={} if (security := part.mapping("security")) is None else dict(security.data),
        declared=_declared(part),
    )


def _users(org: Part) -> tuple[dict[str, Any], ...]:
    """Read `users` as far as their outline; the org that they are made in checks the rest."""
    found = []
    for at, item in org.items("users"):
        part = org.part(at, item, "a user")
        if part is not None:
            part.need("username", "a user")
            found.append(dict(part.data))
    return tuple(found)


def _apps(org: Part, folder: Path) -> tuple[Any, ...]:
    """Read `apps` as far as their outline; the org that they are made in checks the rest."""
    found = [dict(part.data) for at, item in org.items("apps") if (part := org.part(at, item, "an app")) is not None]
    return with_certificates(found, folder, (*org.path, "apps"), org.problems)


def _speaker(org: Part) -> str | dict[str, Any] | None:
    value = org.data.get("as")
    if isinstance(value, Mapping):
        return dict(value)
    return org.text("as")


def _automation(org: Part) -> tuple[Mapping[str, Any], ...]:
    given = org.data.get("automation")
    automation.read(given, (*org.path, "automation"), org.problems)
    return tuple(given) if isinstance(given, list) else ()


def _declared(org: Part) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Read what else is declared as far as its own outline; the org that has it checks the rest."""
    declarations.read(org.data, org.path, org.problems)
    listed = {kind: org.data.get(kind) for kind in declarations.KINDS}
    return {kind: tuple(given) for kind, given in listed.items() if isinstance(given, list)}


def _schema(org: Part, folder: Path) -> tuple[str, ...]:
    value = org.data.get("schema")
    items = [(("schema",), value)] if isinstance(value, str) else org.items("schema")
    paths = []
    for at, item in items:
        if not isinstance(item, str) or not item or "\0" in item:
            org.refuse(at, f"schema names folders and files, not {shown(item)}")
        elif not (folder / item).exists():
            org.refuse(at, f"there is no {folder / item}")
        else:
            paths.append(str(folder / item))
    return tuple(paths)


def _definitions(org: Part, key: str) -> dict[str, Any]:
    """Read `fields` or `objects` as far as their outline; the org that is made of them checks the rest."""
    given = org.mapping(key)
    if given is None:
        return {}
    return {
        name: dict(part.data) for name in given if (part := given.part((name,), given.data[name], name)) is not None
    }


def _policy(scenario: Part) -> Policy | None:
    part = scenario.mapping("policy")
    if part is None:
        return None
    part.only(_POLICY, "a policy")
    policy = Policy(
        attempts=part.count("attempts", 1, MOST_ATTEMPTS),
        base=part.seconds("base", zero=True),
        factor=part.number("factor", 1, 1000),
        cap=part.seconds("cap", zero=True),
        jitter=part.number("jitter", 0, 1),
        timeout=part.seconds("timeout"),
    )
    if policy.cap is not None and policy.base is not None and policy.cap < policy.base:
        part.refuse("cap", f"cap ({policy.cap:g}s) is less than base ({policy.base:g}s)")
    if not part.data:
        part.refuse((), "an empty policy claims nothing; leave it out")
    return policy


@cache
def _operations() -> Registry:
    from mock_server import api

    return api.operations()


def _faults(scenario: Part, phases: list[str]) -> tuple[Mapping[str, Any], ...]:
    names: set[str] = set()
    return tuple(_rules(scenario, "faults", names, phases))


def _rules(part: Part, key: str, names: set[str], phases: list[str], within: str | None = None) -> Iterator[Any]:
    """Check each rule. `within` is the phase that all of them belong to."""
    from mock_server.faults.rule import RuleError, parse

    for at, item in part.items(key):
        # An empty key says nothing, in a rule as everywhere.
        rule = {name: value for name, value in item.items() if value is not None} if isinstance(item, Mapping) else item
        try:
            found = parse(rule, _operations(), default_name="")
        except RuleError as error:
            part.problems.extend(_of_rule(problem, (*part.path, *at)) for problem in error.problems)
            continue
        if found.name in names:
            part.refuse((*at, "name"), f"two fault rules are called {found.name}")
        names |= {found.name} - {""}
        if within is not None and found.when.phase not in (None, within):
            part.refuse((*at, "when", "phase"), f"the rule stands in the phase {within}")
        elif within is None and found.when.phase is not None and found.when.phase not in phases:
            part.refuse((*at, "when", "phase"), f"there is no phase {found.when.phase}", phases, found.when.phase)
        yield rule


def _of_rule(problem: Problem, at: Steps) -> Problem:
    # Rules also come as JSON, which has no places; of a wrong key the key is shown here, not its value.
    of_key = bool(problem.path) and problem.message.endswith(f"has no key {problem.path[-1]!r}")
    return replace(problem, path=(*at, *problem.path), at_key=of_key)


def _phases(scenario: Part) -> tuple[PhasePlan, ...]:
    found: list[PhasePlan] = []
    items = scenario.items("phases")
    rule_names: set[str] = set()
    for at, item in items:
        part = scenario.part(at, item, "a phase")
        if part is None:
            continue
        part.only(("name", "lasts", "faults"), "a phase")
        part.need("name", "a phase")
        name, seconds = part.text("name"), part.seconds("lasts")
        last = at == items[-1][0]
        if last and "lasts" in part:
            part.refuse("lasts", "the last phase goes on to the end; write another one after it, such as heal")
        elif not last and "lasts" not in part:
            part.refuse((), "every phase but the last needs lasts: how long it goes on")
        if name is not None and any(phase.name == name for phase in found):
            part.refuse("name", f"two phases are called {name}")
        rules = tuple(_rules(part, "faults", rule_names, [], within=name or ""))
        found.append(PhasePlan(name or "", seconds, rules))
    return tuple(found)


def _dead_letters(scenario: Part) -> LetterMap | None:
    part = scenario.mapping("dead_letters")
    if part is None:
        return None
    part.only(_LETTERS, "dead_letters")
    paths: dict[str, Steps] = {}
    for name in _LETTERS:
        text = part.text(name)
        try:
            if text is not None:
                paths[name] = compile_path(text)
        except PathError as error:
            part.refuse(name, str(error))
    return LetterMap(**paths)


def _skip(scenario: Part) -> dict[str, str]:
    found: dict[str, str] = {}
    for at, item in scenario.items("skip"):
        name, reason, place = item, None, at
        if isinstance(item, Mapping):
            part = Part(item, (*scenario.path, *at), scenario.problems)
            part.only(("property", "reason"), "an entry of skip")
            if not part.need("property", "an entry of skip"):
                continue
            name, reason, place = item["property"], part.text("reason"), (*at, "property")
        if not isinstance(name, str):
            scenario.refuse(place, f"skip names properties, not {shown(name)}")
        elif name not in registry():
            _no_property(scenario, place, name)
        elif name in found:
            scenario.refuse(place, f"{name} stands here twice")
        else:
            found[name] = reason or _NO_REASON
    expected = scenario.data.get("expect")
    if isinstance(expected, Mapping):
        for name in found:
            if name in expected:
                scenario.refuse(("expect", name), f"{name} is skipped and expected", at_key=True)
    return found


def _expect(scenario: Part) -> dict[str, dict[str, Any]]:
    part = scenario.mapping("expect")
    found: dict[str, dict[str, Any]] = {}
    for name in part or ():
        assert part is not None
        claim = registry().get(name)
        if claim is None:
            _no_property(part, (name,), name, at_key=True)
            continue
        given = part.mapping(name)
        found[name] = {key: value for key, value in given.data.items() if value is not None} if given else {}
        for key, value in found[name].items():
            try:
                read_parameters(claim, {key: value})
            except ParameterError as error:
                part.refuse((name, key), str(error), error.allowed, key, at_key=bool(error.allowed))
    return found


def _no_property(part: Part, at: Steps, name: str, *, at_key: bool = False) -> None:
    family = name.partition(".")[0]
    choices = [known for known in registry() if known.startswith(f"{family}.")] or list(registry())
    near = documents.nearest(name, registry())
    message = f"there is no property {shown(name)}"
    part.problems.append(Problem((*part.path, *at), message, tuple(choices), near, at_key))
