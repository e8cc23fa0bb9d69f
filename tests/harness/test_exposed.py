"""Secrets in a query string: the mock names them in its journal without keeping them, and the property blames them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from harness.linking import link
from harness.properties import read_parameters, registry
from harness.properties.property import Verdict
from harness.scenario import load
from harness.subjects import canaries_of
from harness.trial import Trial
from mock_server import api

LIMITS = "/services/data/v60.0/limits"


def sent(
    server: api.Server, folder: Path, query: dict[str, str], path: str = LIMITS, *, header: bool = True
) -> tuple[Verdict, str]:
    """Send one request whose query holds what `query` names; return the verdict, and the journal as text."""
    (folder / "case.yaml").write_text("title: T\n")
    with Trial(server, load(folder / "case.yaml")).org() as org:
        secrets = org.credentials
        requests.get(
            secrets.instance_url + path,
            params={name: value.format(**secrets) for name, value in query.items()},
            headers={"Authorization": f"Bearer {secrets.access_token}"} if header else {},
            timeout=30,
        )
        entries = org.journal()
        claim = registry()["security.no_secrets_leaked"]
        evidence = link(entries=entries, commits=(), inputs=(), canaries=canaries_of(org))
        told = json.dumps(entries)
        assert not [name for name in ("SF_ACCESS_TOKEN", "SF_PASSWORD") if secrets[name] in told]
        return claim.judge(evidence, read_parameters(claim, None)), told


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"oauth_token": "{SF_ACCESS_TOKEN}"}, ["an access token"]),
        ({"a": "1", "sid": "{SF_ACCESS_TOKEN}"}, ["an access token"]),
        ({"password": "{SF_PASSWORD}"}, ["the password"]),
        ({"pw": "{SF_PASSWORD}{SF_SECURITY_TOKEN}"}, ["the password", "the security token"]),
        ({"client_secret": "{SF_CLIENT_SECRET}"}, ["the client secret"]),
    ],
    ids=["token", "second parameter", "password", "password and token", "client secret"],
)
def test_a_secret_in_a_query_string_is_named(
    server: api.Server, tmp_path: Path, query: dict[str, str], names: list[str]
) -> None:
    verdict, told = sent(server, tmp_path, query)
    assert verdict.status == "violated"
    assert [name for name in names if f"{name} in the URL of" not in verdict.reason] == []
    assert f'"exposed": {json.dumps(names)}' in told


@pytest.mark.parametrize("path", [LIMITS, "/services/data/v60.0/no/such/thing"], ids=["known", "unknown"])
def test_a_token_in_the_url_alone_is_found_in_the_journal_of_its_org(
    server: api.Server, tmp_path: Path, path: str
) -> None:
    verdict, told = sent(server, tmp_path, {"oauth_token": "{SF_ACCESS_TOKEN}"}, path, header=False)
    assert verdict.status == "violated"
    assert '"status": 401' in told  # it opens nothing


def test_a_query_without_secrets_is_clean(server: api.Server, tmp_path: Path) -> None:
    verdict, told = sent(server, tmp_path, {"q": "SELECT Id FROM Contact WHERE LastName = 'token'", "empty": ""})
    assert verdict.status == "held"
    assert '"exposed": []' in told
