"""Secrets in URLs: which of an org's stand in a query string, where every proxy and access log keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_server.org.org import Org


def exposed(values: Iterable[str], org: Org) -> tuple[str, ...]:
    """Name the secrets among the values of a query's parameters, each once; the secrets themselves are not returned."""
    return tuple(dict.fromkeys(name for value in values if value for name in _names(value, org)))


def _names(value: str, org: Org) -> Iterator[str]:
    if org.sessions.issued(value):
        yield "an access token"
    if org.sessions.granted(value) is not None:
        yield "a refresh token"
    for secret in org.directory.secrets.values():
        # The password grant and SOAP logins take the two as one.
        if secret.password and value in (secret.password, secret.password + secret.security_token):
            yield "the password"
        if secret.security_token and value in (secret.security_token, secret.password + secret.security_token):
            yield "the security token"
    if any(app.client_secret == value for app in org.directory.apps.values()):
        yield "the client secret"
