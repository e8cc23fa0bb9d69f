"""What the fixtures stand on: the server of a session, a fresh org, and surroundings that are put back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import pytest_org, seeding
from harness.guard import unharmed
from harness.org import OrgHandle
from harness.plans import Scenario
from harness.pytest_options import Choices
from harness.redirect import Redirect
from mock_server.control.client import ControlError
from mock_server.documents import Document, DocumentError

if TYPE_CHECKING:
    from mock_server.api import Server


@contextmanager
def serving(choices: Choices) -> Iterator[Server]:
    """Run a server, or use the one that was named. Raises pytest.UsageError when no mock answers there."""
    from mock_server import api

    url = choices["sfmock_url"]
    if url is None:
        with api.start(port=0) as server:
            yield server
        return
    token = os.environ.get("SFMOCK_CFG_CONTROL_TOKEN")
    try:
        attached = api.attach(url, token=token, ca_file=choices["sfmock_ca"])
    except (OSError, ValueError, ControlError) as error:
        raise pytest.UsageError(f"--sfmock-url: no mock can be used at {url}: {error}") from None
    with attached:
        yield attached


@contextmanager
def surroundings(server: Server) -> Iterator[None]:
    """Lead Salesforce's hosts to the server; put back, at the end, what the test must leave as it was."""
    with Redirect.to(server), unharmed(streams=False):
        yield


@contextmanager
def fresh_org(
    server: Server, schema: Any, records: Any, credentials: Any, *, folder: Path, seed: int
) -> Iterator[OrgHandle]:
    """Make an org as the fixtures want it; it is gone after the block. Raises pytest.UsageError."""
    from harness.trial import Trial

    given = pytest_org.read(schema, records, credentials, folder)
    place = Document("fixture salesforce_schema", {}, {}, {})
    plan = Scenario(name="salesforce", file="", title="", document=place, org=given.plan)
    trial = Trial(server, plan, seed=seed, login=given.login)
    with told(plan), trial.org() as org:
        seeding.seed(org.control, plan.org, seed=seed)
        yield org


@contextmanager
def told(scenario: Scenario) -> Iterator[None]:
    """Tell what an org refuses as an error of the test's set-up, without a traceback of the harness."""
    try:
        yield
    except ControlError as error:
        raise pytest.UsageError(str(scenario.refused(error))) from None
    except DocumentError as error:
        raise pytest.UsageError(str(error)) from None
