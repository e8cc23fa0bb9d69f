"""Tells what became of what the org sent to the subject: each message with its calls and effects, as a small timeline.

Account_Changed 04lKd00000000GC about 001Kd00000000G8: 2 calls, 1 effect
     3.20s  #15  attempt 1, answered 200 after 0.01s, acknowledged  (fault 'twice')
    +0.15s  its effect, as the effects file says
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from harness.evidence import Evidence
from harness.happenings import CalledOut, Handled
from harness.properties.property import Verdict, counted, some
from harness.report.story import start_of

MOST_MESSAGES = 3
_SEEN = {"effects": "as the effects file says", "sink": "as the sink has seen", "org": "as a record shows"}


def call_timelines(evidence: Evidence, verdict: Verdict, most: int = MOST_MESSAGES) -> list[str]:
    """Return the timelines of the messages that a verdict is about, each before others about the same record."""
    calls: dict[str, list[CalledOut]] = defaultdict(list)
    for call in evidence.happenings.called_out:
        calls[_short(call.message)].append(call)
    numbers = set(verdict.evidence)
    concerned = [name for name, made in calls.items() if numbers.intersection(call.exchange for call in made)]
    shown: dict[str, None] = {}
    for name in concerned:
        shown[name] = None
        about = {record for call in calls[name] for record in call.records}
        others = (other for other, made in calls.items() if any(about.intersection(call.records) for call in made))
        shown.update(dict.fromkeys(others) if verdict.property == "callout.idempotent_receiver" else {})
    effects: dict[str, list[Handled]] = defaultdict(list)
    for one in evidence.happenings.handled:
        effects[_short(str(one.said.get("message", "")))].append(one)
    lines = [line for name in list(shown)[:most] for line in _lines(name, calls[name], effects[name], evidence)]
    if len(shown) > most:
        lines.append(f"and {counted(len(shown) - most, 'more message')}")
    return lines


def _short(message: str) -> str:
    return message[:15] if len(message) == 18 and message.isalnum() else message


def _lines(name: str, calls: list[CalledOut], effects: list[Handled], evidence: Evidence) -> Iterator[str]:
    about = some(list(dict.fromkeys(record[:15] for call in calls for record in call.records)), 2)
    yield f"{calls[0].name} {name} about {about}: {counted(len(calls), 'call')}, {counted(len(effects), 'effect')}"
    before, first = start_of(evidence), True
    both: list[CalledOut | Handled] = [*calls, *effects]
    for step in sorted(both, key=lambda one: one.at if one.at is not None else float("inf")):
        at = step.at if step.at is not None else before
        when = f"{at - before:.2f}s" if first else f"+{max(0.0, at - before):.2f}s"
        yield f"  {when:>8}  {_step(step)}"
        before, first = at, False


def _step(step: CalledOut | Handled) -> str:
    if isinstance(step, Handled):
        return f"its effect, {_SEEN[step.source]}"
    answer = f"answered {step.status}" if step.status is not None else "no answer"
    taken = "acknowledged" if step.acknowledged else "not acknowledged"
    fault = f"  (fault '{step.rule}')" if step.rule else ""
    return f"#{step.exchange}  attempt {step.attempt}, {answer} after {step.seconds:.2f}s, {taken}{fault}"
