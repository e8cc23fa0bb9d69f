"""The contract of a property: a named claim about a trial, judged from its evidence alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeVar

from harness.evidence import Evidence

Status = Literal["held", "violated", "not exercised", "not applicable"]
EntryId = int
"""The number of a journal entry."""

MOST_EVIDENCE = 8
"""Journal entries that a verdict names at most: enough to prove it, few enough to read."""

P = TypeVar("P")
P_contra = TypeVar("P_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one property. `exposures` counts how often its trigger really happened."""

    property: str
    status: Status
    reason: str
    exposures: int
    evidence: tuple[EntryId, ...] = ()


@dataclass(frozen=True, slots=True)
class NoParameters:
    """For properties that cannot be adjusted."""


class Property(Protocol[P_contra]):
    """A checkable claim about a subject.

    `trigger` says what must happen before it can be judged, `rule` what then must hold, `guidance` what to do about a
    violation, `source` a public page behind the rule. `needs` names the parts of the evidence it reads (journal,
    commits, letters, inputs, process, policy), `consequences` the properties that its violation drags along.
    """

    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> type[object]: ...
    @property
    def trigger(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def guidance(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def needs(self) -> frozenset[str]: ...
    @property
    def consequences(self) -> frozenset[str]: ...

    def judge(self, evidence: Evidence, parameters: P_contra) -> Verdict:
        """Judge the evidence. Pure: no I/O, no clock, no chance."""
        ...


class Claim:
    """What every property of the catalogue shares: its words, and the four ways to end."""

    name: ClassVar[str]
    parameters: ClassVar[type[object]] = NoParameters
    trigger: ClassVar[str]
    rule: ClassVar[str]
    guidance: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    consequences: ClassVar[frozenset[str]] = frozenset()

    def held(self, reason: str, exposures: int) -> Verdict:
        return Verdict(self.name, "held", reason, exposures)

    def violated(self, reason: str, exposures: int, entries: Iterable[EntryId] = ()) -> Verdict:
        few = tuple(dict.fromkeys(entries))[:MOST_EVIDENCE]
        return Verdict(self.name, "violated", reason, exposures, few)

    def not_exercised(self, reason: str) -> Verdict:
        return Verdict(self.name, "not exercised", reason, 0)

    def not_applicable(self, reason: str) -> Verdict:
        return Verdict(self.name, "not applicable", reason, 0)


def some(names: Iterable[str], most: int = 3) -> str:
    """Return the first few names and how many more there are: `Contact K1, Contact K2 and 5 more`."""
    listed = list(names)
    text = ", ".join(listed[:most])
    return text if len(listed) <= most else f"{text} and {len(listed) - most} more"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 input`, `3 inputs`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
