"""When records are given up: not before their attempts are spent, with a true count, and before they are ticked off."""

from __future__ import annotations

from collections.abc import Sequence

from harness.evidence import Attempt, Evidence, Leg, Outcome, Process
from harness.exchanges import class_of
from harness.letters import BrokenLetter, Letter
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.retry.timing import is_out_of_time
from mock_server.org.errors import BY_CODE

_NO_QUEUE = "no dead-letter queue was given"
_AZURE = "https://learn.microsoft.com/azure/service-bus-messaging/service-bus-dead-letter-queues"
_KAFKA = "https://www.confluent.io/blog/kafka-connect-deep-dive-error-handling-dead-letter-queues"
_SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"


class AttemptsTrue(Claim):
    name = "dead_letter.attempts_true"
    trigger = "a dead letter says how often its record was tried"
    rule = (
        "The number is that of the requests that carried the record. A request whose connection broke, one that an "
        "ended session refused, one that a client library sent again on its own, and a failed look-up may be counted "
        "or not; so may those of before a restart."
    )
    guidance = "Count each request where it is sent, the first one as 1, and write that count into the letter."
    source = _AZURE
    needs = frozenset({"journal", "letters", "inputs"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        exposures = 0
        wrong: list[str] = []
        entries: list[int] = []
        around = _requests_around(evidence)
        for place, numbers in enumerate(evidence.letters_of):
            chain = evidence.chains[place]
            letter = evidence.letters[numbers[0]] if len(numbers) == 1 else None
            if not chain or not isinstance(letter, Letter) or not _is_count(letter.attempts) or evidence.landed(place):
                continue
            exposures += 1
            least, most = _certain(evidence, chain), _tries(chain) + around
            if not least <= letter.attempts <= most:
                wrong.append(f"{evidence.name(place)} says {letter.attempts} where {_between(least, most)} were made")
                entries.extend(attempt.number for attempt in chain)
        if wrong:
            reason = f"{len(wrong)} of {counted(exposures, 'count')} of attempts untrue: {some(wrong)}"
            return self.violated(reason, exposures, entries)
        if not exposures:
            return self.not_exercised("no dead letter of a record that was sent says how often it was tried")
        return self.held(f"{counted(exposures, 'count')} of attempts, as in the journal", exposures)


def _requests_around(evidence: Evidence) -> int:
    """Return how many failed requests may have been attempts of any record: its rows unknown, or a look-up of it."""
    return len(evidence.unlinked) + sum(
        exchange.failure is not None for exchange in evidence.exchanges if not exchange.is_write
    )


def _certain(evidence: Evidence, chain: Sequence[Attempt]) -> int:
    """Return how many attempts the last run of the subject that made some must know of."""
    begun = evidence.runs_begun(chain[-1].number)
    since = evidence.legs[begun - 1].first if begun else 0
    return sum(
        attempt.number >= since
        and attempt.failure not in ("session", "ambiguous")
        and attempt.number not in evidence.waits.resends
        for attempt in chain
    )


def _tries(chain: Sequence[Attempt]) -> int:
    """Return how often a record was tried, each failed step of a job among it."""
    return sum(attempt.tried for attempt in chain)


def _between(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class OnlyWhenSpent(Claim):
    name = "dead_letter.only_when_spent"
    trigger = "a record was dead-lettered after a failure that passes, and the policy says how often it is tried"
    rule = (
        "All declared attempts were made before, or the next wait would have come near the deadline. (A record that is "
        "not tried again at all is a matter of retry.transient_retried.)"
    )
    guidance = (
        "Give a record up for a passing failure only after its last attempt: the letter then means that somebody must "
        "look, not that Salesforce was busy for a moment."
    )
    source = _SQS
    needs = frozenset({"journal", "letters", "inputs", "policy"})
    consequences = frozenset({"retry.transient_retried"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        budget = evidence.attempts
        if budget is None:
            return self.not_exercised("the policy does not say how many attempts there are")
        if _was_stopped(evidence):
            return self.not_exercised("the subject was stopped, and may have given up what it was about to send")
        exposures = 0
        early: list[str] = []
        entries: list[int] = []
        around = _requests_around(evidence)
        for place, numbers in enumerate(evidence.letters_of):
            chain = evidence.chains[place]
            if not numbers or evidence.landed(place) or len(chain) < 2 or not _passes(chain[-1]):
                continue
            if _says_otherwise(evidence.letters[numbers[-1]]):
                continue  # the session or the day's calls were at an end, for all records at once
            exposures += 1
            if _tries(chain) + around < budget and not is_out_of_time(evidence, chain[-1].exchange, len(chain)):
                early.append(f"{evidence.name(place)} ({len(chain)} of {budget})")
                entries.extend(attempt.number for attempt in chain[-2:])
        if early:
            reason = f"{counted(len(early), 'record')} given up before the attempts were spent: {some(early)}"
            return self.violated(reason, exposures, entries)
        if not exposures:
            return self.not_exercised("nothing was dead-lettered after passing failures")
        return self.held(f"{counted(exposures, 'record')} given up after {budget} attempts", exposures)


def _passes(attempt: Attempt) -> bool:
    """Tell whether trying again was safe and could have helped."""
    if attempt.failure == "transient":
        return attempt.exchange.replayable or not attempt.committed
    return attempt.failure == "ambiguous" and attempt.exchange.replayable


def _says_otherwise(letter: Letter | BrokenLetter) -> bool:
    """Tell whether a letter gives another cause than a passing failure."""
    code = letter.error_code if isinstance(letter, Letter) else None
    return code in BY_CODE and class_of([code]) != "transient"


def _was_stopped(evidence: Evidence) -> bool:
    return any(process.timed_out or process.crashed or process.signal for process in evidence.deliveries)


class BeforeAck(Claim):
    name = "dead_letter.before_ack"
    trigger = "the subject crashed after a record had failed for good, and was started again"
    rule = (
        "The record is in the dead-letter queue, or was sent again: it was not ticked off before its letter was safe."
    )
    guidance = (
        "Write the letter, and flush it, before the source record or its batch is marked as done. Letters that are "
        "collected in memory and written at the end are lost with the process."
    )
    source = _KAFKA
    needs = frozenset({"journal", "commits", "letters", "inputs", "legs"})
    consequences = frozenset(
        {"bulk.row_results_read", "dead_letter.complete", "delivery.nothing_lost", "idempotency.crash_safe"}
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        crashed = [leg for leg, after in zip(evidence.legs, evidence.legs[1:], strict=False) if _restarted(leg, after)]
        exposed: list[int] = []
        lost: list[int] = []
        for place, chain in enumerate(evidence.chains):
            if any(_given_up_in(leg, chain) for leg in crashed):
                exposed.append(place)
                ended_there = any(leg.first <= chain[-1].number <= leg.last for leg in crashed)
                if ended_there and evidence.outcomes[place] is Outcome.LOST:
                    lost.append(place)
        if lost:
            reason = (
                f"{counted(len(lost), 'record')} failed for good before the crash, and neither dead-lettered nor sent "
                f"again after it: {some(map(evidence.name, lost))}"
            )
            return self.violated(reason, len(exposed), evidence.last_entries(lost))
        if not exposed:
            return self.not_exercised("nothing had failed for good when the subject crashed and was started again")
        return self.held(f"{counted(len(exposed), 'record')} that failed before a crash accounted for", len(exposed))


def _restarted(leg: Leg, after: Leg) -> bool:
    return leg.process.crashed and after.name in ("restart", "heal")


def _given_up_in(leg: Leg, chain: Sequence[Attempt]) -> bool:
    """Tell whether the last thing that the subject heard of a record in this run was a refusal for good."""
    here = [attempt for attempt in chain if leg.first <= attempt.number <= leg.last]
    return bool(here) and _refused(here[-1])


def _refused(attempt: Attempt) -> bool:
    return attempt.failure == "permanent" and attempt.heard


class SinkFailureSurvived(Claim):
    name = "dead_letter.sink_failure_survived"
    trigger = "a record failed for good while the dead-letter queue could not be written"
    rule = (
        "The subject stops and says so (exit status, exception), or waits: it does not end as if all were well. When "
        "it is resumable and is run again with the queue mended, nothing is lost."
    )
    guidance = (
        "Treat a dead letter that cannot be written as a failure of the run: stop, leave the source record unmarked, "
        "exit with an error. Swallowing the exception drops the record for ever."
    )
    source = _KAFKA
    needs = frozenset({"journal", "commits", "letters", "inputs", "process", "broken queue"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        run = evidence.broken_queue
        if run is None:
            return self.not_applicable(
                "only the file $SFMOCK_DLQ can be broken, and it is when the scenario expects this claim"
            )
        broken = [leg for leg in run.legs if leg.name != "heal"]
        failed = [place for place, chain in enumerate(run.chains) if any(_given_up_in(leg, chain) for leg in broken)]
        if not failed and _loud(broken[-1].process):
            # It stopped before anything failed: what would have failed is known from the delivery with a queue.
            failed = [place for place, chain in enumerate(evidence.chains) if chain and _refused(chain[-1])]
        if not failed:
            return self.not_exercised("nothing failed for good while the queue could not be written")
        lost = [place for place in failed if run.outcomes[place] is Outcome.LOST]
        resumed = len(run.legs) > len(broken)
        # No journal entries are named: they stand in the journal of another org.
        if lost and resumed:
            reason = f"{counted(len(lost), 'input')} lost, and not made up for with the queue mended"
            return self.violated(f"{reason}: {some(map(run.name, lost))}", len(failed))
        if lost and not _loud(broken[-1].process):
            reason = f"{counted(len(lost), 'letter')} could not be written, and the subject ended as if all were well"
            return self.violated(f"{reason}: {some(map(run.name, lost))}", len(failed))
        how = "made up for later" if resumed else "and the subject did not pass over it"
        return self.held(f"{counted(len(failed), 'letter')} could not be written, {how}", len(failed))


def _loud(process: Process) -> bool:
    return bool(process.exit_code or process.error or process.timed_out or process.signal)


PROPERTIES = (AttemptsTrue(), OnlyWhenSpent(), BeforeAck(), SinkFailureSurvived())
