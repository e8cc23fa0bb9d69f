"""The pytest plugin: `salesforce`, a fresh org for a test, and `trial`, a scenario to pass.

Nothing heavy is imported, and no server started, before a test asks for one of the fixtures.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from harness import pytest_options
from harness.pytest_options import CHOICES

if TYPE_CHECKING:
    from harness.org import OrgHandle
    from harness.pytest_trial import TrialRunner
    from mock_server.api import Server


_PASSED = pytest.StashKey[bool]()
"""Whether the test itself passed, for fixtures that have their say after it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    pytest_options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CHOICES] = pytest_options.read(config)
    config.addinivalue_line(
        "markers",
        "scenario(*patterns, seeds=None): run the test, which takes the `trial` fixture, once for each scenario that "
        "matches (a name, a glob such as 'retry/*', a file) and each seed: a number of seeds, or a list of them",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("scenario") is None:
        return
    from harness.pytest_marks import cases_of

    found = cases_of(metafunc, metafunc.config.stash[CHOICES])
    if found is not None:
        cases, ids = found
        metafunc.parametrize("trial", cases, indirect=True, ids=ids)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture(scope="session")
def salesforce_schema() -> Any:
    """Override point: the schema of every org. A mapping of `objects` and `fields`, or paths of schema files."""
    return None


@pytest.fixture(scope="session")
def salesforce_records() -> Any:
    """Override point: the records of every org. Rows by object, or what `org.records` of a scenario takes."""
    return None


@pytest.fixture(scope="session")
def salesforce_credentials() -> Any:
    """Override point: what the code logs in with, so that every org knows it. A mapping: `username`, `password`,
    `security_token`, `client_id`, `client_secret`; what is left out is the mock's own."""
    return None


@pytest.fixture(scope="session")
def salesforce_dead_letters() -> Any:
    """Override point: the dead-letter queue of every trial. A path, a URL, a queue, a function; None for a file."""
    return None


@pytest.fixture(scope="session")
def salesforce_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """One Salesforce for the test session, or for each worker of it: `url`, `https_url`, `ca_bundle`, `control`."""
    from harness.pytest_server import serving

    with serving(pytestconfig.stash[CHOICES]) as server:
        yield server


@pytest.fixture
def salesforce(
    salesforce_server: Server,
    salesforce_schema: Any,
    salesforce_records: Any,
    salesforce_credentials: Any,
    request: pytest.FixtureRequest,
) -> Iterator[OrgHandle]:
    """A fresh org: credentials, and handles to steer and see it. It is gone after the test.

    While the test runs, Salesforce's hosts lead to the mock, whatever client asks for them.
    """
    from harness.pytest_server import fresh_org, surroundings

    given = salesforce_schema, salesforce_records, salesforce_credentials
    seed = request.config.stash[CHOICES]["sfmock_seed"] or 0
    org = fresh_org(salesforce_server, *given, folder=request.config.rootpath, seed=seed)
    with org as handle, surroundings(salesforce_server):
        yield handle


@pytest.fixture
def trial(
    request: pytest.FixtureRequest,
    salesforce_server: Server,
    salesforce_schema: Any,
    salesforce_records: Any,
    salesforce_credentials: Any,
    salesforce_dead_letters: Any,
) -> Iterator[TrialRunner]:
    """A scenario to pass: `trial.run(function)`, or `with trial() as run:`; a violation fails the test.

    While the test runs, Salesforce's hosts lead to the mock, whatever client asks for them.
    """
    from harness import pytest_org
    from harness.pytest_server import surroundings
    from harness.pytest_trial import TrialRunner

    case = getattr(request, "param", None)
    if case is None:
        raise pytest.UsageError("the trial fixture needs @pytest.mark.scenario('name', ...)")
    config = request.config
    given = pytest_org.read(salesforce_schema, salesforce_records, salesforce_credentials, config.rootpath)
    runner = TrialRunner(
        salesforce_server,
        case,
        given=given,
        dead_letters=salesforce_dead_letters,
        choices=config.stash[CHOICES],
        test=request.node.nodeid,
    )
    with surroundings(salesforce_server):
        yield runner
    if not runner.tried and request.node.stash.get(_PASSED, False):
        pytest.fail("nothing was tried: call trial.run(function), or use `with trial() as run:`", pytrace=False)
