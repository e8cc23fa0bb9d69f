"""Results of trials for the reports to show: broken, unsteady, fine, in several runs, and very long."""

from __future__ import annotations

from collections.abc import Mapping

from harness.evidence import ArmedFault, Canary, Evidence, Leg, Process
from harness.judge import judge, judge_laws
from harness.linking import link
from harness.result import Baseline, TrialResult
from tests.bench.judging import Load
from tests.harness.builders import World, given, letter, strike

HOSTILE = "<script>alert('x')</script>\x1b[31m\x00"
SECRET = "hunter2-the-password"
REPLAY = "sfmock prove row-locks --run 'python sync.py' --seed 7"


def broken() -> TrialResult:
    """A row refused inside HTTP 200 and forgotten; a fault that never fired; hostile text wherever there is text."""
    world = World()
    world.send({1: "UNABLE_TO_LOCK_ROW", 2: None}, strikes=[strike("locks", "error", "row", 1)])
    process = Process(3, 1.5, output=f"Traceback {HOSTILE}\nsigned in with {SECRET}\n")
    evidence = world.evidence(
        faults=[ArmedFault("locks", 1, 1), ArmedFault("outage", 0, 0)],
        process=process,
        canaries=[Canary("the password", SECRET)],
    )
    judgement = judge(
        evidence, skip={"delivery.nothing_lost": f"known {HOSTILE}"}, expect={"session.refreshed_once": {}}
    )
    title = f"Locks {HOSTILE} {SECRET}"
    return TrialResult(
        "row-locks", title, 7, 2.0, Baseline((), evidence), judgement, evidence, replay=f"{REPLAY} # {SECRET}"
    )


def unsteady() -> TrialResult:
    evidence = World().evidence(process=Process(9, 0.5, output="no inputs found\n"))
    return TrialResult(
        "row-locks", "Locks", 0, 1.0, Baseline(judge_laws(evidence), evidence, "2 were lost"), None, None
    )


def fine() -> TrialResult:
    world = World()
    world.send({1: None, 2: None})
    evidence = world.evidence()
    return TrialResult("calm", "Nothing happens", 0, 1.0, Baseline((), evidence), judge(evidence), evidence)


def retried() -> TrialResult:
    """Ten attempts of four inputs: retried and landed, landed at once, dead-lettered, landed twice."""
    world = World(inputs=4)
    create = "rest.sobject.create"
    world.refuse("INVALID_SESSION_ID", 401, "rest.query.run")
    world.exchange("oauth.token")
    for at in (3.0, 4.2, 7.0):
        world.send({1: "UNABLE_TO_LOCK_ROW"}, at=at, end=at + 0.2, strikes=[strike("locks", "error", "row", 1)])
    world.send({1: None}, at=14.0, end=14.3)
    world.send({2: None}, at=14.5, end=14.6)
    world.send({3: "REQUIRED_FIELD_MISSING"}, at=15.0, end=15.1)
    world.send(
        {4: None}, create, status=None, outcome="lost", at=16.0, end=16.9, strikes=[strike("lost", "reply", "reply")]
    )
    world.send({4: None}, create, at=18.5, end=18.7)
    world.letters = [letter(3)]
    evidence = world.evidence(faults=[ArmedFault("locks", 6, 3), ArmedFault("lost", 2, 1)])
    return TrialResult(
        "retry/four-ways", "Four inputs, four ends", 1, 19.0, Baseline((), evidence), judge(evidence), evidence,
        replay=REPLAY,
    )  # fmt: skip


def in_legs() -> TrialResult:
    """A run that was killed, its restart, a heal, and a redelivery that created a record again."""
    world = World(inputs=3)
    world.send({1: None}, at=1.0, end=1.4)
    world.send({2: "UNABLE_TO_LOCK_ROW"}, at=3.0, end=3.1, strikes=[strike("locks", "error", "row", 1)])
    world.send({2: None}, at=6.0, end=6.2)
    world.send({3: None}, at=8.0, end=8.1)
    delivered = len(world.entries)
    rows = [given(number) for number in (1, 2, 3)]
    commits = list(world.commits)
    world.send({1: None, 2: None, 3: None}, "rest.collections.create", at=10.0, end=10.5)
    after = link(entries=world.entries, commits=world.commits, inputs=rows, letters=[], since=delivered)
    legs = [
        Leg("faults", Process(None, 2.0, crashed=True, signal="SIGKILL"), 1, 1, 0.5, 1.6, 0),
        Leg("restart", Process(0, 3.0), 2, 3, 2.0, 7.0, 0),
        Leg("heal", Process(0, 1.0), 4, 4, 7.5, 8.5, 0),
    ]
    evidence = link(
        entries=world.entries[:delivered],
        commits=commits,
        inputs=rows,
        letters=[],
        legs=legs,
        after={"redelivery": after},
        faults=[ArmedFault("locks", 2, 1)],
    )
    return TrialResult(
        "idempotency/crash", "Killed after a commit", 2, 11.0, None, judge(evidence), evidence, replay=REPLAY
    )


def long(entries: int = 10_000) -> TrialResult:
    """A trial of so many journal entries, most of them attempts."""
    evidence: Evidence = Load(entries).build().link()
    return TrialResult(
        "bench/long", "A long trial", 1, 60.0, Baseline((), evidence), judge(evidence), evidence, replay=REPLAY
    )


SAMPLES: Mapping[str, TrialResult] = {
    "broken": broken(),
    "unsteady": unsteady(),
    "fine": fine(),
    "retried": retried(),
    "in_legs": in_legs(),
}
