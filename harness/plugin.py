"""The pytest plugin: `salesforce`, a fresh org for a test, and `trial`, a scenario to pass.

Nothing is imported, and no server started, before a test asks for one of the fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.org import OrgHandle
    from harness.pytest_trial import TrialRunner
    from mock_server.api import Server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "scenario(*patterns): run the test once for each scenario that matches, with the `trial` fixture"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("scenario")
    if marker is None or "trial" not in metafunc.fixturenames:
        return
    from harness.scenario import find

    scenarios = find(list(marker.args))
    metafunc.parametrize("trial", scenarios, indirect=True, ids=[scenario.name for scenario in scenarios])


@pytest.fixture(scope="session")
def salesforce_server() -> Iterator[Server]:
    """One Salesforce for the test session: its `url`, `https_url`, `ca_bundle` and `control` client."""
    from mock_server import api

    with api.start(port=0) as server:
        yield server


@pytest.fixture
def salesforce(salesforce_server: Server) -> Iterator[OrgHandle]:
    """A fresh org: credentials, and handles to steer and see it. It is gone after the test."""
    from harness.org import OrgHandle
    from harness.redirect import Redirect

    info = salesforce_server.control.create_org(journal="whole")
    try:
        with Redirect.to(salesforce_server):
            yield OrgHandle(info, salesforce_server)
    finally:
        salesforce_server.control.delete_org(info.id)


@pytest.fixture
def trial(request: pytest.FixtureRequest, salesforce_server: Server) -> Iterator[TrialRunner]:
    """A scenario to pass: `trial.run(function)`, or `with trial() as run:`; a violation fails the test."""
    from harness.pytest_trial import TrialRunner
    from harness.redirect import Redirect

    scenario = getattr(request, "param", None)
    if scenario is None:
        raise pytest.UsageError("the trial fixture needs @pytest.mark.scenario('name', ...)")
    with Redirect.to(salesforce_server):
        yield TrialRunner(salesforce_server, scenario)
