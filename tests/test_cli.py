"""The `sfmock` command as a shell user meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.waiting import PATIENCE, until

SFMOCK = [sys.executable, "-m", "mock_server.cli"]


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SFMOCK, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environment},
        check=False,
    )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    yield from _serve(tmp_path)


def _serve(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    ready = folder / "ready.json"
    process = subprocess.Popen(
        [*SFMOCK, "serve", "--port", "0", "--ready-file", str(ready), *more], stdout=subprocess.PIPE, text=True
    )
    try:
        until(lambda: ready.exists() or process.poll() is not None)
        yield process, json.loads(ready.read_text())
    finally:
        process.kill()
        process.communicate()


def test_serve_writes_its_ready_file_and_ends_cleanly(
    served: tuple[subprocess.Popen[str], dict[str, object]], tmp_path: Path
) -> None:
    process, ready = served
    assert list(ready) == [
        "url",
        "https_url",
        "pubsub",
        "pubsub_tls",
        "ca_file",
        "jwt_key_file",
        "refresh_token",
        "pid",
    ]
    assert ready["pid"] == process.pid
    answer = requests.post(
        f"{ready['url']}/services/oauth2/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": str(ready["refresh_token"]),
            "client_id": "sfmock-client-id",
            "client_secret": "sfmock-client-secret",
        },
        timeout=20,
    )
    assert answer.json()["token_type"] == "Bearer"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.parametrize("secure", [False, True])
def test_the_served_org_speaks_grpc_plain_and_by_tls(
    served: tuple[subprocess.Popen[str], dict[str, object]], secure: bool
) -> None:
    import grpc

    from mock_server.protocols.pubsub.messages import api
    from tests.protocols.pubsub.client import method

    ready = served[1]
    authority = grpc.ssl_channel_credentials(Path(str(ready["ca_file"])).read_bytes())
    address = str(ready["pubsub_tls" if secure else "pubsub"])
    channel = grpc.secure_channel(address, authority) if secure else grpc.insecure_channel(address)
    with channel, pytest.raises(grpc.RpcError) as refused:
        method(channel, "GetTopic")(
            api.TopicRequest(topic_name="/event/X__e"), metadata=[("accesstoken", "x")], timeout=20
        )
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_env_prints_what_a_client_needs(
    served: tuple[subprocess.Popen[str], dict[str, object]], tmp_path: Path
) -> None:
    shown = run("env", "--ready-file", str(tmp_path / "ready.json"), "--format", "json")
    variables = json.loads(shown.stdout)
    assert variables["SF_USERNAME"] == "integration@sfmock.test"
    assert variables["HTTPS_PROXY"] == served[1]["url"]
    assert Path(variables["REQUESTS_CA_BUNDLE"]).exists()
    answer = requests.get(
        f"{variables['SF_INSTANCE_URL']}/services/data/v60.0/limits",
        headers={"Authorization": f"Bearer {variables['SF_ACCESS_TOKEN']}"},
        verify=variables["REQUESTS_CA_BUNDLE"],
        timeout=20,
    )
    assert answer.status_code == 200
    lines = run("env", "--ready-file", str(tmp_path / "ready.json")).stdout.splitlines()
    assert "export SF_USERNAME='integration@sfmock.test'" in lines


def test_records_and_ids_outlive_a_restart(tmp_path: Path) -> None:
    data = str(tmp_path / "org.db")
    ids = []
    for _ in range(2):
        serving = _serve(tmp_path, "--data", data)
        process, ready = next(serving)
        token = requests.post(
            f"{ready['url']}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": "sfmock-client-id",
                "client_secret": "sfmock-client-secret",
            },
            timeout=20,
        ).json()["access_token"]
        http = {"headers": {"Authorization": f"Bearer {token}"}, "timeout": 20}
        url = f"{ready['url']}/services/data/v60.0"
        ids.append(requests.post(f"{url}/sobjects/Account", json={"Name": "Acme"}, **http).json()["id"])  # type: ignore[arg-type]
        found = requests.get(f"{url}/query", params={"q": "SELECT Id FROM Account"}, **http).json()  # type: ignore[arg-type]
        assert [row["Id"] for row in found["records"]] == ids
        if len(ids) == 2:
            requests.post(f"{ready['url']}/_mock/reset", timeout=20)
            empty = requests.get(f"{url}/query", params={"q": "SELECT COUNT() FROM Account"}, **http).json()  # type: ignore[arg-type]
            assert empty["totalSize"] == 0
        process.terminate()
        process.wait(PATIENCE)
        serving.close()
    assert len(set(ids)) == 2


def test_a_snapshot_is_saved_and_restored(
    served: tuple[subprocess.Popen[str], dict[str, object]], tmp_path: Path
) -> None:
    from mock_server.control.client import ControlClient

    _, ready = served
    control = ControlClient(str(ready["url"]))
    where = ("--ready-file", str(tmp_path / "ready.json"))
    control.seed("Account", [{"Name": "Acme"}])
    saved = run("snapshot", "save", "kept.db", *where, cwd=tmp_path)
    assert (saved.returncode, saved.stdout) == (0, f"{tmp_path / 'kept.db'}\n")
    control.seed("Account", [{"Name": "Globex"}])
    org = control.orgs()[0].id
    assert run("snapshot", "restore", "kept.db", "--org", org, *where, cwd=tmp_path).returncode == 0
    assert [row["Name"] for row in control.records("SELECT Name FROM Account")] == ["Acme"]
    for arguments, said in (
        (("restore", "other.db"), f"there is no file {tmp_path / 'other.db'}"),
        (("restore", "ready.json"), "is no snapshot of an org"),
        (("save", "ready.json/kept.db"), "cannot write"),
        (("save", "kept.db", "--org", org[:-1]), f"there is no org {org[:-1]}; there are {org}"),
    ):
        refused = run("snapshot", *arguments, *where, cwd=tmp_path)
        assert refused.returncode == 2, refused
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_schema_file_adds_objects_and_fields(tmp_path: Path) -> None:
    file = tmp_path / "schema.yaml"
    file.write_text(
        "objects:\n  Invoice__c: {label: Invoice}\nfields:\n  Contact:\n    Key__c: {type: text, externalId: true}\n"
    )
    for _, ready in _serve(tmp_path, "--schema", str(file)):
        from mock_server.control.client import ControlClient

        control = ControlClient(str(ready["url"]))
        assert control.seed("Invoice__c", [{"Name": "I-1"}])[0].startswith("a00")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--port", "99999"], "a port from 0 to 65535 is needed"),
        (["serve", "--config", "missing.yaml"], "missing.yaml:1:1: cannot read the file"),
        (["serve", "--schema", "missing.yaml"], "missing.yaml:1:1: cannot read the file"),
        (["serve", "--host", "256.1.1.1", "--port", "0"], "cannot serve on 256.1.1.1:0"),
        (["env", "--url", "http://127.0.0.1:9"], "no mock answers on http://127.0.0.1:9"),
        (["env", "--ready-file", "missing.json"], "missing.json is no ready file"),
        (["ca", "--out", "missing/folder/ca.pem"], "cannot write missing/folder/ca.pem"),
        (["snapshot", "save", "kept.db", "--url", "http://127.0.0.1:9"], "no mock answers on http://127.0.0.1:9"),
        (["snapshot", "keep", "kept.db"], "invalid choice"),
        (["nonsense"], "invalid choice"),
        (["prove", "row-lock", "--run", "true"], "row-locks"),
        (["prove", "row-locks"], "--run"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_one_clear_message(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2, ended
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_said_plainly(server: object, tmp_path: Path) -> None:
    port = server.url.rsplit(":", 1)[1]  # type: ignore[attr-defined]
    ended = run("serve", "--port", port, cwd=tmp_path)
    assert ended.returncode == 2
    assert f"cannot serve on 127.0.0.1:{port}" in ended.stderr


def test_a_data_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "org.db").write_text("this is no database at all" * 100)
    ended = run("serve", "--port", "0", "--data", "org.db", cwd=tmp_path)
    assert ended.returncode == 2
    assert "cannot keep records in org.db" in ended.stderr


def test_a_ready_file_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    ended = run("serve", "--port", "0", "--ready-file", "folder", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (2, "sfmock: cannot write the ready file folder: Is a directory\n")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder"]


def test_the_state_folder_is_that_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sfmock.yaml").write_text("state_dir: kept here\n")
    shown = Path(run("ca", cwd=tmp_path).stdout.rstrip("\n"))
    assert shown == tmp_path / "kept here" / "ca.pem"
    monkeypatch.setenv("SFMOCK_CFG_STATE_DIR", str(tmp_path / "kept here"))
    for _, ready in _serve(tmp_path):
        assert ready["ca_file"] == str(shown)
        monkeypatch.delenv("SFMOCK_CFG_STATE_DIR")
        # Found by its ready file, or by its https address and the same settings.
        for arguments in (["--ready-file", str(tmp_path / "ready.json")], ["--url", str(ready["https_url"])]):
            ended = run("env", "--format", "json", *arguments, cwd=tmp_path)
            bundle = json.loads(ended.stdout)["REQUESTS_CA_BUNDLE"]
            assert requests.get(f"{ready['https_url']}/services/data", verify=bundle, timeout=20).status_code == 200


@pytest.mark.parametrize("ready", ["[]", "{}", "{", '{"url": 5, "ca_file": "/"}', '{"url": "http://x", "ca_file": 5}'])
def test_what_is_no_ready_file_is_refused(ready: str, tmp_path: Path) -> None:
    (tmp_path / "ready.json").write_text(ready)
    ended = run("env", "--ready-file", "ready.json", cwd=tmp_path)
    assert ended.returncode == 2
    assert "ready.json is no ready file" in ended.stderr


NASTY = "/home/o'brien/a b$HOME`id`\"\\x"


@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("sh", r"""export A='/home/o'\''brien/a b$HOME`id`"\x'"""),
        ("fish", r"""set -gx A '/home/o\'brien/a b$HOME`id`"\\x'"""),
        ("powershell", r"""$env:A = '/home/o''brien/a b$HOME`id`"\x'"""),
        ("dotenv", r'''A="/home/o'brien/a b\$HOME\`id\`\"\\x"'''),
    ],
)
def test_values_are_quoted_for_their_shell(format: str, line: str) -> None:
    from mock_server.running_commands import FORMATS

    assert FORMATS[format]("A", NASTY) == line
    if format == "sh":
        shown = subprocess.run(["sh", "-c", f'{line}; printf %s "$A"'], capture_output=True, text=True, check=True)
        assert shown.stdout == NASTY
    assert FORMATS["dotenv"]("A", "http://[::1]:8080") == "A=http://[::1]:8080"


