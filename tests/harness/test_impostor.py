"""The impostor in a trial: a subject in this process is led to a server that nobody should trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from harness.scenario import load
from harness.subjects import Run
from harness.trial import run_trial
from mock_server import api

TEXT = """
title: Contacts
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
inputs:
  - {sobject: Contact, count: 8, key: External_Id__c, fields: {LastName: last_name}}
expect:
  security.tls_verified: {}
"""


def deliver(run: Run, *, verify: bool) -> None:
    records = [{"attributes": {"type": row.sobject}, row.key_field: row.key, **row.record} for row in run.inputs]
    with requests.Session() as client:
        client.trust_env = False
        try:
            client.patch(
                f"{run.credentials.instance_url}/services/data/v60.0/composite/sobjects/Contact/External_Id__c",
                json={"records": records},
                headers={"Authorization": f"Bearer {run.credentials.access_token}"},
                verify=verify,
                timeout=30,
            ).json()
        except (requests.RequestException, ValueError):
            with run.dlq_path.open("a") as queue:
                queue.writelines(json.dumps({"key": row.key, "error": "not sent"}) + "\n" for row in run.inputs)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS")
@pytest.mark.parametrize(("verify", "status"), [(True, "held"), (False, "violated")])
def test_a_subject_in_this_process(server: api.Server, tmp_path: Path, verify: bool, status: str) -> None:
    (tmp_path / "case.yaml").write_text(TEXT)
    result = run_trial(load(tmp_path / "case.yaml"), lambda run: deliver(run, verify=verify), server=server, timeout=30)
    assert result.judgement is not None
    verdicts = {verdict.property: verdict for verdict in result.judgement.verdicts}
    assert verdicts["security.tls_verified"].status == status
    # What is given up there concerns no input of the delivery.
    assert verdicts["delivery.nothing_lost"].status == "held"
    assert verdicts["dead_letter.complete"].status == "not exercised"
