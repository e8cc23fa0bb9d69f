"""Tells whether a run without faults is a steady state, from which faults may be judged."""

from __future__ import annotations

from harness.evidence import Evidence
from harness.happenings import Happenings
from harness.judge import judge_laws
from harness.properties.property import counted, some


def unmet(evidence: Evidence, why: str = "") -> str:
    """Say why a baseline does not count as a steady state; empty when it does. `why` is what a service lacked."""
    if why:
        return f"of the service, {why}"
    broken = [verdict for verdict in judge_laws(evidence) if verdict.status == "violated"]
    if broken:
        return f"{broken[0].property} was violated: {broken[0].reason}"
    if evidence.process.timed_out:
        return "the subject did not end in time"
    if evidence.letters:
        return f"{len(evidence.letters)} of {len(evidence.inputs)} inputs were dead-lettered"
    return _unhandled(evidence.happenings)


def _unhandled(happenings: Happenings) -> str:
    """Say that a service does not handle what it is delivered although nothing goes wrong."""
    if not happenings.service:
        return ""
    # One that answers its own events never does: for `events.no_echo` to say.
    if not happenings.quiet and not any(one.own for one in happenings.published):
        return "the service did not come to rest: something went on all the time"
    delivered = {one.replay_id for one in happenings.delivered}
    owed = [one for one in happenings.published if one.replay_id in delivered and not one.own]
    seen = {one.event.replay_id for one in happenings.handled if one.event is not None}
    missing = [one for one in owed if one.replay_id not in seen]
    if owed and len(missing) == len(owed):
        text = "let the service write a line to SFMOCK_EFFECTS for each, or send one to SFMOCK_SINK"
        return f"none of {counted(len(owed), 'delivered event')} was handled, as far as can be seen: {text}"
    if missing:
        named = some(one.title for one in missing)
        return f"{len(missing)} of {counted(len(owed), 'delivered event')} not handled: {named}"
    return _unacknowledged(happenings)


def _unacknowledged(happenings: Happenings) -> str:
    """Say that a service answers what the org sends it, and takes in nothing of it. Some it may put off."""
    answered = [one for one in happenings.called_out if one.status is not None and one.seconds < one.timeout]
    if not answered or any(one.acknowledged for one in answered):
        return ""
    first = answered[0]
    what = f"{counted(len(answered), 'call')} of the org" if len(answered) > 1 else "the org's one call"
    why = f"{first.name} was answered {first.status}"
    if first.kind == "outbound message":
        why += "; a message is acknowledged by status 200 and a notificationsResponse with <Ack>true</Ack>"
    return f"none of {what} was acknowledged: {why}" if len(answered) > 1 else f"{what} was not acknowledged: {why}"
