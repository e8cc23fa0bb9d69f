"""Partial success: every row of a collection has an end of its own."""

from __future__ import annotations

from collections.abc import Iterable

from harness.evidence import Attempt, Evidence, Outcome
from harness.exchanges import Row, blameless, class_of
from harness.letters import Letter
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_COLLECTIONS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm"


def _row_failed(attempt: Attempt) -> bool:
    """Tell whether a row failed inside an answer that, as a whole, was a success."""
    exchange = attempt.exchange
    return exchange.many and exchange.failure is None and attempt.heard and attempt.failure is not None


class RowResultsRead(Claim):
    name = "bulk.row_results_read"
    trigger = "a row failed inside a collection that was answered with HTTP 200"
    rule = "The row is sent again or dead-lettered."
    guidance = (
        "HTTP 200 says that the request was read, not that its rows were saved. Go through the result list: retry or "
        "dead-letter every row whose `success` is false."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs", "letters", "commits"})
    consequences = frozenset({"retry.transient_retried", "dead_letter.complete", "delivery.nothing_lost"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        ignored: list[int] = []
        for place, chain in enumerate(evidence.chains):
            failed = sum(_row_failed(attempt) for attempt in chain)
            exposures += failed
            if failed and _row_failed(chain[-1]) and _forgotten(evidence, place, chain[-1]):
                ignored.append(place)
        if ignored:
            reason = (
                f"{counted(len(ignored), 'row')} failed inside HTTP 200 and neither sent again nor dead-lettered: "
                f"{some(map(evidence.name, ignored))}"
            )
            return self.violated(reason, exposures, evidence.last_entries(ignored))
        if not exposures:
            return self.not_exercised("no row failed inside an HTTP 200")
        return self.held(f"{counted(exposures, 'row failure')}, each acted upon", exposures)


class OnlyFailedRowsRetried(Claim):
    name = "bulk.only_failed_rows_retried"
    trigger = "a collection was answered with some rows saved and some not"
    rule = "The saved rows are not sent again as they were; with other values they may be."
    guidance = (
        "Build the next request from the failed rows alone: the result list is in the order of the rows sent. A batch "
        "sent again whole writes its good rows twice, and repeats its hopeless ones."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset(
        {
            "retry.permanent_not_retried",
            "retry.bounded",
            "retry.amplification_bounded",
            "delivery.nothing_twice",
            "dead_letter.complete",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        mixed = {
            exchange.number
            for exchange in evidence.sendings
            if exchange.many and exchange.heard and len({row.success for row in exchange.rows}) > 1
        }
        again: list[str] = []
        entries: list[int] = []
        # A subject that was started again need not know what was saved before.
        runs = ((place, run) for place, chain in enumerate(evidence.chains) for run in evidence.by_leg(chain))
        for place, run in runs:
            saved: Attempt | None = None
            for attempt in run:
                if saved is not None and _sent_again(saved, attempt):
                    again.append(evidence.name(place))
                    entries.extend((saved.number, attempt.number))
                    break
                if attempt.success and attempt.number in mixed:
                    saved = attempt
        if again:
            reason = f"{counted(len(again), 'row')} sent again after they were saved: {some(again)}"
            return self.violated(reason, len(mixed), entries)
        if not mixed:
            return self.not_exercised("no collection was answered in part")
        return self.held(f"{counted(len(mixed), 'answer')} in part, no saved row sent again", len(mixed))


def _sent_again(saved: Attempt, later: Attempt) -> bool:
    """Tell whether a saved row was sent once more. A second pass over the records, that says more, is another write."""
    same = (saved.verb, saved.fingerprint) == (later.verb, later.fingerprint)
    return same and later.number > saved.number and later.exchange.at >= saved.exchange.end


class ErrorsMatchedToRows(Claim):
    name = "bulk.errors_matched_to_rows"
    trigger = "the rows of a collection ended in different ways"
    rule = (
        "The row that failed is the one that is sent again or dead-lettered, with its own error: no row is blamed for "
        "what befell another row of the same answer."
    )
    guidance = (
        "The result list has one entry for each record sent, in the same order, failures and successes alike. Pair the "
        "two lists by position before filtering either of them."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs", "letters", "commits"})
    consequences = frozenset(
        {
            "bulk.row_results_read",
            "bulk.only_failed_rows_retried",
            "bulk.poison_row_isolated",
            "retry.transient_retried",
            "dead_letter.complete",
            "dead_letter.attempts_true",
            "dead_letter.per_row",
            "dead_letter.informative",
            "delivery.nothing_lost",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        mixed = _rows_of(
            evidence,
            {
                exchange.number
                for exchange in evidence.sendings
                if exchange.many
                and exchange.heard
                and exchange.failure is None
                and len({(row.success, row.codes) for row in exchange.rows}) > 1
            },
        )
        blamed: list[str] = []
        entries: list[int] = []
        for number, found in mixed.items():
            wrong = [*_blamed_in_place_of(evidence, found), *_with_anothers_code(evidence, found)]
            blamed += wrong
            entries += [number] if wrong else []
        if blamed:
            distinct = list(dict.fromkeys(blamed))
            reason = f"{counted(len(distinct), 'row')} blamed for another's failure: {some(distinct)}"
            return self.violated(reason, len(mixed), entries)
        if not mixed:
            return self.not_exercised("no collection was answered with different results")
        return self.held(f"{counted(len(mixed), 'answer')} with different results, each row with its own", len(mixed))


_Rows = list[tuple[int, Attempt]]
"""The rows of one exchange: the place of the input, and its attempt."""


def _rows_of(evidence: Evidence, numbers: set[int]) -> dict[int, _Rows]:
    """Return the rows of some exchanges, by their numbers."""
    rows: dict[int, _Rows] = {}
    for place, chain in enumerate(evidence.chains):
        for attempt in chain:
            if attempt.number in numbers:
                rows.setdefault(attempt.number, []).append((place, attempt))
    return rows


def _blamed_in_place_of(evidence: Evidence, rows: _Rows) -> Iterable[str]:
    """Yield saved rows that were dead-lettered, or sent again, while a failed row of the same answer was neither."""
    forgotten = [place for place, attempt in rows if not attempt.success and _forgotten(evidence, place, attempt)]
    if not forgotten:
        return
    for place, attempt in rows:
        chain = evidence.chains[place]
        # Of a row that had failed before, an earlier letter or a late resend may speak of that failure.
        if not attempt.success or any(not other.success for other in chain):
            continue
        again = any(_sent_again(attempt, other) for other in chain)
        if again or evidence.letters_of[place]:
            yield f"{evidence.name(place)} (failed: {evidence.name(forgotten[0])})"


def _forgotten(evidence: Evidence, place: int, attempt: Attempt) -> bool:
    """Tell whether nothing came after an attempt: no other, no letter, no record, and no end of the run either."""
    if evidence.chains[place][-1] is not attempt or evidence.letters_of[place] or evidence.landed(place):
        return False
    return not evidence.cut_off(place, attempt)


def _with_anothers_code(evidence: Evidence, rows: _Rows) -> Iterable[str]:
    """Yield rows whose dead letter has an error that was never theirs, and is another row's in the same answer."""
    lettered = [place for place, _ in rows if evidence.letters_of[place]]
    if any(attempt.success and evidence.letters_of[place] for place, attempt in rows):
        return  # one error for the whole batch, good rows included: no mistake about which row it was
    there = {code for _, attempt in rows for code in attempt.codes} if lettered else set()
    for place in lettered:
        chain = evidence.chains[place]
        if any(attempt.failure and not attempt.codes for attempt in chain):
            continue  # where no code was given, the subject finds a word of its own
        own = {code for attempt in chain for code in attempt.codes}
        for number in evidence.letters_of[place]:
            letter = (evidence.letters or ())[number]
            code = letter.error_code if isinstance(letter, Letter) else None
            if own and code in there and code not in own:
                yield f"{evidence.name(place)} ({code} in place of {', '.join(sorted(own))})"


class AllOrNoneUnderstood(Claim):
    name = "bulk.all_or_none_understood"
    trigger = "a collection was rolled back whole, because one of its rows failed (allOrNone)"
    rule = (
        "The rows that were only rolled back (ALL_OR_NONE_OPERATION_ROLLED_BACK, in composite requests "
        "PROCESSING_HALTED) are sent again without the row that failed for good; they are not dead-lettered with it."
    )
    guidance = (
        "ALL_OR_NONE_OPERATION_ROLLED_BACK is no fault of the row that bears it. Dead-letter the rows with another "
        "code, and send those with this one again without them."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs", "letters", "commits"})
    consequences = frozenset(
        {
            "bulk.row_results_read",
            "bulk.poison_row_isolated",
            "retry.transient_retried",
            "retry.permanent_not_retried",
            "retry.bounded",
            "dead_letter.complete",
            "delivery.nothing_lost",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        rolled = 0
        hopeless: set[int] = set()
        for exchange in evidence.sendings:
            codes = [row.codes for row in exchange.rows]
            if exchange.many and exchange.heard and any(map(blameless, codes)):
                rolled += 1
                if any(class_of(found) == "permanent" for found in codes if found and not blameless(found)):
                    hopeless.add(exchange.number)
        if not rolled:
            return self.not_exercised("no collection was rolled back")
        given_up = [
            place
            for place, chain in enumerate(evidence.chains)
            if chain
            and chain[-1].number in hopeless
            and blameless(chain[-1].codes)
            and not evidence.landed(place)
            and (evidence.letters_of[place] or not evidence.process.timed_out)
        ]
        if given_up:
            reason = (
                f"{counted(len(given_up), 'row')} given up that had only been rolled back with another: "
                f"{some(map(evidence.name, given_up))}"
            )
            return self.violated(reason, rolled, evidence.last_entries(given_up))
        return self.held(f"{counted(rolled, 'rollback')}, the blameless rows sent again", rolled)


class PoisonRowIsolated(Claim):
    name = "bulk.poison_row_isolated"
    trigger = "a row was refused for good inside a collection that held others, or was followed by others"
    rule = "Every other input goes its own way: those that met no failure of their own land."
    guidance = (
        "Catch the failure of a row where the row is handled: note it, dead-letter it, go on with the next. One row "
        "that nobody can save must not end the loop over batches, nor hold its own batch back."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs", "letters", "commits", "process"})
    consequences = frozenset(
        {
            "bulk.row_results_read",
            "retry.transient_retried",
            "dead_letter.complete",
            "dead_letter.informative",
            "delivery.nothing_lost",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        poisoned = [
            exchange
            for exchange in evidence.sendings
            if exchange.many and exchange.heard and any(_poison(row) for row in exchange.rows)
        ]
        if not poisoned or len(evidence.inputs) < 2:
            return self.not_exercised("no row was refused for good beside others")
        numbers = {exchange.number for exchange in poisoned}
        held_back = [place for place, chain in enumerate(evidence.chains) if _held_back(evidence, place, numbers)]
        writes = [exchange for exchange in evidence.sendings if exchange.is_write]
        if writes[-1].number in numbers and not evidence.process.timed_out:
            # Nothing was sent any more after the answer with the bad row.
            held_back += [
                place
                for place, chain in enumerate(evidence.chains)
                if not chain and evidence.outcomes[place] in (Outcome.LOST, Outcome.DEAD_LETTERED)
            ]
        if held_back:
            reason = (
                f"{counted(len(held_back), 'input')} held back by a row that was refused for good: "
                f"{some(map(evidence.name, held_back))}"
            )
            return self.violated(reason, len(poisoned), [*sorted(numbers)[:2], *evidence.last_entries(held_back)])
        return self.held(f"{counted(len(poisoned), 'answer')} with a bad row, the others went on", len(poisoned))


def _poison(row: Row) -> bool:
    return row.success is False and not blameless(row.codes) and class_of(row.codes) == "permanent"


def _held_back(evidence: Evidence, place: int, poisoned: set[int]) -> bool:
    """Tell whether an input was sent with a bad row, failed in nothing of its own, and yet did not land."""
    chain = evidence.chains[place]
    if not chain or chain[-1].number not in poisoned or evidence.landed(place):
        return False
    if evidence.process.timed_out and not evidence.letters_of[place]:
        return False
    return blameless(chain[-1].codes) and all(attempt.failure is None or blameless(attempt.codes) for attempt in chain)
