"""Models of the unmodified django-salesforce, in an environment of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import python_clients

pytestmark = pytest.mark.heavy


def test_models_do_their_job(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    commands = python_clients.installed("django")
    job = [commands / "python", python_clients.JOBS / "django_models.py"]
    assert python_clients.run(job, python_clients.environment(server, org), tmp_path).endswith("done\n")
