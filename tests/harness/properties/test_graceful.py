"""Being asked to stop: what becomes of events that a service had in its hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.effects import BrokenLine
from harness.event_linking import link_events
from harness.evidence import Evidence, Leg, Process, Stop
from harness.happenings import Handled, Happenings
from harness.properties.graceful import GracefulStop
from harness.properties.property import NoParameters, Verdict
from tests.harness.builders import World
from tests.harness.test_event_linking import entry, platform


def leg(first: int, last: int, *, by: str = "SIGTERM", forced: bool = False, end: bool = False) -> Leg:
    stop = Stop(float(last), 0.1, 5.0, forced) if by == "SIGTERM" else None
    process = Process(None, 1.0, crashed=not end, signal="SIGKILL" if by == "SIGKILL" or forced else None, stop=stop)
    return Leg("faults", process, first, last, float(first), float(last), 0)


def happened(
    handled: Sequence[tuple[int, int]], *, events: int = 3, replay: int = 1, rule: str | None = None
) -> Happenings:
    """Events 1 to n are delivered by the entries of the same numbers; `handled` are pairs of event and run."""
    entries = [
        entry(number, {"what": "delivered", "replay_id": number, "rule": rule}) for number in range(1, events + 1)
    ]
    entries += [entry(events + 1, {"what": "subscribed", "replay_id": replay}, operation="cometd.subscribe")]
    found = link_events(
        events=[platform(number) for number in range(1, events + 1)],
        entries=entries,
        legs=[leg(1, events), leg(events + 1, events + 2)],
        service=True,
        quiet=True,
    )
    known = {one.replay_id: one for one in found.published}
    said = [Handled(order, known[event], "effects", {}, run) for order, (event, run) in enumerate(handled)]
    return replace(found, handled=tuple(said))


def judged(happenings: Happenings, *legs: Leg, broken: tuple[BrokenLine, ...] = ()) -> Verdict:
    world = World(inputs=0)
    evidence = world.evidence(legs=legs or (leg(1, 3), leg(4, 5, end=True)), happenings=happenings)
    evidence = replace(evidence, effects=replace(evidence.effects, broken=broken))
    assert isinstance(evidence, Evidence)
    return GracefulStop().judge(evidence, NoParameters())


def test_a_stop_that_loses_and_repeats_nothing_is_a_good_one() -> None:
    verdict = judged(happened([(1, 0), (2, 0), (3, 1)]))
    assert (verdict.status, verdict.exposures) == ("held", 1)
    assert "1 stop in mid-run, each within 0.1s" in verdict.reason


def test_what_was_delivered_and_never_handled_is_lost() -> None:
    verdict = judged(happened([(1, 0), (2, 0)]))
    assert verdict.status == "violated"
    assert "1 event delivered and never handled: Order__e #3" in verdict.reason


def test_what_was_handled_must_not_be_handled_again() -> None:
    verdict = judged(happened([(1, 0), (2, 0), (2, 1), (3, 1)]))
    assert verdict.status == "violated"
    assert "1 event handled again by the next run: Order__e #2" in verdict.reason


def test_what_a_fault_or_a_crash_does_too_is_not_blamed_on_the_stop() -> None:
    assert judged(happened([(1, 0), (2, 0), (2, 1), (3, 1)], rule="twice")).status == "held"
    crash = happened([(1, 0), (1, 1), (2, 1), (2, 2), (3, 2)])
    legs = leg(1, 1), leg(2, 2, by="SIGKILL"), leg(3, 5, end=True)
    assert judged(crash, *legs).status == "held"
    assert judged(happened([(1, 0), (2, 0)], replay=-1)).status == "held"  # it begins at the tip


def test_what_had_been_dropped_long_before_is_not_blamed_on_the_stop() -> None:
    happenings = happened([(1, 0), (2, 0)])
    given = {one.replay_id: one.at for one in happenings.delivered}

    def taking(seconds: float) -> Happenings:
        handled = tuple(
            replace(one, at=given[one.event.replay_id] + seconds) for one in happenings.handled if one.event
        )
        return replace(happenings, handled=handled)

    stops = replace(leg(1, 3), process=replace(leg(1, 3).process, stop=Stop(given[3] + 5.0, 0.1, 5.0, False)))
    assert judged(taking(0.1), stops, leg(4, 5, end=True)).status == "held"
    assert judged(taking(2.0), stops, leg(4, 5, end=True)).status == "violated"


def test_a_service_that_does_not_end_within_its_grace_is_no_graceful_one() -> None:
    verdict = judged(happened([(1, 0), (2, 0), (3, 0)]), leg(1, 5, forced=True, end=True))
    assert verdict.status == "violated"
    assert "it had not ended 5s later, and was killed" in verdict.reason


def test_an_effect_that_was_cut_off_is_half_a_batch() -> None:
    broken = (BrokenLine(1, "cut off", "", cut_off=True),)
    assert "1 line of the effects file cut off" in judged(happened([(1, 0), (2, 0), (3, 1)]), broken=broken).reason


def test_a_service_that_was_only_ended_has_not_been_put_to_the_test() -> None:
    assert judged(happened([(1, 0), (2, 0), (3, 0)]), leg(1, 5, end=True)).status == "not exercised"
