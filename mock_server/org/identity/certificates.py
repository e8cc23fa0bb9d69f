"""The public keys that vouch for an app: out of certificates, as users paste them or metadata holds them."""

from __future__ import annotations

import re

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")


def public_key(text: str) -> str:
    """Return the RSA public key (PEM) of a certificate or key, with or without its PEM lines. Raises ValueError."""
    # cryptography takes longer to import than the rest of the server together.
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    found = _PEM.search(text)
    kind, body = (found[1], found[2]) if found else ("CERTIFICATE", text)
    if "PRIVATE" in kind:
        raise ValueError("this is a private key: the app gets the certificate, or the public key")
    if not _BASE64.fullmatch(body):
        raise ValueError("this is no certificate: PEM text, or the path of a file with it, is needed")
    lines = "\n".join("".join(body.split())[at : at + 64] for at in range(0, len("".join(body.split())), 64))
    pem = f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n".encode()
    try:
        key = x509.load_pem_x509_certificate(pem).public_key() if kind == "CERTIFICATE" else load_pem_public_key(pem)
    except Exception:  # the library raises many kinds for what it cannot read
        raise ValueError("this is no certificate that can be read") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the certificate holds no RSA key, and JWTs are signed with RS256")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
