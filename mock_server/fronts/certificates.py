"""The mock's own certificate authority, its server certificate, and the key pair of the JWT bearer grant.

All are made once and kept in the state folder, so that a client that trusts the authority goes on trusting it. The
manifest beside them holds a digest of each, so that a damaged file, or one of another set, is found and made anew
without the weight of a cryptography package.
"""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from mock_server.org.clock import Clock
from mock_server.org.identity import signing

# My Domain hosts stand below their partition: acme.develop.my.salesforce.com, acme--uat.sandbox.lightning.force.com.
_PARTITIONS = ("", "sandbox.", "develop.", "scratch.", "demo.", "patch.", "trailblaze.")
_DOMAINS = ("my.salesforce.com", "lightning.force.com", "vf.force.com", "file.force.com", "my.site.com")
_HOSTS = (
    "localhost", "127.0.0.1", "::1", "login.salesforce.com", "test.salesforce.com", "*.salesforce.com",
    "*.force.com", "*.site.com", "*.pubsub.salesforce.com", "*.deu.pubsub.salesforce.com",
    *(f"*.{partition}{domain}" for domain in _DOMAINS for partition in _PARTITIONS),
)  # fmt: skip
_AUTHORITY = ("ca.pem", "ca.key")
_JWT = ("jwt.pub", "jwt.key")
_LEAF = ("server.pem",)
_SIGNING = "openid.key"
_MANIFEST = "manifest.json"
_EDITION = 3
"""Raised when the server certificate's contents change, so that kept ones are issued anew."""
_DAY = 86_400
_VALID = 800 * _DAY
"""Seconds. Apple's platforms refuse server certificates that are valid for more than 825 days."""
_RENEWED_AFTER = 600 * _DAY
_OURS = b"# sfmock's own authority\n"
"""Comes before the mock's authority in a bundle: a bundle may be made from roots that are a bundle already."""
_COMMON_ROOTS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


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

    def signing_key(self) -> bytes:
        """Return the private key (PEM) of ID tokens, made now when there is none that can be read.

        It is no part of what is made at the start: most servers never sign anything.
        """
        path = self.folder / _SIGNING
        try:
            with (self.folder / "lock").open("w") as lock:
                flock(lock, LOCK_EX)
                if not _readable(path):
                    _write(path, signing.make(), 0o600)
                return path.read_bytes()
        except OSError:
            # A folder that is read-only: the key lives as long as the server.
            return path.read_bytes() if _readable(path) else signing.make()

    def context(self, protocol: str = "http/1.1") -> ssl.SSLContext:
        """Return the server side of TLS; `protocol` is what is spoken inside (`h2` for gRPC)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        context.set_alpn_protocols([protocol])
        return context

    def bundle(self) -> Path:
        """Return a file with the system's roots and the mock's authority: what clients should trust."""
        wanted = _system_roots() + b"\n" + _OURS + self.ca_file.read_bytes()
        path = self.folder / "bundle.pem"
        try:
            if not path.exists() or path.read_bytes() != wanted:
                _write(path, wanted, 0o644)
        except OSError:
            # Complete certificates in a folder that is read-only, in an image for instance.
            path = _own_temporary() / f"bundle-{hashlib.sha256(wanted).hexdigest()[:16]}.pem"
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
        chosen = _own_temporary()
        _prepare(chosen)
    # Clients may stand in another folder.
    return Certificates(chosen.absolute())


def _own_temporary() -> Path:
    """Return this user's folder among the temporary files; one that another user could have filled is not used."""
    folder = Path(tempfile.gettempdir()) / f"sfmock-{os.getuid()}"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        found = folder.lstat()
        if found.st_uid == os.getuid() and found.st_mode & 0o022 == 0 and not folder.is_symlink():
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="sfmock-"))


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
    manifest = _manifest(folder)
    age = Clock().now() - manifest["made"]
    # One from the future comes from a clock that has been set back; clients would refuse it until then.
    fresh = -_DAY < age < _RENEWED_AFTER
    return manifest["edition"] == _EDITION and fresh and _whole(folder, manifest, *_AUTHORITY, *_LEAF, *_JWT)


def _manifest(folder: Path) -> dict[str, Any]:
    """Return what was noted when the files were made; nothing where it cannot be read."""
    try:
        found = json.loads((folder / _MANIFEST).read_bytes())
        return {"edition": int(found["edition"]), "made": float(found["made"]), "files": dict(found["files"])}
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return {"edition": 0, "made": 0.0, "files": {}}


def _whole(folder: Path, manifest: dict[str, Any], *names: str) -> bool:
    try:
        return all(manifest["files"].get(name) == _digest((folder / name).read_bytes()) for name in names)
    except OSError:
        return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _make(folder: Path) -> None:
    """Make what is missing or damaged, and the server certificate always: it is what grows old.

    An authority or key pair that fits together stays, also where the manifest is lost: clients trust it already.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    made = int(Clock().now())
    files = _issue(_fitting(folder, _AUTHORITY, lambda pem: load_pem_x509_certificate(pem).public_key()), made)
    files |= _fitting(folder, _JWT, load_pem_public_key) or _key_pair()
    for name, content in files.items():
        _write(folder / name, content, 0o644 if name in ("ca.pem", "jwt.pub") else 0o600)
    # Last: whoever is interrupted before leaves digests that do not fit, and thus a set that is made anew.
    digests = {name: _digest(content) for name, content in files.items()}
    _write(folder / _MANIFEST, json.dumps({"edition": _EDITION, "made": made, "files": digests}).encode(), 0o644)


def _fitting(folder: Path, names: tuple[str, str], public: Callable[[bytes], Any]) -> dict[str, bytes] | None:
    """Return a public file and its private key if both can be read and belong together."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    shown, secret = names
    try:
        files = {name: (folder / name).read_bytes() for name in names}
        if public(files[shown]) == load_pem_private_key(files[secret], None).public_key():
            return files
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        pass
    return None


def _issue(authority: dict[str, bytes] | None, made: int) -> dict[str, bytes]:
    """Return a new server certificate and its authority, which is made too where none is given."""
    import trustme

    if authority is None:
        ca = trustme.CA(organization_name="sfmock")
        authority = {"ca.pem": ca.cert_pem.bytes(), "ca.key": ca.private_key_pem.bytes()}
    else:
        ca = trustme.CA.from_pem(authority["ca.pem"], authority["ca.key"])
    leaf = ca.issue_cert(
        *_HOSTS,
        organization_name="sfmock",
        not_before=datetime.fromtimestamp(made - _DAY, UTC),
        not_after=datetime.fromtimestamp(made - _DAY + _VALID, UTC),
    )
    chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    return {**authority, "server.pem": leaf.private_key_pem.bytes() + chain}


def _key_pair() -> dict[str, bytes]:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "jwt.key": pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "jwt.pub": pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    }


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all, so that a second process never reads half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _readable(path: Path) -> bool:
    """Tell whether a file holds an RSA private key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return isinstance(load_pem_private_key(path.read_bytes(), None), RSAPrivateKey)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _system_roots() -> bytes:
    """Return the roots that this machine trusts, without the mock's own."""
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.cafile, paths.openssl_cafile, *_COMMON_ROOTS):
        if candidate and Path(candidate).is_file():
            return Path(candidate).read_bytes().partition(_OURS)[0].rstrip(b"\n")
    try:
        import certifi
    except ImportError:
        return b""
    return Path(certifi.where()).read_bytes().rstrip(b"\n")
