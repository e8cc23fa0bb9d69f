"""The port of the Pub/Sub API: plain, by TLS and through the proxy; what hostile clients meet; what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.protocols.pubsub.client import EARLIEST, ORDER, TIMEOUT, TOPIC, PubSub, Refused, metadata, method
from tests.protocols.pubsub.client import api as messages
from tests.waiting import PATIENCE, until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
OWN = [("grpc.use_local_subchannel_pool", 1)]
START = 120
"""Seconds after which a server in a process of its own is said to hang; to start may take long on a busy machine."""


@pytest.fixture(scope="module")
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(objects=ORDER)
    yield made
    server.control.delete_org(made.id)


def credentials(server: api.Server) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(server.ca_file.read_bytes())


def works(channel: grpc.Channel, org: OrgInfo) -> bool:
    return bool(PubSub(channel, org).call("GetTopic", topic_name=TOPIC).can_subscribe)


def test_one_port_speaks_plain_and_by_tls(server: api.Server, org: OrgInfo) -> None:
    with (
        grpc.insecure_channel(server.pubsub, OWN) as plain,
        grpc.secure_channel(server.pubsub, credentials(server), OWN) as tls,
    ):
        assert works(plain, org)
        assert works(tls, org)
    entries = [entry for entry in server.control.for_org(org.id).journal() if entry["operation"] == "pubsub.get_topic"]
    assert [entry["address"].partition("://")[0] for entry in entries[-2:]] == ["http", "https"]


def test_a_client_that_trusts_others_gets_no_further(server: api.Server, org: OrgInfo) -> None:
    with (
        grpc.secure_channel(server.pubsub, grpc.ssl_channel_credentials(), OWN) as channel,
        pytest.raises(Refused) as caught,
    ):
        works(channel, org)
    assert caught.value.status == "UNAVAILABLE"


@pytest.mark.parametrize(
    "target", ["api.pubsub.salesforce.com:7443", "api.pubsub.salesforce.com:443", "api.deu.pubsub.salesforce.com:7443"]
)
@pytest.mark.parametrize("secure", [True, False])
def test_salesforces_own_address_leads_here_through_the_proxy(
    server: api.Server, org: OrgInfo, monkeypatch: pytest.MonkeyPatch, target: str, secure: bool
) -> None:
    monkeypatch.setenv("https_proxy", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    make = grpc.secure_channel if secure else grpc.insecure_channel
    arguments = [credentials(server)] if secure else []
    with make(target, *arguments, OWN) as channel:  # type: ignore[operator]
        assert works(channel, org)


def test_clients_are_told_where_it_is(server: api.Server, org: OrgInfo) -> None:
    from mock_server.environment import client_environment

    assert org.pubsub_endpoint == server.pubsub
    told = client_environment(org, server.url, "bundle.pem")
    assert told["SF_PUBSUB_ENDPOINT"] == server.pubsub
    assert (told["https_proxy"], told["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]) == (server.url, "bundle.pem")
    with api.attach(server.url, ca_file=str(server.ca_file)) as elsewhere:
        host = elsewhere.pubsub.partition(":")[0]
        assert elsewhere.pubsub == f"{host}:{server.pubsub.rpartition(':')[2]}"


async def test_loops_of_client_and_server_share_a_process(
    server: api.Server, org: OrgInfo, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with aio.insecure_channel(server.pubsub, OWN) as channel:
            meta = metadata(org)
            info = await method(channel, "GetTopic")(messages.TopicRequest(topic_name=TOPIC), metadata=meta)
            calls = [method(channel, "Subscribe")(metadata=meta) for _ in range(20)]
            for call in calls:
                await call.write(messages.FetchRequest(topic_name=TOPIC, num_requested=5, replay_preset=EARLIEST))
            event = messages.ProducerEvent(schema_id=info.schema_id, payload=b"\0\2x\0\0\0\0\0")
            request = messages.PublishRequest(topic_name=TOPIC, events=[event])
            answer = await method(channel, "Publish")(request, metadata=meta)
            assert not answer.results[0].HasField("error"), answer
            for call in calls:
                assert (await call.read()).events[-1].replay_id == answer.results[0].replay_id
                call.cancel()
    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize("round", [1, 2])
def test_a_loop_may_end_with_streams_open(server: api.Server, org: OrgInfo, round: int) -> None:
    async def leave() -> None:
        channel = aio.insecure_channel(server.pubsub, OWN)
        call = method(channel, "Subscribe")(metadata=metadata(org))
        await call.write(messages.FetchRequest(topic_name=TOPIC, num_requested=5))
        await asyncio.sleep(0.05)

    asyncio.run(leave())
    with grpc.insecure_channel(server.pubsub, OWN) as channel:
        assert works(channel, org)


GARBAGE = [
    b"",
    b"\0",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT \r\n\r\n",
    b"\x16\x03\x01\x02\x00garbage" + b"\0" * 300,
    PREFACE,
    PREFACE + b"\xff" * 500,
    PREFACE + SETTINGS + b"\xff\xff\xff\1\4\0\0\0\1" + b"x" * 4000,
    PREFACE + SETTINGS + b"\0\0\4\1\4\0\0\0\1\xff\xff\xff\xff",
    PREFACE + SETTINGS + b"\0\0\0\0\1\0\0\0\1" * 50,
    b"\x80" * 70_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_harms_nobody(
    server: api.Server, org: OrgInfo, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = server.pubsub.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.settimeout(0.2)
        try:
            sock.sendall(garbage)
            while sock.recv(65536):
                pass
        except OSError:
            pass
    with grpc.insecure_channel(server.pubsub, OWN) as channel:
        assert works(channel, org)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_half_open_handshake_holds_up_nobody(server: api.Server, org: OrgInfo) -> None:
    host, _, port = server.pubsub.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03")
        with grpc.secure_channel(server.pubsub, credentials(server), OWN) as channel:
            assert works(channel, org)


def test_http_inside_tls_is_no_grpc(server: api.Server) -> None:
    host, _, port = server.pubsub.rpartition(":")
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with (
        socket.create_connection((host, int(port)), 10) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        tls.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            assert b"200" not in tls.recv(1000)


@pytest.mark.parametrize(
    "path",
    [
        "/eventbus.v1.PubSub/Nothing",
        "/other.Service/GetTopic",
        "/eventbus.v1.PubSub/",
        "/eventbus.v1.PubSub/getTopic",
        "/EventBus.v1.PubSub/GetTopic",
        "/eventbus.v1.PubSub/GetTopic/",
        "//eventbus.v1.PubSub/GetTopic",
    ],
)
def test_an_unknown_method_is_unimplemented(server: api.Server, org: OrgInfo, path: str) -> None:
    with grpc.insecure_channel(server.pubsub, OWN) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path)(b"", metadata=metadata(org), timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_stream_of_another_case_is_unimplemented(server: api.Server, org: OrgInfo) -> None:
    with grpc.insecure_channel(server.pubsub, OWN) as channel, pytest.raises(grpc.RpcError) as caught:
        list(channel.stream_stream("/eventbus.v1.PubSub/subscribe")(iter([b""]), metadata=metadata(org), timeout=30))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


UNREADABLE = {
    "GetTopic": (None, "TopicRequest"),
    "GetSchema": ("schema.validation.failed", "SchemaRequest"),
    "Publish": (None, "PublishRequest"),
    "PublishStream": (None, "PublishRequest"),
    "Subscribe": ("subscription.fetch.request.invalid", "FetchRequest"),
    "ManagedSubscribe": ("managed.subscription.fetch.request.invalid", "ManagedFetchRequest"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_message_that_cannot_be_read_is_told_what_it_should_have_been(
    server: api.Server, org: OrgInfo, name: str
) -> None:
    with grpc.insecure_channel(server.pubsub, OWN) as channel, pytest.raises(grpc.RpcError) as caught:
        if name in ("Subscribe", "PublishStream", "ManagedSubscribe"):
            path, given = channel.stream_stream(f"/eventbus.v1.PubSub/{name}"), iter([b"\xff\xff\xff"])
            list(path(given, metadata=metadata(org), timeout=TIMEOUT))
        else:
            channel.unary_unary(f"/eventbus.v1.PubSub/{name}")(b"\xff", metadata=metadata(org), timeout=TIMEOUT)
    refused, (code, form) = Refused(caught.value), UNREADABLE[name]
    assert refused.status == "INVALID_ARGUMENT"
    assert f"can't be read as eventbus.v1.{form}." in refused.text
    assert refused.code == (code or "")
    assert ("rpc-id" in refused.trailers) is (code is not None)


@pytest.mark.parametrize("name", ["GetTopic", "GetSchema", "Publish", "Subscribe", "PublishStream", "ManagedSubscribe"])
@pytest.mark.parametrize("message", [b"\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x7f", b"\x0a\x02\xff\xfe", b""])
def test_messages_that_are_none(server: api.Server, org: OrgInfo, name: str, message: bytes) -> None:
    with grpc.insecure_channel(server.pubsub, OWN) as channel, pytest.raises(grpc.RpcError) as caught:
        kind = (
            channel.stream_stream if name in ("Subscribe", "PublishStream", "ManagedSubscribe") else channel.unary_unary
        )
        given: Any = iter([message]) if kind == channel.stream_stream else message
        answer = kind(f"/eventbus.v1.PubSub/{name}")(given, metadata=metadata(org), timeout=TIMEOUT)
        list(answer)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_method_of_grpc_is_nothing_for_http(server: api.Server, org: OrgInfo) -> None:
    host, _, port = server.url.rpartition("//")[2].rpartition(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in metadata(org))
    for path in ("Subscribe", "GetTopic"):
        with socket.create_connection((host, int(port)), 10) as sock:
            sock.settimeout(10)
            head = f"GRPC /eventbus.v1.PubSub/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n"
            sock.sendall(head.encode())
            assert b" 5" not in sock.recv(1000).split(b"\r\n")[0]


def _streams(server: api.Server, org: OrgInfo, count: int, at_once: int) -> None:
    async def churn() -> None:
        async with aio.insecure_channel(server.pubsub, OWN) as channel:
            open_stream = method(channel, "Subscribe")
            for _ in range(0, count, at_once):
                calls = [open_stream(metadata=metadata(org)) for _ in range(at_once)]
                for call in calls:
                    await call.write(messages.FetchRequest(topic_name=TOPIC, num_requested=1, replay_preset=EARLIEST))
                for number, call in enumerate(calls):
                    if number % 3 == 0:
                        await call.read()
                    if number % 2 and not call.done():
                        await call.done_writing()
                    call.cancel()

    asyncio.run(churn())


@pytest.fixture
def lonely() -> Iterator[api.Server]:
    """A server that nobody else is connected to."""
    with api.start() as own:
        yield own


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.heavy)])
def test_streams_that_come_and_go_leave_nothing(lonely: api.Server, count: int) -> None:
    server, org = lonely, lonely.control.create_org(objects=ORDER)
    with grpc.insecure_channel(server.pubsub, OWN) as channel:
        PubSub(channel, org).publish("1")
    inside = server.world.orgs[org.id]
    front = server._running._pubsub_front
    _streams(server, org, 50, 50)

    def all_gone() -> bool:
        counts = len(inside.events.feeds), len(inside.events._listeners), len(front), len(front._server._working)  # type: ignore[union-attr]
        return counts == (0, 0, 0, 0)

    until(all_gone)
    gc.collect()
    before, files = len(asyncio.all_tasks(server._loop)), len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    _streams(server, org, count, 50)
    until(all_gone)
    gc.collect()
    until(lambda: len(asyncio.all_tasks(server._loop)) <= before)
    until(lambda: threading.active_count() <= threads)
    until(lambda: len(os.listdir("/proc/self/fd")) <= files + 5)
    assert inside.sessions._watchers == {}


@pytest.mark.heavy
def test_a_connection_has_a_thousand_streams_and_the_next_one_waits_for_its_turn(lonely: api.Server) -> None:
    # In virtual time no stream is closed for asking nothing more while the others are opened.
    org = lonely.control.create_org(objects=ORDER, clock="virtual")
    with grpc.insecure_channel(lonely.pubsub, OWN) as other:
        PubSub(other, org).publish("1")
    asked = messages.FetchRequest(topic_name=TOPIC, num_requested=2, replay_preset=EARLIEST)
    inside = lonely.world.orgs[org.id].events

    async def crowd() -> None:
        async with aio.insecure_channel(lonely.pubsub, OWN) as channel:
            subscribe = method(channel, "Subscribe")

            async def opened() -> Any:
                call = subscribe(metadata=metadata(org))
                await call.write(asked)
                return call

            async def one_more() -> Any:
                return await (await opened()).read()

            calls = await asyncio.gather(*(opened() for _ in range(1000)))
            answers = await asyncio.wait_for(asyncio.gather(*(call.read() for call in calls)), 60)
            assert {len(answer.events) for answer in answers} == {1}
            assert len(inside.feeds) == 1000
            further = asyncio.ensure_future(one_more())
            await asyncio.wait((further,), timeout=1)
            assert not further.done()
            assert len(inside.feeds) == 1000
            # All of them hear what comes meanwhile, and it is nobody's fault that one more would like to.
            with grpc.insecure_channel(lonely.pubsub, OWN) as other:
                await asyncio.to_thread(PubSub(other, org).publish, "2")
            heard = await asyncio.wait_for(asyncio.gather(*(call.read() for call in calls)), 60)
            assert {(len(answer.events), answer.pending_num_requested) for answer in heard} == {(1, 0)}
            calls[0].cancel()
            answer = await asyncio.wait_for(further, 60)
            assert len(answer.events) == 2
            for call in calls:
                call.cancel()

    asyncio.run(crowd())


def test_a_server_ends_at_once_with_streams_open() -> None:
    with api.start() as own:
        org = own.control.create_org(objects=ORDER)
        with grpc.insecure_channel(own.pubsub, OWN) as channel:
            client = PubSub(channel, org)
            client.publish("1")
            streams = [client.subscribe(preset=EARLIEST) for _ in range(20)]
            for stream in streams:
                stream.events(1)
            own.stop()
            # It has not waited for them: their own time would have ended in another way.
            assert {stream.refusal().status for stream in streams} <= {"UNAVAILABLE", "CANCELLED"}


def _serve(tmp_path: Path, *more: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    ready = tmp_path / f"ready-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "mock_server", "serve", "--port", "0", "--ready-file", str(ready), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
    until(lambda: ready.exists() or process.poll() is not None)
    return process, json.loads(ready.read_text()) if ready.exists() else {}


def test_serve_tells_the_port_and_gives_way_only_where_nobody_named_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process, told = _serve(tmp_path, "--pubsub-port", str(port))
        out, _ = process.communicate(timeout=START)
        assert (process.returncode, told) == (2, {})
        assert f"cannot serve on 127.0.0.1:{port}: Address already in use" in out
        assert "--pubsub-port" in out
    # On an address of its own: nobody else has the port there, or lets it go meanwhile.
    host = "127.83.70.2" if sys.platform == "linux" else "127.0.0.1"
    with _taken(host, 7443):
        process, told = _serve(tmp_path, "--host", host)
        try:
            assert told["pubsub"] == told["pubsub_tls"] != f"{host}:7443"
            with grpc.insecure_channel(told["pubsub"], OWN) as channel, pytest.raises(grpc.RpcError) as caught:
                method(channel, "GetTopic")(messages.TopicRequest(topic_name=TOPIC), timeout=TIMEOUT)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        finally:
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=START)
    assert process.returncode == 0
    assert f"pubsub    {told['pubsub']} (gRPC, plain and TLS; 7443 is taken)" in out
    assert "Traceback" not in out


@contextlib.contextmanager
def _taken(host: str, port: int) -> Iterator[None]:
    """Hold a port; where somebody else has it, it is taken too."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            held.enter_context(socket.create_server((host, port)))
        yield


def test_grpc_is_not_loaded_before_somebody_speaks_it(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom mock_server import api\n"
        "with api.start() as server:\n"
        "    server.control.orgs()\n"
        "    print([name for name in ('grpc', 'google.protobuf', 'fastavro') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=START,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
