"""The mock's certificates: made once, kept, shared by processes that start together."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

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
    assert shake_hands(kept[0], "login.salesforce.com")


def shake_hands(kept: certificates.Certificates, host: str) -> dict[str, Any]:
    """Return the server's certificate as a client with the strictest checks (those of Python 3.13) accepts it."""
    client = ssl.create_default_context(cafile=str(kept.ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = client.wrap_bio(incoming, outgoing, server_hostname=host)
    server_in, server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = kept.context().wrap_bio(server_in, server_out, server_side=True)
    for _ in range(4):
        for side, source, target in ((hello, outgoing, server_in), (server, server_out, incoming)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            target.write(source.read())
    return dict(hello.getpeercert() or {})


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "login.salesforce.com", "test.salesforce.com", "na1.salesforce.com", "acme.my.salesforce.com",
        "acme--uat.sandbox.my.salesforce.com", "acme-dev-ed.develop.my.salesforce.com", "acme.lightning.force.com",
        "acme--uat.sandbox.lightning.force.com", "acme--c.vf.force.com", "acme.my.site.com", "api.pubsub.salesforce.com",
    ],
)  # fmt: skip
def test_salesforces_hosts_are_covered(tmp_path_factory: pytest.TempPathFactory, host: str) -> None:
    kept = certificates.keep(tmp_path_factory.getbasetemp() / "shared-state")
    assert shake_hands(kept, host)["notAfter"]


def test_apples_limit_on_the_validity_of_server_certificates_is_kept(tmp_path: Path) -> None:
    found = shake_hands(certificates.keep(tmp_path), "localhost")
    begin, end = ssl.cert_time_to_seconds(found["notBefore"]), ssl.cert_time_to_seconds(found["notAfter"])
    assert 600 < (end - begin) / 86_400 <= 825


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"[1]", b'{"edition": 2, "made": NaN, "files": 5}', None])
@pytest.mark.parametrize("file", ["ca.pem", "ca.key", "server.pem", "jwt.key", "jwt.pub", "manifest.json"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, file: str, damage: bytes | None) -> None:
    certificates.keep(tmp_path)
    if damage is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(damage)
    kept = certificates.keep(tmp_path)
    assert kept.folder == tmp_path
    assert (tmp_path / file).read_bytes() != damage
    assert shake_hands(kept, "localhost")
    assert load_pem_public_key(kept.jwt_public_key.encode()) == key_of(kept)


def key_of(kept: certificates.Certificates) -> Any:
    key = load_pem_private_key(kept.jwt_key_file.read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048
    return key.public_key()


def test_an_authority_of_another_set_is_not_shown_to_clients(tmp_path: Path) -> None:
    certificates.keep(tmp_path / "one")
    other = certificates.keep(tmp_path / "other").ca_file.read_bytes()
    (tmp_path / "one" / "ca.pem").write_bytes(other)
    assert shake_hands(certificates.keep(tmp_path / "one"), "localhost")


@pytest.mark.parametrize("days", [-700, 10])
def test_an_old_server_certificate_is_renewed_under_the_same_authority(tmp_path: Path, days: int) -> None:
    certificates.keep(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    manifest = json.loads(before["manifest.json"])
    manifest["made"] += days * 86_400
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    kept = certificates.keep(tmp_path)
    changed = {name for name, content in before.items() if (tmp_path / name).read_bytes() != content}
    assert "server.pem" in changed
    assert not changed & {"ca.pem", "ca.key", "jwt.key", "jwt.pub"}
    assert shake_hands(kept, "localhost")


@pytest.mark.parametrize("manifest", ["lost", "of an earlier edition"])
def test_the_authority_outlives_its_manifest(tmp_path: Path, manifest: str) -> None:
    trusted = certificates.keep(tmp_path).ca_file.read_bytes()
    key = (tmp_path / "jwt.key").read_bytes()
    (tmp_path / "manifest.json").unlink()
    if manifest == "of an earlier edition":
        (tmp_path / "manifest.json").write_text('{"edition": 1, "made": 0, "files": {}}')
    kept = certificates.keep(tmp_path)
    assert (kept.ca_file.read_bytes(), kept.jwt_key_file.read_bytes()) == (trusted, key)
    assert shake_hands(kept, "localhost")


def test_kept_files_are_used_without_the_packages_that_make_them(tmp_path: Path) -> None:
    certificates.keep(tmp_path)
    code = (
        "import sys; from pathlib import Path; from mock_server.fronts import certificates; "
        "certificates.keep(Path(sys.argv[1])).context(); print({'trustme', 'cryptography'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=root, check=True
    )
    assert ended.stdout == "set()\n"


def test_the_bundle_holds_the_systems_roots_too(tmp_path: Path) -> None:
    bundle = certificates.keep(tmp_path).bundle()
    subjects = [str(one["subject"]) for one in ssl.create_default_context(cafile=str(bundle)).get_ca_certs()]
    assert any("sfmock" in subject for subject in subjects)
    assert len(subjects) > 10


def test_a_bundle_of_roots_that_are_a_bundle_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = certificates.keep(tmp_path)
    first = kept.bundle().read_bytes()
    monkeypatch.setenv("SSL_CERT_FILE", str(kept.bundle()))
    assert kept.bundle().read_bytes() == first


def test_a_bundle_beside_certificates_that_are_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = certificates.keep(tmp_path / "state")
    # In the bundle's way, as a read-only folder would be (which holds nobody up who runs as root).
    (tmp_path / "state" / "bundle.pem").mkdir()
    monkeypatch.setattr(certificates.tempfile, "gettempdir", lambda: str(tmp_path))
    assert kept.ca_file.read_bytes() in kept.bundle().read_bytes()


def test_a_temporary_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    theirs = tmp_path / f"sfmock-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    monkeypatch.setattr(certificates.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(certificates.tempfile, "tempdir", str(tmp_path))
    assert certificates.keep(tmp_path / "file" / "state").folder != theirs
    assert list(theirs.iterdir()) == []


def test_a_home_that_cannot_be_written_to_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(certificates.tempfile, "gettempdir", lambda: str(tmp_path))
    certificates.keep(blocked / "state").context()
