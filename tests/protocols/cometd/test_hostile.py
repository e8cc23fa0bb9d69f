"""Whatever arrives as messages: there is an answer, it is Bayeux, and it comes at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocols.cometd.conftest import CASE, ORDER, TOPIC, Bayeux, Lab

CHANNELS = st.sampled_from(
    ["/meta/handshake", "/meta/subscribe", "/meta/unsubscribe", "/meta/disconnect", "/meta/connect", "/meta/x", ORDER, "", "x"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
NAMES = st.sampled_from([ORDER, CASE, TOPIC, f"{TOPIC}?Name=x", f"{TOPIC}?", "/event/", "/u/x", "/data/ChangeEvents"])
REPLAYS = st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=2) | VALUES


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    fields: dict[str, st.SearchStrategy[Any]] = {
        "channel": CHANNELS | VALUES,
        "clientId": st.just("MINE") | VALUES,
        "id": VALUES,
        "subscription": NAMES | st.lists(NAMES | VALUES, max_size=3) | VALUES,
        "supportedConnectionTypes": st.just(["long-polling"]) | VALUES,
        "connectionType": st.just("long-polling") | VALUES,
        "ext": st.fixed_dictionaries({"replay": REPLAYS}) | VALUES,
        "data": VALUES,
    }
    for name, strategy in fields.items():
        if draw(st.integers(0, 3)):
            found[name] = draw(strategy)
    # Nobody wants to wait for nothing.
    found["advice"] = {"timeout": draw(st.sampled_from([0, -1, 0.5]))}
    return found


@pytest.fixture
def known(lab: Lab) -> Bayeux:
    lab.control.set_limit("DurableStreamingApiConcurrentClients", maximum=10**6)
    return lab.client().ready(ORDER)


@given(batch=st.lists(messages(), max_size=4))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_messages_are_answered(known: Bayeux, batch: list[dict[str, Any]]) -> None:
    if known.connect(advice={"timeout": 0})[-1].get("error") == "403::Unknown client":
        known.ready(ORDER)
    sent = [{**one, "clientId": known.id} if one.get("clientId") == "MINE" else one for one in batch]
    answer = known.send(data=json.dumps(sent), headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400), answer.text
    for reply in answer.json():
        if "data" not in reply:
            assert isinstance(reply["successful"], bool)
            assert reply["successful"] or reply["error"][:3].isdigit()


@given(
    body=st.binary(max_size=60), kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "x"])
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_bytes_are_answered(known: Bayeux, body: bytes, kind: str) -> None:
    answer = known.send(data=body, headers={"Content-Type": kind})
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("deep", [100, 900, 1010, 5000, 15_000])
@pytest.mark.parametrize("channel", [ORDER, "/event/Other__e"])
def test_deep_messages_end_in_an_answer(known: Bayeux, deep: int, channel: str) -> None:
    message = known.message("/meta/subscribe", subscription=ORDER, ext={"replay": {channel: "DEEP"}})
    body = json.dumps([message]).replace('"DEEP"', "[" * deep + "]" * deep)
    answer = known.send(data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400)


def test_an_answer_to_many_messages_sets_each_cookie_once(lab: Lab) -> None:
    answer = lab.client().send(*[{"channel": "/meta/connect", "clientId": "gone"}] * 400)
    assert len(answer.json()) == 400
    assert [name for name, _ in answer.raw.headers.items() if name.lower() == "set-cookie"] == ["Set-Cookie"]


def test_a_version_is_written_in_plain_digits(lab: Lab) -> None:
    answer = lab.client("\u0666\u0660.0").send({"channel": "/meta/handshake"})
    assert (answer.status_code, answer.json()[0]["error"][:5]) == (400, "400::")


@pytest.mark.parametrize(("replay", "told"), [(True, "{true}"), ([1], "{[1]}"), ("x", "{x}")])
def test_a_replay_id_that_is_none_is_told_as_it_was_written(known: Bayeux, replay: Any, told: str) -> None:
    asked = known.message("/meta/subscribe", subscription=ORDER, ext={"replay": {ORDER: replay}})
    assert known.one(asked)["error"].startswith(f"400::The replayId {told} you provided was invalid.")
