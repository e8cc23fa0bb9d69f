"""What all reports say of a trial, gathered once: the renderers only choose how to show it. It holds no secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.evidence import ArmedFault, Evidence, Outcome, Process
from harness.output import TAIL
from harness.properties import registry
from harness.properties.property import Verdict, counted
from harness.report.calls import call_timelines
from harness.report.chains import timelines
from harness.report.events import event_timelines, tell_events
from harness.report.secrets import Hide, hider
from harness.report.story import (
    start_of,
    tell_claim,
    tell_evidence,
    tell_leg,
    tell_outcomes,
    tell_process,
    tell_summary,
)
from harness.result import TrialResult

STATUSES = ("violated", "held", "not exercised", "not applicable", "waived")
_LAST_LINES = 12
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Ruling:
    """One property's verdict as a reader should take it: `status` is `waived` where the scenario waives it.

    `missing` marks a required property that could not be judged, `evidence` the journal entries it rests on.
    """

    name: str
    status: str
    found: str
    reason: str
    exposures: int
    evidence: tuple[int, ...]
    required: bool
    missing: bool
    waived: str | None
    follows_from: str | None

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def shown_reason(self) -> str:
        return self.reason if self.waived is None else f"waived: {self.waived}"


@dataclass(frozen=True, slots=True)
class Proof:
    """A violation with everything that a reader needs to act on it. `chain` and `journal` are lines."""

    ruling: Ruling
    claim: str
    chain: tuple[str, ...]
    journal: tuple[str, ...]
    guidance: str
    source: str


@dataclass(frozen=True, slots=True)
class Family:
    """How many properties of a family ended how."""

    name: str
    counts: Mapping[str, int]

    @property
    def status(self) -> str:
        """The word that stands for the whole family: the first there is of violated, held and the rest."""
        return next((status for status in STATUSES if self.counts.get(status)), "not applicable")


@dataclass(frozen=True)
class Digest:
    """One trial, told. `evidence` is None where the baseline was not met; lines are free of secrets, not of escapes."""

    scenario: str
    title: str
    ok: bool
    seed: int
    seconds: float
    summary: str
    replay: str
    kept: str
    notes: tuple[str, ...]
    rulings: tuple[Ruling, ...]
    proofs: tuple[Proof, ...]
    families: tuple[Family, ...]
    faults: tuple[ArmedFault, ...]
    unfired: tuple[ArmedFault, ...]
    baseline: tuple[bool, str] | None
    baseline_broken: tuple[tuple[str, str], ...]
    outcomes: Mapping[str, int]
    told_outcomes: str
    legs: tuple[str, ...]
    process: Process | None
    ending: str
    output: tuple[str, ...]
    requests: int
    evidence: Evidence | None
    hide: Hide

    @property
    def verdict(self) -> str:
        """The verdict as a label of a few letters."""
        if self.evidence is None:
            return "steady state not met" if self.baseline else "not run"
        if self.proofs:
            return f"{len(self.proofs)} violated"
        return "all held" if self.ok else "not exercised"

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        if self.baseline and not self.baseline[0]:
            return "steady state not met"
        causes = [proof for proof in self.proofs if not proof.ruling.follows_from]
        if causes:
            more = len(self.proofs) - 1
            return f"{causes[0].ruling.name} violated" + (f", and {more} more" if more else "")
        if not self.ok:
            return "not everything was exercised"
        return "all held"


def digest(result: TrialResult) -> Digest:
    """Gather what the reports say of a trial."""
    # Without a judgement the baseline's run is all there is to look at.
    evidence = result.evidence or (result.baseline.evidence if result.baseline else None)
    hide = hider(evidence.canaries if evidence else ())
    rulings = tuple(_rulings(result, hide))
    process = evidence.process if evidence else None
    bad_end = process is not None and not _well_ended(process)
    baseline = result.baseline
    return Digest(
        scenario=result.scenario,
        title=hide(result.title),
        ok=result.ok,
        seed=result.seed,
        seconds=result.seconds,
        summary=hide(tell_summary(result)),
        replay=hide(result.replay),
        kept=str(result.kept or ""),
        notes=tuple(map(hide, result.notes)),
        rulings=rulings,
        proofs=tuple(_proofs(result, rulings, hide)),
        families=_families(rulings),
        faults=result.faults,
        unfired=result.judgement.unfired if result.judgement else (),
        baseline=None if baseline is None else (baseline.met, hide(baseline.reason)),
        baseline_broken=tuple(
            (verdict.property, hide(verdict.reason))
            for verdict in (baseline.verdicts if baseline else ())
            if verdict.status == "violated"
        ),
        outcomes=_outcomes(result.evidence),
        told_outcomes=_told_outcomes(result.evidence),
        legs=tuple(hide(line) for line in _legs(result.evidence)),
        process=process,
        ending=hide(tell_process(process)) if process else "",
        output=_end_of(process.output, hide) if process and (bad_end or result.judgement is None) else (),
        requests=len(evidence.exchanges) if evidence else 0,
        evidence=result.evidence if result.judgement else None,
        hide=hide,
    )


def _rulings(result: TrialResult, hide: Hide) -> Iterator[Ruling]:
    judgement = result.judgement
    if judgement is None:
        return
    missing = {verdict.property for verdict in judgement.missing}
    for verdict in judgement.verdicts:
        waived = judgement.waived.get(verdict.property)
        yield Ruling(
            name=verdict.property,
            status=verdict.status if waived is None else "waived",
            found=verdict.status,
            reason=hide(verdict.reason),
            exposures=verdict.exposures,
            evidence=verdict.evidence,
            required=verdict.property in judgement.required,
            missing=verdict.property in missing,
            waived=None if waived is None else hide(waived),
            follows_from=judgement.follows.get(verdict.property),
        )


def _proofs(result: TrialResult, rulings: tuple[Ruling, ...], hide: Hide) -> Iterator[Proof]:
    evidence = result.evidence
    if evidence is None:
        return
    claims = registry()
    told = {ruling.name: ruling for ruling in rulings}
    for verdict in result.violated:
        claim = claims[verdict.property]
        yield Proof(
            ruling=told[verdict.property],
            claim=tell_claim(claim),
            chain=_lines(_timelines(evidence, verdict), hide),
            journal=_lines(tell_evidence(evidence, verdict), hide),
            guidance=claim.guidance,
            source=claim.source,
        )


def _lines(lines: Iterable[str], hide: Hide) -> tuple[str, ...]:
    return tuple(hide(line) for line in lines)


def _families(rulings: tuple[Ruling, ...]) -> tuple[Family, ...]:
    counts: dict[str, Counter[str]] = {}
    for name in registry():  # in the registry's order, for the verdicts stand causes first
        counts.setdefault(name.partition(".")[0], Counter())
    for ruling in rulings:
        counts.setdefault(ruling.family, Counter())[ruling.status] += 1
    return tuple(Family(name, dict(found)) for name, found in counts.items() if found)


def _outcomes(evidence: Evidence | None) -> dict[str, int]:
    if evidence is None:
        return {}
    found = Counter(evidence.outcomes)
    return {"total": len(evidence.inputs), **{outcome.value: found[outcome] for outcome in Outcome}}


def _told_outcomes(evidence: Evidence | None) -> str:
    """Say what became of the inputs, and of events."""
    if evidence is None:
        return ""
    events = tell_events(evidence.happenings)
    parts = [tell_outcomes(evidence) if evidence.inputs or not events else "", events]
    return "; ".join(part for part in parts if part)


def _legs(evidence: Evidence | None) -> Iterator[str]:
    """Tell the runs, where there was more than one."""
    if evidence is None or len(evidence.legs) + len(evidence.after) < 2:
        return
    start = start_of(evidence)
    for leg in evidence.legs:
        yield tell_leg(leg, start)
    for name, run in evidence.after.items():
        begin = min((exchange.at for exchange in run.exchanges), default=start) - start
        yield f"{name}: from {begin:.2f}s, {counted(len(run.exchanges), 'request')}; {tell_process(run.process)}"


def _well_ended(process: Process) -> bool:
    if process.stop is not None and not process.error:
        return not (process.stop.forced or process.timed_out)
    return not (process.timed_out or process.signal or process.error or process.exit_code)


def _end_of(output: str, hide: Hide) -> tuple[str, ...]:
    """Return the last lines of what the subject printed. A secret that the cut went through is left out."""
    whole = output if len(output.encode()) < TAIL else output[output.find("\n") + 1 :]
    return tuple(line[:_LONGEST_LINE] for line in hide(whole).strip().splitlines()[-_LAST_LINES:])


def _timelines(evidence: Evidence, verdict: Verdict) -> list[str]:
    """Return what a verdict is about: events, calls to the subject, or requests of its own."""
    return (
        event_timelines(evidence, verdict)
        or (call_timelines(evidence, verdict) if verdict.property.startswith("callout.") else [])
        or timelines(evidence, verdict, journal=False)
    )
