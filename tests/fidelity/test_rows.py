"""The table of what Salesforce answers, asked of the mock: the rows of `sfmock conform`, one a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mock_server import api
from mock_server.conform.report import story
from mock_server.conform.runner import Runner
from mock_server.conform.table import Row, rows
from mock_server.conform.target import marker, own_mock


@pytest.fixture(scope="module")
def runner(server: api.Server) -> Iterator[Runner]:
    runner = Runner(own_mock(server), marker())
    yield runner
    runner.sweep()
    assert not runner.left
    runner.target.wire.close()
    server.control.delete_org(runner.target.known["org"])


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows()])
def test_the_mock_answers_as_salesforce_does(runner: Runner, row: Row) -> None:
    finding = runner.run(row)
    # Nothing is skipped on the mock: it has all that a row may need.
    assert finding.verdict in ("held", "departs"), "\n".join([finding.reason, *story(finding)])
