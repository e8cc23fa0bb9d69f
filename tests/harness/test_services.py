"""Services: started, ended and started again by the harness, while things happen in their org."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import traceback
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from harness import service_run, services
from harness.readiness import Readiness
from harness.result import TrialResult
from harness.scenario import load
from harness.service_watch import Pulse
from harness.services import Service
from harness.subjects import CallableSubject, CommandSubject, Run, SubjectError
from harness.trial import Trial
from mock_server import api
from mock_server.documents import DocumentError
from tests.harness.test_subjects import gone
from tests.waiting import PATIENCE, until

HEAD = """
title: Orders
org:
  objects: {Order__e: {fields: {Number__c: {type: text, length: 20}}}}
  records: {Account: {count: 3}}
service: {ready: first_request, quiet: 0.15s, grace: 60s}
"""
STUBBORN = HEAD.replace("grace: 60s", "grace: 0.6s")
"""For a service that is not expected to end in time."""
PUBLISH = "publish: {sobject: Order__e, key: Number__c, count: %d}"

SERVICE = """
import json, os, signal, sys, time, urllib.request
url, work = os.environ["SF_LOGIN_URL"].replace("https:", "http:"), os.environ["SFMOCK_WORKDIR"]
token = os.environ["SF_ACCESS_TOKEN"]
print("started", flush=True)
ask = urllib.request.Request(url + "/services/data/v60.0/limits", headers={"Authorization": "Bearer " + token})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(ask).read()
place = work + "/seen"
seen = int(open(place).read()) if os.path.exists(place) else 0
orgs = json.load(opener.open(f"{url}/_mock/orgs"))
org = next(one["id"] for one in orgs if one["id"].startswith(token.split("!")[0]))
while True:
    found = json.load(opener.open(f"{url}/_mock/orgs/{org}/events?since={seen}"))["events"]
    for event in found:
        seen = event["replay_id"]
        with open(os.environ["SFMOCK_EFFECTS"], "a") as file:
            file.write(json.dumps({"event": event["uuid"]}) + "\\n")
        open(place, "w").write(str(seen))
    time.sleep(0.01)
"""
"""A service that reads the bus by the control plane: it needs no client of either protocol."""


class Patient(Pulse):
    """Takes a service that the machine holds up for one that rests no sooner than it has handled what there is."""

    def look(self) -> float:
        still = super().look()
        around = self.effects.__self__  # type: ignore[attr-defined]
        done = len(around.tail.at) + sum(call.taken for call in around.sink.calls)
        return 0.0 if done < len(self.control.events()) and still < PATIENCE / 4 else still


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_run, "Pulse", Patient)


def prove(
    server: api.Server,
    folder: Path,
    text: str,
    program: str = SERVICE,
    *,
    start: str = "exec ",
    head: str = HEAD,
    **options: Any,
) -> TrialResult:
    (folder / "case.yaml").write_text(head + text)
    (folder / "service.py").write_text(program)
    subject = CommandSubject(f"{start}{sys.executable} {folder / 'service.py'}")
    return Trial(server, load(folder / "case.yaml"), **{"timeout": 120, **options}).run(subject)


def handled(result: TrialResult) -> list[tuple[str | None, int]]:
    assert result.evidence is not None, result.baseline
    return [(one.event.key if one.event else None, one.leg) for one in result.evidence.happenings.handled]


def test_a_service_lives_through_the_steps_of_its_scenario(server: api.Server, tmp_path: Path) -> None:
    meanwhile = f"{{by: SIGKILL, down: 30s, meanwhile: [{PUBLISH % 2}, advance: 1h]}}"
    steps = f"events:\n  - {PUBLISH % 3}\n  - wait: quiet\n  - restart: {meanwhile}\n  - {PUBLISH % 1}\n"
    result = prove(server, tmp_path, steps)
    assert handled(result) == [(f"O-{number:06d}", int(number > 3)) for number in range(1, 7)]
    evidence = result.evidence
    assert evidence is not None
    assert [(leg.name, leg.process.crashed, leg.process.signal) for leg in evidence.legs] == [
        ("faults", True, "SIGKILL"), ("restart", False, "SIGTERM"),
    ]  # fmt: skip
    happenings = evidence.happenings
    assert [seconds for _, seconds in happenings.moved] == [3600.0, 30.0]
    assert (happenings.service, happenings.quiet) == (True, True)
    assert evidence.legs[1].began - evidence.legs[0].ended > 3600
    stop = evidence.process.stop
    assert stop is not None
    assert (stop.forced, stop.grace) == (False, 60.0)
    assert evidence.healed is not None
    assert result.ok


def test_the_baseline_is_the_same_in_small_without_restarts(server: api.Server, tmp_path: Path) -> None:
    steps = (
        f"events:\n  - {PUBLISH % 40}\n  - restart: {{by: SIGTERM, meanwhile: [{PUBLISH % 40}]}}\n  - advance: 73h\n"
    )
    result = prove(server, tmp_path, steps)
    assert result.baseline is not None
    baseline = result.baseline.evidence
    assert (len(baseline.legs), len(baseline.happenings.published)) == (1, 10)
    assert baseline.happenings.moved == ()
    assert result.evidence is not None
    assert len(result.evidence.happenings.published) == 80  # those that are retained no more among them


def test_records_are_changed_by_somebody_else_or_by_the_subjects_own_user(server: api.Server, tmp_path: Path) -> None:
    steps = """
