"""The key that a server signs ID tokens with."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache, cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def make() -> bytes:
    """Return a new RSA private key (PEM)."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def _of_process() -> bytes:
    return make()


class SigningKey:
    """An RSA key that is read from `source` when something is signed for the first time.

    Servers that keep none share one while their process lives.
    """

    def __init__(self, source: Callable[[], bytes] = _of_process) -> None:
        self.source = source

    @cached_property
    def _private(self) -> RSAPrivateKey:
        # cryptography takes longer to import than the rest of the server together.
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self.source(), None)
        assert isinstance(key, RSAPrivateKey)
        return key

    @cached_property
    def public_pem(self) -> str:
        """The public half, as assertions are verified with it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        numbers = self._private.public_key().public_numbers()
        modulus = _number(numbers.n)
        # Salesforce's names of keys are numbers.
        kid = str(int.from_bytes(sha256(modulus.encode()).digest()[:4], "big"))
        return {"kty": "RSA", "n": modulus, "e": _number(numbers.e), "alg": "RS256", "use": "sig", "kid": kid}

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a JSON Web Token, signed with RS256."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        header = {"kid": self.jwk["kid"], "typ": "JWT", "alg": "RS256"}
        signed = b".".join(encoded(orjson.dumps(part)).encode() for part in (header, claims))
        return f"{signed.decode()}.{encoded(self._private.sign(signed, PKCS1v15(), SHA256()))}"


def encoded(content: bytes) -> str:
    """Return bytes in base64 as JSON Web Tokens have them: for URLs, and without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _number(value: int) -> str:
    return encoded(value.to_bytes(-(-value.bit_length() // 8), "big"))
