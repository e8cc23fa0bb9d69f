"""Planted secrets: a field of the inputs that must be delivered, and must be let out nowhere else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness import inputs
from harness.evidence import Canary
from harness.plans import InputPlan
from mock_server.seeding import values
from mock_server.seeding.plans import Provider
from tests.harness.builders import World, given, letter
from tests.harness.properties.scenes import verdict_of

RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
PLANTED = Canary("a secret field of an input", values.CANARY_PATTERN, payload=True)
VALUE = "sfmock-canary-0123456789abcdef"


@pytest.mark.parametrize("name", ["security.no_secrets_leaked", "dead_letter.no_secrets"])
@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"record": {"Pin__c": VALUE}}, "held"),
        ({"record": {"Pin__c": VALUE}, "error": f"bad value {VALUE}"}, "violated"),
        ({"error": f"bad value {VALUE}"}, "violated"),
    ],
)
def test_it_may_stand_in_the_record_of_a_letter_and_nowhere_else(name: str, said: dict[str, Any], status: str) -> None:
    world = World()
    world.send({1: RULE})
    record = {**given(1).record, "Pin__c": VALUE} if "record" in said else None
    world.letters = [letter(1, RULE, record=record, raw=json.dumps(said))]
    assert verdict_of(name, world, canaries=[PLANTED]).status == status


def test_in_a_url_it_is_a_leak() -> None:
    world = World()
    world.query(f"SELECT+Id+FROM+Contact+WHERE+Pin__c+=+'{VALUE}'")
    assert verdict_of("security.no_secrets_leaked", world, canaries=[PLANTED]).status == "violated"


def test_the_provider_makes_a_secret_for_each_input_the_same_with_every_run() -> None:
    plan = InputPlan("Contact", "Key__c", 3, {"LastName": Provider("last_name"), "Pin__c": Provider("canary")})
    made = inputs.generate([plan], seed=7)
    assert len({one.record["Pin__c"] for one in made}) == 3
    assert all(re.fullmatch(values.CANARY_PATTERN, one.record["Pin__c"]) for one in made)
    assert made == inputs.generate([plan], seed=7)
    assert [canary.payload for canary in inputs.canaries([plan])] == [True]


def test_without_such_a_field_nothing_is_looked_for() -> None:
    assert inputs.canaries([InputPlan("Contact", "Key__c", 3, {"LastName": Provider("last_name")})]) == ()


def test_it_takes_no_arguments() -> None:
    values.check(Provider("canary"))
    with pytest.raises(values.ProviderError):
        values.check(Provider("canary", {"length": 3}))
