"""Runs Python clients that cannot share the tests' own environment, each in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo

REQUIREMENTS = Path(__file__).parent / "requirements"
JOBS = Path(__file__).parent / "jobs"
INSTALL_SECONDS, JOB_SECONDS = 900, 300


def kept() -> Path:
    """Return the folder that keeps installed clients from one run to the next: `$SFMOCK_CLIENTS`, or the user's cache."""
    given = os.environ.get("SFMOCK_CLIENTS")
    return (
        Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sfmock" / "clients"
    )


def installed(name: str) -> Path:
    """Return the folder of commands of a client's environment. Skips where pip cannot deliver it."""
    wanted = (REQUIREMENTS / f"{name}.txt").read_bytes()
    place = kept() / f"{name}-{sha256(wanted + sys.version.encode()).hexdigest()[:12]}"
    ready = place / "ready"
    if not ready.exists():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        command = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS / f"{name}.txt"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            pytest.skip(f"pip could not install {name}: {done.stderr.strip()[-300:]}")
        ready.touch()
    return place / "bin"


def environment(server: api.Server, org: OrgInfo) -> dict[str, str]:
    """Return the command contract's variables; nothing else tells a client of the mock."""
    return {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "SF_LOGIN_URL": server.https_url,
        "SF_INSTANCE_URL": server.https_url,
        "SF_USERNAME": org.username,
        "SF_PASSWORD": org.password,
        "SF_SECURITY_TOKEN": org.security_token,
        "SF_CLIENT_ID": org.client_id,
        "SF_CLIENT_SECRET": org.client_secret,
        "SF_ACCESS_TOKEN": org.access_token,
        "SF_REFRESH_TOKEN": org.refresh_token,
        "HTTPS_PROXY": server.url,
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "REQUESTS_CA_BUNDLE": str(server.ca_bundle),
        "SSL_CERT_FILE": str(server.ca_bundle),
    }


def run(command: list[str | Path], variables: dict[str, str], folder: Path) -> str:
    """Run a client's command; return what it printed. Fails with all it said."""
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=JOB_SECONDS, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    return done.stdout
