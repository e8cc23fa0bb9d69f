"""Judges a trial by every property, and names the cause of a failure before what it dragged along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.evidence import ArmedFault, Evidence
from harness.properties import read_parameters, registry
from harness.properties.delivery import PROPERTIES as LAW_CLAIMS
from harness.properties.property import Verdict
from harness.viewpoints import Disagreement
from mock_server.uncollected import uncollected

LAWS = frozenset(claim.name for claim in LAW_CLAIMS)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts, causes first, and what else decides the exit status.

    `waived` gives the reason of each property that the scenario skips; `required` those that must have been exercised;
    `follows` names, for a violated property, the violated cause it follows from. `disagreements` say where two
    viewpoints of the same event differ: verdicts that rest on them prove nothing.
    """

    verdicts: tuple[Verdict, ...]
    waived: Mapping[str, str]
    required: frozenset[str]
    follows: Mapping[str, str]
    unfired: tuple[ArmedFault, ...]
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def violated(self) -> tuple[Verdict, ...]:
        """The violations that count, causes first."""
        return tuple(
            verdict for verdict in self.verdicts if verdict.status == "violated" and verdict.property not in self.waived
        )

    @property
    def missing(self) -> tuple[Verdict, ...]:
        """The required properties that could not be judged."""
        return tuple(
            verdict
            for verdict in self.verdicts
            if verdict.property in self.required
            and verdict.property not in self.waived
            and verdict.status in ("not exercised", "not applicable")
        )

    @property
    def ok(self) -> bool:
        return not (self.violated or self.missing or self.unfired or self.disagreements)


@uncollected()
def judge(
    evidence: Evidence,
    *,
    expect: Mapping[str, Mapping[str, Any] | None] | None = None,
    skip: Mapping[str, str] | None = None,
) -> Judgement:
    """Judge the evidence by all properties. `expect` gives parameters and says which properties are required."""
    expected, waived = dict(expect or {}), dict(skip or {})
    claims = registry()
    found = {name: claim.judge(evidence, read_parameters(claim, expected.get(name))) for name, claim in claims.items()}
    broken = [name for name, verdict in found.items() if verdict.status == "violated" and name not in waived]
    follows = _follows(broken, {name: claims[name].consequences for name in broken})
    causes_first = sorted(broken, key=lambda name: (name in follows, name in LAWS))
    rest = [name for name in found if name not in broken]
    return Judgement(
        verdicts=tuple(found[name] for name in (*causes_first, *rest)),
        waived=waived,
        required=frozenset(expected),
        follows=follows,
        unfired=tuple(fault for fault in evidence.faults if not fault.fired),
        disagreements=evidence.disagreements,
    )


def judge_laws(evidence: Evidence) -> tuple[Verdict, ...]:
    """Judge the three laws alone, for a baseline."""
    return tuple(claim.judge(evidence, claim.parameters()) for claim in LAW_CLAIMS)  # type: ignore[arg-type]


def _follows(broken: Sequence[str], consequences: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Return, for each violated property that others explain, its cause: one that nothing explains, if there is such.

    Of two that explain each other the earlier is the cause.
    """

    def explains(cause: str, name: str) -> bool:
        if cause == name or name not in consequences[cause]:
            return False
        return cause not in consequences[name] or broken.index(cause) < broken.index(name)

    causes = {name: [cause for cause in broken if explains(cause, name)] for name in broken}
    return {name: min(found, key=lambda cause: bool(causes[cause])) for name, found in causes.items() if found}
