"""Security: the right server, and no more rights than the work needs."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
import requests

from harness.evidence import Canary, Interception, Leg, Process
from harness.impostor import Impostor
from harness.properties import ParameterError, read_parameters, registry
from tests.harness.builders import World, letter
from tests.harness.properties.scenes import Scene, Scenes, check

SCENES = Scenes()
scene = SCENES.add

NO_ACCESS = "INSUFFICIENT_ACCESS_OR_READONLY"


# -- leaks


def _said(*leaks: str) -> Process:
    return Process(0, 1.0, leaks=leaks)


def _legs_and_rerun(world: World, faults: Process, heal: Process, rerun: Process) -> dict[str, Any]:
    world.send({1: None, 2: None})
    legs = [Leg(name, run, 1, 1, 0.0, 2.0, 0) for name, run in (("faults", faults), ("heal", heal))]  # type: ignore[arg-type]
    return {
        "legs": legs,
        "process": heal,
        "canaries": [Canary("the password", "hunter2")],
        "after": {"rerun": World().evidence(process=rerun)},
    }


@scene("security.no_secrets_leaked", "held")
def silent_in_all_runs(world: World) -> dict[str, Any]:
    return _legs_and_rerun(world, _said(), _said(), _said())


@scene("security.no_secrets_leaked", "violated")
def let_out_under_faults_only(world: World) -> dict[str, Any]:
    return _legs_and_rerun(world, _said("the password"), _said(), _said())


@scene("security.no_secrets_leaked", "violated")
def let_out_after_delivery_only(world: World) -> dict[str, Any]:
    return _legs_and_rerun(world, _said(), _said(), _said("the password"))


# -- TLS


def impostor(world: World, offered: int, *taken: str) -> dict[str, Any]:
    world.send({1: None, 2: None})
    run = World(inputs=2).evidence()
    object.__setattr__(run, "interception", Interception(offered, taken))
    return {"after": {"impostor": run}}


@scene("security.tls_verified", "held")
def refused_the_certificate(world: World) -> dict[str, Any]:
    return impostor(world, 3)


@scene("security.tls_verified", "violated")
def took_any_certificate(world: World) -> dict[str, Any]:
    return impostor(world, 1, "POST /services/oauth2/token in spite of the certificate")


@scene("security.tls_verified", "violated")
def fell_back_to_plain_text(world: World) -> dict[str, Any]:
    return impostor(world, 0, "POST /services/oauth2/token in plain text")


@scene("security.tls_verified", "not exercised")
def never_came(world: World) -> dict[str, Any]:
    return impostor(world, 0)


@scene("security.tls_verified", "not applicable")
@scene("security.least_privilege", "not exercised")
def no_impostor(world: World) -> None:
    world.send({1: None, 2: None})


# -- least privilege


@scene("security.least_privilege", "held")
def dead_lettered_at_the_first_refusal(world: World) -> None:
    world.send({1: NO_ACCESS, 2: None})
    world.letters = [letter(1, NO_ACCESS)]


@scene("security.least_privilege", "violated")
def sent_again_after_the_refusal(world: World) -> None:
    world.send({1: NO_ACCESS, 2: None})
    world.send({1: NO_ACCESS})
    world.letters = [letter(1, NO_ACCESS)]


@scene("security.least_privilege", "violated")
def dropped_after_the_refusal(world: World) -> None:
    world.send({1: NO_ACCESS, 2: None})


@scene("security.least_privilege", "held")
def sent_again_by_a_process_that_was_started_again(world: World) -> dict[str, Any]:
    world.send({1: NO_ACCESS})
    world.send({1: NO_ACCESS, 2: None})
    world.letters = [letter(1, NO_ACCESS)]
    killed, ended = Process(None, 1.0, crashed=True), Process(0, 1.0)
    return {"legs": [Leg("faults", killed, 1, 1, 1.0, 1.5, 0), Leg("restart", ended, 2, 2, 2.0, 2.5, 1)]}


@SCENES.each
def test_security_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({}, "not exercised", ""),
        ({"objects": []}, "violated", "Account is not declared (rest.query.run)"),
        ({"objects": ["account", "Opportunity"]}, "held", "4 calls"),
        ({"objects": ["Account"]}, "violated", "Opportunity is not declared (rest.sobject.describe)"),
        ({"operations": ["rest.collections.*", "rest.query.*", "rest.sobject.*"]}, "held", "4 calls"),
        ({"operations": ["rest.collections.*"]}, "violated", "rest.query.run is not declared"),
    ],
)
def test_only_what_is_declared_may_be_touched(given: dict[str, Any], status: str, words: str) -> None:
    world = World()
    world.log_in()
    world.send({1: None, 2: None})
    world.exchange("rest.query.run", query="SELECT Id, (SELECT Id FROM Assets) FROM Account WHERE Name = 'x'")
    world.exchange("rest.query.run", query="SELECT Id FROM Contact")
    world.exchange("rest.sobject.describe", path="/services/data/v60.0/sobjects/Opportunity/describe")
    claim = registry()["security.least_privilege"]
    verdict = claim.judge(world.evidence(), read_parameters(claim, given))
    assert verdict.status == status
    assert words in verdict.reason


@pytest.mark.parametrize("given", [{"objects": "Account"}, {"objects": [1]}, {"operations": 3}])
def test_names_are_given_as_a_list(given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="list of names"):
        read_parameters(registry()["security.least_privilege"], given)


# -- the impostor


def test_a_client_that_checks_certificates_sends_an_impostor_nothing() -> None:
    with Impostor() as there:
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"https://{there.address}/services/data", timeout=30)
        assert there.seen() == Interception(1, ())


def test_a_client_that_checks_nothing_is_noted_without_its_secrets() -> None:
    with Impostor() as there, requests.Session() as client:
        client.trust_env = False
        with pytest.warns(match="Unverified"):
            answer = client.post(
                f"https://{there.address}/token?secret=1", data={"password": "hunter2"}, timeout=30, verify=False
            )
        assert answer.status_code == 503
        assert there.seen() == Interception(1, ("POST /token in spite of the certificate",))


def test_plain_text_is_noted() -> None:
    with Impostor() as there:
        assert requests.get(f"http://{there.address}/services/data", timeout=30).status_code == 503
        assert there.seen() == Interception(0, ("GET /services/data in plain text",))


def test_a_proxy_leads_to_the_impostor_too() -> None:
    with Impostor() as there:
        proxies = {"https": f"http://{there.address}"}
        with pytest.raises(requests.exceptions.SSLError):
            requests.get("https://login.salesforce.com/", proxies=proxies, timeout=30)
        assert there.seen() == Interception(1, ())


def test_a_look_at_the_certificate_alone_is_no_request() -> None:
    context = ssl._create_unverified_context()
    with Impostor() as there:
        host, port = there.address.split(":")
        with socket.create_connection((host, int(port)), 5) as plain, context.wrap_socket(plain) as secured:
            assert secured.getpeercert(binary_form=True)
        assert there.seen() == Interception(1, ())


def test_an_editor_knows_that_names_are_given_as_a_list() -> None:
    from jsonschema import Draft202012Validator

    from harness.scenario_schema import scenario_schema

    check = Draft202012Validator(scenario_schema())
    good = {"title": "T", "expect": {"security.least_privilege": {"objects": ["Account"]}}}
    assert check.is_valid(good)
    assert not check.is_valid({**good, "expect": {"security.least_privilege": {"objects": 3}}})