events:
  - create: {sobject: Contact, count: 2}
  - update: {sobject: Account, fields: {Phone: {value: "123"}}, by: subject}
  - delete: {sobject: Account, count: 2}
  - undelete: {sobject: Account}
"""
    result = prove(server, tmp_path, steps)
    assert result.evidence is not None
    changes = [(commit.verb, commit.sobject) for commit in result.evidence.elsewhere if commit.sobject != "User"]
    assert [change for change in changes if change[1] in ("Contact", "Account")] == [
        ("create", "Contact"), ("create", "Contact"), ("update", "Account"), ("delete", "Account"),
        ("delete", "Account"), ("undelete", "Account"),
    ]  # fmt: skip


def test_a_step_that_the_org_refuses_is_told_by_its_line(server: api.Server, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"case.yaml:8:.*No such column 'Nummer__c'.*Number__c"):
        prove(server, tmp_path, "events:\n  - publish: {sobject: Order__e, fields: {Nummer__c: word}}\n")


def test_a_service_that_will_not_stop_is_killed_and_that_is_no_graceful_stop(
    server: api.Server, tmp_path: Path
) -> None:
    program = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVICE
    result = prove(server, tmp_path, f"events:\n  - {PUBLISH % 1}\n", program, head=STUBBORN)
    assert result.evidence is not None
    stop = result.evidence.process.stop
    assert stop is not None
    assert stop.forced
    assert [verdict.property for verdict in result.violated] == ["report.graceful_stop"]
    assert "had not ended 0.6s later, and was killed" in result.violated[0].reason


@pytest.mark.parametrize("output", ["DEVNULL", "None"])
def test_a_child_in_a_session_of_its_own_ends_with_the_service(
    server: api.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    """Also one that still holds the pipe of the service's output does not keep that from having ended in time."""
    monkeypatch.setattr(services, "_PATIENCE", 0.2)
    child = (
        "from subprocess import DEVNULL, Popen\n"
        f"Popen(['sleep', '300'], start_new_session=True, stdout={output}, stderr={output})\n"
    )
    result = prove(server, tmp_path, f"events:\n  - {PUBLISH % 1}\n", child + SERVICE)
    assert result.evidence is not None
    told = re.search(r"sfmock: ended what outlived the command: sleep \((\d+)\)", result.evidence.process.output)
    assert told is not None
    until(lambda: gone(int(told[1])))
    assert [(one.property, one.reason) for one in result.violated] == []


def test_a_shell_that_ends_before_its_program_does_not_cut_it_short(server: api.Server, tmp_path: Path) -> None:
    program = SERVICE.replace(
        'print("started"',
        "def stop(*_):\n    time.sleep(0.2); print('done', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('started'",
    )
    result = prove(server, tmp_path, f"events:\n  - {PUBLISH % 1}\n", program, start="true; ")
    assert result.evidence is not None
    assert "done" in result.evidence.process.output
    assert result.ok


