"""Streams that stay alive: what is asked for, what a silence means, and how a subscription that ended comes back."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from harness.evidence import Evidence, Leg
from harness.exchanges import Exchange
from harness.happenings import Announced, Delivered, Fetched, Published, Subscribed
from harness.properties.events.claim import MISSING, AboutEvents
from harness.properties.events.story import TIP, Stay, Story, plain
from harness.properties.property import Verdict, counted, some

_WAYS_BACK = (
    "cometd.handshake",
    "cometd.subscribe",
    "pubsub.subscribe",
    "pubsub.managed_subscribe",
    "oauth.token",
    "soap.login",
)
_BAD_NUMBER = ("requested.events.invalid", "request.events.invalid")


@dataclass(frozen=True, slots=True)
class Silence:
    """`silence`: seconds without an event or a keep-alive after which a stream is dead. The Pub/Sub API says something
    every 270 s, a CometD server after 110 s."""

    silence: float = 300.0


class FlowControl(AboutEvents):
    name = "events.flow_control"
    parameters = Silence
    trigger = "as many events were delivered as had been asked for, a stream fell silent, or the server ended one"
    rule = (
        "More is asked for, always at least one; a stream that says nothing for `silence` seconds is opened anew, and "
        "one that the server ended goes on behind the last event."
    )
    guidance = (
        "Ask for the next events when `pending_num_requested` comes to 0, or sooner; the server sends none that was "
        "not asked for. Take keep-alives as the sign of life they are: without one for five minutes the stream is "
        "dead, although nobody closed it."
    )
    source = "https://developer.salesforce.com/docs/platform/pub-sub-api/guide/flow-control.html"
    consequences = MISSING | {"events.resubscribed"}

    def judge(self, evidence: Evidence, parameters: Silence) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        exposures = 0
        faults: list[str] = []
        entries: list[int] = []
        for asked in evidence.happenings.fetched:
            if asked.asked < 1 or any(text in (asked.refused or "") for text in _BAD_NUMBER):
                exposures += 1
                faults.append(f"{asked.channel}: asked for {asked.asked} events")
                entries.append(asked.exchange)
        for one in evidence.happenings.subscribed:
            told = f"{one.refused} {one.cut}"
            if any(text in told for text in _BAD_NUMBER) and one.exchange not in entries:
                exposures += 1
                faults.append(f"{one.channel}: asked for no events")
                entries.append(one.exchange)
        for stream in _streams(story):
            exposures += stream.exposures(story)
            fault = stream.fault(story, parameters.silence)
            if fault:
                exposures += 1
                faults.append(f"{stream.stay.subscribed.channel}: {fault}")
                entries.append(stream.stay.subscribed.exchange)
        if faults:
            return self.violated(some(faults), exposures, entries)
        if not exposures:
            return self.not_exercised("no stream was used up, fell silent, or was ended by the server")
        return self.held(f"{counted(exposures, 'time')} used up, silent or ended, and each time it went on", exposures)


@dataclass(frozen=True, slots=True)
class _Stream:
    """A subscription with what was asked of it, what it brought, and what it should have brought besides."""

    stay: Stay
    asks: tuple[Fetched, ...]
    sent: tuple[Delivered, ...]
    waiting: tuple[Published, ...]
    resumed: Subscribed | None
    kept_alive: tuple[Announced, ...] = ()

    def exposures(self, story: Story) -> int:
        refills = max(0, len([ask for ask in self.asks if ask.asked > 0]) - 1)
        went_on = self.resumed is not None and self.resumed.replay_id != TIP
        return refills + (went_on and (self.stay.subscribed.cut is not None or bool(self.waiting)))

    def fault(self, story: Story, silence: float) -> str | None:
        if self.waiting:
            fault = self._never_delivered(story, silence)
            if fault is not None:
                return fault
        heard = self._signs()
        for delivery in self.sent:
            event, poll = story.events.get(delivery.replay_id), story.exchanges.get(delivery.exchange)
            before = heard[max(0, bisect_left(heard, delivery.at) - 1)]
            since = max(before, event.at if event else 0.0, poll.at if poll else 0.0)
            quiet = story.happenings.lived(since, delivery.at)
            if quiet > silence:
                return f"silent for {quiet:.3g}s while an event waited, and not opened anew"
        return None

    def _signs(self) -> list[float]:
        """Return when the stream had a reason to be silent, or gave a sign of life: in order."""
        times = [self.stay.subscribed.at]
        for told in (self.sent, self.kept_alive, self.asks):
            times += [one.at for one in told]
        return sorted(times)

    def _never_delivered(self, story: Story, silence: float) -> str | None:
        told = [*(one.at for one in self.sent), *(one.at for one in self.kept_alive)]
        lived = story.happenings.lived(max([self.stay.subscribed.at, self.waiting[0].at, *told]), self.stay.end)
        asked = sum(ask.asked for ask in self.asks)
        left = counted(len(self.waiting), "event")
        if self.asks and len(self.sent) >= asked:
            at_rest = self.stay.with_run and story.happenings.quiet and self.stay.subscribed.leg == story.last_leg
            if at_rest or lived > silence:
                return f"asked for {asked}, got {len(self.sent)}, and asked for no more while {left} waited"
            return None
        return f"silent for {lived:.3g}s while {left} waited, and not opened anew" if lived > silence else None


def _streams(story: Story) -> Iterator[_Stream]:
    asks: dict[str, list[Fetched]] = defaultdict(list)
    for ask in story.happenings.fetched:
        asks[ask.subscriber].append(ask)
    announced: dict[str, list[Announced]] = defaultdict(list)
    for sign in story.happenings.announced:
        announced[sign.subscriber].append(sign)
    brought: dict[tuple[str, str], list[Delivered]] = defaultdict(list)
    for delivery in story.happenings.delivered:
        brought[plain(delivery.channel), delivery.subscriber].append(delivery)
    following: dict[tuple[str, int], Subscribed] = {}
    found: list[_Stream] = []
    for granted in reversed(list(story.stays())):
        stay, one = granted, granted.subscribed
        resumed = following.get((stay.name, one.leg))
        following[stay.name, one.leg] = one
        if "?" in one.channel:
            continue  # which events its filter lets through is not known
        if resumed is not None and resumed.at < stay.end:
            # Whoever subscribes again has done with the subscription before, also where nobody ended that one.
            stay = Stay(one, resumed.at, with_run=False)
        sent = tuple(delivery for delivery in brought[stay.name, one.subscriber] if one.at <= delivery.at <= stay.end)
        known = {delivery.replay_id for delivery in sent}
        waiting = tuple(
            event
            for event in story.behind(one)
            if event.at < stay.end and event.replay_id not in known and not story.fate_decided(event)
        )
        mine = tuple(ask for ask in asks[one.subscriber] if plain(ask.channel) == stay.name and ask.refused is None)
        signs = tuple(sign for sign in announced[one.subscriber] if one.at <= sign.at <= stay.end)
        found.append(_Stream(stay, mine, sent, waiting, resumed, signs))
    return reversed(found)


@dataclass(frozen=True, slots=True)
class Return:
    """A subscription is back, or was tried for again, within `factor` times the greatest back-off: `cap` seconds where
    the scenario's policy names none."""

    factor: float = 2.0
    cap: float = 30.0