@pytest.mark.parametrize("command", ["serve", "ca", "env", "operations", "version"])
def test_the_servers_commands_do_without_the_harness(command: str) -> None:
    code = f"import sys; from mock_server import cli; cli._parser(['{command}']); print('harness' in sys.modules)"
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=root, check=True).stdout == b"False\n"


def test_help_and_version_name_everything() -> None:
    assert run("--version").stdout == run("version").stdout
    assert run("version").stdout.startswith("sfmock ")
    shown = run("--help").stdout
    for command in ("serve", "ca", "env", "operations", "prove", "scenarios"):
        assert command in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot: 1", "sfmock.yaml:1:1: unknown setting 'prot'; did you mean 'port'?"),
        ("objects: {A__c: {}}", "sfmock.yaml:1:1: 'objects' is no setting: it stands in a YAML file of its own, which"),
        ("port: eighty", "sfmock.yaml:1:7: port: a whole number is needed, not 'eighty'"),
        ("host: 1\nport: 1", "sfmock.yaml:1:7: host: a text is needed, not 1"),
        ("port: 1\nport: 2", "sfmock.yaml:2:1: the key 'port' stands here twice"),
        ("- 1", "sfmock.yaml:1:1: the settings must be a mapping"),
        ("port: [", "sfmock.yaml:2:1: not valid YAML"),
        ("limits:\n  DailyBulkBatches: 1", "sfmock.yaml:2:3: there is no limit DailyBulkBatches; did you mean"),
        (
            "limits: {DailyBulkApiBatches: -1}",
            "sfmock.yaml:1:31: DailyBulkApiBatches must be a whole number of at least 0",
        ),
        ("bulk_paralel: 1", "sfmock.yaml:1:1: unknown setting 'bulk_paralel'; did you mean 'bulk_parallel'?"),
    ],
)
def test_settings_files_are_refused_with_their_place(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "sfmock.yaml").write_text(text)
    ended = run("serve", cwd=tmp_path)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_settings_come_from_file_then_environment_then_flags(tmp_path: Path) -> None:
    from mock_server.config import resolve

    file = tmp_path / "sfmock.yaml"
    file.write_text("port: 1\nseed: 1\nhost: localhost\ntransaction_time: 500ms\n")
    settings = resolve({"port": 3}, environment={"SFMOCK_CFG_PORT": "2", "SFMOCK_CFG_SEED": "2"}, file=str(file))
    assert (settings.port, settings.seed, settings.host, settings.transaction_time) == (3, 2, "localhost", 0.5)


def test_an_unknown_environment_setting_is_refused(tmp_path: Path) -> None:
    ended = run("serve", cwd=tmp_path, SFMOCK_CFG_PROT="1")
    assert ended.returncode == 2
    assert "did you mean SFMOCK_CFG_PORT?" in ended.stderr
