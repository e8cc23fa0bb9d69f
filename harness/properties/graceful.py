"""Being asked to stop: what was under way is finished or left alone, and the next run goes on with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from harness.evidence import Evidence, Leg, Outcome, Process
from harness.happenings import Delivered
from harness.letters import BrokenLetter
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_TIP = -1
"""A replay id that stands for what is published from now on."""

_PACES, _SLACK = 3.0, 1.0
"""An event is out of a run's hands after so many times the longest that one took it, and so many seconds."""


class GracefulStop(Claim):
    name = "report.graceful_stop"
    trigger = "the subject was asked to stop (SIGTERM) in the middle of its work, and run again"
    rule = (
        "After the next run nothing is lost and nothing is there twice, and no dead letter or effect was cut off. A "
        "service ends within its grace; what it had handled of events is not handled again, and what it had been "
        "delivered is handled in the end."
    )
    guidance = (
        "On SIGTERM take no new batch, finish the one under way, write down what is done, and end; mark a record as "
        "done only after its result is known. The next run then goes on where this one stopped."
    )
    source = "https://12factor.net/disposability"
    needs = frozenset({"inputs", "commits", "letters", "legs", "effects", "happenings"})
    consequences = frozenset(
        {
            "delivery.nothing_lost",
            "delivery.nothing_twice",
            "idempotency.crash_safe",
            "dead_letter.complete",
            "dead_letter.informative",
            "bulk.row_results_read",
            "retry.transient_retried",
            "report.truthful",
            "events.none_missed",
            "events.handled_once",
            "events.replay_after_handling",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        unwilling = [leg for leg in evidence.legs if leg.process.stop is not None and leg.process.stop.forced]
        stops = [leg for leg in evidence.legs[:-1] if leg in unwilling or _was_asked_to_stop(leg.process)]
        at_work = bool(evidence.inputs or evidence.happenings.delivered or evidence.happenings.called_out)
        if not unwilling and not (stops and at_work):
            return self.not_exercised("the subject was never asked to stop and run again")
        faults, entries = [], [stop.last for stop in stops]
        for leg in unwilling:
            assert leg.process.stop is not None
            faults.append(f"it had not ended {leg.process.stop.grace:g}s later, and was killed")
            entries.append(leg.last)
        if stops:
            found, places = _of_inputs(evidence, stops)
            faults += found
            entries += evidence.last_entries(places)
            found, numbers = _of_events(evidence, stops)
            faults += found
            entries += numbers
        exposures = max(len(stops), len(unwilling))
        if faults:
            return self.violated(f"after a SIGTERM, {'; '.join(dict.fromkeys(faults))}", exposures, entries)
        slowest = max((leg.process.stop.seconds for leg in stops if leg.process.stop is not None), default=None)
        ended = "" if slowest is None else f", each within {slowest:.1f}s"
        return self.held(f"{counted(len(stops), 'stop')} in mid-run{ended}, the next run went on", exposures)


def _of_inputs(evidence: Evidence, stops: Sequence[Leg]) -> tuple[list[str], list[int]]:
    """Return what became of inputs that should not, in words, and the places of these inputs."""
    lost, twice = evidence.with_outcome(Outcome.LOST), evidence.with_outcome(Outcome.DUPLICATED)
    both = [
        place
        for place in range(len(evidence.inputs))
        if evidence.landed(place) and evidence.letters_of[place] and not evidence.unknowable(place)
    ]
    faults = [
        f"{counted(len(places), 'input')} {what}: {some(map(evidence.name, places))}"
        for places, what in ((lost, "lost"), (twice, "there twice"), (both, "landed and dead-lettered"))
        if places
    ]
    cut = sum(isinstance(letter, BrokenLetter) for letter in (evidence.letters or ())[: stops[-1].letters])
    if cut:
        faults.append(f"{counted(cut, 'dead letter')} cut off")
    return faults, [*lost, *twice, *both]


def _of_events(evidence: Evidence, stops: Sequence[Leg]) -> tuple[list[str], list[int]]:
    """Return what became of events around a stop that should not, in words, and the entries of their deliveries."""
    happenings = evidence.happenings
    asked = {evidence.legs.index(leg) for leg in stops}
    runs: dict[int, list[int]] = defaultdict(list)
    titles = {one.replay_id: one.title for one in happenings.published}
    for one in happenings.handled:
        if one.event is not None:
            runs[one.event.replay_id].append(one.leg)
    by_fault = {one.replay_id for one in happenings.delivered if one.rule}
    back = {number: _handled_again(legs) - {None} for number, legs in runs.items() if number not in by_fault}
    again = [number for number, legs in back.items() if legs & asked]
    if any(legs - asked for legs in back.values()):
        again = []  # not for having been asked: a crash has the same effect
    # Handled events show that the effects of this subject can be seen at all.
    in_hand = _in_hand(evidence)
    owed = {one.replay_id for one in happenings.delivered if one.leg in asked and in_hand(one)} if runs else set()
    missing = [
        one.replay_id
        for one in happenings.published
        if one.replay_id not in runs and one.replay_id not in by_fault and not (one.own or one.rules)
    ]
    at_tip = any(one.replay_id == _TIP and one.leg - 1 in asked for one in happenings.subscribed)
    # Who begins at the tip, or misses others as well, misses them for another reason.
    lost = missing if owed.issuperset(missing) and not at_tip else []
    faults = [
        f"{counted(len(numbers), 'event')} {what}: {some(titles.get(number, f'#{number}') for number in numbers)}"
        for numbers, what in ((again, "handled again by the next run"), (lost, "delivered and never handled"))
        if numbers
    ]
    cut = sum(line.cut_off for line in evidence.effects.broken)
    if cut and len(stops) == len(evidence.legs) - 1:
        faults.append(f"{counted(cut, 'line')} of the effects file cut off")
    wanted = {*again, *lost}
    return faults, [one.exchange for one in happenings.delivered if one.replay_id in wanted]


def _in_hand(evidence: Evidence) -> Callable[[Delivered], bool]:
    """Return what tells whether a run was still at work on an event when it ended.

    What it had been given long before, by the pace at which it handles events, it had dropped already.
    """
    happenings = evidence.happenings
    given = {(one.replay_id, one.leg): one.at for one in reversed(happenings.delivered)}
    took = [
        happenings.lived(begun, one.at)
        for one in happenings.handled
        if one.event is not None and one.at is not None
        and (begun := given.get((one.event.replay_id, one.leg))) is not None
    ]  # fmt: skip
    limit = _PACES * max(took) + _SLACK if took else float("inf")

    def tell(delivery: Delivered) -> bool:
        leg = evidence.legs[delivery.leg]
        ended = leg.ended if leg.process.stop is None else leg.process.stop.at
        return happenings.lived(delivery.at, ended) <= limit

    return tell


def _handled_again(legs: Sequence[int]) -> set[int | None]:
    """Return the runs after which a later one handled an event again."""
    return {leg if later > leg else None for leg, later in pairwise(legs)}


def _was_asked_to_stop(process: Process) -> bool:
    """Tell whether a run was ended on purpose, and not killed. One that ends in good order may exit with any status."""
    return not process.timed_out and (process.signal == "SIGTERM" or (process.crashed and process.signal != "SIGKILL"))
