"""JSON Web Tokens that vouch for a user: RFC 7523, as Salesforce checks them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson

from mock_server.org import errors
from mock_server.protocols.instance import host_of

LONGEST_LIFE = 300.0
"""Seconds that an assertion may still be good for: documented are three minutes, and a small skew."""
SKEW = 180.0
"""Seconds by which the client's clock may be late (D). CumulusCI's assertions expire as they are made."""
_MILLISECONDS = 1e11
"""A time from here on counts milliseconds: in seconds it lies thousands of years ahead."""
_SALESFORCE = (".salesforce.com", ".force.com", ".site.com")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def unverified_claims(assertion: str) -> dict[str, Any]:
    """Return what an assertion says of itself, nothing when it is unreadable. Only good for finding its org."""
    parts = assertion.split(".")
    claims = _part(parts[1]) if len(parts) == 3 else None
    return claims if isinstance(claims, dict) else {}


def verify(assertion: str, public_key: str) -> dict[str, Any]:
    """Return the claims of an RS256 assertion whose signature the key (PEM) confirms. Raises INVALID_ASSERTION."""
    # cryptography takes longer to import than the rest of the server together.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    parts = assertion.split(".")
    header = _part(parts[0]) if len(parts) == 3 else None
    signature = _decoded(parts[2]) if len(parts) == 3 else None
    if not isinstance(header, dict) or header.get("alg") != "RS256" or signature is None:
        raise errors.INVALID_ASSERTION()
    key = load_pem_public_key(public_key.encode())
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        raise errors.INVALID_ASSERTION() from None
    return unverified_claims(assertion)


def check_audience(claims: dict[str, Any], base_url: str) -> None:
    """Accept a Salesforce host, or the mock as it was reached, with or without a scheme. Raises INVALID_AUDIENCE."""
    audience = claims.get("aud")
    own = host_of(base_url)
    for one in audience if isinstance(audience, list) else [audience]:
        if not isinstance(one, str):
            continue
        # restforce names the bare host, without a scheme, and Salesforce takes it.
        host = host_of(one if "://" in one else f"https://{one}").partition("/")[0]
        if host.endswith(_SALESFORCE) or (host and host == own) or (host in _LOOPBACK and own in _LOOPBACK):
            return
    raise errors.INVALID_AUDIENCE()


def check_life(claims: dict[str, Any], clocks: Sequence[float]) -> None:
    """Accept an assertion that is good by one of the clocks (seconds). Raises EXPIRED_ASSERTION, INVALID_ASSERTION."""
    try:
        # simple-salesforce writes the number as a string, and Salesforce takes it.
        expires = float(claims.get("exp", ""))
    except (TypeError, ValueError):
        raise errors.INVALID_ASSERTION() from None
    if expires >= _MILLISECONDS:
        # So the `sf` command line tool writes it, good for a third of a second, and Salesforce takes it.
        expires = expires / 1000 + LONGEST_LIFE / 2
    if any(now - SKEW <= expires <= now + LONGEST_LIFE for now in clocks):
        return
    if expires < max(clocks):
        raise errors.EXPIRED_ASSERTION()
    raise errors.INVALID_ASSERTION()


def _part(encoded: str) -> Any:
    try:
        return orjson.loads(_decoded(encoded) or b"")
    except orjson.JSONDecodeError:
        return None


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
