"""Declared named credentials: `[{name: Billing, url: "{service}", auth: {basic: {username: a, password: b}}}]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import DURATION, TEXT, Shape, mapping
from mock_server.org.outbound.credentials import Auth, NamedCredential
from mock_server.outbound.causes import check_url

if TYPE_CHECKING:
    from mock_server.org.org import Org

NOUN = "a named credential"
KEYS = ("name", "url", "auth", "label")
KINDS = ("none", "basic", "oauth", "jwt", "header")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_VALUE = re.compile(r"[\t\x20-\x7e]{0,8000}")
_LONGEST_LIFE = 3600.0
_UNTOLD = "(not told)"
_SECRETS = frozenset({"password", "clientSecret", "key", "value"})


@dataclass(frozen=True, slots=True)
class DeclaredCredential:
    """A credential as it was read."""

    credential: NamedCredential

    def check(self, org: Org) -> None:
        """Raise HookError for what the org cannot have."""
        one = self.credential
        check_url(org, one.url, "url")
        if one.auth.token_url:
            check_url(org, one.auth.token_url, ("auth", one.auth.kind, "tokenUrl"))
        org.outbound.credentials.check(one)

    def add_to(self, org: Org) -> NamedCredential:
        """Put the credential in force. Raises HookError."""
        self.check(org)
        return org.outbound.credentials.add(self.credential)


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredCredential, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    return read_each(value, path, problems, "namedCredentials must be a list of credentials", read_one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredCredential | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"a named credential must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, NOUN)
    for key in ("name", "url"):
        if key not in reader:
            reader.refuse((), f"a named credential needs {key}")
    name, url, label = reader.text("name"), reader.text("url"), reader.text("label")
    auth = _auth(reader)
    if len(problems) > before or name is None or url is None:
        return None
    return DeclaredCredential(NamedCredential(name, url.rstrip("/"), auth, label or "", _untold(value)))


def _auth(reader: Reader) -> Auth:
    value = reader.data.get("auth")
    if value is None or value == "none":
        return Auth()
    given = reader.mapping("auth") if isinstance(value, Mapping) else None
    if given is None:
        if not isinstance(value, Mapping):
            reader.refuse("auth", f"auth is none, or a mapping of one kind, not {shown(value)}", KINDS, value)
        return Auth()
    given.only(KINDS[1:], "an auth")
    named = [kind for kind in KINDS[1:] if kind in given]
    if len(named) != 1:
        reader.refuse("auth", "an auth is of one kind", KINDS)
        return Auth()
    inner = given.mapping(named[0])
    return Auth() if inner is None else _READERS[named[0]](inner)


def _need(reader: Reader, *keys: str) -> list[str]:
    for key in keys:
        if key not in reader:
            reader.refuse((), f"this kind of auth needs {key}")
    return [reader.text(key) or "" for key in keys]


def _basic(reader: Reader) -> Auth:
    reader.only(("username", "password"), "basic")
    username, password = _need(reader, "username", "password")
    return Auth("basic", username=username, password=password)


def _oauth(reader: Reader) -> Auth:
    reader.only(("tokenUrl", "clientId", "clientSecret", "scope", "sendCredentials", "grant"), "oauth")
    grant = reader.choice("grant", ("client_credentials",))
    url, client, secret = _need(reader, "tokenUrl", "clientId", "clientSecret")
    body = reader.choice("sendCredentials", ("header", "body")) == "body"
    del grant
    return Auth(
        "oauth", token_url=url, client_id=client, client_secret=secret, scope=reader.text("scope") or "", in_body=body
    )


def _jwt(reader: Reader) -> Auth:
    reader.only(("issuer", "subject", "audience", "key", "lifetime", "tokenUrl", "scope"), "jwt")
    issuer, audience = _need(reader, "issuer", "audience")
    key = reader.text("key") or ""
    if key and not _is_key(key):
        reader.refuse("key", "the key must be an RSA private key in PEM, without a passphrase")
    lifetime = reader.seconds("lifetime")
    if lifetime is not None and not 0 < lifetime <= _LONGEST_LIFE:
        reader.refuse("lifetime", "a token lives for up to 1h")
    return Auth(
        "jwt",
        issuer=issuer,
        audience=audience,
        subject=reader.text("subject") or "",
        key=key,
        lifetime=lifetime or Auth().lifetime,
        token_url=reader.text("tokenUrl") or "",
        scope=reader.text("scope") or "",
    )


def _is_key(text: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return isinstance(load_pem_private_key(text.encode(), None), RSAPrivateKey)
    except (ValueError, TypeError):
        return False


def _header(reader: Reader) -> Auth:
    headers: dict[str, str] = {}
    for name, value in reader.data.items():
        if not isinstance(name, str) or not _HEADER.fullmatch(name):
            reader.refuse((), f"{shown(name)} is no name of a header")
        elif not isinstance(value, str) or not _VALUE.fullmatch(value):
            reader.refuse(name, "the value of a header must be one line of text")
        else:
            headers[name] = value
    if not reader.data:
        reader.refuse((), "header names headers and their values: {X-Api-Key: ...}")
    return Auth("header", headers=headers)


_READERS: dict[str, Callable[[Reader], Auth]] = {"basic": _basic, "oauth": _oauth, "jwt": _jwt, "header": _header}


def _untold(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a declaration without its secrets."""
    auth = value.get("auth")
    if not isinstance(auth, Mapping):
        return dict(value)
    told = {
        kind: {key: _UNTOLD if kind == "header" or key in _SECRETS else one for key, one in inner.items()}
        for kind, inner in auth.items()
        if isinstance(inner, Mapping)
    }
    return {**value, "auth": told}


def as_json(credential: NamedCredential) -> dict[str, Any]:
    """Return a credential as it is declared, with its id and without its secrets."""
    told = {"name": credential.name, "url": credential.url, "id": credential.id}
    return {"auth": "none", **(credential.declared or {}), **told}


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    return mapping(
        {
            "name": {**TEXT, "pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
            "url": {**TEXT, "description": "where callouts with it go: {service} stands for the service under test"},
            "label": TEXT,
            "auth": {
                "description": "how they say who they are",
                "anyOf": [
                    {"const": "none"},
                    mapping(
                        {"basic": mapping({"username": TEXT, "password": TEXT}, required=("username", "password"))}
                    ),
                    mapping(
                        {
                            "oauth": mapping(
                                {
                                    "grant": {"const": "client_credentials"},
                                    "tokenUrl": TEXT,
                                    "clientId": TEXT,
                                    "clientSecret": TEXT,
                                    "scope": TEXT,
                                    "sendCredentials": {"enum": ["header", "body"]},
                                },
                                required=("tokenUrl", "clientId", "clientSecret"),
                            )
                        }
                    ),
                    mapping(
                        {
                            "jwt": mapping(
                                {
                                    "issuer": TEXT,
                                    "subject": TEXT,
                                    "audience": TEXT,
                                    "key": {**TEXT, "description": "a private key in PEM; the org's own without one"},
                                    "lifetime": DURATION,
                                    "tokenUrl": {**TEXT, "description": "where it is exchanged for another token"},
                                    "scope": TEXT,
                                },
                                required=("issuer", "audience"),
                            )
                        }
                    ),
                    mapping({"header": {"type": "object", "additionalProperties": {"type": "string"}}}),
                ],
            },
        },
        required=("name", "url"),
        description="a named credential",
    )