class Resubscribed(AboutEvents):
    name = "events.resubscribed"
    parameters = Return
    trigger = "a subscription ended against the subject's will: 401, 403 Unknown client, a stream that broke"
    rule = (
        "It is back, or was tried for again, within `factor` times the back-off cap, after each further refusal too, "
        "until it is granted."
    )
    guidance = (
        "401: log in, then shake hands and subscribe. 403 Unknown client, or advice `handshake`: shake hands, and "
        "subscribe to every channel again: the server has forgotten them. A gRPC stream that ends with any status: "
        "open another, with back-off. And when nothing helps, end, so that somebody notices."
    )
    source = "https://docs.cometd.org/current8/reference/#_concepts_bayeux_protocol"
    needs = AboutEvents.needs | {"journal", "legs", "policy"}
    consequences = MISSING | {"retry.transient_retried"}

    def judge(self, evidence: Evidence, parameters: Return) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        declared = evidence.policy.cap if evidence.policy else None
        limit = parameters.factor * (parameters.cap if declared is None else declared)
        stays = list(story.stays())
        back, faults = 0, []
        entries: list[int] = []
        for place, stay in enumerate(stays):
            ended_itself = _ended_itself(evidence, stay.subscribed.leg)
            if stay.subscribed.cut is None or (stay.with_run and not ended_itself):
                continue
            found = next(
                (
                    later.subscribed
                    for later in stays[place + 1 :]
                    if later.name == stay.name and (ended_itself or later.subscribed.leg == stay.subscribed.leg)
                ),
                None,
            )
            if found is None and ended_itself:
                pause: float | None = float("inf")
            else:
                pause = 0.0 if _went_on(evidence, stay) else _longest_pause(story, stay, found, limit)
            if pause is not None and pause > limit:
                faults.append(_told(stay, found, pause, len(_refused_tries(evidence, stay))))
                entries += [stay.subscribed.exchange, *_refusals(evidence, stay)]
            else:
                back += pause is not None
        if faults:
            return self.violated(some(faults), back + len(faults), entries)
        if not back:
            return self.not_exercised("no subscription ended against the subject's will, or the trial ended too soon")
        return self.held(f"{counted(back, 'subscription')} ended by the server, and back in time", back)


