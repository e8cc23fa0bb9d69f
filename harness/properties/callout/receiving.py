"""A service that Salesforce calls: messages come twice, late and out of order, and nobody waits long for an answer."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from math import ceil

from harness.evidence import Evidence
from harness.happenings import CalledOut, Handled
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_OUTBOUND = (
    "https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_understanding.htm"
)


def _short(message: object) -> str:
    """Return the id of a message as it is compared: ids of Salesforce in their form of 15 characters."""
    text = str(message)
    return text[:15] if len(text) == 18 and text.isalnum() else text


def _arrived(call: CalledOut) -> bool:
    """Tell whether the service has seen a call: it answered, or took its time; a refused connection is none."""
    return call.status is not None or call.acknowledged or call.rule is not None or call.seconds >= call.timeout


class _AboutCalls(Claim):
    needs = frozenset({"happenings"})

    def out_of_place(self, evidence: Evidence) -> Verdict | None:
        if not evidence.happenings.service:
            return self.not_applicable("the subject is not a service")
        if not evidence.happenings.called_out:
            return self.not_exercised("the org called nobody")
        return None


class IdempotentReceiver(_AboutCalls):
    name = "callout.idempotent_receiver"
    trigger = "a message arrived more than once, or after a newer one about the same record"
    rule = (
        "Every message that was acknowledged has its effect, once, and one that comes again after it had its effect is "
        "acknowledged; of two about one record the older has none after the newer, and need have none at all."
    )
    guidance = (
        "Outbound messages are delivered at least once, and in any order: keep the Id of each notification that is "
        "done, and pass over one that comes again, with an acknowledgement: what is refused comes again for 24 hours. "
        "Compare what the message says of the record's time (SystemModstamp) with what you have; when in doubt, ask "
        "Salesforce for the record as it is now."
    )
    source = _OUTBOUND
    consequences = frozenset({"delivery.nothing_twice"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        other = self.out_of_place(evidence)
        if other is not None:
            return other
        effects = _effects(evidence)
        if not effects and not _says_so(evidence.baseline):
            return self.not_applicable("the subject does not say which messages it has handled")
        mail = _Mail(evidence, effects)
        exposures = mail.repeated + mail.late
        twice, stale, lost, refused = mail.twice(), mail.stale(), mail.lost(), mail.refused()
        faults = [
            f"{counted(len(found), 'message')} {what}: {some(found)}"
            for found, what in (
                (twice, "with their effect more than once"),
                (stale, "applied after a newer one"),
                (lost, "acknowledged, without an effect"),
                (refused, "refused when it came again, its effect done"),
            )
            if found
        ]
        if faults:
            names = (*twice, *stale, *lost, *refused)
            numbers = [call.exchange for name in names for call in mail.calls[name] if call.exchange]
            return self.violated("; ".join(faults), exposures or len(faults), numbers)
        if not exposures:
            return self.not_exercised("no message arrived more than once, or after a newer one")
        return self.held(
            f"{counted(mail.repeated, 'message')} more than once and {mail.late} late, each with one effect", exposures
        )


def _effects(evidence: Evidence) -> list[Handled]:
    return [one for one in evidence.happenings.handled if one.said.get("message") is not None]


def _says_so(baseline: Evidence | None) -> bool:
    return baseline is not None and bool(_effects(baseline))


class _Mail:
    """The messages of a trial, by their ids: how they arrived, and what was made of them.

    Of two that tell of one record, the newer one is that with the newer values. A callout holds those of the change
    that caused it, and an outbound message those of the moment at which it is written, for each attempt anew.
    """

    def __init__(self, evidence: Evidence, effects: list[Handled]) -> None:
        self.quiet = evidence.happenings.quiet
        self.calls: dict[str, list[CalledOut]] = defaultdict(list)
        self._saves: dict[str, list[float]] = defaultdict(list)
        for commit in evidence.commits:
            self._saves[commit.id].append(commit.at)
        newest: dict[str, int] = {}
        arrivals: dict[str, int] = defaultdict(int)
        late: set[str] = set()
        for call in evidence.happenings.called_out:
            name = _short(call.message)
            self.calls[name].append(call)
            if not _arrived(call):
                continue
            arrivals[name] += 1
            for record in call.records:
                if call.sequence < newest.get(record, call.sequence):
                    late.add(name)
                newest[record] = max(call.sequence, newest.get(record, call.sequence))
        self.repeated = sum(number > 1 for number in arrivals.values())
        self.late = len(late)
        self.effects: dict[str, list[Handled]] = defaultdict(list)
        for one in effects:
            self.effects[_short(one.said["message"])].append(one)

    def _version(self, call: CalledOut, record: str) -> int:
        """Return how new the values are that a call holds of a record."""
        if call.kind == "callout" or record not in self._saves:
            return call.sequence
        return bisect_right(self._saves[record], call.at if call.written is None else call.written)

    def _versions(self, name: str, until: float | None = None) -> dict[str, int]:
        """Return how new the values of each record are that a message had brought, until an effect of it was seen."""
        found: dict[str, int] = {}
        for call in self.calls.get(name, ()):
            if _arrived(call) and (until is None or call.at <= until):
                for record in call.records:
                    found[record] = max(self._version(call, record), found.get(record, 0))
        return found

    def twice(self) -> list[str]:
        """Return the messages with more than one effect, for one record where the effect names it."""
        found = []
        for name, effects in self.effects.items():
            about = [(str(one.said.get("record", "")), str(one.said.get("key", ""))) for one in effects]
            if name in self.calls and len(set(about)) < len(about):
                found.append(name)
        return found

    def stale(self) -> list[str]:
        """Return the messages whose effect came after that of a newer one about the same record."""
        newest: dict[str, int] = {}
        found: dict[str, None] = {}
        firsts = sorted(((effects[0], name) for name, effects in self.effects.items()), key=lambda one: one[0].order)
        for effect, name in firsts:
            for record, version in self._versions(name, effect.at).items():
                if version < newest.get(record, 0):
                    found[name] = None
                newest[record] = max(version, newest.get(record, 0))
        return list(found)

    def lost(self) -> list[str]:
        """Return the messages that were acknowledged and have no effect, where no other brought as new values."""
        if not self.quiet:
            return []
        done: dict[str, int] = {}
        for name in self.effects:
            for record, version in self._versions(name).items():
                done[record] = max(version, done.get(record, 0))
        found = []
        for name, calls in self.calls.items():
            versions = self._versions(name)
            superseded = bool(versions) and all(done.get(record, -1) >= version for record, version in versions.items())
            if any(call.acknowledged for call in calls) and name not in self.effects and not superseded:
                found.append(name)
        return found

    def refused(self) -> list[str]:
        """Return the messages that were never acknowledged although their effect was there when they came again."""
        found = []
        for name, effects in self.effects.items():
            calls = self.calls.get(name, [])
            done = effects[0].at
            again = [call for call in calls if done is not None and call.at > done and _answered(call)]
            if again and not any(call.acknowledged for call in calls):
                found.append(name)
        return found


def _answered(call: CalledOut) -> bool:
    """Tell whether a call was answered in time, by the service alone."""
    return call.rule is None and call.status is not None and call.seconds < call.timeout


@dataclass(frozen=True, slots=True)
class InTime:
    """`share`: the part of the calls that must be answered inside their time-out, 99 of 100."""

    share: float = 0.99


class AnswersInTime(_AboutCalls):
    name = "callout.answers_in_time"
    parameters = InTime
    trigger = "the org called the subject, and no fault of the scenario slowed the call"
    rule = "`share` of the calls are answered inside the time-out that the caller declares."
    guidance = (
        "Take the message, keep it, answer, and do the work afterwards. Salesforce waits 10 seconds where nothing else "
        "is declared, 120 at the most, and holds a transaction open meanwhile; what was not answered in time has "
        "failed, is sent again, and was done all the same."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.apexcode.meta/apexcode/apex_callouts_timeouts.htm"
    consequences = frozenset({"callout.idempotent_receiver"})

    def judge(self, evidence: Evidence, parameters: InTime) -> Verdict:
        other = self.out_of_place(evidence)
        if other is not None:
            return other
        calls = [call for call in evidence.happenings.called_out if call.rule is None and _arrived(call)]
        if not calls:
            return self.not_exercised("no call that reached it was free of faults")
        late = [call for call in calls if call.seconds >= call.timeout]
        used = sorted(call.seconds / call.timeout for call in calls if call.timeout > 0)
        place = max(0, ceil(len(used) * parameters.share) - 1)
        if used and used[place] >= 1.0:
            named = some(f"{call.name} after {call.seconds:.3g}s of {call.timeout:g}s" for call in late)
            reason = f"{len(late)} of {counted(len(calls), 'call')} not answered in time: {named}"
            return self.violated(reason, len(calls), [call.exchange for call in late if call.exchange])
        slowest = max(calls, key=lambda call: call.seconds)
        return self.held(
            f"{counted(len(calls), 'call')}, the slowest answered after {slowest.seconds:.3g}s of {slowest.timeout:g}s",
            len(calls),
        )
