"""What a trial returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.evidence import ArmedFault, Evidence
from harness.judge import Judgement
from harness.properties.property import Verdict


@dataclass(frozen=True)
class Baseline:
    """The run without faults that comes first. `reason` says why the steady state was not met; empty when it was."""

    verdicts: tuple[Verdict, ...]
    evidence: Evidence
    reason: str = ""

    @property
    def met(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class TrialResult:
    """One subject under one scenario.

    `baseline` is None where there was none; `judgement` and `evidence` are None when the baseline was not met, for then
    nothing else is judged. `seconds` are wall time. `kept` is the folder that was kept for a look, `replay` the
    command line that runs the same trial again, where there is one.
    """

    scenario: str
    title: str
    seed: int
    seconds: float
    baseline: Baseline | None
    judgement: Judgement | None
    evidence: Evidence | None
    notes: tuple[str, ...] = field(default=())
    kept: Path | None = None
    replay: str = ""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return self.judgement.verdicts if self.judgement else ()

    @property
    def violated(self) -> tuple[Verdict, ...]:
        return self.judgement.violated if self.judgement else ()

    @property
    def faults(self) -> tuple[ArmedFault, ...]:
        return self.evidence.faults if self.evidence else ()

    @property
    def ok(self) -> bool:
        return self.judgement is not None and self.judgement.ok
