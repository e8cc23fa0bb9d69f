"""The mock's certificates: made once, kept, shared by processes that start together."""

from __future__ import annotations

import contextlib
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mock_server.fronts import certificates


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    first = certificates.keep(tmp_path / "state")
    made = first.ca_file.read_bytes()
    assert certificates.keep(tmp_path / "state").ca_file.read_bytes() == made
    assert stat.S_IMODE((tmp_path / "state" / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(first.jwt_key_file.stat().st_mode) == 0o600


def test_starting_together_makes_one_set(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda _: certificates.keep(tmp_path), range(4)))
    assert len({one.ca_file.read_bytes() for one in kept}) == 1
    client = ssl.create_default_context(cafile=str(kept[0].ca_file))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = client.wrap_bio(incoming, outgoing, server_hostname="login.salesforce.com")
    server_in, server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = kept[0].context().wrap_bio(server_in, server_out, server_side=True)
    for _ in range(4):
        for side, source, target in ((hello, outgoing, server_in), (server, server_out, incoming)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            target.write(source.read())
    assert hello.getpeercert()


@pytest.mark.parametrize("damage", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize("file", ["ca.pem", "server.pem", "edition"])
def test_a_damaged_folder_is_made_anew(tmp_path: Path, file: str, damage: str) -> None:
    certificates.keep(tmp_path)
    (tmp_path / file).write_text(damage)
    certificates.keep(tmp_path).context()
    ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))


def test_the_bundle_holds_the_systems_roots_too(tmp_path: Path) -> None:
    bundle = certificates.keep(tmp_path).bundle()
    subjects = [str(one["subject"]) for one in ssl.create_default_context(cafile=str(bundle)).get_ca_certs()]
    assert any("sfmock" in subject for subject in subjects)
    assert len(subjects) > 10


def test_a_home_that_cannot_be_written_to_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(certificates.tempfile, "gettempdir", lambda: str(tmp_path))
    certificates.keep(blocked / "state").context()
