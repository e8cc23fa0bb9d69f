"""Code under test that breaks things: the cause is told, and the next test is unharmed."""

from __future__ import annotations

import importlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import redirect
from harness.guard import unharmed
from tests.harness.inner import run

pytest_plugins = ["pytester"]

AFTER = """
def healthy(salesforce):
    import asyncio, os, httpx, requests
    from simple_salesforce import Salesforce

    client = Salesforce(username=salesforce.username, password=salesforce.password, security_token="sfmock-token")
    assert client.query("SELECT Id FROM Organization")["records"][0]["Id"] == salesforce.id
    assert httpx.get("https://login.salesforce.com/services/data").status_code == 200

    async def main():
        async with httpx.AsyncClient() as client:
            return (await client.get("https://login.salesforce.com/services/data")).status_code

    assert asyncio.run(main()) == 200
    assert os.environ["KEPT"] == "as it was" and "ADDED" not in os.environ
    assert os.getcwd() == HERE
"""


def test_whatever_a_test_breaks_the_next_one_passes(outer: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "as it was")
    (outer.path / "after.py").write_text(f"HERE = {str(outer.path)!r}\n{AFTER}")
    result = run(
        outer,
        """
        import asyncio, contextlib, os, shutil, socket, ssl, sys, threading, time
        import pytest, requests, sync
        from after import healthy

        def refuse(*_, **__):
            raise RuntimeError("broken for good")

        def break_sockets(run):
            socket.socket.connect = refuse
            socket.getaddrinfo = refuse
            ssl.SSLContext.wrap_socket = refuse
            ssl.SSLContext.wrap_bio = refuse

        def break_environment(run):
            del os.environ["KEPT"]
            os.environ.update(
                ADDED="1", HTTPS_PROXY="http://127.0.0.1:9", REQUESTS_CA_BUNDLE="/nowhere", SSL_CERT_FILE="/nowhere"
            )
            os.chdir("/")

        def break_loops(run):
            class Policy(asyncio.DefaultEventLoopPolicy):
                new_event_loop = refuse
            asyncio.set_event_loop_policy(Policy())
            asyncio.new_event_loop = refuse
            asyncio.sleep = refuse

        def break_time_and_output(run):
            time.sleep = refuse
            time.time = time.monotonic = time.perf_counter = lambda: 0.0
            sys.stdout = sys.stderr = None

        def delete_folders(run):
            shutil.rmtree(run.workdir)

        def leave_threads(run):
            def go_on():
                until = time.monotonic() + 3
                while time.monotonic() < until:
                    print("still here")
                    with contextlib.suppress(OSError):
                        requests.get(f"{run.credentials.instance_url}/services/data/v60.0/limits", timeout=1)
                    time.sleep(0.05)
            for _ in range(3):
                threading.Thread(target=go_on, daemon=True).start()

        def close_output(run):
            os.close(1)
            os.close(2)

        def swallow_interrupts(run):
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt:
                pass
            raise SystemExit(3)

        def raise_interrupt(run):
            raise KeyboardInterrupt

        def close_the_loop(run):
            async def main():
                asyncio.get_running_loop().stop()
            asyncio.run(main())

        BREAKERS = [break_sockets, break_environment, break_loops, break_time_and_output, delete_folders,
                    leave_threads, close_the_loop, close_output, swallow_interrupts, raise_interrupt]

        each = pytest.mark.parametrize("breaker", BREAKERS, ids=lambda breaker: breaker.__name__)

        @each
        @pytest.mark.scenario("locks.yaml")
        def test_function(trial, breaker):
            def subject(run):
                sync.good(run)
                breaker(run)
            trial.run(subject)

        # Were anything left broken, each following test would keep it so.
        def test_well_after_functions(salesforce):
            healthy(salesforce)

        @pytest.mark.parametrize("breaker", BREAKERS[:-2], ids=lambda breaker: breaker.__name__)
        @pytest.mark.scenario("locks.yaml")
        def test_block(trial, breaker):
            with trial() as run:
                sync.good(run)
                breaker(run)

        def test_well_after_blocks(salesforce):
            healthy(salesforce)
        """,
    )
    # An interrupt that the code under test makes or swallows is evidence; it stops no session.
    result.assert_outcomes(passed=20)