def test_a_service_that_falls_is_started_again_as_its_supervisor_would(server: api.Server, tmp_path: Path) -> None:
    program = SERVICE.replace(
        "    for event in found:\n",
        "    if found and os.environ['SFMOCK_SEED'] == '0' and len(found) > 5 and not os.path.exists(work + '/fell'):\n"
        "        open(work + '/fell', 'w'); sys.exit(3)\n    for event in found:\n",
    )
    result = prove(server, tmp_path, f"events:\n  - {PUBLISH % 8}\n", program)
    assert result.evidence is not None
    assert [leg.process.exit_code for leg in result.evidence.legs] == [3, None]
    assert any("it ended by itself (exit status 3)" in note for note in result.notes)
    assert len(handled(result)) == 8


def test_a_crash_point_restarts_a_service(server: api.Server, tmp_path: Path) -> None:
    text = f"events:\n  - {PUBLISH % 2}\nfaults:\n  - {{name: crash, on: rest.limits, when: {{times: 1}}, subject: kill}}\n"
    result = prove(server, tmp_path, text)
    assert result.evidence is not None
    assert [leg.process.signal for leg in result.evidence.legs] == ["SIGKILL", "SIGTERM"]
    assert len(handled(result)) == 2


def test_a_service_may_be_struck_down_ever_so_often(
    server: api.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths: list[int] = []
    begin = service_run.start

    def start(subject: object, run: Run) -> Service:
        depths.append(sum(1 for _ in traceback.walk_stack(None)))
        return begin(subject, run)

    monkeypatch.setattr(service_run, "start", start)
    text = f"events:\n  - {PUBLISH % 2}\nfaults:\n  - {{name: crash, on: rest.limits, when: {{times: 5}}, subject: kill}}\n"
    result = prove(server, tmp_path, text)
    assert result.evidence is not None
    assert [leg.process.signal for leg in result.evidence.legs] == ["SIGKILL"] * 5 + ["SIGTERM"]
    # None of the runs stands on those before it.
    assert max(depths[-5:]) - min(depths[-5:]) < 8


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise SystemExit(4)", "it ended by itself (exit status 4)"),
        (SERVICE.replace('"event": event["uuid"]', '"sobject": "x", "key": 1'), None),
    ],
)
def test_what_is_not_steady_without_faults_is_not_judged(
    server: api.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, reason: str | None
) -> None:
    if reason is not None:  # nobody is left who would handle anything
        monkeypatch.setattr(service_run, "Pulse", Pulse)
    result = prove(server, tmp_path, f"events:\n  - {PUBLISH % 2}\n", program)
    assert result.baseline is not None
    # The second one subscribes to nothing, as far as the journal shows: nothing can be said of it.
    assert (result.judgement is None) is (reason is not None)
    assert (reason or "") in result.baseline.reason


