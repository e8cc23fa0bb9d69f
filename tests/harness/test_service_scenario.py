"""Services in scenario files: what can be written, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.lint import warnings
from harness.scenario import Scenario, describe, load
from harness.scenario_schema import scenario_schema
from harness.service_plans import (
    AdvanceStep,
    ChangeStep,
    EffectsPlan,
    Ready,
    RestartStep,
    SinkPlan,
    WaitStep,
    all_steps,
)
from mock_server.documents import DocumentError


def read(tmp_path: Path, text: str) -> Scenario:
    (tmp_path / "case.yaml").write_text(f"title: A service\n{text}")
    return load(tmp_path / "case.yaml")


def test_a_service_is_what_the_scenario_says_and_else_as_usual(tmp_path: Path) -> None:
    usual = read(tmp_path, "service: {}").service
    assert usual is not None
    assert (usual.ready, usual.grace, usual.quiet) == (None, 5.0, 2.0)
    assert read(tmp_path, "service: true").service == usual
    assert read(tmp_path, "service: false").service is None
    own = read(tmp_path, "service: {ready: first_request, grace: 200ms, quiet: 0.5s}").service
    assert own is not None
    assert (own.ready, own.grace, own.quiet) == (Ready("first_request"), 0.2, 0.5)


@pytest.mark.parametrize(
    ("text", "ready"),
    [
        ("subscribed", Ready("subscribed")),
        ("port", Ready("port")),
        ("{line: listening}", Ready(line="listening")),
        ("{url: '{service}/health'}", Ready(url="{service}/health")),
    ],
)
def test_readiness_is_told_in_several_ways(tmp_path: Path, text: str, ready: Ready) -> None:
    service = read(tmp_path, f"service: {{ready: {text}}}").service
    assert service is not None
    assert service.ready == ready


STEPS = """
service: {}
org:
  changeDataCapture: [Account]
  records: {Account: {count: 3}}
events:
  - publish: {sobject: Order__e, count: 50, fields: {Note__c: word}, key: Number__c, every: 20ms}
  - create: {sobject: Contact, count: 2}
  - update: {sobject: Account, count: 2, fields: {Phone: phone_number}, where: "Name != null", by: subject}
  - restart: {by: SIGKILL, down: 30s, meanwhile: [{delete: {sobject: Account}}, {advance: 1h}]}
  - undelete: {sobject: Account}
  - restart: SIGTERM
  - advance: 73h
  - wait: {until: quiet}
  - wait: 2s
  - wait: {seconds: 300ms}
