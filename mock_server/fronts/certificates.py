"""The mock's own certificate authority, its server certificate, and the key pair of the JWT bearer grant.

All are made once and kept in the state folder, so that a client that trusts the authority goes on trusting it.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

_HOSTS = (
    "localhost", "127.0.0.1", "::1", "login.salesforce.com", "test.salesforce.com", "*.salesforce.com",
    "*.my.salesforce.com", "*.sandbox.my.salesforce.com", "*.develop.my.salesforce.com", "*.scratch.my.salesforce.com",
    "*.force.com", "*.lightning.force.com", "*.my.site.com", "*.pubsub.salesforce.com", "api.pubsub.salesforce.com",
)  # fmt: skip
_FILES = ("ca.pem", "ca.key", "server.pem", "jwt.key", "jwt.pub")
_EDITION = "1"
"""Raised when the certificates' contents change, so that kept ones are made anew."""


@dataclass(frozen=True)
class Certificates:
    """Where the kept files are."""

    folder: Path

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def jwt_key_file(self) -> Path:
        return self.folder / "jwt.key"

    @property
    def jwt_public_key(self) -> str:
        return (self.folder / "jwt.pub").read_text()

    def context(self) -> ssl.SSLContext:
        """Return the server side of TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        context.set_alpn_protocols(["http/1.1"])
        return context

    def bundle(self) -> Path:
        """Return a file with the system's roots and the mock's authority: what clients should trust."""
        roots = _system_roots()
        path = self.folder / "bundle.pem"
        wanted = roots + b"\n" + self.ca_file.read_bytes()
        if not path.exists() or path.read_bytes() != wanted:
            _write(path, wanted, 0o644)
        return path


def default_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sfmock"


def keep(folder: Path | None = None) -> Certificates:
    """Return the kept certificates, made now when there are none, or none that serve.

    A folder that cannot be written to is replaced by a temporary one of this user.
    """
    chosen = folder or default_folder()
    try:
        _prepare(chosen)
    except OSError:
        chosen = Path(tempfile.gettempdir()) / f"sfmock-{os.getuid()}"
        chosen.mkdir(exist_ok=True, mode=0o700)
        if chosen.stat().st_uid != os.getuid():
            raise
        _prepare(chosen)
    return Certificates(chosen)


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _usable(folder):
        return
    # Processes that start together must end up with one authority, not with one file of each.
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not _usable(folder):
            _make(folder)


def _usable(folder: Path) -> bool:
    if (folder / "edition").exists() is False or (folder / "edition").read_text() != _EDITION:
        return False
    if not all((folder / name).exists() for name in _FILES):
        return False
    try:
        Certificates(folder).context()
        # A file that is no certificate must not reach the clients' trust store.
        ssl.create_default_context(cafile=str(folder / "ca.pem"))
    except (OSError, ssl.SSLError):
        return False
    return True


def _make(folder: Path) -> None:
    import trustme
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    authority = trustme.CA(organization_name="sfmock")
    leaf = authority.issue_cert(*_HOSTS, organization_name="sfmock")
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    _write(folder / "ca.pem", authority.cert_pem.bytes(), 0o644)
    _write(folder / "ca.key", authority.private_key_pem.bytes(), 0o600)
    _write(folder / "server.pem", leaf.private_key_pem.bytes() + chain, 0o600)
    _write(folder / "jwt.key", pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _write(folder / "jwt.pub", pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    _write(folder / "edition", _EDITION.encode(), 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all, so that a second process never reads half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        os.write(handle, content)
        os.fchmod(handle, mode)
    finally:
        os.close(handle)
    Path(name).replace(path)


def _system_roots() -> bytes:
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.cafile, paths.openssl_cafile):
        if candidate and Path(candidate).is_file():
            return Path(candidate).read_bytes()
    try:
        import certifi
    except ImportError:
        return b""
    return Path(certifi.where()).read_bytes()