def _told(stay: Stay, found: Subscribed | None, pause: float, refused: int) -> str:
    ended = f"{stay.subscribed.channel} ended ({stay.subscribed.cut})"
    if pause == float("inf"):
        return f"{ended}, and the subject with it"
    if found is None and refused:
        return f"{ended}, and was not back in {pause:.3g}s: {counted(refused, 'try', 'tries')} refused"
    if found is None:
        return f"{ended}, and was not tried for again in {pause:.3g}s"
    return f"{ended}, and was not tried for again for {pause:.3g}s"


def _ended_itself(evidence: Evidence, leg: int) -> bool:
    """Tell whether a run was ended by the subject, and not by the trial."""
    if not 0 <= leg < len(evidence.legs):
        return False
    process = evidence.legs[leg].process
    return process.exit_code is not None and not (
        process.crashed or process.timed_out or _asked_to_stop(evidence.legs[leg])
    )


def _asked_to_stop(leg: Leg) -> bool:
    return leg.process.stop is not None


def _longest_pause(story: Story, stay: Stay, found: Subscribed | None, limit: float) -> float | None:
    """Return the longest time without a try to come back; None where the run ended before it could be told.

    Of one that never came back, tries count that a fault struck: to be refused for one's own doing leads nowhere,
    however often it is done.
    """
    end = found.at if found is not None else story.run_ended(stay.subscribed.leg)
    signs = sorted(
        exchange.at
        for exchange in story.evidence.exchanges
        if exchange.operation.startswith(_WAYS_BACK)
        and stay.end <= exchange.at <= end
        and (found is not None or exchange.rules or not _refused(exchange))
    )
    moments = [stay.end, *signs, end]
    pauses = [story.happenings.lived(one, other) for one, other in pairwise(moments)]
    longest = max(pauses, default=0.0)
    return longest if found is not None or longest > limit else None


def _went_on(evidence: Evidence, stay: Stay) -> bool:
    """Tell whether a client whose session had ended went on as the same client with a new one: it was not forgotten."""
    if not (stay.subscribed.cut or "").startswith("401"):
        return False
    later = [
        exchange
        for exchange in evidence.exchanges
        if exchange.at >= stay.end
        and exchange.operation in ("cometd.connect", "cometd.handshake")
        and evidence.leg_of(exchange.number) == stay.subscribed.leg
        and not exchange.codes
    ]
    return bool(later) and later[0].operation == "cometd.connect"


def _refused(exchange: Exchange) -> bool:
    return exchange.failure is not None or bool(exchange.codes)


def _refused_tries(evidence: Evidence, stay: Stay) -> list[Exchange]:
    """Return the tries to come back that were refused, in the run in which the subscription ended."""
    return [
        exchange
        for exchange in evidence.exchanges
        if exchange.operation.startswith(_WAYS_BACK)
        and exchange.at >= stay.end
        and _refused(exchange)
        and evidence.leg_of(exchange.number) == stay.subscribed.leg
    ]


def _refusals(evidence: Evidence, stay: Stay) -> list[int]:
    return [
        exchange.number
        for exchange in evidence.exchanges
        if exchange.operation.startswith(("cometd.", "pubsub.")) and _refused(exchange) and exchange.end >= stay.end
    ][:2]
