"""Runs scripts of Node clients against a running server; the packages come from the lock file beside the scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo

FOLDER = Path(__file__).parent / "node"
_INSTALL = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
INSTALL_SECONDS, SCRIPT_SECONDS = 240, 120


def install(folder: Path = FOLDER) -> None:
    """Install the packages of the lock file of a folder, once. Skips where there is no node, or npm cannot deliver."""
    installed = folder / "node_modules" / ".package-lock.json"
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are needed")
    if installed.exists() and installed.stat().st_mtime >= (folder / "package-lock.json").stat().st_mtime:
        return
    done = subprocess.run(_INSTALL, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install the clients: {done.stderr.strip()[-300:]}")
    installed.touch()


def environment(server: api.Server, org: OrgInfo) -> dict[str, str]:
    """Return the command contract's variables of an org, at the server's plain address."""
    return {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "SF_LOGIN_URL": server.url,
        "SF_INSTANCE_URL": server.url,
        "SF_HTTPS_URL": server.https_url,
        "SF_USERNAME": org.username,
        "SF_PASSWORD": org.password,
        "SF_SECURITY_TOKEN": org.security_token,
        "SF_CLIENT_ID": org.client_id,
        "SF_CLIENT_SECRET": org.client_secret,
        "SF_ACCESS_TOKEN": org.access_token,
        "SF_API_VERSION": "62.0",
        "SF_ORG_ID": org.id,
        "NODE_EXTRA_CA_CERTS": str(server.ca_bundle),
        "NO_COLOR": "1",
    }


def run(script: str, variables: dict[str, str]) -> str:
    """Run a script of Node's own test runner; return what it says. Fails with its output."""
    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", script],
        cwd=FOLDER,
        env=variables,
        capture_output=True,
        text=True,
        timeout=SCRIPT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{script}:\n{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    return done.stdout