effects: {sink: {slow: 10ms, status: 503, times: 2, at: after}, sobject: Task, key: Number__c}
"""


def test_the_steps_of_a_scenario(tmp_path: Path) -> None:
    scenario = read(tmp_path, STEPS)
    publish, create, update, restart, undelete, again, *rest = scenario.events
    assert isinstance(publish, ChangeStep)
    assert (publish.verb, publish.sobject, publish.count, publish.key, publish.every) == (
        "publish", "Order__e", 50, "Number__c", 0.02,
    )  # fmt: skip
    assert isinstance(create, ChangeStep)
    assert set(create.fields) == {"FirstName", "LastName", "Email"}
    assert isinstance(update, ChangeStep)
    assert (update.by, update.where) == ("subject", "Name != null")
    assert isinstance(restart, RestartStep)
    assert (restart.by, restart.down, restart.meanwhile[1]) == ("SIGKILL", 30.0, AdvanceStep(3600.0))
    assert isinstance(undelete, ChangeStep)
    assert again == RestartStep("SIGTERM")
    assert rest == [AdvanceStep(262_800.0), WaitStep(None), WaitStep(2.0), WaitStep(0.3)]
    assert len(list(all_steps(scenario.events))) == len(scenario.events) + 2
    assert scenario.effects == EffectsPlan(SinkPlan(0.01, 503, 2, True), "Task", "Number__c")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "service: {graze: 5s}",
            2,
            "a service has no key 'graze'; did you mean 'grace'? (allowed: ready, grace, quiet)",
        ),
        ("service: later", 2, "service must be a mapping, not 'later'"),
        ("service: {quiet: 0s}", 2, "quiet must be more than 0"),
        ("service: {ready: subscribe}", 2, "ready must be subscribed, first_request, port"),
        ("service: {ready: {line: a, url: b}}", 2, "ready names one way to tell"),
        ("service: {ready: {url: https://example.com}}", 2, "url must be an address of this machine"),
        ("events:\n  - advance: 1h", 2, "events happen while a service runs"),
        ("effects: {sink: true}", 2, "effects are those of a service"),
        ("service: {}\nevents:\n  - publsh: {sobject: A__e}", 4, "cannot be 'publsh'"),
        ("service: {}\nevents:\n  - {advance: 1h, wait: 1s}", 4, "says one thing that happens"),
        ("service: {}\nevents:\n  - publish: {sobject: Account}", 4, "what is published is a platform event"),
        ("service: {}\nevents:\n  - create: {sobject: Order__e, fields: {A__c: word}}", 4, "it can only be published"),
        ("service: {}\nevents:\n  - publish: {}", 4, "a publish step needs sobject"),
        ("service: {}\nevents:\n  - publish:", 4, "publish needs what it is about"),
        ("service: {}\nevents:\n  - update: {sobject: Account}", 4, "an update needs fields"),
        ("service: {}\nevents:\n  - create: {sobject: Thing__c}", 4, "a new Thing__c needs fields"),
        ("service: {}\nevents:\n  - delete: {sobject: Account, fields: {Name: word}}", 4, "has no key 'fields'"),
        ("service: {}\nevents:\n  - restart: {by: SIGHUP}", 4, "by must be one of SIGTERM, SIGKILL"),
        ("service: {}\nevents:\n  - restart: {meanwhile: [restart: SIGTERM]}", 4, "a service that is down"),
        ("service: {}\nevents:\n  - advance: soon", 4, "'soon' is no duration"),
        ("service: {}\nevents:\n  - wait: {until: noon}", 4, "until must be one of quiet"),
        ("service: {}\nevents:\n  - wait: {}", 4, "wait needs one of"),
        ("service: {}\nevents: [1]", 3, "a step of events must be a mapping"),
        ("service: {}\neffects: {sobject: Task}", 3, "add key"),
        ("service: {}\neffects: {sink: {times: 2}}", 3, "add status"),
        ("service: {}\neffects: {sink: {status: 42}}", 3, "status must be a whole number from 100 to 599"),
        (
            "service: {}\nevents:\n  - publish: {sobject: A__e, key: K__c, fields: {k__c: word}}",
            4,
            "k__c is the key: its values are numbered",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read(tmp_path, text)
    assert any(f"case.yaml:{line}:" in one and message in one for one in refused.value.lines), refused.value.lines


def test_editors_know_what_the_reader_takes(tmp_path: Path) -> None:
    validator = Draft202012Validator(scenario_schema())
    good = yaml.safe_load(f"title: A service\n{STEPS}")
    assert not list(validator.iter_errors(good))
    assert list(validator.iter_errors({**good, "events": [{"publsh": {"sobject": "A__e"}}]}))
    assert list(validator.iter_errors({**good, "service": {"graze": "5s"}}))
    assert list(validator.iter_errors({**good, "effects": {"sink": {"status": 42}}}))


def test_a_scenario_tells_in_words_what_happens(tmp_path: Path) -> None:
    told = " ".join(describe(read(tmp_path, STEPS)).split())
    for words in (
        "50 Order__e published by somebody else, one every 0.02 s",
        "2 Account with Name != null updated (Phone) by the service's own user",
        "the service is killed and started again, down for 30 s; meanwhile 1 Account deleted by somebody else, then 1 h go by",
        "73 h go by on the org's clock",
        "changeDataCapture: Account",
        "the sink answers 503 the first 2 times, although it takes what comes",
        "its effects are also seen in Task records, by Number__c",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("service: {}", "case.yaml:2:1: nothing happens while the service runs"),
        (
            "service: {ready: port}\ninputs: [{sobject: Account, key: AccountNumber, count: 1}]",
            "nobody will call this service",
        ),
        ("service: {}\nevents:\n  - undelete: {sobject: Account}", "no Account was deleted by a step before"),
        ("service: {}\nevents:\n  - restart: SIGKILL\nexpect: {report.graceful_stop: {}}", "will not be exercised"),
        ("service: {}\nevents:\n  - restart: SIGTERM\nexpect: {report.graceful_stop: {}}", ""),
        (
            "service: {}\nevents:\n  - create: {sobject: Account, fields: {Name: company}}\nexpect: {callout.answers_in_time: {}}",
            "case.yaml:5:10: callout.answers_in_time will not be exercised: no URL of the org names {service}",
        ),
    ],
)
def test_what_is_pointless_is_warned_of(tmp_path: Path, text: str, warning: str) -> None:
    found = warnings(read(tmp_path, text))
    assert any(warning in line for line in found) if warning else not found
