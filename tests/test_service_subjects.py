"""Services are judged right: correct ones are clean whatever happens to events, and each broken one is caught."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from harness.properties.property import Verdict
from harness.result import TrialResult
from harness.scenario import Scenario, catalogue
from harness.subjects import CommandSubject
from harness.trial import Trial
from mock_server import api
from tests.subjects import PLANTED, correct_in
from tests.test_subjects import SERVICES, command, explained, found, told

AT_ONCE = 5
"""Trials side by side: most of the time a service waits."""
SLOW = frozenset({"events/forgotten-client", "events/session-ends", "events/silent-stream", "events/own-writes"})
"""Scenarios in which time has to go by."""
ALL = sorted(one.name for one in catalogue() if one.name.startswith(("events/", "callouts/")))
CONSUMERS = {
    "services/consumer.py": frozenset({"events/used-up", "events/silent-stream", "events/own-writes"}),
    "services/aiosfstream_consumer.py": frozenset({"events/used-up", "events/silent-stream", "events/own-writes"}),
    "services/pubsub_consumer.py": frozenset({"events/silent-stream", "events/own-writes"}),
    "services/watchful.py": frozenset({"events/used-up", "events/own-writes"}),
}
"""Correct consumers, and the scenarios that are not about them: what they expect cannot happen to them."""

BROKEN = [
    pytest.param(
        subject,
        marks=pytest.mark.heavy if PLANTED[subject][1] in SLOW or subject.startswith("services/aiosfstream") else (),
        id=subject.removeprefix("services/"),
    )
    for subject in sorted(SERVICES)
]
CLEAN_AND_QUICK = ("events/killed-in-mid-delivery", "events/used-up", "callouts/twice-and-late")


def hasty(name: str) -> Scenario:
    """Return a scenario that waits no longer than it must for its service to come to rest."""
    scenario = found(name)
    assert scenario.service is not None
    quiet = 0.5 if scenario.service.quiet == 1.0 else scenario.service.quiet
    return replace(scenario, service=replace(scenario.service, quiet=quiet))


def judged(server: api.Server, subject: str, scenario: str, seed: int = 0) -> TrialResult:
    return Trial(server, hasty(scenario), timeout=60, seed=seed).run(command(subject))


class Judging:
    """Trials that run side by side; a test waits for its own."""

    def __init__(self, server: api.Server, pool: ThreadPoolExecutor) -> None:
        self._server, self._pool = server, pool
        self._begun: dict[tuple[str, str], Future[TrialResult]] = {}

    def begin(self, subject: str, scenario: str) -> None:
        if (subject, scenario) not in self._begun:
            self._begun[subject, scenario] = self._pool.submit(judged, self._server, subject, scenario)

    def result(self, subject: str, scenario: str) -> TrialResult:
        self.begin(subject, scenario)
        return self._begun[subject, scenario].result()


@pytest.fixture(scope="module")
def judging(request: pytest.FixtureRequest) -> Iterator[Judging]:
    """Begin the trials of all tests that were chosen, and hand out what they come to."""
    with api.start(port=0) as server, ThreadPoolExecutor(AT_ONCE) as pool:
        trials = Judging(server, pool)
        for item in request.session.items:
            if isinstance(item, pytest.Function) and item.path == request.path and hasattr(item, "callspec"):
                given = item.callspec.params
                if item.originalname == "test_a_broken_service_is_caught_by_its_defect":
                    trials.begin(given["subject"], PLANTED[given["subject"]][1])
                elif item.originalname == "test_a_correct_service_is_clean":
                    trials.begin(correct_in(given["scenario"]), given["scenario"])
        yield trials
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("subject", BROKEN)
def test_a_broken_service_is_caught_by_its_defect(judging: Judging, subject: str) -> None:
    name, scenario = PLANTED[subject]
    result = judging.result(subject, scenario)
    violated = [verdict.property for verdict in result.violated]
    assert violated[:1] == [name], told(result)
    assert set(violated[1:]) <= explained(name)
    assert result.violated[0].evidence


@pytest.mark.parametrize(
    "scenario", [pytest.param(one, marks=() if one in CLEAN_AND_QUICK else pytest.mark.heavy) for one in ALL]
)
def test_a_correct_service_is_clean(judging: Judging, scenario: str) -> None:
    result = judging.result(correct_in(scenario), scenario)
    assert result.ok, told(result)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("subject", sorted(CONSUMERS))
def test_no_false_alarm_about_a_consumer_in_any_scenario(server: api.Server, subject: str, seed: int) -> None:
    names = [name for name in ALL if name.startswith("events/") and name not in CONSUMERS[subject]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda name: judged(server, subject, name, seed), names))
    alarms: dict[str, tuple[Verdict, ...]] = {
        name: result.violated for name, result in zip(names, results, strict=True) if result.violated
    }
    assert alarms == {}
    assert all(result.judgement is not None for result in results), [result.baseline for result in results]


FOLDER = "tests/subjects/services/node"
JSFORCE, PUBSUB = f"node {FOLDER}/jsforce_consumer.mjs", f"node {FOLDER}/pubsub_consumer.mjs"
AWAY = ("killed-in-mid-delivery", "down-meanwhile", "forgotten-client")
OF_STREAMS = ("broken-in-mid-batch", "used-up", "new-schema", "duplicates")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.clients import node_clients

    for folder in (node_clients.FOLDER, node_clients.FOLDER / "pubsub"):
        node_clients.install(folder)
    monkeypatch.setenv("NODE_CLIENTS", str(node_clients.FOLDER))


def about_events(server: api.Server, subject: CommandSubject, scenario: str) -> list[str]:
    """Return what is said of events; the rest is about requests that the library makes for itself."""
    result = Trial(server, hasty(scenario), timeout=60).run(subject)
    assert result.judgement is not None, result.baseline
    assert not [verdict for verdict in result.judgement.missing if verdict.property.startswith("events.")]
    return [verdict.property for verdict in result.violated if verdict.property.startswith("events.")]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("subject", "name"),
    [*((JSFORCE, name) for name in (*AWAY, "session-ends")), *((PUBSUB, name) for name in (*AWAY, *OF_STREAMS))],
    ids=lambda one: one.rpartition("/")[2],
)
@pytest.mark.usefixtures("node")
def test_a_correct_consumer_of_node_is_clean(server: api.Server, subject: str, name: str) -> None:
    assert about_events(server, CommandSubject(subject), f"events/{name}") == []


@pytest.mark.heavy
@pytest.mark.parametrize("subject", [JSFORCE, PUBSUB], ids=lambda one: one.rpartition("/")[2])
@pytest.mark.usefixtures("node")
def test_one_of_node_that_keeps_ids_on_receipt_is_caught(server: api.Server, subject: str) -> None:
    found = about_events(server, CommandSubject(f"{subject} --on-receipt"), "events/killed-in-mid-delivery")
    assert found == ["events.replay_after_handling", "events.none_missed"]
