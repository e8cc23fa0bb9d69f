"""An org's fault rules."""

from __future__ import annotations

from typing import Any

from mock_server.control.call import ControlCall, Refused, answer, done, raise_first, routes
from mock_server.faults.rule import FaultRule, RuleError, parse
from mock_server.operations import Reply


@routes.of_org("faults.list", "GET", "faults", "List the fault rules with their counters")
async def list_faults(call: ControlCall) -> Reply:
    return answer([armed.as_json() for armed in call.world.faults_of(call.org).rules])


@routes.of_org("faults.add", "POST", "faults", "Add one fault rule, or a list of them: all, or none")
async def add(call: ControlCall) -> Reply:
    faults = call.world.faults_of(call.org)
    given = call.any_json()
    added: list[FaultRule] = []
    try:
        for place, data in enumerate(given if isinstance(given, list) else [given]):
            added.append(_add(call, data, ("faults", place) if isinstance(given, list) else ()))
    except Refused:
        for rule in added:
            faults.remove(rule.name)
        raise
    names = [{"name": rule.name} for rule in added]
    return answer(names if isinstance(given, list) else names[0], 201)


def _add(call: ControlCall, data: Any, path: tuple[str | int, ...]) -> FaultRule:
    faults = call.world.faults_of(call.org)
    try:
        rule = parse(data, faults.operations, default_name=faults.next_name())
        if rule.name in faults:
            raise Refused(409, f"there is a fault rule {rule.name} already", "name")
        faults.add(rule)
    except RuleError as error:
        raise_first(error.problems, path)
        raise
    return rule


@routes.of_org("faults.phase", "PATCH", "faults", "Say which phase the run is in, for rules with `when: {phase: ...}`")
async def set_phase(call: ControlCall) -> Reply:
    with call.reading("phase", what="the state of the faults") as body:
        phase = body.text("phase")
        if "phase" not in body:
            body.refuse("phase", "the name of a phase is needed")
    call.world.faults_of(call.org).phase = phase or ""
    return answer({"phase": phase})


@routes.of_org("faults.clear", "DELETE", "faults", "Remove all fault rules")
async def clear(call: ControlCall) -> Reply:
    call.world.faults_of(call.org).clear()
    return done()


@routes.of_org("faults.remove", "DELETE", "faults/{name}", "Remove one fault rule")
async def remove(call: ControlCall) -> Reply:
    faults, name = call.world.faults_of(call.org), call.args["name"]
    if name not in faults:
        raise Refused(404, f"there is no fault rule {name}", "name", (armed.rule.name for armed in faults.rules), name)
    faults.remove(name)
    return done()