def test_a_function_may_print_much_and_hang(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import resource, sys, time
        import pytest, sync

        def loud(run):
            sync.good(run)
            for _ in range(1000):
                print("x" * 100_000)
            sys.stdout.buffer.write(b"the last words\\n")
            raise RuntimeError("enough")

        def hangs(run):
            sync.good(run)
            try:
                time.sleep(3600)
            except BaseException:
                pass

        @pytest.mark.scenario("locks.yaml")
        def test_loud(trial, capsys):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            result = trial.run(loud)
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
            printed = capsys.readouterr().out
            assert len(printed) < 100_000 and "the last words" in printed
            process = result.evidence.process
            assert len(process.output) <= 16_384 and "the last words" in process.output and "enough" in process.output

        @pytest.mark.scenario("locks.yaml")
        def test_hangs(trial):
            trial.run(hangs, timeout=0.3)

        def test_well(salesforce):
            assert salesforce.records.query("SELECT Id FROM Account") == []
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*steady state not met: *the subject did not end in time*"])


# -- a thread that outlives its trial


@pytest.fixture
def going_on() -> Iterator[threading.Thread]:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, daemon=True)
    thread.start()
    yield thread
    over.set()
    thread.join(60)


def test_a_disowned_thread_reaches_neither_the_mock_nor_salesforce(server: object) -> None:
    from mock_server import api

    assert isinstance(server, api.Server)
    outcomes: list[str] = []
    turns = [threading.Event() for _ in range(3)]
    done = [threading.Event() for _ in range(3)]

    def ask() -> None:
        for turn, said in zip(turns, done, strict=True):
            turn.wait(60)
            try:
                socket.create_connection(("login.salesforce.com", 443), timeout=30).close()
                outcomes.append("reached")
            except ConnectionRefusedError:
                outcomes.append("refused")
            said.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()

    def turn(number: int) -> None:
        turns[number].set()
        done[number].wait(60)

    before = socket.getaddrinfo
    with redirect.Redirect.to(server):
        turn(0)
        redirect.disown(thread)
    turn(1)  # no redirect is in force
    with redirect.Redirect.to(server):
        turn(2)
        thread.join(60)
        socket.create_connection(("login.salesforce.com", 443), timeout=30).close()
    assert outcomes == ["reached", "refused", "refused"]
    assert socket.getaddrinfo is before


# -- what is put back


