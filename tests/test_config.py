"""Settings: where they come from, which win, and how wrong ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mock_server.config import KEYS, ConfigError, Settings, resolve


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without settings."""
    monkeypatch.chdir(tmp_path)


def test_defaults_are_those_of_the_serve_contract() -> None:
    settings = resolve({}, environment={})
    assert (settings.host, settings.port, settings.pubsub_port, settings.seed) == ("127.0.0.1", 8080, 7443, 0)
    assert settings == Settings()


def test_the_file_of_the_working_folder_is_read_unless_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "sfmock.yaml").write_text("port: 1\n")
    (tmp_path / "other.yaml").write_text("seed: 2\n")
    assert resolve({}, environment={}) == Settings(port=1)
    assert resolve({}, environment={}, file="other.yaml") == Settings(seed=2)


@pytest.mark.parametrize(
    ("variables", "key", "value"),
    [
        ({"SFMOCK_CFG_PORT": "0"}, "port", 0),
        ({"SFMOCK_CFG_TUNNEL": "yes"}, "tunnel", True),
        ({"SFMOCK_CFG_TUNNEL": "0"}, "tunnel", False),
        ({"SFMOCK_CFG_SCHEMA": "a.yaml:b.yaml"}, "schema", ("a.yaml", "b.yaml")),
        ({"SFMOCK_CFG_TRANSACTION_TIME": "1m30s"}, "transaction_time", 90.0),
        ({"SFMOCK_CFG_DYNAMIC_CHANNELS": "yes"}, "dynamic_channels", True),
        ({"SFMOCK_CFG_CONTROL_TOKEN": "abc"}, "control_token", "abc"),
        ({"SFMOCK_CFG_BULK_BATCH_SIZE": "200"}, "bulk_batch_size", 200),
        ({"SFMOCK_OTHER": "1", "PORT": "1"}, "port", 8080),
    ],
)
def test_variables_are_read_in_the_settings_type(variables: dict[str, str], key: str, value: object) -> None:
    found = getattr(resolve({}, environment=variables), key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("flags", "variables", "said"),
    [
        ({"port": -1}, {}, "--port: port: a port from 0 to 65535 is needed, not -1"),
        ({"pubsub_port": 70000}, {}, "--pubsub-port: pubsub_port: a port"),
        ({}, {"SFMOCK_CFG_PORT": "eighty"}, "$SFMOCK_CFG_PORT: port: a whole number is needed, not 'eighty'"),
        ({}, {"SFMOCK_CFG_PORT": "9" * 5000}, "$SFMOCK_CFG_PORT: port: a whole number is needed"),
        ({}, {"SFMOCK_CFG_TUNNEL": "maybe"}, "$SFMOCK_CFG_TUNNEL: tunnel: true or false is needed"),
        ({}, {"SFMOCK_CFG_TRANSACTION_TIME": "soon"}, "$SFMOCK_CFG_TRANSACTION_TIME: transaction_time: 'soon' is no"),
        ({}, {"SFMOCK_CFG_BULK_PARALLEL": "0"}, "$SFMOCK_CFG_BULK_PARALLEL: bulk_parallel: a number from 1 to 100"),
        (
            {"bulk_batch_size": 10_001},
            {},
            "--bulk-batch-size: bulk_batch_size: a number from 1 to 10000 is needed, not 10001",
        ),
        ({}, {"SFMOCK_CFG_SEDE": "1"}, "$SFMOCK_CFG_SEDE: unknown setting 'sede'; did you mean SFMOCK_CFG_SEED?"),
    ],
)
def test_wrong_settings_name_their_source(flags: dict[str, Any], variables: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        resolve(flags, environment=variables)
    assert str(error.value).startswith(said)


def test_an_unknown_key_of_a_file_names_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "sfmock.yaml").write_text("# settings\nport: 1\nstate_dri: x\n")
    with pytest.raises(ConfigError) as error:
        resolve({}, environment={})
    assert str(error.value) == (
        f"sfmock.yaml:3:1: unknown setting 'state_dri'; did you mean 'state_dir'? (allowed: {', '.join(KEYS)})"
    )


def test_a_control_token_does_not_show_in_what_is_printed() -> None:
    assert "secret" not in repr(Settings(control_token="secret"))