def test_one_that_ends_while_it_is_looked_at_has_ended_by_itself(
    server: api.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def now(self: Readiness, service: Service) -> bool:
        until(lambda: not service.alive())
        return False

    monkeypatch.setattr(Readiness, "now", now)
    result = prove(server, tmp_path, f"events:\n  - {PUBLISH % 2}\n", "raise SystemExit(4)")
    assert result.baseline is not None
    assert result.baseline.reason == "of the service, it ended by itself (exit status 4)"


def test_a_command_that_is_not_there_cannot_be_started(server: api.Server, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(HEAD)
    with pytest.raises(SubjectError, match="could not be started"):
        Trial(server, load(tmp_path / "case.yaml"), timeout=120).run(CommandSubject("no-such-program-here"))


# -- effects


def test_the_sink_sees_effects_and_fails_as_it_is_told(server: api.Server, tmp_path: Path) -> None:
    program = SERVICE.replace(
        "        with open(os.environ",
        """        while True:
            body = json.dumps({"event": event["uuid"]}).encode()
            post = urllib.request.Request(os.environ["SFMOCK_SINK"], body, {"Idempotency-Key": event["uuid"]})
            try:
                assert opener.open(post).status == 201
                break
            except urllib.error.HTTPError as error:
                print(error.code, flush=True)
        continue
        with open(os.environ""",
    )
    for at in ("before", "after"):
        text = f"events:\n  - {PUBLISH % 3}\neffects: {{sink: {{status: 503, times: 2, at: {at}}}}}\n"
        result = prove(server, tmp_path, text, program)
        assert result.evidence is not None
        sources = [one.source for one in result.evidence.happenings.handled]
        assert sources == ["sink"] * 3
        assert result.evidence.process.output.count("503") == 2


# -- functions


def first_request(run: Run) -> None:
    urllib.request.urlopen(
        urllib.request.Request(
            f"{run.credentials.instance_url}/services/data/v60.0/limits",
            headers={"Authorization": f"Bearer {run.credentials.access_token}"},
        )
    ).read()


def watch(run: Run, pause: float = 0.01) -> None:
    """Handle events until it is to stop."""
    first_request(run)
    seen = run.workdir / "seen"
    while not run.stopping.wait(pause):
        take(run, seen)


def take(run: Run, seen: Path) -> None:
    since = int(seen.read_text()) if seen.exists() else 0
    for event in run.org.control.events(since):
        with open(run.environment["SFMOCK_EFFECTS"], "a") as file:
            file.write(json.dumps({"event": event["replay_id"]}) + "\n")
        seen.write_text(str(event["replay_id"]))


RESTARTED = f"events:\n  - {PUBLISH % 2}\n  - restart: {{by: SIGTERM, meanwhile: [{PUBLISH % 2}]}}\n"


def call(server: api.Server, folder: Path, text: str, function: Any, head: str = HEAD) -> TrialResult:
    (folder / "case.yaml").write_text(head + text)
    return Trial(server, load(folder / "case.yaml"), timeout=120).run(CallableSubject(function))


def test_a_function_runs_until_it_is_to_stop(server: api.Server, tmp_path: Path) -> None:
    result = call(server, tmp_path, RESTARTED, watch)
    assert result.ok
    assert [key for key, _ in handled(result)] == ["O-000001", "O-000002", "O-000003", "O-000004"]
    assert result.evidence is not None
    assert [leg.process.stop is not None for leg in result.evidence.legs] == [True, True]


def test_a_coroutine_is_cancelled(server: api.Server, tmp_path: Path) -> None:
    ended: list[str] = []

    async def service(run: Run) -> None:
        await asyncio.to_thread(first_request, run)
        try:
            while True:
                take(run, run.workdir / "seen")
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    result = call(server, tmp_path, RESTARTED, service)
    assert result.ok
    assert ended == ["cancelled"] * 3  # the baseline's, and both runs'
    assert len(handled(result)) == 4


def test_a_function_that_goes_on_is_left_behind(server: api.Server, tmp_path: Path) -> None:
    over = threading.Event()

    def service(run: Run) -> None:
        watch(run)
        over.wait(PATIENCE)

    result = call(server, tmp_path, f"events:\n  - {PUBLISH % 1}\n", service, STUBBORN)
    over.set()
    assert [verdict.property for verdict in result.violated] == ["report.graceful_stop"]


def test_a_function_cannot_be_killed(server: api.Server, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"case.yaml:8:.*a function cannot be killed: write `by: SIGTERM`"):
        call(server, tmp_path, "events:\n  - restart: SIGKILL\n", watch)


def test_a_service_needs_real_time(server: api.Server, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"case.yaml:8:.*a service runs in real time"):
        call(server, tmp_path, "\ntime: virtual\n", watch)


# -- what is left behind


def test_an_interrupt_leaves_no_process_and_no_port(server: api.Server, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(HEAD + "events:\n  - wait: 60s\n")
    (tmp_path / "service.py").write_text(
        f"import os\nopen({str(tmp_path / 'pid')!r}, 'a').write(f'{{os.getpid()}} ')\n{SERVICE}"
    )
    told: list[str] = []

    def progress(text: str) -> None:
        told.append(text)
        if "with faults, running" in text:
            raise KeyboardInterrupt

    interrupted = Trial(server, load(tmp_path / "case.yaml"), timeout=120, progress=progress)
    subject = CommandSubject(f"exec {sys.executable} {tmp_path / 'service.py'}")
    with pytest.raises(KeyboardInterrupt):
        interrupted.run(subject)
    for pid in (tmp_path / "pid").read_text().split():
        until(lambda pid=pid: gone(int(pid)))  # type: ignore[misc]