def test_what_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import time

    monkeypatch.setenv("SFMOCK_KEPT", "1")
    monkeypatch.chdir(tmp_path)
    before = (socket.getaddrinfo, time.sleep, "connect" in vars(socket.socket), dict(os.environ), os.environ)
    with pytest.raises(LookupError), unharmed():
        socket.getaddrinfo = time.sleep = len  # type: ignore[assignment]
        socket.socket.connect = len  # type: ignore[method-assign, assignment]
        del os.environ["SFMOCK_KEPT"]
        os.environ["SFMOCK_ADDED"] = "1"
        os.environ = {}  # type: ignore[assignment]  # noqa: B003  # what people write by mistake
        os.chdir("/")
        raise LookupError
    assert (socket.getaddrinfo, time.sleep, "connect" in vars(socket.socket), dict(os.environ), os.environ) == before
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("time", "time_ns"),
        ("time", "monotonic_ns"),
        ("time", "perf_counter_ns"),
        ("datetime", "datetime"),
        ("datetime", "date"),
    ],
)
def test_a_clock_that_was_replaced_is_put_back(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = importlib.import_module(module)
    before = getattr(owner, name)
    monkeypatch.setattr(owner, name, before)  # for the tests after this one, should it fail
    with unharmed():
        setattr(owner, name, object())
    assert getattr(owner, name) is before


@pytest.mark.parametrize(
    ("look", "change"),
    [
        (socket.getdefaulttimeout, lambda: socket.setdefaulttimeout(0.25)),
        (lambda: signal.getsignal(signal.SIGTERM), lambda: signal.signal(signal.SIGTERM, lambda *_: None)),
        (lambda: signal.getsignal(signal.SIGUSR1), lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN)),
        (lambda: logging.getLogger().level, lambda: logging.getLogger().setLevel(1)),
        (lambda: list(logging.getLogger().handlers), lambda: logging.basicConfig(force=True)),
        (lambda: list(logging.getLogger().handlers), lambda: logging.getLogger().addHandler(logging.NullHandler())),
        (lambda: list(logging.getLogger().handlers), logging.getLogger().handlers.clear),
    ],
    ids=["socket time-out", "signal handler", "ignored signal", "log level", "log set-up", "log handler", "no handler"],
)
def test_a_setting_of_the_process_is_put_back(look: Callable[[], object], change: Callable[[], object]) -> None:
    before = look()
    with unharmed():
        change()
        changed = look()
    after = look()
    assert changed != before
    assert after == before


def test_a_closed_standard_stream_gives_its_number_to_nobody() -> None:
    """A socket that got it, the mock's own perhaps, would be cut off when the stream is put back."""
    import os

    before = os.fstat(1)
    with unharmed():
        os.close(1)
        os.closerange(0, 3)
        opened = [socket.socket() for _ in range(3)]
        numbers = {each.fileno() for each in opened}
        for each in opened:
            each.close()
    assert not numbers & {0, 1, 2}
    assert os.path.samestat(os.fstat(1), before)
    with pytest.raises(OSError, match="Bad file descriptor"), unharmed():
        os.close(max(numbers))


def test_a_wrapper_that_somebody_puts_back_is_not_wrapped_again_and_again(server: object) -> None:
    from mock_server import api

    assert isinstance(server, api.Server)
    for _ in range(1500):  # more than Python's frames would bear
        with redirect.Redirect.to(server):
            ours = socket.getaddrinfo
        socket.getaddrinfo = ours  # as a monkeypatch does that is older than the redirect
    with redirect.Redirect.to(server):
        assert socket.getaddrinfo("127.0.0.1", 80)
    assert not hasattr(socket.getaddrinfo, "_sfmock_stands_for")


def test_the_harness_names_the_file_and_line_of_an_impossible_scenario(outer: pytest.Pytester) -> None:
    outer.makefile(
        ".yaml",
        odd="title: x\norg:\n  fields: {Contact: {A__c: {type: text, length: 20}}}\n"
        "  records: {Contact: {count: 1, fields: {Nope__c: word}}}\nfaults:\n  - {on: rest.*, status: 503}\n",
    )
    result = run(
        outer,
        """
        import pytest

        @pytest.mark.scenario("odd.yaml")
        def test_function(trial):
            trial.run(print)

        @pytest.mark.scenario("odd.yaml")
        def test_block(trial):
            with trial():
                raise AssertionError("the block was entered")

        def test_well(salesforce):
            assert salesforce.id
        """,
    )
    result.assert_outcomes(passed=1, failed=2)
    assert result.stdout.str().count("odd.yaml:4:") >= 2
    assert "the block was entered" not in [line for line in result.stdout.lines if line.startswith("E ")]


def test_an_interrupt_from_the_keyboard_ends_the_session_as_always(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import os, signal, time
        import pytest

        def stop(run):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(2)

        @pytest.mark.scenario("locks.yaml")
        def test_long(trial):
            trial.run(stop)
        """,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
    assert "closed file" not in result.stdout.str() + result.stderr.str()
