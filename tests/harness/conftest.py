"""A folder for a pytest within a test."""

from __future__ import annotations

import pytest

from tests.harness.inner import ROOT, SCENARIO, SYNC


@pytest.fixture
def outer(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makefile(".yaml", locks=SCENARIO)
    pytester.makepyfile(sync=SYNC)
    return pytester
