"""What the documentation says is so: tables are fresh, commands run, examples pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mock_server import coverage
from mock_server.api import operations

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_coverage_table_is_fresh(tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    copy.write_text(README)
    assert not coverage.write(operations(), copy), "run `sfmock operations --write README.md`"


def test_every_operation_says_what_it_does() -> None:
    assert [operation.name for operation in operations() if not operation.summary] == []


def test_no_operation_name_is_a_prefix_of_another() -> None:
    names = sorted(operation.name for operation in operations())
    assert [(one, two) for one in names for two in names if two.startswith(f"{one}.")] == []


def test_the_yaml_example_is_a_scenario(tmp_path: Path) -> None:
    from harness.scenario import load

    (example,) = (one for one in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "title:" in one)
    file = tmp_path / "example.yaml"
    file.write_text(example)
    assert yaml.safe_load(example)["title"] == load(file).title


def test_the_example_of_settings_starts_an_org(tmp_path: Path) -> None:
    from mock_server import api
    from mock_server.config import resolve

    (example,) = (one for one in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "users:" in one)
    file = tmp_path / "sfmock.yaml"
    file.write_text(example)
    shutil.copytree(Path(__file__).parent / "org/schema/projects/rental/force-app", tmp_path / "force-app")
    with api.start(resolve({"port": 0}, environment={}, file=str(file))) as server:
        org = server.world.default
        accounts = org.schema.get("Account")
        assert accounts is not None and org.store.count(accounts) == 20
        assert org.schema.get("Rental__c") is not None
        assert org.directory.user("sync@acme.test") is not None


def test_the_pytest_example_passes(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "test_example.py").write_text(example)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "harness.plugin",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
    ]
    if any(entry.name == "sfmock" for entry in _plugins()):
        command.remove("harness.plugin")
        command.remove("-p")
    ended = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, timeout=240, cwd=ROOT, check=False
    )
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


def _plugins() -> list[object]:
    from importlib.metadata import entry_points

    return list(entry_points(group="pytest11"))


def test_the_harness_pages_pytest_examples_pass(tmp_path: Path) -> None:
    from tests.harness.inner import SCENARIO

    page = (ROOT / "harness" / "README.md").read_text()
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    (tmp_path / "locks.yaml").write_text(SCENARIO)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "harness.plugin",
        "-p",
        "pytest_asyncio.plugin",
        str(tmp_path),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT, check=False, env=environment)
    assert "5 passed" in ended.stdout, ended.stdout + ended.stderr


def test_every_option_of_the_plugin_is_in_its_table() -> None:
    from harness.pytest_options import OPTIONS

    page = (ROOT / "harness" / "README.md").read_text()
    rows = re.findall(r"^\| `(--sfmock-\S+ \S+)` \| `(\w+)` \|", page, re.MULTILINE)
    assert rows == [(f"{option.flag} {option.metavar}", option.name) for option in OPTIONS]


@pytest.mark.parametrize("folder", ["mock_server", "harness", "scenarios", "tests"])
def test_each_house_has_its_page_and_its_links_lead_somewhere(folder: str) -> None:
    page = ROOT / folder / "README.md"
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "page", ["README.md", *(f"{one}/README.md" for one in ("mock_server", "harness", "scenarios", "tests"))]
)
def test_a_page_says_each_thing_once(page: str) -> None:
    # Pages are merged line by line, so that a part that was moved may come back at its old place.
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    said = [line for line in text.splitlines() if len(line) > 40 or line.startswith("#")]
    assert sorted({line for line in said if said.count(line) > 1}) == []
