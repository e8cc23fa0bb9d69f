"""Says in words how a service is run, and what happens in its org meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plans import Scenario
from harness.service_plans import AdvanceStep, ChangeStep, Ready, RestartStep, Step, WaitStep

_WAYS = {
    "subscribed": "it has subscribed",
    "first_request": "it has made a request",
    "port": "it listens at SFMOCK_SERVICE_PORT",
}
_PAST = {
    "publish": "published",
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "undelete": "undeleted",
}


def service_words(scenario: Scenario) -> Iterator[str]:
    """Yield how the service is run, and where its effects are seen; nothing for a subject that ends by itself."""
    plan, effects = scenario.service, scenario.effects
    if plan is None:
        return
    yield (
        f"it runs until it is ended: {_ready(plan.ready)}, comes to rest when nothing has happened for "
        f"{_span(plan.quiet)}, and has {_span(plan.grace)} to stop"
    )
    if effects.sobject is not None:
        yield f"its effects are also seen in {effects.sobject} records, by {effects.key}"
    sink = effects.sink
    if sink.slow:
        yield f"the sink takes {_span(sink.slow)} for every answer"
    if sink.status is not None:
        times = "every time" if sink.times is None else f"the first {sink.times} times" if sink.times > 1 else "once"
        yield f"the sink answers {sink.status} {times}" + (", although it takes what comes" if sink.taken else "")


def _ready(ready: Ready | None) -> str:
    if ready is None:
        return "is ready when it has subscribed, or listens where it is to be called"
    if ready.word is not None:
        return f"is ready when {_WAYS[ready.word]}"
    return f"is ready when it prints {ready.line!r}" if ready.line is not None else f"is ready when {ready.url} answers"


def step_words(step: Step) -> str:
    """Return a step as a phrase: `50 Order__e published by somebody else, one every 0.02 s`."""
    if isinstance(step, ChangeStep):
        who = "somebody else" if step.by == "another" else "the service's own user"
        where = f" with {step.where}" if step.where else ""
        fields = f" ({', '.join(step.fields)})" if step.verb == "update" else ""
        every = f", one every {_span(step.every)}" if step.every and step.count > 1 else ""
        return f"{step.count} {step.sobject}{where} {_PAST[step.verb]}{fields} by {who}{every}"
    if isinstance(step, RestartStep):
        parts = [step_words(inner) for inner in step.meanwhile]
        down = f", down for {_span(step.down)}" if step.down else ""
        meanwhile = f"; meanwhile {', then '.join(parts)}" if parts else ""
        return (
            f"the service is {'killed' if step.by == 'SIGKILL' else 'asked to stop'} and started again{down}{meanwhile}"
        )
    if isinstance(step, AdvanceStep):
        return f"{_span(step.seconds)} go by on the org's clock"
    assert isinstance(step, WaitStep)
    return "the service comes to rest" if step.seconds is None else f"{_span(step.seconds)} go by"


def _span(seconds: float) -> str:
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    return f"{seconds:g} s"
