"""How a callout says who it is: what a named credential adds to its headers, and the tokens fetched for that."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import orjson

from mock_server.org.identity.signing import SigningKey
from mock_server.org.outbound.callouts import CalloutError
from mock_server.org.outbound.outbound import BadTarget, Unauthorized
from mock_server.outbound.exchange import Sending
from mock_server.outbound.operations import TOKEN

if TYPE_CHECKING:
    from mock_server.journal import CallTold
    from mock_server.org.org import Org
    from mock_server.org.outbound.credentials import Auth, NamedCredential
    from mock_server.outbound.client import Received
    from mock_server.outbound.exchange import Exchanges

_LIFE = 3600.0
"""Seconds for which a token is used whose lifetime is not told."""
_SLACK = 10.0


@dataclass(frozen=True, slots=True)
class _Token:
    credential: NamedCredential
    text: str
    good_until: float


class Tokens:
    """The access tokens of one org's credentials, fetched when they are needed first."""

    def __init__(self, org: Org, exchanges: Exchanges) -> None:
        self._org = org
        self._exchanges = exchanges
        self._known: dict[str, _Token] = {}

    def forget(self, credential: NamedCredential) -> bool:
        """Forget the token of a credential, which somebody has refused; tell whether there was one."""
        return self._known.pop(credential.name, None) is not None

    async def headers(self, credential: NamedCredential, told: CallTold, sobject: str) -> dict[str, str]:
        """Return the headers of a credential. Raises CalloutError where its token cannot be had."""
        auth = credential.auth
        if auth.kind == "none":
            return {}
        if auth.kind == "header":
            return dict(auth.headers)
        if auth.kind == "basic":
            return {"Authorization": f"Basic {_pair(auth.username, auth.password)}"}
        if auth.kind == "jwt" and not auth.token_url:
            return {"Authorization": f"Bearer {self._signed(auth)}"}
        known = self._known.get(credential.name)
        if known is None or known.credential is not credential or known.good_until <= self._org.clock.now():
            known = self._known[credential.name] = await self._fetch(credential, told, sobject)
        return {"Authorization": f"Bearer {known.text}"}

    def _signed(self, auth: Auth) -> str:
        now = int(self._org.clock.now())
        claims = {"iss": auth.issuer, "aud": auth.audience, "iat": now, "exp": now + int(auth.lifetime)}
        if auth.subject:
            claims["sub"] = auth.subject
        key = SigningKey(auth.key.encode) if auth.key else self._org.signing
        return key.sign(claims)

    async def _fetch(self, credential: NamedCredential, told: CallTold, sobject: str) -> _Token:
        auth = credential.auth
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        form = {"grant_type": "client_credentials"}
        if auth.kind == "jwt":
            form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._signed(auth)}
        elif auth.in_body:
            form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
        else:
            # RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
            headers["Authorization"] = f"Basic {_pair(quote(auth.client_id), quote(auth.client_secret))}"
        if auth.scope:
            form["scope"] = auth.scope
        try:
            url = self._org.outbound.target(auth.token_url)
        except (BadTarget, Unauthorized) as wrong:
            raise CalloutError(str(wrong)) from None
        asking = replace(told, kind="token", name=credential.name)
        # What is sent is a secret: not even its print is kept.
        sending = Sending(TOKEN, "POST", url, headers, urlencode(form).encode(), sobject, asking, secret=True)
        outcome = await self._exchanges.send(sending, _judge)
        if outcome.error is not None or outcome.received is None:
            raise CalloutError(f"Unable to fetch the OAuth token. Error: {outcome.error}"[:300])
        value = orjson.loads(outcome.received.body)
        life = value.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) and not isinstance(life, bool) else _LIFE
        return _Token(credential, value["access_token"], self._org.clock.now() + max(0.0, seconds - _SLACK))


def _judge(received: Received) -> str | None:
    """Say why an answer brings no token."""
    try:
        value = orjson.loads(received.body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        return f"status {received.status}, and no JSON object"
    if received.status == 200 and isinstance(value.get("access_token"), str) and value["access_token"].isprintable():
        return None
    told = [str(value[key])[:100] for key in ("error", "error_description") if value.get(key)]
    return ", ".join(told) or f"status {received.status}, and no access_token"


def _pair(name: str, secret: str) -> str:
    return b64encode(f"{name}:{secret}".encode()).decode()
