"""A service that is a function of a test: what becomes of events is judged as it is for a command."""

from __future__ import annotations

import pytest

from tests.harness.inner import run

pytest_plugins = ["pytester"]

ORDERS = """
title: Orders
org:
  objects: {Order__e: {fields: {Number__c: {type: text, length: 20}}}}
service: {quiet: 300ms}
events:
  - publish: {sobject: Order__e, count: 4, key: Number__c}
  - wait: {until: quiet}
  - restart:
      by: SIGTERM
      down: 1s
      meanwhile:
        - publish: {sobject: Order__e, count: 3, key: Number__c}
  - wait: {until: quiet}
expect:
  events.none_missed: {}
"""

MIRROR = """
import json

import requests

CHANNEL = "/event/Order__e"


def mirror(run, at_tip=False, twice=False):
    notes = run.workdir / "replay"
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {run.environment['SF_ACCESS_TOKEN']}"
    http.verify = run.environment["SSL_CERT_FILE"]
    client = {}

    def send(channel, **more):
        message = {"channel": channel, "id": "1", **client, **more}
        return http.post(f"{run.environment['SF_INSTANCE_URL']}/cometd/60.0", json=[message], timeout=30).json()

    hands = send("/meta/handshake", version="1.0", supportedConnectionTypes=["long-polling"], ext={"replay": True})
    client["clientId"] = hands[-1]["clientId"]
    kept = -1 if at_tip else int(notes.read_text()) if notes.exists() else -2
    send("/meta/subscribe", subscription=CHANNEL, ext={"replay": {CHANNEL: kept}})
    while not run.stopping.is_set():
        told = send("/meta/connect", connectionType="long-polling", advice={"timeout": 800})
        for event in (one["data"]["event"] for one in told if "data" in one):
            with open(run.environment["SFMOCK_EFFECTS"], "a") as file:
                file.write((json.dumps({"event": event["EventUuid"]}) + "\\n") * (2 if twice else 1))
            notes.write_text(str(event["replayId"]))
    send("/meta/disconnect")
"""


@pytest.mark.heavy
def test_events_are_judged_for_a_function(outer: pytest.Pytester) -> None:
    outer.makefile(".yaml", orders=ORDERS)
    outer.makepyfile(mirror=MIRROR)
    result = run(
        outer,
        """
        import pytest
        from mirror import mirror

        pytestmark = pytest.mark.scenario("orders.yaml")

        def test_correct(trial):
            found = trial.run(mirror)
            said = {one.property: one.status for one in found.judgement.verdicts if one.property.startswith("events.")}
            assert said["events.none_missed"] == said["events.replay_opaque"] == "held"
            assert set(said.values()) == {"held", "not exercised"}

        def test_that_begins_at_the_tip(trial):
            trial.run(lambda run: mirror(run, at_tip=True))

        def test_that_handles_twice(trial):
            trial.run(lambda run: mirror(run, twice=True))
        """,
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines_random(["*violated: events.none_missed*", "*violated: events.handled_once*"])
