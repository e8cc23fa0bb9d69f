"""Reads `service`, `events` and `effects` of a scenario; what is wrong is said with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from harness.service_plans import (
    GRACE,
    QUIET,
    AdvanceStep,
    ChangeStep,
    ChangeVerb,
    EffectsPlan,
    Ready,
    ReadyWord,
    RestartStep,
    ServicePlan,
    Signal,
    SinkPlan,
    Step,
    WaitStep,
)
from mock_server.documents import Steps, shown
from mock_server.parts import Part
from mock_server.seeding import values
from mock_server.seeding.files import MOST_ROWS
from mock_server.seeding.plans import FieldPlan, Records, Ref, bare
from mock_server.seeding.reading import read_fields

SERVICE = ("ready", "grace", "quiet")
READY_WORDS = ("subscribed", "first_request", "port")
READY_WAYS = ("line", "url")
SIGNALS = ("SIGTERM", "SIGKILL")
BY = ("another", "subject")
EFFECTS = ("sink", "sobject", "key")
SINK = ("slow", "status", "times", "at")
_SAVES = ("sobject", "count", "fields", "key", "every", "by")
CHANGES: dict[str, tuple[str, ...]] = {
    "publish": _SAVES,
    "create": _SAVES,
    "update": ("sobject", "count", "fields", "every", "by", "where"),
    "delete": ("sobject", "count", "every", "by", "where"),
    "undelete": ("sobject", "count", "every", "by"),
}
"""The steps that change something in the org, and their keys."""
RESTART = ("by", "down", "meanwhile")
STEPS = (*CHANGES, "restart", "advance", "wait")
_A_STEP = "a step of events"


def read_service(scenario: Part) -> ServicePlan | None:
    value = scenario.data.get("service")
    if value is None or value is False:
        return None
    if value is True:
        return ServicePlan()
    part = scenario.mapping("service")
    if part is None:
        return None
    part.only(SERVICE, "a service")
    return ServicePlan(_ready(part), _or(part.seconds("grace", zero=True), GRACE), _or(part.seconds("quiet"), QUIET))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _ready(service: Part) -> Ready | None:
    value = service.data.get("ready")
    if value is None:
        return None
    if not isinstance(value, Mapping):
        if value in READY_WORDS:
            return Ready(cast(ReadyWord, value))
        text = f"ready must be {', '.join(READY_WORDS)}, {{line: text}} or {{url: address}}, not {shown(value)}"
        service.refuse("ready", text, READY_WORDS, value)
        return None
    part = Part(value, (*service.path, "ready"), service.problems)
    part.only(READY_WAYS, "ready")
    ways = [way for way in READY_WAYS if way in part]
    if len(ways) != 1:
        part.refuse((), "ready names one way to tell: line or url", READY_WAYS)
        return None
    url = part.text("url")
    if url is not None and not url.startswith(
        ("http://127.0.0.1", "http://localhost", "{service}", "http://{service}")
    ):
        part.refuse("url", f"url must be an address of this machine such as {{service}}/health, not {shown(url)}")
    return Ready(line=part.text("line"), url=url)


# -- what happens in the org


def read_steps(scenario: Part, parents: tuple[Records, ...], *, service: bool) -> tuple[Step, ...]:
    """Read `events`, which only a service lives through."""
    if "events" in scenario and not service:
        text = "events happen while a service runs: write `service: {}` beside it, or leave it out"
        scenario.refuse("events", text, at_key=True)
    return _steps(scenario, "events", parents)


def _steps(part: Part, key: str, parents: tuple[Records, ...], *, down: bool = False) -> tuple[Step, ...]:
    found = (_step(part, at, item, parents, down=down) for at, item in part.items(key))
    return tuple(step for step in found if step is not None)


def _step(part: Part, at: Steps, item: Any, parents: tuple[Records, ...], *, down: bool) -> Step | None:
    step = part.part(at, item, _A_STEP)
    if step is None:
        return None
    allowed = tuple(name for name in STEPS if name != "restart") if down else STEPS
    before = len(step.problems)
    for name in step:
        if name == "restart" and down:
            step.refuse(name, "a service that is down cannot be restarted: write it behind this one", at_key=True)
        elif name not in allowed:
            step.refuse(name, f"{_A_STEP} cannot be {shown(name)}", allowed, name, at_key=True)
    if len(step.problems) > before:
        return None
    if len(step.data) != 1:
        step.refuse((), f"{_A_STEP} says one thing that happens: {', '.join(allowed)}")
        return None
    (name,) = step.data
    if name in CHANGES:
        return _change(step, cast(ChangeVerb, name), parents)
    if name == "restart":
        return _restart(step, parents)
    if name == "advance":
        seconds = step.seconds("advance") if "advance" in step else None
        if "advance" not in step:
            step.refuse("advance", "advance needs how far: 30s, 73h")
        return None if seconds is None else AdvanceStep(seconds)
    return _wait(step)


def _wait(step: Part) -> WaitStep | None:
    value = step.data["wait"]
    if value in (None, "quiet"):
        return WaitStep(None)
    if not isinstance(value, Mapping):
        seconds = step.seconds("wait")
        return None if seconds is None else WaitStep(seconds)
    part = Part(value, (*step.path, "wait"), step.problems)
    part.only(("until", "seconds"), "wait")
    if len(part.data) != 1:
        part.refuse((), "wait needs one of: {until: quiet}, {seconds: 1s}", ("until", "seconds"))
        return None
    if "until" in part:
        return WaitStep(None) if part.choice("until", ("quiet",)) == "quiet" else None
    seconds = part.seconds("seconds")
    return None if seconds is None else WaitStep(seconds)


def _restart(step: Part, parents: tuple[Records, ...]) -> RestartStep | None:
    value = step.data["restart"]
    if value is None or value in SIGNALS:
        return RestartStep(cast(Signal, value or "SIGTERM"))
    part = step.mapping("restart")
    if part is None:
        return None
    part.only(RESTART, "a restart")
    by = part.choice("by", SIGNALS)
    down = part.seconds("down", zero=True)
    return RestartStep(cast(Signal, by or "SIGTERM"), down or 0.0, _steps(part, "meanwhile", parents, down=True))


def _change(step: Part, verb: ChangeVerb, parents: tuple[Records, ...]) -> ChangeStep | None:
    part = step.mapping(verb)
    if part is None:
        if step.data[verb] is None:
            step.refuse(verb, f"{verb} needs what it is about: sobject")
        return None
    what = f"{'an' if verb[0] == 'u' else 'a'} {verb} step"
    part.only(CHANGES[verb], what)
    sobject, key = part.api_name("sobject"), part.api_name("key")
    part.need("sobject", what)
    if sobject is not None and verb == "publish" and not sobject.lower().endswith("__e"):
        text = f"what is published is a platform event such as Order__e, not {sobject}; of records write create"
        part.refuse("sobject", text)
    elif sobject is not None and verb != "publish" and sobject.lower().endswith("__e"):
        part.refuse("sobject", f"{sobject} is a platform event: it can only be published")
    count = part.count("count", 1, MOST_ROWS)
    fields = _fields(part, verb, sobject, key, parents)
    by = part.choice("by", BY)
    if sobject is None or fields is None:
        return None
    return ChangeStep(
        verb, sobject, count or 1, fields, key, part.seconds("every", zero=True) or 0.0,
        "subject" if by == "subject" else "another", part.text("where"), parents,
    )  # fmt: skip


def _fields(
    part: Part, verb: ChangeVerb, sobject: str | None, key: str | None, parents: tuple[Records, ...]
) -> dict[str, FieldPlan] | None:
    if verb in ("delete", "undelete"):
        return {}
    fields = read_fields(part, "fields", parents)
    if fields is None and "fields" in part:
        return None
    if fields is None and verb == "create" and sobject is not None:
        fields = values.DEFAULTS.get(sobject.lower())
        if fields is None and key is None:
            part.refuse("fields", f"a new {sobject} needs fields: what it holds")
    if not fields and verb == "update":
        part.refuse("fields" if "fields" in part else (), "an update needs fields: what is changed")
    for name, made in (fields or {}).items():
        plan = bare(made)
        if key is not None and name.lower() == key.lower():
            part.refuse(("fields", name), f"{name} is the key: its values are numbered, not made up", at_key=True)
        if isinstance(plan, Ref) and plan.field.lower() == "id":
            text = f"the id of {plan.sobject} is not known before the run; refer to it by a key: {plan.sobject}.Key__c"
            part.refuse(("fields", name), text)
    return fields or {}


# -- where effects are seen


def read_effects_plan(scenario: Part, *, service: bool) -> EffectsPlan:
    part = scenario.mapping("effects")
    if part is None:
        return EffectsPlan()
    if not service:
        scenario.refuse("effects", "effects are those of a service: write `service: {}` beside it", at_key=True)
    part.only(EFFECTS, "effects")
    sobject, key = part.api_name("sobject"), part.api_name("key")
    for one, other in (("sobject", "key"), ("key", "sobject")):
        if one in part and other not in part:
            part.refuse(one, f"records are known as effects by {one} and {other} together: add {other}")
    return EffectsPlan(_sink(part), sobject, key)


def _sink(effects: Part) -> SinkPlan:
    value = effects.data.get("sink")
    if value is None or isinstance(value, bool):
        return SinkPlan()
    part = effects.mapping("sink")
    if part is None:
        return SinkPlan()
    part.only(SINK, "the sink")
    status, times = part.count("status", 100, 599), part.count("times", 1, 1_000_000)
    at = part.choice("at", ("before", "after"))
    if status is None and "status" not in part:
        for key in ("times", "at"):
            if key in part:
                part.refuse(key, f"{key} is about the status that the sink answers: add status")
    return SinkPlan(part.seconds("slow") or 0.0, status, times, at == "after")
