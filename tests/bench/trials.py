"""Trials in virtual time: beside the bare client, and by themselves."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

PAIRS = 40
CALLS = 10
_ORG = "org: {fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}}"
_TEN = f"""
title: Ten calls
{_ORG}
inputs: [{{sobject: Contact, count: {CALLS}, key: External_Id__c, fields: {{LastName: last_name}}}}]
time: virtual
"""
_COLLECTIONS = f"""
title: Collections with retries
{_ORG}
inputs: [{{sobject: Contact, count: 400, key: External_Id__c, fields: {{LastName: last_name, Email: email}}}}]
faults:
  - {{name: locks, on: rest.collections.*, records: {{every: 7}}, error: UNABLE_TO_LOCK_ROW, when: {{times: 3, per: key}}}}
  - {{name: slow, on: rest.collections.*, latency: 45s, when: {{times: 2}}}}
  - {{name: down, on: rest.collections.*, status: 503, when: {{skip: 2, times: 2}}}}
time: virtual
"""


def _loaded(text: str) -> Any:
    from harness.scenario import load

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.yaml"
        file.write_text(text)
        return load(file, name="bench")


def upsert_each(base: str, token: str, rows: Sequence[Any]) -> None:
    """One record a call, over one connection."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        for row in rows:
            values = {name: value for name, value in row.record.items() if name != row.key_field}
            url = f"{base}/services/data/v60.0/sobjects/Contact/{row.key_field}/{row.key}"
            session.patch(url, json=values, timeout=30).raise_for_status()


def deliver_collections(run: Any) -> None:
    """Collections of 200, whose failed rows are sent again after waits that grow."""
    credentials, rows, wait = run.credentials, list(run.inputs), 2.0
    url = f"{credentials.instance_url}/services/data/v60.0/composite/sobjects/Contact/External_Id__c"
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {credentials.access_token}"
        while rows:
            left = []
            for start in range(0, len(rows), 200):
                part = rows[start : start + 200]
                body = {"records": [{"attributes": {"type": "Contact"}, **row.record} for row in part]}
                try:
                    answer = session.patch(url, json=body, timeout=30)
                except requests.Timeout:
                    left += part
                    continue
                results = answer.json() if answer.status_code == 200 else [{"success": False}] * len(part)
                left += [row for row, result in zip(part, results, strict=True) if not result["success"]]
            rows = left
            if rows:
                time.sleep(wait)
                wait *= 2


@contextmanager
def bare() -> Iterator[str]:
    """Run a bare aiohttp handler on a thread, as the trial's server is; yield its URL."""
    from aiohttp import web

    async def created(request: web.Request) -> web.Response:
        await request.json()
        return web.json_response(
            {"id": "003Kd0000000001AAA", "success": True, "errors": [], "created": True}, status=201
        )

    app = web.Application()
    app.router.add_patch("/{path:.*}", created)
    runner = web.AppRunner(app, access_log=None)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    loop = asyncio.new_event_loop()
    port = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def ten_calls() -> tuple[float, float, float]:
    """Return trials a second, the bare client's rounds of as many calls a second, and the median of the pairs' ratios.

    A trial is all of `Trial.run`: two fresh orgs, the baseline and the run under faults with ten calls each, evidence
    and verdicts. The bare client makes the same twenty calls.
    """
    from harness.subjects import CallableSubject
    from harness.trial import Trial
    from mock_server import api

    with api.start(port=0) as server, bare() as url:
        trial = Trial(server, _loaded(_TEN))
        rows = trial.inputs()
        subject = CallableSubject(
            lambda run: upsert_each(run.credentials.instance_url, run.credentials.access_token, run.inputs)
        )

        def judged() -> None:
            assert trial.run(subject).ok

        def called() -> None:
            upsert_each(url, "none", rows)
            upsert_each(url, "none", rows)

        judged()
        called()
        pairs = [(_seconds(judged), _seconds(called)) for _ in range(PAIRS)]
    ratio = statistics.median(called / judged for judged, called in pairs)
    return 1 / statistics.median(one for one, _ in pairs), 1 / statistics.median(two for _, two in pairs), ratio


def collections() -> float:
    """Return the seconds of a whole trial of 400 inputs with row locks, time-outs and outages, after warm-up."""
    from harness.subjects import CallableSubject
    from harness.trial import Trial
    from mock_server import api

    with api.start(port=0) as server:
        trial = Trial(server, _loaded(_COLLECTIONS))
        subject = CallableSubject(deliver_collections)

        def judged() -> None:
            result = trial.run(subject)
            assert result.evidence is not None
            assert all(fault.fired for fault in result.faults)
            assert (result.evidence.process.virtual or 0) > 60

        judged()
        return statistics.median(_seconds(judged) for _ in range(9))
