"""Memory: ten times the rows must not need ten times the memory."""

from __future__ import annotations

from dataclasses import dataclass

from harness.evidence import Evidence, Footprint
from harness.properties.property import Claim, Verdict

MIB = 1 << 20
_MOST_LEFT = 0.1
"""The share of rows that a run may leave unhandled and still count."""

_STEADY, _HELD = 0.9, 0.75
"""Shares: of what each row took before, and of its own size, from which on memory counts as still growing."""


@dataclass(frozen=True, slots=True)
class Growth:
    """`rows`: of the small run; files have their own number, of which it takes one in `times`. `times`: how many more
    the large one has. `growth`: the share by which memory may grow. `least`: MiB by which it may grow in any case, for
    an interpreter's own."""

    rows: int = 2000
    times: int = 10
    growth: float = 0.2
    least: float = 8.0


class MemoryBounded(Claim):
    name = "bulk.memory_bounded"
    parameters = Growth
    trigger = "the subject handled `times` as many rows (10), which take more memory than is allowed to it"
    rule = (
        "Its greatest resident memory, with all processes that it starts, grows by less than a fifth (`growth`), or by "
        "no more than `least` MiB. Where it grows by more, it has levelled off at twice the rows of the large run: an "
        "interpreter that clears away late does, a list of all rows does not."
    )
    guidance = (
        "Hold a batch, not the load: read the source row by row, write an upload through a file or a generator, read "
        "results as a stream (requests: `stream=True` and `iter_lines`; simple-salesforce: `query_all_iter`, and "
        "`bulk2.<object>.download`) and write each row on before the next. What is collected in a list today does not "
        "fit tomorrow."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/datafiles_prepare_csv.htm"
    needs = frozenset({"memory"})

    def judge(self, evidence: Evidence, parameters: Growth) -> Verdict:
        if evidence.memory is None:
            return self.not_applicable(
                "it is measured when the scenario expects this claim, and of a command only: a function shares the "
                "memory of whoever runs it"
            )
        small, large = evidence.memory[:2]
        for one in evidence.memory:
            if one.handled < (1 - _MOST_LEFT) * one.rows:
                return self.not_exercised(f"of {one.rows} rows the subject handled {one.handled} without faults")
        if not small.peak or not large.peak:
            return self.not_exercised("the subject ended before its memory could be measured")
        told = (
            f"{_mib(small.peak)} MiB at the most with {small.rows} rows, {_mib(large.peak)} MiB with {large.rows} "
            f"({(large.peak - small.peak) / small.peak:+.0%})"
        )
        more = large.size - small.size
        if grown(small, large, parameters):
            told += "".join(f", {_mib(one.peak)} MiB with {one.rows}" for one in evidence.memory[2:])
            if all(_as_steep(small, large, one) for one in evidence.memory[2:]):
                # No journal entries are named: they stand in the journals of other orgs.
                return self.violated(f"{told}; the rows themselves are {_mib(large.size)} MiB", 1)
            return self.held(f"{told}: it has levelled off", 1)
        if more <= allowance(small, parameters):
            return self.not_exercised(
                f"{told}, but {large.rows - small.rows} rows more are only {_mib(more)} MiB: to hold them all would "
                "not show. Give them wider fields, or raise `rows`"
            )
        return self.held(told, 1)


def allowance(small: Footprint, parameters: Growth) -> float:
    """Return the bytes by which memory may grow."""
    return max(parameters.growth * small.peak, parameters.least * MIB)


def grown(small: Footprint, large: Footprint, parameters: Growth) -> bool:
    """Tell whether a subject's memory grew by more than it may."""
    return large.peak - small.peak > allowance(small, parameters)


def _as_steep(small: Footprint, large: Footprint, larger: Footprint) -> bool:
    """Tell whether further rows went on to take memory: as much as before, or what it takes to hold them.

    Interpreters that clear away late (V8, the JVM) grow for a while with what they have read, less and less.
    """
    before = (large.peak - small.peak) / max(1, large.rows - small.rows)
    now = (larger.peak - large.peak) / max(1, larger.rows - large.rows)
    own = larger.size / max(1, larger.rows)
    return now > _STEADY * before or now > _HELD * own


def _mib(size: float) -> str:
    return f"{size / MIB:.1f}"
