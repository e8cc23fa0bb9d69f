"""`sfmock prove` and the fixture `trial` with services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.inner import ROOT
from tests.harness.test_services import HEAD, PUBLISH, SERVICE, STUBBORN
from tests.harness.test_subjects import gone
from tests.waiting import until

pytest_plugins = ["pytester"]


def files(folder: Path, text: str, program: str = SERVICE) -> list[str]:
    # Where it ends when it is asked to, it may take its time for it, and for what it has to do.
    head = STUBBORN if "SIG_IGN" in program else HEAD.replace("quiet: 0.15s", "quiet: 1s")
    (folder / "orders.yaml").write_text(head + text)
    (folder / "service.py").write_text(f"import os\nopen('pids', 'a').write(f'{{os.getpid()}} ')\n{program}")
    command = f"{sys.executable} {folder / 'service.py'}"
    return [sys.executable, "-m", "mock_server", "prove", "orders.yaml", "--run", command]


def all_gone(folder: Path) -> bool:
    return until(lambda: all(gone(int(pid)) for pid in (folder / "pids").read_text().split()))


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize(
    ("text", "program", "status", "said"),
    [
        (f"events:\n  - {PUBLISH % 2}\n", SERVICE, 0, "2 events: 0 delivered, 2 handled"),
        (
            f"events:\n  - {PUBLISH % 2}\n",
            f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVICE}",
            1,
            "VIOLATED report.graceful_stop",
        ),
        ("events:\n  - publish: {sobject: Account}\n", SERVICE, 2, ""),
    ],
    ids=["held", "violated", "wrong"],
)
def test_prove_takes_services_and_keeps_its_exit_status(
    tmp_path: Path, text: str, program: str, status: int, said: str
) -> None:
    done = run(files(tmp_path, text, program), tmp_path)
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout + done.stderr
    assert status == 2 or all_gone(tmp_path)


def test_a_command_that_cannot_be_started_is_an_exit_status_of_its_own(tmp_path: Path) -> None:
    words = [*files(tmp_path, ""), "--run", "no-such-program-here"]
    assert run(words, tmp_path).returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_prove_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    words = files(tmp_path, "events:\n  - wait: quiet\n  - wait: 50s\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pids = tmp_path / "pids"
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    process.send_signal(number)
    assert process.wait(60) != 0
    assert len(pids.read_text().split()) == 2
    assert all_gone(tmp_path)


SYNC = """
import json
import pytest
from tests.harness.test_services import take, watch

@pytest.mark.scenario("orders.yaml")
def test_a_function(trial):
    assert trial.run(watch).ok

@pytest.mark.scenario("orders.yaml")
def test_a_coroutine(trial):
    import asyncio
    ended = []
    async def service(run):
        import urllib.request
        ask = urllib.request.Request(
            f"{run.credentials.instance_url}/services/data/v60.0/limits",
            headers={"Authorization": f"Bearer {run.credentials.access_token}"},
        )
        await asyncio.to_thread(lambda: urllib.request.urlopen(ask).read())
        try:
            while True:
                take(run, run.workdir / "seen")
                await asyncio.sleep(0.01)
        finally:
            ended.append(True)
    assert trial.run(service).ok
    assert ended == [True] * 3

@pytest.mark.scenario("orders.yaml")
def test_a_block(trial):
    with trial():
        pass
"""


def test_the_fixture_runs_functions_and_coroutines_as_services(outer: pytest.Pytester) -> None:
    outer.makefile(".yaml", orders=f"{HEAD}events:\n  - {PUBLISH % 2}\n  - restart: SIGTERM\n  - {PUBLISH % 2}\n")
    outer.makepyfile(SYNC)
    done = outer.runpytest_subprocess("-p", "harness.plugin", "-p", "pytest_asyncio")
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(["*a service is a function that the harness ends and starts again*"])
