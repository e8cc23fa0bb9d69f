"""Says in words what a scenario does."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.plans import InputFile, OrgPlan, Policy, Scenario
from harness.properties import registry
from harness.service_help import service_words, step_words
from mock_server.seeding.plans import MadeRecords

_WIDTH = 96


def describe(scenario: Scenario) -> str:
    """Return a scenario as a page of text: its story, what is given, what goes wrong, what must hold."""
    sections = [
        ("", [scenario.story] if scenario.story else []),
        ("The org", list(_org(scenario.org))),
        ("Inputs", [_input(plan) for plan in scenario.inputs]),
        ("The service", list(service_words(scenario))),
        ("What happens meanwhile", [step_words(step) for step in scenario.events]),
        ("Declared policy", [policy_words(scenario.policy)] if scenario.policy else []),
        ("What goes wrong", list(_troubles(scenario))),
        (
            "What must hold",
            [_claim(name, given) for name, given in scenario.expect.items()],
        ),
        ("Waived", [f"{name}: {reason}" for name, reason in scenario.skip.items()]),
    ]
    lines = [f"{scenario.name}: {scenario.title}"]
    for heading, items in sections:
        if items:
            lines += ["", heading] if heading else [""]
            for item in items:
                lines.append(_wrapped(" ".join(item.split()), "  - " if heading else ""))
    return "\n".join(lines) + "\n"


def _claim(name: str, given: Mapping[str, Any]) -> str:
    claim = registry()[name]
    return f"{name}{_parameters(given)}: {claim.rule} Judged when: {claim.trigger.rstrip('.')}."


def _wrapped(text: str, bullet: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet))


def _org(org: OrgPlan) -> Iterator[str]:
    if org.schema:
        yield f"schema of {', '.join(org.schema)}"
    for sobject, fields in org.fields.items():
        yield f"{sobject} with {', '.join(fields)}"
    if org.objects:
        yield f"custom objects {', '.join(org.objects)}"
    for source in org.records:
        number = source.count if isinstance(source, MadeRecords) else len(source.rows)
        yield f"{number} {source.sobject} there from the start"
    for hook in org.automation:
        cost = ", ".join(f"{amount} {unit}" for unit, amount in hook["cost"].items())
        on = hook["on"] if isinstance(hook["on"], str) else ", ".join(hook["on"])
        yield f"a trigger of {hook['object']} on {on} that spends {cost}"
    for kind, listed in org.declared.items():
        for one in listed:
            yield f"{kind}: {one if isinstance(one, str) else one.get('path') or one.get('name')}"
    for name, count in org.limits.items():
        yield f"{name} limited to {count}"


def _input(plan: Any) -> str:
    if isinstance(plan, InputFile):
        return f"{len(plan.rows)} {plan.sobject} of {plan.file}, known by {plan.key}"
    fields = f", with {', '.join(plan.fields)}" if plan.fields else ""
    return f"{plan.count} {plan.sobject}, known by {plan.key}{fields}"


def policy_words(policy: Policy) -> str:
    """Return a retry policy as a phrase."""
    parts = []
    if policy.attempts is not None:
        parts.append(f"{policy.attempts} attempts" if policy.attempts > 1 else "1 attempt")
    if policy.base is not None:
        parts.append(f"a first wait of {seconds(policy.base)}")
    if policy.factor is not None:
        parts.append(f"growing by {policy.factor:g}")
    if policy.cap is not None:
        parts.append(f"to at most {seconds(policy.cap)}")
    if policy.jitter is not None:
        parts.append(f"give or take {policy.jitter:.0%}")
    if policy.timeout is not None:
        parts.append(f"a time-out of {seconds(policy.timeout)}")
    return ", ".join(parts)


def seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def _troubles(scenario: Scenario) -> Iterator[str]:
    for rule in scenario.faults:
        yield rule_words(rule)
    for phase in scenario.phases:
        span = f"for {seconds(phase.seconds)}" if phase.seconds is not None else "to the end"
        yield f"phase {phase.name}, {span}" + ("" if phase.faults else ": nothing")
        for rule in phase.faults:
            yield f"in {phase.name}: {rule_words(rule)}"


def rule_words(rule: Mapping[str, Any]) -> str:
    """Return a fault rule as a phrase: `locks: UNABLE_TO_LOCK_ROW for one record in 7 of rest.query.*, twice`."""
    name = f"{rule['name']}: " if "name" in rule else ""
    on = rule["on"] if isinstance(rule["on"], str) else ", ".join(rule["on"])
    rows = _records(rule.get("records") or {})
    about = ", ".join(f"{key} {value}" for key, value in (rule.get("where") or {}).items())
    target = ("every operation" if on == "*" else on) + (f" ({about})" if about else "")
    return f"{name}{_effect(rule)} for {f'{rows} of {target}' if rows else target}{_timing(rule.get('when') or {})}"


def _records(chosen: Mapping[str, Any]) -> str:
    words: dict[str, Callable[[Any], str]] = {
        "first": lambda number: f"the first {number} records",
        "last": lambda number: f"the last {number} records of a request",
        "every": lambda number: f"one record in {number}",
        "fraction": lambda share: f"{share:.0%} of the records",
        "keys": lambda keys: f"{'record' if len(keys) == 1 else 'records'} {', '.join(map(str, keys))}",
        "where": lambda condition: f"records with {condition}",
    }
    return " and ".join(words[key](value) for key, value in chosen.items() if value is not None)


_REPLIES = {
    "lost": "the work is done but the answer lost",
    "reset": "the connection is reset",
    "truncated": "the work is done but the answer breaks off",
    "malformed": "the work is done but the answer cannot be read",
    "trickle": "the answer comes in small pieces",
    "duplicated": "the request is delivered a second time, later",
}


_SESSIONS = {
    "expire": "the session has expired",
    "revoke": "the session has been revoked",
    "moved": "the session has expired and the org has moved to another address",
}


def _effect(rule: Mapping[str, Any]) -> str:
    late = ", after the work was done," if rule.get("at") == "after" else ""
    key = next(key for key in rule if key in _EFFECTS)
    return _EFFECTS[key](rule[key], rule) + (late if key != "reply" else "")


def _status(value: Any, rule: Mapping[str, Any]) -> str:
    headers = ", ".join(f"{name}: {text}" for name, text in (rule.get("headers") or {}).items())
    return f"status {value}" + (f" with {headers}" if headers else "")


def _latency(value: Any, rule: Mapping[str, Any]) -> str:
    if isinstance(value, Mapping):
        shape = ", ".join(f"{key} {number}" for key, number in value.items() if key != "distribution")
        return f"a delay ({value['distribution']}: {shape})"
    return f"a delay of {_span(value)}"


def _outage(value: Any, rule: Mapping[str, Any]) -> str:
    up = f" after every {_span(value['up'])}" if value.get("up") is not None else ""
    return f"an outage of {_span(value['down'])}{up}"


_LOSSES = {
    "expired": "the job's results have expired",
    "truncated": "half of the job's results in an answer that looks whole",
    "gone": "the locator of the job's results is not known any more",
}


def _job(given: Any) -> str:
    told = given if isinstance(given, Mapping) else {given: 0}
    how, value = next((key, value) for key, value in told.items() if value is not None and key != "message")
    if how == "slow":
        return f"the job takes {_span(value)}"
    if how == "results":
        return _LOSSES[str(value)]
    said = {"stuck": "hangs", "failed": "fails", "aborted": "is aborted by an administrator"}[how]
    return f"the job {said}" + (f" when {value:.0%} of it is done" if value else "")


def _meanwhile(given: Mapping[str, Any]) -> str:
    said = []
    if insert := given.get("insert"):
        said.append(f"{insert.get('count') or 1} new {insert['sobject']}")
    if update := given.get("update"):
        said.append(f"{', '.join(update['values'])} changed in {update['query']!r}")
    if delete := given.get("delete"):
        said.append(f"{delete!r} deleted")
    return f"somebody else's changes meanwhile ({', '.join(said)})"


def _event(given: Any) -> str:
    kind, value = next(iter(given.items())) if isinstance(given, Mapping) else (given, None)
    words: dict[str, Callable[[Any], str]] = {
        "duplicate": lambda copies: f"the event comes {_times((copies or 1) + 1)}",
        "reorder": lambda _: "the event comes behind the one that follows it",
        "delay": lambda span: f"the event comes {_span(span)} later",
        "drop": lambda gap: "a gap event comes in its place" if gap == "gap" else "the event never comes",
        "schema": lambda _: "the type of the event gets another schema",
        "disconnect": lambda after: f"the connection breaks after {after} events" if after else "the connection breaks",
        "stall": lambda span: "the stream falls silent" + (f" for {_span(span)}" if span else ""),
        "slow": lambda _: "the subscriber is taken for too slow and cut off",
        "forget": lambda _: "the server has restarted and knows no subscriber any more",
        "replay": lambda how: f"the replay id is told to be {how}",
        "lost": lambda _: "the event is accepted and never delivered",
    }
    return words[kind](value)


_EFFECTS: dict[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "error": lambda code, _: str(code),
    "status": _status,
    "reply": lambda kind, _: _REPLIES[kind],
    "session": lambda how, _: _SESSIONS[how],
    "latency": _latency,
    "outage": _outage,
    "limit": lambda limit, _: f"{limit.get('remaining') or 0} left of {limit['name']}",
    "lock": lambda _, rule: f"a lock held by others for {_span(rule.get('lasts') or 30.0)}",
    "meanwhile": lambda given, _: _meanwhile(given),
    "upload": lambda _, __: "the upload breaks off",
    "job": lambda given, _: _job(given),
    "event": lambda given, _: _event(given),
    "subject": lambda how, _: {"kill": "the subject is killed", "stop": "the subject is asked to stop"}[how],
}


def _span(value: Any) -> str:
    return value if isinstance(value, str) else seconds(float(value))


def _timing(when: Mapping[str, Any]) -> str:
    each = " a record" if when.get("per") == "key" else ""
    words: dict[str, Callable[[Any], str]] = {
        "skip": lambda number: f"not the first {number if number > 1 else 'time'}{each}",
        "times": lambda number: f"{_times(number)}{each}",
        "between": lambda span: f"from {_span(span[0])} to {_span(span[1])} into the run",
        "chance": lambda share: f"with a chance of {share:.0%}",
        "phase": lambda phase: f"in the phase {phase}",
    }
    return "".join(f", {words[key](value)}" for key, value in when.items() if value and key in words)


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _parameters(given: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{key} {value}' for key, value in given.items())})" if given else ""
